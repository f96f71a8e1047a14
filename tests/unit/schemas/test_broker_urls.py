"""URLs of brokers and where connections may go."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.broker_urls import LONGEST_URL, Allowed, BrokerUrl, BrokerUrlError, address_of, parse_broker_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mqtt://127.0.0.1", BrokerUrl("mqtt", "127.0.0.1", 1883, "/")),
        ("mqtts://url.com:1883", BrokerUrl("mqtts", "url.com", 1883, "/")),
        ("ws://[::1]:8083/mqtt", BrokerUrl("ws", "::1", 8083, "/mqtt")),
        ("wss://Broker.Example.com/", BrokerUrl("wss", "broker.example.com", 443, "/")),
        ("mqtts://broker", BrokerUrl("mqtts", "broker", 8883, "/")),
    ],
)
def test_urls_of_brokers(text: str, url: BrokerUrl) -> None:
    assert parse_broker_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mqtt:",
        "mqtt://",
        "http://broker",
        "file:///etc/passwd",
        "mqtt://user:secret@broker",
        "mqtt://broker:0",
        "mqtt://broker:65536",
        "mqtt://broker:one",
        "mqtt://broker/path",
        "ws://broker/a?b",
        "ws://broker/a#b",
        "ws://broker/a b",
        "ws://broker/\r\nHost: other",
        "mqtt://bro ker",
        "mqtt://::1",
        "mqtt://[::1",
        "mqtt://bröker",
        "mqtt://a..b",
        "mqtt://" + "a" * LONGEST_URL,
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(BrokerUrlError) as refused:
        parse_broker_url(text)
    assert "secret" not in str(refused.value)


@given(st.text())
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        url = parse_broker_url(f"ws://{text}")
    except BrokerUrlError:
        return
    assert not set("\r\n @?#") & set(url.host + url.path)


@pytest.mark.parametrize(
    ("setting", "host", "allowed"),
    [
        ("", "broker.example.com", True),
        ("", "127.0.0.1", True),
        ("", "169.254.169.254", False),
        ("", "::ffff:169.254.169.254", False),
        ("", "fe80::1", False),
        ("", "224.0.0.1", False),
        ("", "0.0.0.0", False),
        ("169.254.169.254", "169.254.169.254", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "broker", True),  # until DNS says where it is
        ("broker, *.example.com", "broker", True),
        ("broker, *.example.com", "Broker.", True),
        ("broker, *.example.com", "a.b.example.com", True),
        ("broker, *.example.com", "example.com", False),
        ("broker, *.example.com", "badexample.com", False),
        ("broker, *.example.com", "10.0.0.1", False),
    ],
)
def test_where_connections_may_go(setting: str, host: str, allowed: bool) -> None:
    assert Allowed(setting).host(host) is allowed


@pytest.mark.parametrize(
    ("setting", "found", "allowed"),
    [
        ("", ["10.0.0.1"], True),
        ("", ["10.0.0.1", "169.254.169.254"], False),
        ("10.0.0.0/8", ["10.0.0.1", "10.0.0.2"], True),
        ("10.0.0.0/8", ["10.0.0.1", "11.0.0.1"], False),
        ("broker", ["11.0.0.1"], True),
        ("broker", ["169.254.169.254"], False),
    ],
)
def test_what_a_name_stands_for_counts(setting: str, found: list[str], allowed: bool) -> None:
    assert Allowed(setting).addresses("broker", [ipaddress.ip_address(one) for one in found]) is allowed


@pytest.mark.parametrize(
    "address",
    [
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b::224.0.0.1",
        "64:ff9b::",
        "2002:a9fe:a9fe::1",
        "2002:ffff:ffff::1",
        "2001:0:c000:201:0:0:5601:5601",  # Teredo: the client's address is inverted
        "2001:0:a9fe:a9fe::1",
        "fe80::1",
    ],
)
def test_what_is_hidden_in_an_address_counts(address: str) -> None:
    assert not Allowed("").host(address)
    assert Allowed(str(address_of(address))).host(address)


@pytest.mark.parametrize("address", ["::1", "64:ff9b::192.0.2.1", "2002:c000:201::1", "2001:db8::a9fe:a9fe"])
def test_other_addresses_are_as_good_as_any(address: str) -> None:
    assert Allowed("").host(address)


def test_addresses_and_names() -> None:
    assert address_of("127.1") is None  # what DNS makes of it is looked at again
    assert address_of("::ffff:10.0.0.1") == ipaddress.ip_address("10.0.0.1")


@pytest.mark.parametrize("setting", ["10.0.0.0/33", "a b", "*", "http://x"])
def test_a_setting_that_says_nothing(setting: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Allowed(setting)
