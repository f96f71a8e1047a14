"""The property block of PUBLISH as raw bytes: validated once, stored and forwarded as it came.

`raw` below is a block without its length and without Topic Alias (PUBLISH) or Will Delay
Interval (will). Source: MQTT 5.0, 3.3.2.3 and 3.1.3.2.
"""

from collections.abc import Iterable

from ingest.mqtt.codec.errors import InvalidPacket, ProtocolError, malformed, violation
from ingest.mqtt.codec.properties import (
    NO_PUBLISH_PROPERTIES,
    PublishProperties,
    read_property_values,
    write_property_values,
)
from ingest.mqtt.codec.reader import (
    Reader,
    write_uint16,
    write_uint32,
    write_variable_integer,
)
from ingest.mqtt.codec.reason_codes import ReasonCode
from ingest.mqtt.codec.text import decode_text, decode_topic_name

_PAYLOAD_FORMAT = 0x01
_MESSAGE_EXPIRY = 0x02
_CONTENT_TYPE = 0x03
_RESPONSE_TOPIC = 0x08
_CORRELATION_DATA = 0x09
_SUBSCRIPTION_ID = 0x0B
_WILL_DELAY = 0x18
_TOPIC_ALIAS = 0x23
_USER_PROPERTY = 0x26

# Bytes of the value by identifier: a fixed size, or how its length is found. 0: not allowed.
_BINARY, _PAIR, _VARIABLE = -1, -2, -3
_SHAPES: tuple[int, ...] = tuple(
    {
        _PAYLOAD_FORMAT: 1,
        _MESSAGE_EXPIRY: 4,
        _CONTENT_TYPE: _BINARY,
        _RESPONSE_TOPIC: _BINARY,
        _CORRELATION_DATA: _BINARY,
        _SUBSCRIPTION_ID: _VARIABLE,
        _TOPIC_ALIAS: 2,
        _USER_PROPERTY: _PAIR,
    }.get(identifier, 0)
    for identifier in range(256)
)
_CUT = "a property of PUBLISH is cut short"


def split_publish_properties(  # noqa: PLR0912  (inlined: once for every PUBLISH with properties)
    data: bytes, start: int, end: int, from_client: bool
) -> tuple[int, bytes]:
    """Validates the block data[start:end] of a PUBLISH; gives its topic alias or 0, and it raw.

    Raises ProtocolError: 0x81 malformed; 0x82 a property twice, or a subscription identifier
    from a client [MQTT-3.3.4-6]; 0x94 topic alias 0 [MQTT-3.3.2-8]; 0x90 response topic with a
    wildcard [MQTT-3.3.2-14].
    """
    at = start
    seen = 0
    alias = alias_at = 0
    while at < end:
        identifier = data[at]
        shape = _SHAPES[identifier]
        if shape == _PAIR:
            at = _end_of_binary(data, _end_of_binary(data, at + 1, end, True), end, True)
            continue
        if shape == _VARIABLE:
            if from_client:
                raise violation("PUBLISH of a client has a subscription identifier [MQTT-3.3.4-6]")
            at = _end_of_subscription_id(data, at + 1, end)
            continue
        if shape == 0:
            raise malformed(f"property 0x{identifier:02x} is not allowed in PUBLISH (MQTT 5.0, 2.2.2.2)")
        if seen >> identifier & 1:
            raise violation(f"property 0x{identifier:02x} stands twice (MQTT 5.0, 2.2.2.2)")
        seen |= 1 << identifier
        value = at + 1
        if shape == _BINARY:
            at = _end_of_binary(data, value, end, identifier == _CONTENT_TYPE)
            if identifier == _RESPONSE_TOPIC:
                decode_topic_name(data[value + 2 : at], "response topic")  # [MQTT-3.3.2-14]
            continue
        at = value + shape
        if at > end:
            raise malformed(_CUT)
        if identifier == _TOPIC_ALIAS:
            alias_at = value - 1
            alias = data[value] << 8 | data[value + 1]
            if alias == 0:
                raise ProtocolError(ReasonCode.TOPIC_ALIAS_INVALID, "topic alias is 0 [MQTT-3.3.2-8]")
        elif identifier == _PAYLOAD_FORMAT and data[value] > 1:
            raise violation("payload format indicator is neither 0 nor 1 (MQTT 5.0, 3.3.2.3.2)")
    if alias:
        return alias, data[start:alias_at] + data[alias_at + 3 : end]
    return 0, data[start:end]


def _end_of_binary(data: bytes, at: int, end: int, is_text: bool) -> int:
    value = at + 2
    if value > end:
        raise malformed(_CUT)
    stop = value + (data[at] << 8 | data[at + 1])
    if stop > end:
        raise malformed(_CUT)
    if is_text:
        decode_text(data[value:stop], "a property of PUBLISH")
    return stop


def _end_of_subscription_id(data: bytes, at: int, end: int) -> int:
    reader = Reader(data)
    reader.position, reader.end = at, end
    if reader.variable_integer("subscription identifier") == 0:
        raise violation("subscription identifier is 0 (MQTT 5.0, 3.3.2.3.8)")
    return reader.position


