"""Decoding of CONNECT and CONNACK, the two packets that open a connection.

CONNECT is read in two steps, so that a server knows the version it must answer in even when the
rest turns out to be malformed.
"""

from ingest.mqtt.codec.errors import UnsupportedProtocolVersion, malformed, violation
from ingest.mqtt.codec.packets import ConnackPacket, ConnectPacket, Will
from ingest.mqtt.codec.properties import (
    NO_CONNACK_PROPERTIES,
    NO_CONNECT_PROPERTIES,
    ConnackProperties,
    ConnectProperties,
    read_properties,
)
from ingest.mqtt.codec.publish_properties import split_will_properties
from ingest.mqtt.codec.reader import Reader
from ingest.mqtt.codec.reason_codes import (
    CONNACK_REASONS,
    ConnectReturnCode,
    ProtocolVersion,
    ReasonCode,
)
from ingest.mqtt.codec.text import decode_topic_name

_V31 = ProtocolVersion.V31
_V311 = ProtocolVersion.V311
_V5 = ProtocolVersion.V5

# Protocol name and level byte: version, and whether the bridge bit is set.
_PROTOCOLS: dict[tuple[bytes, int], tuple[ProtocolVersion, bool]] = {
    (b"MQIsdp", 0x03): (_V31, False),
    (b"MQIsdp", 0x83): (_V31, True),
    (b"MQTT", 0x04): (_V311, False),
    (b"MQTT", 0x84): (_V311, True),
    (b"MQTT", 0x05): (_V5, False),
}

_RESERVED = 0x01
_CLEAN_START = 0x02
_WILL = 0x04
_WILL_RETAIN = 0x20
_PASSWORD = 0x40
_USERNAME = 0x80


def read_protocol(reader: Reader) -> tuple[ProtocolVersion, bool]:
    """The version a CONNECT asks for, and whether the bridge bit is set.

    Raises UnsupportedProtocolVersion [MQTT-3.1.2-1], [MQTT-3.1.2-2]; ProtocolError when cut short.
    """
    name = reader.binary("protocol name")
    level = reader.byte("protocol level")
    found = _PROTOCOLS.get((name, level))
    if found is None:
        raise UnsupportedProtocolVersion(name.decode("utf-8", "replace"), level)
    return found


def read_connect(reader: Reader, version: ProtocolVersion, bridge: bool) -> ConnectPacket:
    """The CONNECT behind its protocol name and level (3.1.2.3 and on).

    The client identifier may be empty: what that means is the server's business. Raises
    ProtocolError for everything malformed.
    """
    flags = _read_flags(reader, version)
    keep_alive = reader.uint16("keep alive")
    properties = read_properties(reader, ConnectProperties) if version == _V5 else NO_CONNECT_PROPERTIES
    client_id = reader.text("client identifier")  # [MQTT-3.1.3-3], [MQTT-3.1.3-4]
    will = _read_will(reader, flags, version) if flags & _WILL else None
    username = password = None
    if _present(reader, flags & _USERNAME, version):  # [MQTT-3.1.2-17]
        username = reader.text("user name")  # [MQTT-3.1.3-12]
    if _present(reader, flags & _PASSWORD, version):  # [MQTT-3.1.2-19]
        password = reader.binary("password")
    reader.finish()  # [MQTT-3.1.2-16], [MQTT-3.1.2-18]
    clean_start = bool(flags & _CLEAN_START)
    return ConnectPacket(
        version,
        client_id,
        clean_start,
        keep_alive,
        username,
        password,
        will,
        properties,
        bridge,
    )


def _read_flags(reader: Reader, version: ProtocolVersion) -> int:
    """The connect flags, valid; MQTT 3.1 disregards the reserved bit and a will without its flag."""
    flags = reader.byte("connect flags")
    if flags & _RESERVED and version != _V31:
        raise malformed("reserved connect flag is set [MQTT-3.1.2-3]")
    if flags & _WILL:
        if flags & 0x18 == 0x18:
            raise malformed("will QoS is 3 [MQTT-3.1.2-12]")
    elif version != _V31:
        if flags & 0x18:
            raise malformed("will QoS without a will [MQTT-3.1.2-11]")
        if flags & _WILL_RETAIN:
            raise malformed("will retain without a will [MQTT-3.1.2-13]")
    if version != _V5 and flags & _PASSWORD and not flags & _USERNAME:
        raise malformed("password without a user name (MQTT 3.1.1, [MQTT-3.1.2-22])")
    return flags


def _present(reader: Reader, flag: int, version: ProtocolVersion) -> bool:
    """Whether a field follows. In MQTT 3.1 the length of the packet outranks the flag (3.1, CONNECT)."""
    return bool(flag) and (version != _V31 or reader.remaining() > 0)


def _read_will(reader: Reader, flags: int, version: ProtocolVersion) -> Will:
    """The will, its fields in the order of the payload [MQTT-3.1.3-1], [MQTT-3.1.2-9]."""
    properties, delay = b"", 0
    if version == _V5:
        size = reader.variable_integer("will property length")
        if size > reader.remaining():
            raise malformed("will property length exceeds the packet")
        start = reader.position
        reader.position = start + size
        properties, delay = split_will_properties(reader.data[start : reader.position])
    topic = decode_topic_name(reader.binary("will topic"), "will topic")  # [MQTT-3.1.3-11]
    payload = reader.binary("will payload")
    qos = flags >> 3 & 3
    return Will(topic, payload, qos, bool(flags & _WILL_RETAIN), properties, delay)


def read_connack(reader: Reader, version: ProtocolVersion) -> ConnackPacket:
    """CONNACK (3.2). Raises ProtocolError for everything malformed.

    MQTT 3.1 knows no session present: its first byte is reserved, and disregarded.
    """
    flags = reader.byte("connack flags")
    if version == _V31:
        flags = 0
    if flags > 1:
        raise malformed("reserved connack flag is set [MQTT-3.2.2-1]")
    code = reader.byte("connect reason code")
    reason: ReasonCode | ConnectReturnCode | None
    if version == _V5:
        reason = CONNACK_REASONS[code]
        properties = read_properties(reader, ConnackProperties)
    else:
        reason = ConnectReturnCode(code) if code <= 5 else None
        properties = NO_CONNACK_PROPERTIES
    if reason is None:
        raise violation(f"0x{code:02x} is no connect reason code [MQTT-3.2.2-8]")
    if flags and code:
        raise violation("session present in a refusal [MQTT-3.2.2-6]")
    reader.finish()
    return ConnackPacket(flags == 1, reason, properties)
