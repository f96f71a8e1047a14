"""The parser: bytes of one connection in, packets out.

In this order it frames (fixed header, size limit, complete body), then decodes: PUBLISH and the
short acknowledgements in the loop itself, everything else through a table by role and version.
It refuses to resolve topic aliases, to match packet identifiers and to judge topic filters: that
is the session's business. No sockets, clocks or tasks.

Speed: this loop is the hottest code of the broker. One dispatch by first byte, no call per
PUBLISH but for a topic not seen lately or properties, no copy but topic and payload.
"""

from collections.abc import Callable

from ingest.mqtt.codec.decode_connect import read_connect, read_protocol
from ingest.mqtt.codec.dispatch import (
    BEFORE_CONNECT,
    PACKET_NAMES,
    TABLES,
    Role,
    unexpected_packet,
)
from ingest.mqtt.codec.errors import ProtocolError, malformed, violation
from ingest.mqtt.codec.packets import Packet, PublishPacket
from ingest.mqtt.codec.publish_properties import split_publish_properties
from ingest.mqtt.codec.reader import MAX_VARIABLE_INTEGER, Reader
from ingest.mqtt.codec.reason_codes import ProtocolVersion, ReasonCode
from ingest.mqtt.codec.text import decode_topic_name

_V5 = ProtocolVersion.V5

DEFAULT_MAX_PACKET_SIZE = 1_048_576
LARGEST_PACKET = MAX_VARIABLE_INTEGER + 5

# Topic names lately seen, in the form of the wire: shared by all connections of the process, so
# that one topic is one str object whose hash is computed once. Cleared when full.
_TOPICS: dict[bytes, str] = {}
_TOPICS_MAX = 8_192
_CACHED_MAX = 256

# Property blocks of PUBLISH lately seen from clients, with their topic alias and without it: what
# a device says of its messages seldom changes. Cleared when full.
_BLOCKS: dict[bytes, tuple[int, bytes]] = {}
_BLOCKS_MAX = 2_048


