"""Packets by hand, for bytes that no codec would write."""

from __future__ import annotations

from ingest.mqtt.codec import ProtocolVersion


def length(size: int) -> bytes:
    """A variable byte integer."""
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)


def frame(first: int, *parts: bytes) -> bytes:
    """A packet with this first byte and a remaining length that is right."""
    body = b"".join(parts)
    return bytes([first]) + length(len(body)) + body


def field(content: bytes | str) -> bytes:
    """Content behind its two byte length; text as UTF-8."""
    raw = content.encode() if isinstance(content, str) else content
    return len(raw).to_bytes(2, "big") + raw


def properties(block: bytes) -> bytes:
    """A property block behind its length."""
    return length(len(block)) + block


def connect(
    version: int = ProtocolVersion.V5,
    client_id: bytes | str = b"",
    *,
    name: bytes | None = None,
    flags: int = 0x02,
    keep_alive: int = 0,
    block: bytes = b"",
    rest: bytes = b"",
    first: int = 0x10,
) -> bytes:
    """A CONNECT; ``block`` are MQTT 5 properties, ``rest`` follows the client id."""
    if name is None:
        name = b"MQIsdp" if version == ProtocolVersion.V31 else b"MQTT"
    head = field(name) + bytes([version, flags]) + keep_alive.to_bytes(2, "big")
    middle = properties(block) if version == ProtocolVersion.V5 else b""
    return frame(first, head, middle, field(client_id), rest)


def publish(
    version: int,
    topic: bytes | str,
    payload: bytes = b"",
    *,
    flags: int = 0,
    packet_id: int | None = None,
    block: bytes = b"",
) -> bytes:
    """A PUBLISH with the low four bits ``flags``."""
    number = b"" if packet_id is None else packet_id.to_bytes(2, "big")
    middle = properties(block) if version == ProtocolVersion.V5 else b""
    return frame(0x30 | flags, field(topic), number, middle, payload)


def subscribe(
    version: int, packet_id: int, *filters: tuple[bytes | str, int], first: int = 0x82, block: bytes = b""
) -> bytes:
    """A SUBSCRIBE of filters with their option bytes."""
    middle = properties(block) if version == ProtocolVersion.V5 else b""
    entries = b"".join(field(name) + bytes([options]) for name, options in filters)
    return frame(first, packet_id.to_bytes(2, "big"), middle, entries)
