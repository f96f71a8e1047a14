"""The load's own packets, beside bytes written out from the specifications."""

from __future__ import annotations

import pytest

from bench.load import packets
from bench.load.packets import UnexpectedPacketError, Whole


def test_connect_3_1_1() -> None:
    """CONNECT [MQTT 3.1.1, 3.1]: protocol name, level 4, clean session, keep alive, client id."""
    assert packets.connect("ab", keep_alive=60) == bytes.fromhex("100e00044d515454040200 3c00026162")


def test_connect_5_with_expiry() -> None:
    """CONNECT [MQTT 5.0, 3.1]: level 5, session expiry interval 0x11 of 3,600 s in five bytes of properties."""
    made = packets.connect("ab", 5, clean=False, keep_alive=60, expiry=3_600)
    assert made == bytes.fromhex("101400044d5154540500003c05 1100000e10 00026162")


def test_connect_with_user_and_password() -> None:
    """Flags 0x80 and 0x40, and both behind the client id, in this order [MQTT-3.1.3-1]."""
    made = packets.connect("ab", keep_alive=60, login=("u", "pw"))
    assert made == bytes.fromhex("1015 00044d515454 04c2003c 00026162 000175 00027077")


def test_connect_5_without_expiry_has_no_properties() -> None:
    """An empty property list is one zero byte."""
    assert packets.connect("ab", 5, keep_alive=60) == bytes.fromhex("100f00044d5154540502003c00 00026162")


@pytest.mark.parametrize(
    ("version", "qos", "expected"),
    [
        (4, 0, "300500016178 79"),
        (4, 1, "3207000161012c7879"),
        (5, 1, "3208000161012c007879"),
        (5, 0, "3006000161007879"),
    ],
)
def test_publish(version: packets.Version, qos: packets.QoS, expected: str) -> None:
    """PUBLISH with and without identifier and properties."""
    assert packets.publish("a", b"xy", version, qos=qos, packet_id=300) == bytes.fromhex(expected)


@pytest.mark.parametrize(
    ("length", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001")]
)
def test_remaining_length(length: int, encoded: str) -> None:
    """The specification's own table of boundaries [MQTT 3.1.1, table 2.4]."""
    assert packets.remaining_length(length) == bytes.fromhex(encoded)


def test_remaining_length_has_an_end() -> None:
    """Four bytes hold no more than 268,435,455."""
    with pytest.raises(ValueError, match="268435456"):
        packets.remaining_length(268_435_456)


@pytest.mark.parametrize("payload", [0, 100, 130, 5_000])
def test_identifier_offset(payload: int) -> None:
    """The offset is where the identifier is, for one and for two bytes of remaining length."""
    made = packets.publish("a/b", bytes(payload), qos=1, packet_id=0x1234)
    at = packets.identifier_offset("a/b", len(made))
    assert made[at : at + 2] == b"\x12\x34"


def test_take_waits_for_whole_packets() -> None:
    """However a packet is cut, it is taken once it is whole, and what follows it stays."""
    made = packets.publish("a", bytes(200), qos=0)
    for cut in range(len(made)):
        assert packets.take(made[:cut]) == (None, made[:cut])
    found, rest = packets.take(made + b"\xd0")
    assert found == Whole(0x30, made[3:])
    assert rest == b"\xd0"


def test_take_refuses_an_endless_length() -> None:
    """A fifth byte of remaining length is malformed."""
    with pytest.raises(UnexpectedPacketError):
        packets.take(b"\x30\xff\xff\xff\xff\x01")


def test_connack() -> None:
    """Session present is told, a refusal raises."""
    assert packets.check_connack(Whole(0x20, b"\x01\x00"))
    assert not packets.check_connack(Whole(0x20, b"\x00\x00\x03\x21\x00\x0a"))
    with pytest.raises(UnexpectedPacketError):
        packets.check_connack(Whole(0x20, b"\x00\x05"))


def test_suback_must_grant() -> None:
    """A granted QoS below the one asked for is a fault of the measurement."""
    packets.check_suback(Whole(0x90, b"\x00\x01\x01"), 1)
    with pytest.raises(UnexpectedPacketError):
        packets.check_suback(Whole(0x90, b"\x00\x01\x80"), 1)


@pytest.mark.parametrize("body", ["012c", "012c00", "012c10", "012c0000"])
def test_puback_of_success(body: str) -> None:
    """All forms of success, also 'no matching subscribers' of MQTT 5."""
    assert packets.puback_identifier(Whole(0x40, bytes.fromhex(body))) == 300


def test_puback_of_refusal_raises() -> None:
    """Quota exceeded is no acknowledgement."""
    with pytest.raises(UnexpectedPacketError):
        packets.puback_identifier(Whole(0x40, bytes.fromhex("012c97")))
