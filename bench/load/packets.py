"""MQTT packets as bytes, made by hand from the specifications (3.1.1 and 5.0), and what little a load must read.

Only what a load sends and must understand; it is no codec. Lengths are those of small packets and are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Version = Literal[4, 5]
QoS = Literal[0, 1]

CONNACK = 0x20
PUBACK = 0x40
SUBACK = 0x90
PINGREQ: bytes = b"\xc0\x00"
PINGRESP = 0xD0
DISCONNECT: bytes = b"\xe0\x00"
LONGEST_KEEP_ALIVE = 65_535
KEEP_FOR_AN_HOUR = 3_600


class UnexpectedPacketError(RuntimeError):
    """The broker sent what it must not send here; the text says what was awaited and what came."""


def prefixed(text: str) -> bytes:
    """A UTF-8 string behind its two-byte length."""
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def remaining_length(length: int) -> bytes:
    """A variable byte integer; raises ValueError above four bytes' worth."""
    if not 0 <= length < 2**28:
        raise ValueError(f"no MQTT packet has a remaining length of {length}")
    out = bytearray()
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(out)


def packet(first_byte: int, body: bytes) -> bytes:
    """A whole packet: first byte, remaining length, body."""
    return bytes([first_byte]) + remaining_length(len(body)) + body


def connect(
    client_id: str,
    version: Version = 4,
    *,
    clean: bool = True,
    keep_alive: int = LONGEST_KEEP_ALIVE,
    expiry: int = 0,
    login: tuple[str, str] | None = None,
) -> bytes:
    """CONNECT; ``expiry`` in seconds goes with version 5 only, where a session without it ends with its connection.

    ``login`` is user and password.
    """
    properties = b""
    if version == 5:
        properties = b"\x05\x11" + expiry.to_bytes(4, "big") if expiry else b"\x00"
    flags = (0x02 if clean else 0x00) | (0xC0 if login else 0x00)
    variable = prefixed("MQTT") + bytes([version, flags]) + keep_alive.to_bytes(2, "big") + properties
    return packet(0x10, variable + b"".join(map(prefixed, (client_id, *(login or ())))))


def publish(topic: str, payload: bytes, version: Version = 4, *, qos: QoS, packet_id: int = 0) -> bytes:
    """PUBLISH without RETAIN and DUP."""
    identifier = packet_id.to_bytes(2, "big") if qos else b""
    properties = b"\x00" if version == 5 else b""
    return packet(0x30 | qos << 1, prefixed(topic) + identifier + properties + payload)


def subscribe(topic_filter: str, version: Version = 4, *, qos: QoS, packet_id: int = 1) -> bytes:
    """SUBSCRIBE to one filter."""
    properties = b"\x00" if version == 5 else b""
    return packet(0x82, packet_id.to_bytes(2, "big") + properties + prefixed(topic_filter) + bytes([qos]))


def puback(packet_id: int) -> bytes:
    """PUBACK in the short form, which means success in both versions."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def identifier_offset(topic: str, size: int) -> int:
    """Where the packet identifier of a QoS 1 PUBLISH of ``size`` bytes begins."""
    header = 2 if size - 2 < 128 else 3
    if size - header >= 128**2:
        raise ValueError("a PUBLISH of the load has at most two bytes of remaining length")
    return header + 2 + len(topic.encode())


@dataclass(frozen=True, slots=True)
class Whole:
    """One packet as it came."""

    first_byte: int
    body: bytes


def take(buffer: bytes) -> tuple[Whole | None, bytes]:
    """The first whole packet of a buffer, or None while bytes are missing, and the bytes after it."""
    length, shift, at = 0, 0, 1
    while True:
        if at >= len(buffer):
            return None, buffer
        digit = buffer[at]
        length |= (digit & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if digit < 0x80:
            break
        if shift > 21:
            raise UnexpectedPacketError(f"a remaining length of more than four bytes: {buffer[:8]!r}")
    if len(buffer) < at + length:
        return None, buffer
    return Whole(buffer[0], buffer[at : at + length]), buffer[at + length :]


def check_connack(answer: Whole) -> bool:
    """Session present, of an accepting CONNACK; anything else raises UnexpectedPacketError."""
    if answer.first_byte != CONNACK or len(answer.body) < 2 or answer.body[1] != 0:
        raise UnexpectedPacketError(f"awaited an accepting CONNACK, got {answer}")
    return bool(answer.body[0] & 1)


def check_suback(answer: Whole, qos: QoS) -> None:
    """Nothing, if it is a SUBACK that grants ``qos``; else raises UnexpectedPacketError."""
    if answer.first_byte != SUBACK or answer.body[-1] != qos:
        raise UnexpectedPacketError(f"awaited a SUBACK granting QoS {qos}, got {answer}")


def check_pingresp(answer: Whole) -> None:
    """Nothing, if it is a PINGRESP; else raises UnexpectedPacketError."""
    if answer.first_byte != PINGRESP:
        raise UnexpectedPacketError(f"awaited a PINGRESP, got {answer}")


def puback_identifier(answer: Whole) -> int:
    """Packet identifier of a PUBACK that means success (0x00) or success without a subscriber (0x10)."""
    reason = answer.body[2] if len(answer.body) > 2 else 0
    if answer.first_byte != PUBACK or len(answer.body) < 2 or reason not in (0x00, 0x10):
        raise UnexpectedPacketError(f"awaited a PUBACK of success, got {answer}")
    return int.from_bytes(answer.body[:2], "big")
