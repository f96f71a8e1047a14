"""CONNECT: what is let in, and what isn't (MQTT 5.0, 3.1)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import (
    AuthPacket,
    AuthProperties,
    ConnackPacket,
    ConnectReturnCode,
    PingReqPacket,
    PingRespPacket,
    ProtocolVersion,
    ReasonCode,
)
from tests.conformance.conftest import V5, V31, V311, Connect, Open
from tests.mqttkit import connect_packet, raw, unique
from tests.mqttkit.target import Target

DISCONNECT = 0xE0


def test_connect_is_accepted(connect: Connect, version: ProtocolVersion) -> None:
    """[MQTT-3.1.4-5], [MQTT-3.2.0-1], [MQTT-3.2.2-2], [MQTT-3.12.4-1]: CONNACK 0 comes first, without a session."""
    client = connect(version)
    assert not client.session_present
    client.ping()


@pytest.mark.parametrize(
    ("name", "level"),
    [(b"MQTT", 6), (b"MQTT", 3), (b"MQIsdp", 4), (b"MQTT", 0), (b"MQTX", 4), (b"mqtt", 5), (b"", 5), (b"HTTP/1.1", 5)],
)
def test_other_protocols_are_refused(open_link: Open, name: bytes, level: int) -> None:
    """[MQTT-3.1.2-1], [MQTT-3.1.2-2], 3.1.1 [MQTT-3.1.2-2]: nothing or a refusal (1, or 0x84), then the end."""
    link = open_link()
    link.send_bytes(raw.connect(level, unique(), name=name))
    answer = link.read_to_end()
    assert answer in (b"", b"\x20\x02\x00\x01") or (answer[0] == 0x20 and answer[2:4] == b"\x00\x84"), answer


def test_bridges_are_welcome(open_link: Open) -> None:
    """Other brokers' bridges set bit 0x80 of the level of MQTT 3.1.1."""
    link = open_link(V311)
    link.send_bytes(raw.connect(V311 | 0x80, unique()))
    link.expect(ConnackPacket, reason_code=0)


def test_second_connect(connect: Connect, version: ProtocolVersion, broker: Target) -> None:
    """[MQTT-3.1.0-2]: a protocol error."""
    client = connect(version)
    client.send(connect_packet(version, client.client_id))
    client.expect_refusal(ReasonCode.PROTOCOL_ERROR, promised=broker.promises.reasons)


@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\x00",
        b"\xe0\x00",
        raw.publish(V311, "a", b"b"),
        raw.subscribe(V311, 1, ("a", 0)),
        b"\x20\x02\x00\x00",
        b"\x40\x02\x00\x01",
        b"\xf0\x00",
        b"\x00\x00",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["pingreq", "disconnect", "publish", "subscribe", "connack", "puback", "auth", "zero", "http", "tls"],
)
def test_the_first_packet_must_be_connect(open_link: Open, data: bytes) -> None:
    """[MQTT-3.1.0-1], [MQTT-3.14.0-1]: the connection ends, and no DISCONNECT comes before a CONNACK."""
    link = open_link()
    link.send_bytes(data)
    assert not link.read_to_end().startswith(bytes([DISCONNECT]))


