"""A case: bytes, the role and version that read them, and the packet or the error.

A case with a packet is decoded and, if `canonical`, encoded back to the very same bytes. A case
with a reason must be refused with it, and with a text that contains `says`.
"""

from dataclasses import dataclass

from ingest.mqtt.codec import Packet, ProtocolVersion, ReasonCode

V31 = ProtocolVersion.V31
V311 = ProtocolVersion.V311
V5 = ProtocolVersion.V5
R = ReasonCode


@dataclass(frozen=True)
class Case:
    """`version` None: a server before CONNECT."""

    name: str
    data: bytes
    packet: Packet | None = None
    reason: ReasonCode | None = None
    says: str = ""
    role: str = "server"
    version: ProtocolVersion | None = V5
    canonical: bool = True


def body(first: int, *parts: bytes | str) -> bytes:
    """A packet with a length of one or two bytes; text parts get their length in front."""
    content = b"".join(part if isinstance(part, bytes) else field(part.encode()) for part in parts)
    size = len(content)
    if size < 128:
        return bytes((first, size)) + content
    return bytes((first, size & 0x7F | 0x80, size >> 7)) + content


def field(raw: bytes) -> bytes:
    """Bytes behind their two byte length."""
    return len(raw).to_bytes(2, "big") + raw


def block(*properties: bytes) -> bytes:
    """A property block behind its length, of less than 128 bytes."""
    content = b"".join(properties)
    return bytes((len(content),)) + content


def connect(level: int, flags: int, *rest: bytes | str, name: str = "MQTT") -> bytes:
    """A CONNECT with keep alive 60."""
    return body(0x10, name, bytes((level, flags)), b"\x00\x3c", *rest)


PAIRS = (("a", "1"), ("b", "2"), ("a", "1"))
PAIR_BYTES = b"\x26\x00\x01a\x00\x011\x26\x00\x01b\x00\x012\x26\x00\x01a\x00\x011"  # 21 bytes

PUBLISH_BYTES = b"\x01\x01\x02\x00\x00\x00\x3c\x03\x00\x01t\x08\x00\x01r\x09\x00\x02\x00\xff" + PAIR_BYTES