def _skip(raw: bytes, at: int) -> int:
    """Where the property after the one at `at` begins, in a block known to be valid."""
    shape = _SHAPES[raw[at]]
    at += 1
    if shape > 0:
        return at + shape
    if shape == _VARIABLE:
        while raw[at] >= 0x80:
            at += 1
        return at + 1
    at += 2 + (raw[at] << 8 | raw[at + 1])
    if shape == _PAIR:
        at += 2 + (raw[at] << 8 | raw[at + 1])
    return at


def decode_publish_properties(raw: bytes) -> PublishProperties:
    """The properties in `raw`. Raises ProtocolError as read_properties."""
    if not raw:
        return NO_PUBLISH_PROPERTIES
    return PublishProperties(**read_property_values(Reader(raw), PublishProperties))


def encode_publish_properties(properties: PublishProperties) -> bytes:
    """The raw block of `properties`. Raises InvalidPacket for values that PUBLISH can't carry."""
    return write_property_values(properties)


def check_publish_properties(raw: bytes, will: bool = False) -> None:
    """Raises InvalidPacket unless `raw` is a valid block without a topic alias; that of a will
    has no subscription identifier either."""
    try:
        alias = split_publish_properties(raw, 0, len(raw), will)[0]
    except ProtocolError as error:
        raise InvalidPacket(str(error)) from error
    if alias:
        raise InvalidPacket("topic alias inside the raw properties")


def message_expiry(raw: bytes) -> int | None:
    """The message expiry interval in seconds, or None (3.3.2.3.3). `raw` must be valid."""
    at = _find_message_expiry(raw)
    return None if at < 0 else int.from_bytes(raw[at + 1 : at + 5], "big")


def with_message_expiry(raw: bytes, seconds: int) -> bytes:
    """`raw` with its message expiry interval replaced [MQTT-3.3.2-6]; unchanged if it has none."""
    at = _find_message_expiry(raw)
    return raw if at < 0 else raw[: at + 1] + write_uint32(seconds) + raw[at + 5 :]


def _find_message_expiry(raw: bytes) -> int:
    at = 0
    size = len(raw)
    while at < size:
        if raw[at] == _MESSAGE_EXPIRY:
            return at
        at = _skip(raw, at)
    return -1


def with_subscription_identifiers(raw: bytes, ids: Iterable[int]) -> bytes:
    """`raw` and a subscription identifier for each of `ids` behind it [MQTT-3.3.4-3].

    Raises InvalidPacket for an id outside 1 to 268,435,455.
    """
    parts = [raw]
    for identifier in ids:
        if identifier == 0:
            raise InvalidPacket("subscription identifier is 0 (MQTT 5.0, 3.3.2.3.8)")
        parts += (b"\x0b", write_variable_integer(identifier))
    return b"".join(parts)


def without_subscription_identifiers(raw: bytes) -> bytes:
    """`raw` as a client may publish it again [MQTT-3.3.4-6]: what a bridge needs."""
    parts: list[bytes] = []
    at = 0
    while at < len(raw):
        after = _skip(raw, at)
        if raw[at] != _SUBSCRIPTION_ID:
            parts.append(raw[at:after])
        at = after
    return b"".join(parts)


def split_will_properties(data: bytes) -> tuple[bytes, int]:
    """Validates the properties of a will; gives them raw and the will delay interval in seconds.

    Raises ProtocolError as split_publish_properties; a topic alias or a subscription
    identifier is not allowed here.
    """
    kept: list[bytes] = []
    delay = -1
    at = 0
    while at < len(data):
        if data[at] == _WILL_DELAY:
            if delay >= 0:
                raise violation("will delay interval stands twice (MQTT 5.0, 3.1.3.2.2)")
            if at + 5 > len(data):
                raise malformed("will delay interval is cut short")
            delay = int.from_bytes(data[at + 1 : at + 5], "big")
            at += 5
            continue
        if data[at] in (_TOPIC_ALIAS, _SUBSCRIPTION_ID) or _SHAPES[data[at]] == 0:
            raise malformed(f"property 0x{data[at]:02x} is not allowed in a will (MQTT 5.0, 2.2.2.2)")
        after = _checked_skip(data, at)
        kept.append(data[at:after])
        at = after
    raw = b"".join(kept)
    split_publish_properties(raw, 0, len(raw), True)
    return raw, max(delay, 0)


def _checked_skip(data: bytes, at: int) -> int:
    try:
        after = _skip(data, at)
    except IndexError:
        raise malformed(_CUT) from None
    if after > len(data):
        raise malformed(_CUT)
    return after


def write_will_delay(seconds: int) -> bytes:
    """The will delay interval as a property; absence means 0 (3.1.3.2.2)."""
    return b"\x18" + write_uint32(seconds) if seconds else b""


def write_topic_alias(alias: int) -> bytes:
    """The topic alias as a property; 0 is none (3.3.2.3.4)."""
    return b"\x23" + write_uint16(alias) if alias else b""
