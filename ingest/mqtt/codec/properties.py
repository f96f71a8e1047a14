"""MQTT 5 properties: one struct per kind of packet, one table for all of them.

Each struct names the properties its packet may carry; absent ones have the value that the
specification gives to absence, so equal meaning is an equal value. User properties keep their
order and duplicates. The property block of PUBLISH stays raw: see publish_properties.py.
Source: MQTT 5.0, 2.2.2.
"""

import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from ingest.mqtt.codec.errors import InvalidPacket, malformed, violation
from ingest.mqtt.codec.reader import (
    Reader,
    write_binary,
    write_byte,
    write_text,
    write_uint16,
    write_uint32,
    write_variable_integer,
)
from ingest.mqtt.codec.text import decode_topic_name, valid_topic_name

UserProperties = tuple[tuple[str, str], ...]


class Properties(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What every property block may carry."""

    user_properties: UserProperties = ()


class ConnectProperties(Properties, frozen=True, gc=False, kw_only=True):
    """Properties of CONNECT (3.1.2.11); intervals in seconds, sizes in bytes."""

    session_expiry_interval: int | None = None
    receive_maximum: int = 65_535
    maximum_packet_size: int | None = None
    topic_alias_maximum: int = 0
    request_response_information: bool = False
    request_problem_information: bool = True
    authentication_method: str | None = None
    authentication_data: bytes | None = None


class ConnackProperties(Properties, frozen=True, gc=False, kw_only=True):
    """Properties of CONNACK (3.2.2.3)."""

    session_expiry_interval: int | None = None
    receive_maximum: int = 65_535
    maximum_qos: int = 2
    retain_available: bool = True
    maximum_packet_size: int | None = None
    assigned_client_identifier: str | None = None
    topic_alias_maximum: int = 0
    reason_string: str | None = None
    wildcard_subscription_available: bool = True
    subscription_identifiers_available: bool = True
    shared_subscription_available: bool = True
    server_keep_alive: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None


class AckProperties(Properties, frozen=True, gc=False, kw_only=True):
    """Properties of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK (3.4.2.2)."""

    reason_string: str | None = None


class SubscribeProperties(Properties, frozen=True, gc=False, kw_only=True):
    """Properties of SUBSCRIBE (3.8.2.1)."""

    subscription_identifier: int | None = None


class UnsubscribeProperties(Properties, frozen=True, gc=False, kw_only=True):
    """Properties of UNSUBSCRIBE (3.10.2.1)."""


class DisconnectProperties(Properties, frozen=True, gc=False, kw_only=True):
    """Properties of DISCONNECT (3.14.2.2)."""

    session_expiry_interval: int | None = None
    reason_string: str | None = None
    server_reference: str | None = None


class AuthProperties(Properties, frozen=True, gc=False, kw_only=True):
    """Properties of AUTH (3.15.2.2)."""

    authentication_method: str | None = None
    authentication_data: bytes | None = None
    reason_string: str | None = None


class PublishProperties(Properties, frozen=True, gc=False, kw_only=True):
    """Properties of PUBLISH (3.3.2.3) and of a will (3.1.3.2), without Topic Alias and Will Delay."""

    payload_format_indicator: int | None = None
    message_expiry_interval: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifiers: tuple[int, ...] = ()


def _read_flag(reader: Reader, what: str) -> bool:
    value = reader.byte(what)
    if value > 1:
        raise violation(f"{what} is {value}, not 0 or 1")
    return value == 1


def _read_bit(reader: Reader, what: str) -> int:
    return int(_read_flag(reader, what))


def _read_positive_uint16(reader: Reader, what: str) -> int:
    return _positive(reader.uint16(what), what)


def _read_positive_uint32(reader: Reader, what: str) -> int:
    return _positive(reader.uint32(what), what)


def _read_positive_variable(reader: Reader, what: str) -> int:
    return _positive(reader.variable_integer(what), what)


def _positive(value: int, what: str) -> int:
    if value == 0:
        raise violation(f"{what} is 0")
    return value


def _read_topic(reader: Reader, what: str) -> str:
    return decode_topic_name(reader.binary(what), what)


def _read_pair(reader: Reader, what: str) -> tuple[str, str]:
    return reader.text(what), reader.text(what)  # [MQTT-1.5.7-1]


def _write_flag(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


def _write_bit(value: int) -> bytes:
    if value not in (0, 1):
        raise InvalidPacket(f"{value} is not 0 or 1")
    return write_byte(value)


def _write_positive(write: Callable[[int], bytes]) -> Callable[[int], bytes]:
    def checked(value: int) -> bytes:
        if value == 0:
            raise InvalidPacket("0 where the protocol wants a positive number")
        return write(value)

    return checked


def _write_topic(value: str) -> bytes:
    if not valid_topic_name(value):
        raise InvalidPacket("response topic is no topic name [MQTT-3.3.2-14]")
    return write_text(value)


def _write_pair(value: tuple[str, str]) -> bytes:
    return write_text(value[0]) + write_text(value[1])


class Property(NamedTuple):
    """One property: its identifier, its field, and how its value is read and written."""

    identifier: int
    name: str
    read: Callable[[Reader, str], Any]
    write: Callable[[Any], bytes]
    repeats: bool = False


_FLAG = (_read_flag, _write_flag)
_BIT = (_read_bit, _write_bit)
_UINT16 = (Reader.uint16, write_uint16)
_UINT32 = (Reader.uint32, write_uint32)
_POSITIVE_UINT16 = (_read_positive_uint16, _write_positive(write_uint16))
_POSITIVE_UINT32 = (_read_positive_uint32, _write_positive(write_uint32))
_POSITIVE_VARIABLE = (_read_positive_variable, _write_positive(write_variable_integer))
_TEXT = (Reader.text, write_text)
_BINARY = (Reader.binary, write_binary)
_TOPIC = (_read_topic, _write_topic)
_PAIR = (_read_pair, _write_pair)

# MQTT 5.0, table 2.4. Topic Alias (0x23) and Will Delay Interval (0x18) are fields of their
# packets and stand beside the table.
PROPERTIES = (
    Property(0x01, "payload_format_indicator", *_BIT),
    Property(0x02, "message_expiry_interval", *_UINT32),
    Property(0x03, "content_type", *_TEXT),
    Property(0x08, "response_topic", *_TOPIC),
    Property(0x09, "correlation_data", *_BINARY),
    Property(0x0B, "subscription_identifier", *_POSITIVE_VARIABLE),
    Property(0x0B, "subscription_identifiers", *_POSITIVE_VARIABLE, repeats=True),
    Property(0x11, "session_expiry_interval", *_UINT32),
    Property(0x12, "assigned_client_identifier", *_TEXT),
    Property(0x13, "server_keep_alive", *_UINT16),
    Property(0x15, "authentication_method", *_TEXT),
    Property(0x16, "authentication_data", *_BINARY),
    Property(0x17, "request_problem_information", *_FLAG),
    Property(0x19, "request_response_information", *_FLAG),
    Property(0x1A, "response_information", *_TEXT),
    Property(0x1C, "server_reference", *_TEXT),
    Property(0x1F, "reason_string", *_TEXT),
    Property(0x21, "receive_maximum", *_POSITIVE_UINT16),
    Property(0x22, "topic_alias_maximum", *_UINT16),
    Property(0x24, "maximum_qos", *_BIT),
    Property(0x25, "retain_available", *_FLAG),
    Property(0x26, "user_properties", *_PAIR, repeats=True),
    Property(0x27, "maximum_packet_size", *_POSITIVE_UINT32),
    Property(0x28, "wildcard_subscription_available", *_FLAG),
    Property(0x29, "subscription_identifiers_available", *_FLAG),
    Property(0x2A, "shared_subscription_available", *_FLAG),
)
_BY_NAME = {prop.name: prop for prop in PROPERTIES}


class _Block(NamedTuple):
    by_identifier: Mapping[int, Property]
    in_order: tuple[tuple[Property, Any], ...]  # with the value that absence means
    empty: Properties


def _block(empty: Properties) -> _Block:
    fields = msgspec.structs.fields(type(empty))
    known = sorted(((_BY_NAME[field.name], field.default) for field in fields), key=lambda pair: pair[0].identifier)
    by_identifier = {prop.identifier: prop for prop, _ in known}
    return _Block(types.MappingProxyType(by_identifier), tuple(known), empty)


# Shared, so that "no properties" is told by identity.
NO_CONNECT_PROPERTIES = ConnectProperties()
NO_CONNACK_PROPERTIES = ConnackProperties()
NO_ACK_PROPERTIES = AckProperties()
NO_SUBSCRIBE_PROPERTIES = SubscribeProperties()
NO_UNSUBSCRIBE_PROPERTIES = UnsubscribeProperties()
NO_DISCONNECT_PROPERTIES = DisconnectProperties()
NO_AUTH_PROPERTIES = AuthProperties()
NO_PUBLISH_PROPERTIES = PublishProperties()

_BLOCKS: dict[type[Properties], _Block] = {
    type(empty): _block(empty)
    for empty in (
        NO_CONNECT_PROPERTIES,
        NO_CONNACK_PROPERTIES,
        NO_ACK_PROPERTIES,
        NO_SUBSCRIBE_PROPERTIES,
        NO_UNSUBSCRIBE_PROPERTIES,
        NO_DISCONNECT_PROPERTIES,
        NO_AUTH_PROPERTIES,
        NO_PUBLISH_PROPERTIES,
    )
}

P = TypeVar("P", bound=Properties)


def read_properties(reader: Reader, kind: type[P]) -> P:
    """The property block at the reader, its length first.

    Raises ProtocolError: 0x81 for what is cut short or not allowed here (2.2.2.2), 0x82 for a
    property that stands twice or has a value its packet forbids.
    """
    size = reader.variable_integer("property length")
    if size > reader.remaining():
        raise malformed("property length exceeds the packet")
    if size == 0:
        return _BLOCKS[kind].empty  # type: ignore[return-value]
    packet_end, reader.end = reader.end, reader.position + size
    values = read_property_values(reader, kind)
    reader.end = packet_end
    return kind(**values)


def read_property_values(reader: Reader, kind: type[Properties]) -> dict[str, Any]:
    """The properties up to the reader's end, by field name. Raises as read_properties."""
    allowed = _BLOCKS[kind].by_identifier
    values: dict[str, Any] = {}
    repeated: dict[str, list[Any]] = {}
    while reader.position < reader.end:
        identifier = reader.variable_integer("property identifier")
        prop = allowed.get(identifier)
        if prop is None:
            raise malformed(f"property 0x{identifier:02x} is not allowed here (MQTT 5.0, 2.2.2.2)")
        if prop.name in values and not prop.repeats:
            raise violation(f"property {prop.name} stands twice (MQTT 5.0, 2.2.2.2)")
        value = prop.read(reader, prop.name)
        if prop.repeats:
            repeated.setdefault(prop.name, []).append(value)
        else:
            values[prop.name] = value
    if "authentication_data" in values and "authentication_method" not in values:
        raise violation("authentication data without a method (MQTT 5.0, 3.1.2.11.10)")
    values.update((name, tuple(items)) for name, items in repeated.items())
    return values


def write_property_values(properties: Properties) -> bytes:
    """The property block without its length; what equals absence is left out.

    Raises InvalidPacket for a value that the protocol forbids.
    """
    block = _BLOCKS[type(properties)]
    if properties is block.empty:
        return b""
    out: list[bytes] = []
    for prop, absent in block.in_order:
        value = getattr(properties, prop.name)
        if value == absent:
            continue
        identifier = write_byte(prop.identifier)
        for item in value if prop.repeats else (value,):
            out += (identifier, prop.write(item))
    return b"".join(out)


def write_properties(properties: Properties) -> bytes:
    """The property block with its length."""
    block = write_property_values(properties)
    if not block:
        return b"\x00"  # [MQTT-2.2.2-1]
    return write_variable_integer(len(block)) + block
