"""A bounds-checked cursor over the body of one packet, and the writers that mirror it.

Every read raises ProtocolError (0x81) instead of running past the end. Source: MQTT 5.0, 1.5.
"""

from ingest.mqtt.codec.errors import InvalidPacket, malformed
from ingest.mqtt.codec.text import decode_text

MAX_VARIABLE_INTEGER = 268_435_455


class Reader:
    """Reads fields off `data` from `position` up to `end`, which never passes len(data)."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.end = len(data)

    def _take(self, size: int, what: str) -> int:
        start = self.position
        self.position = start + size
        if self.position > self.end:
            raise malformed(f"{what} is cut short")
        return start

    def remaining(self) -> int:
        """Bytes not read yet."""
        return self.end - self.position

    def byte(self, what: str) -> int:
        """One byte."""
        return self.data[self._take(1, what)]

    def uint16(self, what: str) -> int:
        """Two byte integer (1.5.2)."""
        at = self._take(2, what)
        return self.data[at] << 8 | self.data[at + 1]

    def uint32(self, what: str) -> int:
        """Four byte integer (1.5.3)."""
        at = self._take(4, what)
        return int.from_bytes(self.data[at : at + 4], "big")

    def variable_integer(self, what: str) -> int:
        """Variable byte integer (1.5.5), in the fewest bytes [MQTT-1.5.5-1] and at most four."""
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.byte(what)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise malformed(f"{what} is not in the fewest bytes [MQTT-1.5.5-1]")
                return value
        raise malformed(f"{what} has more than four bytes (MQTT 5.0, 1.5.5)")

    def binary(self, what: str) -> bytes:
        """Binary data with its two byte length (1.5.6)."""
        size = self.uint16(what)
        at = self._take(size, what)
        return self.data[at : at + size]

    def text(self, what: str) -> str:
        """UTF-8 encoded string (1.5.4)."""
        return decode_text(self.binary(what), what)

    def packet_id(self) -> int:
        """Packet identifier, which is never 0 [MQTT-2.2.1-3]."""
        value = self.uint16("packet identifier")
        if value == 0:
            raise malformed("packet identifier is 0 [MQTT-2.2.1-3]")
        return value

    def finish(self) -> None:
        """Raises ProtocolError when bytes are left over."""
        if self.position != self.end:
            raise malformed(f"{self.end - self.position} bytes follow the last field")


def write_byte(value: int) -> bytes:
    """One byte."""
    if not 0 <= value <= 0xFF:
        raise InvalidPacket(f"{value} does not fit one byte")
    return value.to_bytes(1, "big")


def write_uint16(value: int) -> bytes:
    """Two byte integer."""
    if not 0 <= value <= 0xFFFF:
        raise InvalidPacket(f"{value} does not fit two bytes")
    return value.to_bytes(2, "big")


def write_uint32(value: int) -> bytes:
    """Four byte integer."""
    if not 0 <= value <= 0xFFFF_FFFF:
        raise InvalidPacket(f"{value} does not fit four bytes")
    return value.to_bytes(4, "big")


def write_variable_integer(value: int) -> bytes:
    """Variable byte integer in the fewest bytes [MQTT-1.5.5-1]."""
    if 0 <= value < 0x80:
        return value.to_bytes(1, "big")
    if not 0 <= value <= MAX_VARIABLE_INTEGER:
        raise InvalidPacket(f"{value} does not fit a variable byte integer")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_binary(value: bytes) -> bytes:
    """Binary data behind its two byte length."""
    size = len(value)
    if size > 0xFFFF:
        raise InvalidPacket(f"{size} bytes do not fit a field of 65,535")
    return size.to_bytes(2, "big") + value


def write_text(value: str) -> bytes:
    """UTF-8 encoded string; no U+0000 [MQTT-1.5.4-2], no surrogates [MQTT-1.5.4-1]."""
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise InvalidPacket("text contains a surrogate [MQTT-1.5.4-1]") from None
    if 0 in raw:
        raise InvalidPacket("text contains U+0000 [MQTT-1.5.4-2]")
    return write_binary(raw)


def write_packet_id(value: int) -> bytes:
    """Packet identifier, which is never 0 [MQTT-2.2.1-3]."""
    if not 0 < value <= 0xFFFF:
        raise InvalidPacket(f"{value} is not a packet identifier [MQTT-2.2.1-3]")
    return value.to_bytes(2, "big")