def _connects_that_lie() -> list[tuple[str, int, bytes]]:
    cases: list[tuple[str, int, bytes]] = []
    for version in (V311, V5):
        will = raw.properties(b"") if version == V5 else b""
        text = will + raw.field("will/topic") + raw.field(b"payload")
        cases += [
            ("reserved-flag [MQTT-3.1.2-3]", version, raw.connect(version, "x", flags=0x03)),
            ("will-qos-without-will [MQTT-3.1.2-11]", version, raw.connect(version, "x", flags=0x0A)),
            ("will-retain-without-will [MQTT-3.1.2-13]", version, raw.connect(version, "x", flags=0x22)),
            ("will-qos-3 [MQTT-3.1.2-12]", version, raw.connect(version, "x", flags=0x1E, rest=text)),
            ("will-missing [MQTT-3.1.2-9]", version, raw.connect(version, "x", flags=0x06)),
            ("will-topic-wildcard [MQTT-3.1.3-11]", version, _with_will(version, b"a/#")),
            ("will-topic-not-utf8 [MQTT-3.1.3-11]", version, _with_will(version, b"\xff\xfe")),
            ("username-missing [MQTT-3.1.2-17]", version, raw.connect(version, "x", flags=0x82)),
            ("username-unannounced [MQTT-3.1.2-16]", version, raw.connect(version, "x", rest=raw.field("u"))),
            ("password-missing [MQTT-3.1.2-19]", version, raw.connect(version, "x", flags=0xC2, rest=raw.field("u"))),
            ("username-not-utf8 [MQTT-3.1.3-12]", version, raw.connect(version, "x", flags=0x82, rest=b"\x00\x01\xff")),
            ("client-id-not-utf8 [MQTT-3.1.3-4]", version, raw.connect(version, b"a\xc0\x80")),
            ("client-id-surrogate [MQTT-1.5.4-1]", version, raw.connect(version, b"a\xed\xa0\x80")),
            ("client-id-nul [MQTT-1.5.4-2]", version, raw.connect(version, b"a\x00b")),
            ("no-client-id [MQTT-3.1.3-3]", version, _without_client_id(version)),
            ("flags-of-header [MQTT-2.1.3-1]", version, raw.connect(version, "x", first=0x11)),
        ]
    cases.append(
        (
            "password-without-username 3.1.1 [MQTT-3.1.2-22]",
            V311,
            raw.connect(V311, "x", flags=0x42, rest=raw.field("p")),
        )
    )
    return cases


def _without_client_id(version: int) -> bytes:
    block = raw.properties(b"") if version == V5 else b""
    return raw.frame(0x10, raw.field("MQTT"), bytes([version, 0x02]), b"\x00\x00", block)


def _with_will(version: int, topic: bytes) -> bytes:
    block = raw.properties(b"") if version == V5 else b""
    return raw.connect(version, "x", flags=0x06, rest=block + raw.field(topic) + raw.field(b"payload"))


@pytest.mark.parametrize(
    ("version", "data"),
    [pytest.param(version, data, id=f"{name} v{version}") for name, version, data in _connects_that_lie()],
)
def test_malformed_connects(open_link: Open, version: int, data: bytes) -> None:
    """[MQTT-3.1.4-1], [MQTT-3.1.4-2], [MQTT-3.14.0-1]: the end, perhaps after a CONNACK that says why."""
    link = open_link(ProtocolVersion(version))
    link.send_bytes(data)
    answer = link.read_to_end()
    if not answer:
        return
    assert answer[0] == 0x20, f"no CONNACK: {answer!r}"
    assert answer[2] == 0, f"session present in a refusal [MQTT-3.2.2-6]: {answer!r}"
    assert answer[3] != 0, f"not a refusal: {answer!r}"


@pytest.mark.parametrize(
    ("block", "reasons"),
    [
        (b"\x21\x00\x00", {0x82}),
        (b"\x27\x00\x00\x00\x00", {0x82}),
        (b"\x11\x00\x00\x00\x01\x11\x00\x00\x00\x01", {0x82}),
        (b"\x17\x02", {0x82}),
        (b"\x19\x02", {0x82}),
        pytest.param(b"\x16\x00\x01x", {0x82}, marks=pytest.mark.mosquitto_differs("it lets that pass")),
        (b"\x7f\x00", {0x81}),
        (b"\x02\x00\x00\x00\x01", {0x81, 0x82}),
        (b"\x11\x00\x00", {0x81}),
        (b"\x26\x00\x01a", {0x81}),
        (b"\x26\x00\x01a\x00\x01\xff", {0x81}),
    ],
    ids=[
        "receive-maximum-0",
        "maximum-packet-size-0",
        "expiry-twice",
        "request-problem-2",
        "request-response-2",
        "auth-data-without-method",
        "unknown-property",
        "property-of-another-packet",
        "expiry-cut-short",
        "user-property-cut-short",
        "user-property-not-utf8 [MQTT-1.5.7-1]",
    ],
)
def test_connect_properties_that_are_wrong(open_link: Open, broker: Target, block: bytes, reasons: set[int]) -> None:
    """MQTT 5.0, 3.1.2.11: refused with 0x81 or 0x82 [MQTT-3.1.4-1], [MQTT-3.2.2-7]."""
    link = open_link()
    link.send_bytes(raw.connect(V5, unique(), block=block))
    answer = link.read_to_end()
    if broker.promises.reasons or answer:
        assert answer[0] == 0x20
        assert answer[3] >= 0x80
    if broker.promises.reasons:
        assert answer[3] in reasons, hex(answer[3])