class Parser:
    """Parses what one peer sends.

    role="server" accepts what a client may send. Without a version the first packet must be
    CONNECT [MQTT-3.1.0-1], which fixes it: `version` is set as soon as its protocol level is
    known, even if the rest is malformed. With a version CONNECT is taken as done. role="client"
    accepts what a server may send and needs the version.

    `max_packet_size` bounds a whole packet in bytes, fixed header included; `connect_max_size`
    the same before CONNECT is decoded. A larger one is refused as soon as its fixed header is
    there, before any of it is buffered (0x95), so that never more than one packet of the limit
    plus one chunk is held. `max_packet_size` may be assigned between feeds.

    Invariant: after an error nothing is parsed any more.
    """

    __slots__ = (
        "_connect_max_size",
        "_needed",
        "_rest",
        "_tables",
        "error",
        "max_packet_size",
        "role",
        "version",
    )

    def __init__(
        self,
        role: Role = "server",
        version: ProtocolVersion | None = None,
        max_packet_size: int = DEFAULT_MAX_PACKET_SIZE,
        connect_max_size: int | None = None,
    ) -> None:
        if role == "client" and version is None:
            raise ValueError("a parser of role client needs the protocol version")
        self.role: Role = role
        self.version = None if version is None else ProtocolVersion(version)
        self.max_packet_size = max_packet_size
        self.error: ProtocolError | None = None
        self._connect_max_size = max_packet_size if connect_max_size is None else connect_max_size
        self._tables = BEFORE_CONNECT if version is None else TABLES[role, ProtocolVersion(version)]
        self._rest: bytearray | None = None  # the beginning of a packet
        self._needed = 0  # bytes of _rest without which going on is in vain

    @property
    def buffered(self) -> int:
        """Bytes held of a packet that is not complete yet."""
        return 0 if self._rest is None else len(self._rest)

    def feed(self, data: bytes | bytearray | memoryview) -> list[Packet]:
        """The packets that `data` completes, in order.

        An error in the middle of `data` sets `error`; the packets before it are returned. The
        next feed raises that ProtocolError.
        """
        if self.error is not None:
            raise self.error
        if self._rest is not None:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data = bytes(self._rest)
            self._rest = None
        elif type(data) is not bytes:
            data = bytes(data)
        packets: list[Packet] = []
        try:
            at = self._parse(data, packets.append)
        except ProtocolError as error:
            self.error = _without_frames(error)
            return packets
        if at < len(data):
            self._rest = bytearray(data[at:] if at else data)
        return packets

    def _parse(self, data: bytes, append: Callable[[Packet], None]) -> int:  # noqa: PLR0912, PLR0915  (inlined)
        """Appends the packets in `data`; gives the offset of the first incomplete one."""
        publish_flags, short_acks, _ = self._tables
        v5 = self.version == _V5
        limit = self._connect_max_size if self.version is None else self.max_packet_size
        topics = _TOPICS
        publish = PublishPacket
        size = len(data)
        at = 0
        while True:
            body = at + 2
            if body > size:
                self._needed = 2
                return at
            first = data[at]
            length = data[at + 1]
            if length > 0x7F:
                body, length = _long_length(data, body, size, length)
                if body == 0:
                    self._needed = size - at + 1
                    return at
            end = body + length
            if end - at > limit:
                raise _too_large(end - at, limit)
            if end > size:
                self._check_type(first)
                self._needed = end - at
                return at

            flags = publish_flags[first]
            if flags is not None:
                qos, retain, dup, least = flags
                after = body + 2
                if after > end:
                    raise malformed("PUBLISH is cut short")
                topic_end = after + (data[body] << 8 | data[body + 1])
                if topic_end + least > end:
                    raise malformed("PUBLISH is cut short")
                raw_topic = data[after:topic_end]
                topic = topics.get(raw_topic)
                if topic is None:
                    topic = _new_topic(raw_topic, v5)
                if qos:
                    packet_id = data[topic_end] << 8 | data[topic_end + 1]
                    if packet_id == 0:
                        raise malformed("packet identifier is 0 [MQTT-2.2.1-3]")
                    topic_end += 2
                else:
                    packet_id = 0  # [MQTT-2.2.1-2]
                alias, properties = 0, b""
                if v5:
                    if data[topic_end]:
                        topic_end, alias, properties = self._properties(data, topic_end, end)
                    else:
                        topic_end += 1
                    if not topic and not alias:
                        raise violation("PUBLISH without topic name and topic alias (MQTT 5.0, 3.3.2.1)")
                append(publish(topic, data[topic_end:end], qos, retain, dup, packet_id, alias, properties))
                at = end
                continue

            ack = short_acks[first]
            if ack is not None and length == 2:
                packet_id = data[body] << 8 | data[body + 1]
                if packet_id == 0:
                    raise malformed("packet identifier is 0 [MQTT-2.2.1-3]")
                append(ack(packet_id))
                at = end
                continue

            append(self._decode(first, data[body:end]))
            at = end
            publish_flags, short_acks, _ = self._tables
            v5 = self.version == _V5
            limit = self.max_packet_size

    def _decode(self, first: int, body: bytes) -> Packet:
        self._check_type(first)
        version = self.version
        if version is None:
            return self._connect(Reader(body))
        return self._tables.decoders[first](Reader(body), version)

    def _connect(self, reader: Reader) -> Packet:
        version, bridge = read_protocol(reader)
        self.version = version
        packet = read_connect(reader, version, bridge)
        self._tables = TABLES[self.role, version]
        return packet

    def _properties(self, data: bytes, at: int, end: int) -> tuple[int, int, bytes]:
        """Where the payload of a PUBLISH begins, its topic alias and its raw properties."""
        length = data[at]
        at += 1
        if length > 0x7F:
            at, length = _long_length(data, at, end, length)
            if at == 0:
                raise malformed("property length is cut short")
        stop = at + length
        if stop > end:
            raise malformed("property length exceeds the packet")
        if self.role == "client":
            return stop, *split_publish_properties(data, at, stop, False)
        block = data[at:stop]
        known = _BLOCKS.get(block)
        if known is None:
            known = split_publish_properties(block, 0, length, True)
            if length <= _CACHED_MAX:
                if len(_BLOCKS) >= _BLOCKS_MAX:
                    _BLOCKS.clear()
                _BLOCKS[block] = known
        return stop, *known

    def _check_type(self, first: int) -> None:
        """Raises ProtocolError unless a packet that begins with `first` may come now."""
        if self.version is None:
            if first >> 4 != 1:
                raise violation(f"the first packet is {PACKET_NAMES[first >> 4]}, not CONNECT [MQTT-3.1.0-1]")
            if first != 0x10:
                raise malformed("fixed header flags of CONNECT are not 0 [MQTT-2.1.3-1]")
            return
        if self._tables.publish[first] is None and first not in self._tables.decoders:
            raise unexpected_packet(first, self.role, self.version)


def _long_length(data: bytes, at: int, size: int, length: int) -> tuple[int, int]:
    """Goes on with a length whose first byte was `length`: where its content begins, and the
    length; (0, 0) when it is not all there. At most four bytes, the fewest [MQTT-1.5.5-1]."""
    length &= 0x7F
    for shift in (7, 14, 21):
        if at >= size:
            return 0, 0
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0:
                raise malformed("length is not in the fewest bytes [MQTT-1.5.5-1]")
            return at, length
    raise malformed("length has more than four bytes (MQTT 5.0, 1.5.5)")


def _new_topic(raw: bytes, v5: bool) -> str:
    """The topic name in `raw`, cached if it is of a usual size. May be empty in MQTT 5."""
    if v5 and not raw:
        return ""
    topic = decode_topic_name(raw, "topic name")
    if len(raw) <= _CACHED_MAX:
        if len(_TOPICS) >= _TOPICS_MAX:
            _TOPICS.clear()
        _TOPICS[raw] = topic
    return topic


def _without_frames(error: ProtocolError) -> ProtocolError:
    """The error alone. The frames of its traceback hold the parser and its connection: with them every protocol error
    would be a circle that stays in memory until the garbage collector looks at the oldest objects."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def _too_large(size: int, limit: int) -> ProtocolError:
    message = f"packet of {size} bytes exceeds the limit of {limit} [MQTT-3.2.2-15]"
    return ProtocolError(ReasonCode.PACKET_TOO_LARGE, message)