def test_unknown_authentication_method(open_link: Open) -> None:
    """[MQTT-4.12.0-1]: refused with 0x8C."""
    link = open_link()
    link.send(connect_packet(V5, unique(), authentication_method="SCRAM-SHA-1", authentication_data=b"x"))
    connack = link.expect(ConnackPacket)
    assert connack.reason_code in (ReasonCode.BAD_AUTHENTICATION_METHOD, ReasonCode.NOT_AUTHORIZED)
    assert connack.properties.authentication_method is None  # [MQTT-4.12.0-6]
    link.expect_closed()


def test_auth_without_method_in_connect(connect: Connect, broker: Target) -> None:
    """[MQTT-4.12.0-7]: AUTH is a protocol error when CONNECT had no authentication method."""
    client = connect(V5)
    client.send(AuthPacket(ReasonCode.REAUTHENTICATE, AuthProperties(authentication_method="PLAIN")))
    client.expect_refusal(ReasonCode.PROTOCOL_ERROR, promised=broker.promises.reasons)


def test_no_packet_after_a_refused_connect_counts(open_link: Open, connect: Connect) -> None:
    """[MQTT-3.1.4-6]: what follows a refused CONNECT is not processed."""
    topic = unique() + "/kept"
    link = open_link(V311)
    link.send_bytes(
        raw.connect(V311, "", flags=0x00) + raw.publish(V311, topic, b"never", flags=1) + b"\xc0\x00" + b"\xe0\x00"
    )
    link.expect(ConnackPacket, reason_code=ConnectReturnCode.IDENTIFIER_REJECTED)
    link.expect_closed()
    reader = connect(V311)
    reader.subscribed(topic)
    reader.ping()


def test_connect_timeout(open_link: Open, broker: Target) -> None:
    """A connection that says nothing, or never finishes its CONNECT, is closed (MQTT 5.0, 3.1.4)."""
    limit = broker.promises.connect_timeout
    if limit is None:
        pytest.skip("this broker has no connect timeout worth waiting for")
    silent, half = open_link(), open_link()
    half.send_bytes(raw.connect(V5, unique())[:7])
    assert silent.read_to_end(limit + 5) == b""
    assert not half.read_to_end(limit + 5).startswith(bytes([DISCONNECT]))


def test_user_name_and_password_are_taken(connect: Connect, version: ProtocolVersion) -> None:
    """[MQTT-3.1.2-17], [MQTT-3.1.2-19]: both may be given; a password alone only in MQTT 5."""
    connect(version, username="", password=b"\x00\xff").ping()
    connect(version, username="user").ping()
    if version == V5:
        connect(version, password=b"secret").ping()


def test_pingreq_before_connack_is_no_shortcut(open_link: Open) -> None:
    """[MQTT-3.2.0-1], [MQTT-3.2.0-2]: with everything in one segment, one CONNACK still comes first."""
    link = open_link(V5)
    link.send(connect_packet(V5, unique()), PingReqPacket())
    link.expect(ConnackPacket, reason_code=0)
    link.expect(PingRespPacket)


def test_mqtt_31_says_refused_in_its_own_codes(open_link: Open) -> None:
    """MQTT 3.1, 3.1: a client id of no characters is refused with code 2."""
    link = open_link(V31)
    link.send(connect_packet(V31, ""))
    link.expect(ConnackPacket, reason_code=ConnectReturnCode.IDENTIFIER_REJECTED)
    link.expect_closed()
