"""One table of cases: bytes, the role and version that read them, and the packet or the error.

A case with a packet is decoded and, if `canonical`, encoded back to the very same bytes. A case
with a reason must be refused with it, and with a text that contains `says`.
"""

from dataclasses import dataclass

from ingest.mqtt.codec import (
    AckProperties,
    AuthPacket,
    AuthProperties,
    ConnackPacket,
    ConnackProperties,
    ConnectPacket,
    ConnectProperties,
    ConnectReturnCode,
    DisconnectPacket,
    DisconnectProperties,
    Packet,
    PingReqPacket,
    PingRespPacket,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PubrecPacket,
    PubrelPacket,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    SubscribeProperties,
    Subscription,
    UnsubackPacket,
    UnsubscribePacket,
    UnsubscribeProperties,
    Will,
)

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

CONNECTS = [
    Case(
        "connect 3.1.1 minimal",
        connect(4, 2, "c"),
        ConnectPacket(V311, "c", True, 60),
        version=None,
    ),
    Case(
        "connect 3.1.1 empty client id, no clean session",
        connect(4, 0, ""),
        ConnectPacket(V311, "", False, 60),
        version=None,
    ),
    Case(
        "connect 3.1.1 everything",
        connect(4, 0xF6, "c", "w/t", "bye", "user", "pass"),
        ConnectPacket(V311, "c", True, 60, "user", b"pass", Will("w/t", b"bye", 2, True)),
        version=None,
    ),
    Case(
        "connect 3.1.1 will without payload",
        connect(4, 0x0E, "c", "w", ""),
        ConnectPacket(V311, "c", True, 60, will=Will("w", b"", 1)),
        version=None,
    ),
    Case(
        "connect 3.1 minimal",
        connect(3, 2, "c", name="MQIsdp"),
        ConnectPacket(V31, "c", True, 60),
        version=None,
    ),
    Case(
        "connect 3.1 client id of more than 23 characters",
        connect(3, 2, "c" * 40, name="MQIsdp"),
        ConnectPacket(V31, "c" * 40, True, 60),
        version=None,
    ),
    Case(
        "connect 3.1 user name flag without user name",
        connect(3, 0xC2, "c", name="MQIsdp"),
        ConnectPacket(V31, "c", True, 60),
        version=None,
        canonical=False,
    ),
    Case(
        "connect 3.1 disregards will bits without a will",
        connect(3, 0x3B, "c", name="MQIsdp"),
        ConnectPacket(V31, "c", True, 60),
        version=None,
        canonical=False,
    ),
    Case(
        "connect 3.1 bridge",
        connect(0x83, 2, "c", name="MQIsdp"),
        ConnectPacket(V31, "c", True, 60, bridge=True),
        version=None,
    ),
    Case(
        "connect 3.1.1 bridge",
        connect(0x84, 2, "c"),
        ConnectPacket(V311, "c", True, 60, bridge=True),
        version=None,
    ),
    Case(
        "connect 5 minimal",
        connect(5, 2, b"\x00", "c"),
        ConnectPacket(V5, "c", True, 60),
        version=None,
    ),
    Case(
        "connect 5 password without user name",
        connect(5, 0x42, b"\x00", "c", "p"),
        ConnectPacket(V5, "c", True, 60, None, b"p"),
        version=None,
    ),
    Case(
        "connect 5 every property",
        connect(
            5,
            2,
            block(
                b"\x11\x00\x00\x00\x0a\x15\x00\x01m\x16\x00\x02\x00\xff\x17\x00",
                b"\x19\x01\x21\x00\x05\x22\x00\x06" + PAIR_BYTES + b"\x27\x00\x01\x00\x00",
            ),
            "c",
        ),
        ConnectPacket(
            V5,
            "c",
            True,
            60,
            properties=ConnectProperties(
                session_expiry_interval=10,
                receive_maximum=5,
                maximum_packet_size=65_536,
                topic_alias_maximum=6,
                request_response_information=True,
                request_problem_information=False,
                authentication_method="m",
                authentication_data=b"\x00\xff",
                user_properties=PAIRS,
            ),
        ),
        version=None,
    ),
    Case(
        "connect 5 will with delay and properties",
        connect(5, 0x06, b"\x00", "c", b"\x07\x18\x00\x00\x00\x09\x01\x01", "w", "x"),
        ConnectPacket(
            V5,
            "c",
            True,
            60,
            will=Will("w", b"x", properties=b"\x01\x01", will_delay_interval=9),
        ),
        version=None,
    ),
    Case(
        "connect 5 will delay amid its properties",
        connect(
            5,
            0x06,
            b"\x00",
            "c",
            b"\x0e\x26\x00\x01a\x00\x011\x18\x00\x00\x00\x09\x01\x01",
            "w",
            "x",
        ),
        ConnectPacket(
            V5,
            "c",
            True,
            60,
            will=Will("w", b"x", properties=b"\x26\x00\x01a\x00\x011\x01\x01", will_delay_interval=9),
        ),
        version=None,
        canonical=False,
    ),
]

BAD_CONNECTS = [
    Case(name, data, None, reason, says, version=None)
    for name, data, reason, says in [
        ("first packet is PUBLISH", b"\x30\x03\x00\x01a", R.PROTOCOL_ERROR, "MQTT-3.1.0-1"),
        ("first packet is PINGREQ", b"\xc0\x00", R.PROTOCOL_ERROR, "MQTT-3.1.0-1"),
        ("first packet is of type 0", b"\x00\x00", R.PROTOCOL_ERROR, "MQTT-3.1.0-1"),
        ("the beginning of something else", b"GET / HTTP/1.1\r\n", R.PROTOCOL_ERROR, "MQTT-3.1.0-1"),
        ("connect with flags", b"\x11" + connect(4, 2, "c")[1:], R.MALFORMED_PACKET, "MQTT-2.1.3-1"),
        ("connect empty", b"\x10\x00", R.MALFORMED_PACKET, "protocol name is cut short"),
        ("connect 3.1.1 reserved flag", connect(4, 3, "c"), R.MALFORMED_PACKET, "MQTT-3.1.2-3"),
        ("connect 5 reserved flag", connect(5, 3, b"\x00", "c"), R.MALFORMED_PACKET, "MQTT-3.1.2-3"),
        ("connect level 6", connect(6, 2, "c"), R.UNSUPPORTED_PROTOCOL_VERSION, "MQTT-3.1.2-2"),
        ("connect level 0", connect(0, 2, "c"), R.UNSUPPORTED_PROTOCOL_VERSION, "MQTT-3.1.2-2"),
        ("connect bridge 5", connect(0x85, 2, b"\x00", "c"), R.UNSUPPORTED_PROTOCOL_VERSION, "133"),
        ("connect MQTT level 3", connect(3, 2, "c"), R.UNSUPPORTED_PROTOCOL_VERSION, "level 3"),
        (
            "connect MQIsdp level 4",
            connect(4, 2, "c", name="MQIsdp"),
            R.UNSUPPORTED_PROTOCOL_VERSION,
            "MQIsdp",
        ),
        (
            "connect other name",
            connect(4, 2, "c", name="mqtt"),
            R.UNSUPPORTED_PROTOCOL_VERSION,
            "'mqtt'",
        ),
        ("connect will qos 3", connect(4, 0x1E, "c", "w", "x"), R.MALFORMED_PACKET, "MQTT-3.1.2-12"),
        ("connect 3.1 will qos 3", connect(3, 0x1E, "c", "w", "x", name="MQIsdp"), R.MALFORMED_PACKET, ""),
        ("connect will qos, no will", connect(4, 0x0A, "c"), R.MALFORMED_PACKET, "MQTT-3.1.2-11"),
        ("connect will retain, no will", connect(4, 0x22, "c"), R.MALFORMED_PACKET, "MQTT-3.1.2-13"),
        ("connect password, no user", connect(4, 0x42, "c", "p"), R.MALFORMED_PACKET, "user name"),
        ("connect user name missing", connect(4, 0x82, "c"), R.MALFORMED_PACKET, "user name"),
        ("connect password missing", connect(4, 0xC2, "c", "u"), R.MALFORMED_PACKET, "password"),
        ("connect will missing", connect(4, 0x06, "c"), R.MALFORMED_PACKET, "will topic"),
        ("connect will payload missing", connect(4, 0x06, "c", "w"), R.MALFORMED_PACKET, "will payload"),
        ("connect will topic empty", connect(4, 0x06, "c", "", "x"), R.TOPIC_NAME_INVALID, "will topic"),
        ("connect will topic wildcard", connect(4, 0x06, "c", "w/#", "x"), R.TOPIC_NAME_INVALID, ""),
        ("connect surplus field", connect(4, 2, "c", "more"), R.MALFORMED_PACKET, "6 bytes follow"),
        ("connect no client id", connect(4, 2), R.MALFORMED_PACKET, "client identifier"),
        (
            "connect client id with NUL",
            connect(4, 2, "c\0"),
            R.MALFORMED_PACKET,
            "MQTT-1.5.4-2",
        ),
        (
            "connect client id with a surrogate",
            connect(4, 2, field(b"\xed\xa0\x80")),
            R.MALFORMED_PACKET,
            "MQTT-1.5.4-1",
        ),
        (
            "connect user name not UTF-8",
            connect(4, 0x82, "c", field(b"\xff")),
            R.MALFORMED_PACKET,
            "user name is not well-formed UTF-8",
        ),
        (
            "connect 5 receive maximum 0",
            connect(5, 2, b"\x03\x21\x00\x00", "c"),
            R.PROTOCOL_ERROR,
            "receive_maximum is 0",
        ),
        (
            "connect 5 maximum packet size 0",
            connect(5, 2, b"\x05\x27\x00\x00\x00\x00", "c"),
            R.PROTOCOL_ERROR,
            "maximum_packet_size is 0",
        ),
        (
            "connect 5 request problem information 2",
            connect(5, 2, b"\x02\x17\x02", "c"),
            R.PROTOCOL_ERROR,
            "not 0 or 1",
        ),
        (
            "connect 5 authentication data without method",
            connect(5, 2, b"\x04\x16\x00\x01x", "c"),
            R.PROTOCOL_ERROR,
            "without a method",
        ),
        (
            "connect 5 property twice",
            connect(5, 2, b"\x06\x21\x00\x01\x21\x00\x01", "c"),
            R.PROTOCOL_ERROR,
            "twice",
        ),
        (
            "connect 5 property of another packet",
            connect(5, 2, b"\x03\x23\x00\x01", "c"),
            R.MALFORMED_PACKET,
            "0x23",
        ),
        (
            "connect 5 property identifier not in the fewest bytes",
            connect(5, 2, b"\x04\xa1\x00\x00\x01", "c"),
            R.MALFORMED_PACKET,
            "MQTT-1.5.5-1",
        ),
        (
            "connect 5 property beyond its block",
            connect(5, 2, b"\x02\x21\x00", "c"),
            R.MALFORMED_PACKET,
            "receive_maximum is cut short",
        ),
        (
            "connect 5 property block beyond the packet",
            connect(5, 2, b"\x7f"),
            R.MALFORMED_PACKET,
            "exceeds",
        ),
        (
            "connect 5 will delay twice",
            connect(5, 6, b"\x00", "c", b"\x0a" + b"\x18\x00\x00\x00\x01" * 2, "w", "x"),
            R.PROTOCOL_ERROR,
            "will delay interval stands twice",
        ),
        (
            "connect 5 will delay cut short",
            connect(5, 6, b"\x00", "c", b"\x03\x18\x00\x00", "w", "x"),
            R.MALFORMED_PACKET,
            "will delay interval is cut short",
        ),
        (
            "connect 5 will with a topic alias",
            connect(5, 6, b"\x00", "c", b"\x03\x23\x00\x01", "w", "x"),
            R.MALFORMED_PACKET,
            "0x23",
        ),
        (
            "connect 5 will with a subscription identifier",
            connect(5, 6, b"\x00", "c", b"\x02\x0b\x01", "w", "x"),
            R.MALFORMED_PACKET,
            "0x0b",
        ),
        (
            "connect 5 will property cut short",
            connect(5, 6, b"\x00", "c", b"\x03\x03\x00\x09", "w", "x"),
            R.MALFORMED_PACKET,
            "cut short",
        ),
        (
            "connect 5 will properties beyond the packet",
            connect(5, 6, b"\x00", "c", b"\x7f"),
            R.MALFORMED_PACKET,
            "exceeds",
        ),
    ]
]

CONNACKS = [
    Case(
        "connack 3.1.1",
        b"\x20\x02\x01\x00",
        ConnackPacket(True, ConnectReturnCode.ACCEPTED),
        role="client",
        version=V311,
    ),
    Case(
        "connack 3.1.1 refused",
        b"\x20\x02\x00\x05",
        ConnackPacket(False, ConnectReturnCode.NOT_AUTHORIZED),
        role="client",
        version=V311,
    ),
    Case(
        "connack 3.1",
        b"\x20\x02\x00\x02",
        ConnackPacket(False, ConnectReturnCode.IDENTIFIER_REJECTED),
        role="client",
        version=V31,
    ),
    Case(
        "connack 3.1 reserved byte",
        b"\x20\x02\x01\x00",
        ConnackPacket(False, ConnectReturnCode.ACCEPTED),
        role="client",
        version=V31,
        canonical=False,
    ),
    Case("connack 5", b"\x20\x03\x00\x00\x00", ConnackPacket(), role="client"),
    Case(
        "connack 5 refused", b"\x20\x03\x00\x8c\x00", ConnackPacket(False, R.BAD_AUTHENTICATION_METHOD), role="client"
    ),
    Case(
        "connack 5 every property",
        body(
            0x20,
            b"\x01\x00",
            block(
                b"\x11\x00\x00\x00\x0a\x12\x00\x01i\x13\x00\x07\x15\x00\x01m",
                b"\x16\x00\x01d\x1a\x00\x01r\x1c\x00\x01s\x1f\x00\x01w\x21\x00\x05",
                b"\x22\x00\x06\x24\x01\x25\x00" + PAIR_BYTES,
                b"\x27\x00\x00\x01\x00\x28\x00\x29\x00\x2a\x00",
            ),
        ),
        ConnackPacket(
            True,
            R.SUCCESS,
            ConnackProperties(
                session_expiry_interval=10,
                receive_maximum=5,
                maximum_qos=1,
                retain_available=False,
                maximum_packet_size=256,
                assigned_client_identifier="i",
                topic_alias_maximum=6,
                reason_string="w",
                wildcard_subscription_available=False,
                subscription_identifiers_available=False,
                shared_subscription_available=False,
                server_keep_alive=7,
                response_information="r",
                server_reference="s",
                authentication_method="m",
                authentication_data=b"d",
                user_properties=PAIRS,
            ),
        ),
        role="client",
    ),
    Case("connack reserved flag", b"\x20\x03\x02\x00\x00", None, R.MALFORMED_PACKET, "MQTT-3.2.2-1", "client"),
    Case("connack present and refused", b"\x20\x03\x01\x80\x00", None, R.PROTOCOL_ERROR, "MQTT-3.2.2-6", "client"),
    Case("connack 5 unknown reason", b"\x20\x03\x00\x8b\x00", None, R.PROTOCOL_ERROR, "MQTT-3.2.2-8", "client"),
    Case("connack 3.1.1 unknown code", b"\x20\x02\x00\x06", None, R.PROTOCOL_ERROR, "", "client", V311),
    Case("connack 3.1.1 too long", b"\x20\x03\x00\x00\x00", None, R.MALFORMED_PACKET, "1 bytes follow", "client", V311),
    Case("connack cut short", b"\x20\x01\x00", None, R.MALFORMED_PACKET, "cut short", "client"),
    Case("connack 5 without properties", b"\x20\x02\x00\x00", None, R.MALFORMED_PACKET, "property length", "client"),
    Case("connack maximum qos 2", b"\x20\x05\x00\x00\x02\x24\x02", None, R.PROTOCOL_ERROR, "maximum_qos", "client"),
    Case("connack to a server", b"\x20\x03\x00\x00\x00", None, R.PROTOCOL_ERROR, "CONNACK is not sent to a server"),
]

PUBLISHES = [
    Case("publish qos 0", b"\x30\x05\x00\x01ahi", PublishPacket("a", b"hi"), version=V311),
    Case("publish qos 0 empty payload", b"\x30\x03\x00\x01a", PublishPacket("a"), version=V311),
    Case("publish qos 0 retain", b"\x31\x05\x00\x01ahi", PublishPacket("a", b"hi", 0, True), version=V31),
    Case("publish qos 1", b"\x32\x07\x00\x01a\x00\x07hi", PublishPacket("a", b"hi", 1, packet_id=7), version=V311),
    Case(
        "publish qos 2 dup retain",
        b"\x3d\x07\x00\x01a\xff\xffhi",
        PublishPacket("a", b"hi", 2, True, True, 65535),
        version=V311,
    ),
    Case("publish 5 qos 0", b"\x30\x06\x00\x01a\x00hi", PublishPacket("a", b"hi")),
    Case("publish 5 qos 1", b"\x32\x08\x00\x01a\x00\x07\x00hi", PublishPacket("a", b"hi", 1, packet_id=7)),
    Case(
        "publish 5 alias for a topic", b"\x30\x09\x00\x01a\x03\x23\x00\x05hi", PublishPacket("a", b"hi", topic_alias=5)
    ),
    Case(
        "publish 5 alias instead of a topic",
        b"\x30\x08\x00\x00\x03\x23\x00\x05hi",
        PublishPacket("", b"hi", topic_alias=5),
    ),
    Case(
        "publish 5 alias amid properties",
        body(0x30, "a", block(b"\x01\x01\x23\x00\x05\x26\x00\x01k\x00\x00"), b"hi"),
        PublishPacket("a", b"hi", topic_alias=5, properties=b"\x01\x01\x26\x00\x01k\x00\x00"),
        canonical=False,
    ),
    Case(
        "publish 5 alias after properties",
        body(0x30, "a", block(b"\x01\x01\x23\x00\x05"), b"hi"),
        PublishPacket("a", b"hi", topic_alias=5, properties=b"\x01\x01"),
        canonical=False,
    ),
    Case(
        "publish 5 every property",
        body(0x30, "a", block(PUBLISH_BYTES), b"hi"),
        PublishPacket(
            "a",
            b"hi",
            properties=PUBLISH_BYTES,
        ),
    ),
    Case(
        "publish 5 subscription identifiers from a server",
        body(0x30, "a", b"\x05\x0b\x01\x0b\x80\x01", b"hi"),
        PublishPacket("a", b"hi", properties=b"\x0b\x01\x0b\x80\x01"),
        role="client",
    ),
    Case("publish topic of 300 bytes", body(0x30, "t" * 300, b"hi"), PublishPacket("t" * 300, b"hi"), version=V311),
    Case("publish topic with U+FEFF", body(0x30, "\ufeffa", b"hi"), PublishPacket("\ufeffa", b"hi"), version=V311),
    Case("publish topic beyond the BMP", body(0x30, "\U0001f4a1/é"), PublishPacket("\U0001f4a1/é"), version=V311),
    Case(
        "publish properties of 130 bytes",
        body(0x30, "a", b"\x82\x01\x09\x00\x7f" + bytes(127), b"hi"),
        PublishPacket("a", b"hi", properties=b"\x09\x00\x7f" + bytes(127)),
    ),
]

BAD_PUBLISHES = [
    Case(name, data, None, reason, says, version=version)
    for name, data, version, reason, says in [
        ("publish qos 3", b"\x36\x07\x00\x01a\x00\x07hi", V311, R.MALFORMED_PACKET, "MQTT-3.3.1-4"),
        ("publish dup qos 0", b"\x38\x05\x00\x01ahi", V5, R.MALFORMED_PACKET, "MQTT-3.3.1-2"),
        ("publish dup qos 0 3.1", b"\x38\x05\x00\x01ahi", V31, R.MALFORMED_PACKET, "MQTT-3.3.1-2"),
        ("publish packet id 0", b"\x32\x07\x00\x01a\x00\x00hi", V311, R.MALFORMED_PACKET, "MQTT-2.2.1-3"),
        ("publish empty", b"\x30\x00", V311, R.MALFORMED_PACKET, "cut short"),
        ("publish one byte", b"\x30\x01\x00", V311, R.MALFORMED_PACKET, "cut short"),
        ("publish topic beyond the packet", b"\x30\x04\x00\x09ab", V311, R.MALFORMED_PACKET, "cut short"),
        ("publish without packet id", b"\x32\x03\x00\x01a", V311, R.MALFORMED_PACKET, "cut short"),
        ("publish with half a packet id", b"\x32\x04\x00\x01a\x01", V311, R.MALFORMED_PACKET, "cut short"),
        ("publish 5 without property length", b"\x30\x03\x00\x01a", V5, R.MALFORMED_PACKET, "cut short"),
        ("publish 3.1.1 empty topic", b"\x30\x04\x00\x00hi", V311, R.TOPIC_NAME_INVALID, "MQTT-4.7.3-1"),
        ("publish 5 no topic, no properties", b"\x30\x05\x00\x00\x00hi", V5, R.PROTOCOL_ERROR, "topic alias"),
        ("publish 5 no topic, no alias", b"\x30\x07\x00\x00\x02\x01\x00hi", V5, R.PROTOCOL_ERROR, "topic alias"),
        ("publish plus", b"\x30\x05\x00\x03a/+", V311, R.TOPIC_NAME_INVALID, "MQTT-3.3.2-2"),
        ("publish hash", b"\x30\x05\x00\x03a/#", V311, R.TOPIC_NAME_INVALID, "MQTT-3.3.2-2"),
        ("publish NUL", b"\x30\x04\x00\x02a\x00", V311, R.MALFORMED_PACKET, "MQTT-1.5.4-2"),
        ("publish not UTF-8", b"\x30\x04\x00\x02\xc0\x80", V311, R.MALFORMED_PACKET, "MQTT-1.5.4-1"),
        ("publish surrogate", b"\x30\x05\x00\x03\xed\xbf\xbf", V311, R.MALFORMED_PACKET, "MQTT-1.5.4-1"),
        ("publish 5 alias 0", b"\x30\x07\x00\x01a\x03\x23\x00\x00", V5, R.TOPIC_ALIAS_INVALID, "MQTT-3.3.2-8"),
        ("publish 5 alias twice", body(0x30, "a", b"\x06\x23\x00\x01\x23\x00\x01"), V5, R.PROTOCOL_ERROR, "twice"),
        (
            "publish 5 expiry twice",
            body(0x30, "a", b"\x0a" + b"\x02\x00\x00\x00\x01" * 2),
            V5,
            R.PROTOCOL_ERROR,
            "twice",
        ),
        (
            "publish 5 content type twice",
            body(0x30, "a", b"\x08" + b"\x03\x00\x01t" * 2),
            V5,
            R.PROTOCOL_ERROR,
            "twice",
        ),
        (
            "publish 5 subscription id of a client",
            body(0x30, "a", b"\x02\x0b\x01"),
            V5,
            R.PROTOCOL_ERROR,
            "MQTT-3.3.4-6",
        ),
        ("publish 5 property of another packet", body(0x30, "a", b"\x03\x21\x00\x01"), V5, R.MALFORMED_PACKET, "0x21"),
        ("publish 5 will delay", body(0x30, "a", b"\x05\x18\x00\x00\x00\x01"), V5, R.MALFORMED_PACKET, "0x18"),
        ("publish 5 payload format 2", body(0x30, "a", b"\x02\x01\x02"), V5, R.PROTOCOL_ERROR, "payload format"),
        ("publish 5 expiry cut", body(0x30, "a", b"\x03\x02\x00\x00"), V5, R.MALFORMED_PACKET, "cut short"),
        ("publish 5 user property cut", body(0x30, "a", b"\x05\x26\x00\x01k\x00"), V5, R.MALFORMED_PACKET, "cut short"),
        (
            "publish 5 user property without value",
            body(0x30, "a", b"\x04\x26\x00\x01k"),
            V5,
            R.MALFORMED_PACKET,
            "cut short",
        ),
        (
            "publish 5 user property not UTF-8",
            body(0x30, "a", b"\x06\x26\x00\x01\xff\x00\x00"),
            V5,
            R.MALFORMED_PACKET,
            "UTF-8",
        ),
        ("publish 5 content type NUL", body(0x30, "a", b"\x04\x03\x00\x01\x00"), V5, R.MALFORMED_PACKET, "U+0000"),
        (
            "publish 5 response topic wildcard",
            body(0x30, "a", b"\x04\x08\x00\x01#"),
            V5,
            R.TOPIC_NAME_INVALID,
            "response topic",
        ),
        (
            "publish 5 response topic empty",
            body(0x30, "a", b"\x03\x08\x00\x00"),
            V5,
            R.TOPIC_NAME_INVALID,
            "response topic",
        ),
        ("publish 5 properties beyond the packet", body(0x30, "a", b"\x05\x01\x01"), V5, R.MALFORMED_PACKET, "exceeds"),
        ("publish 5 property length cut", body(0x30, "a", b"\x80"), V5, R.MALFORMED_PACKET, "cut short"),
        ("publish 5 property length not minimal", body(0x30, "a", b"\x80\x00"), V5, R.MALFORMED_PACKET, "MQTT-1.5.5-1"),
        (
            "publish 5 property length of five bytes",
            body(0x30, "a", b"\x80\x80\x80\x80\x01"),
            V5,
            R.MALFORMED_PACKET,
            "four bytes",
        ),
    ]
] + [
    Case("publish 5 subscription id 0", body(0x30, "a", b"\x02\x0b\x00"), None, R.PROTOCOL_ERROR, "is 0", "client"),
    Case("publish 5 subscription id cut", body(0x30, "a", b"\x02\x0b\x80"), None, R.MALFORMED_PACKET, "cut", "client"),
]

ACKS = [
    case
    for kind, first, other in [
        (PubackPacket, 0x40, R.QUOTA_EXCEEDED),
        (PubrecPacket, 0x50, R.QUOTA_EXCEEDED),
        (PubrelPacket, 0x62, R.PACKET_IDENTIFIER_NOT_FOUND),
        (PubcompPacket, 0x70, R.PACKET_IDENTIFIER_NOT_FOUND),
    ]
    for name in [kind.__name__]
    for case in [
        *(Case(f"{name} {v.name}", bytes((first, 2, 0, 7)), kind(7), version=v) for v in ProtocolVersion),
        *(
            Case(f"{name} {v.name} to a client", bytes((first, 2, 0, 7)), kind(7), role="client", version=v)
            for v in ProtocolVersion
        ),
        Case(f"{name} reason", bytes((first, 3, 0, 7, other)), kind(7, other)),
        Case(f"{name} needless reason", bytes((first, 3, 0, 7, 0)), kind(7), canonical=False),
        Case(f"{name} needless properties", bytes((first, 4, 0, 7, 0, 0)), kind(7), canonical=False),
        Case(
            f"{name} properties",
            body(first, b"\x00\x07", bytes((other,)), b"\x19\x1f\x00\x01w" + PAIR_BYTES),
            kind(7, other, AckProperties(reason_string="w", user_properties=PAIRS)),
        ),
        Case(
            f"{name} success with properties",
            body(first, b"\x00\x07\x00\x04\x1f\x00\x01w"),
            kind(7, R.SUCCESS, AckProperties(reason_string="w")),
        ),
        Case(f"{name} id 0", bytes((first, 2, 0, 0)), None, R.MALFORMED_PACKET, "MQTT-2.2.1-3", version=V311),
        Case(f"{name} id 0, long form", bytes((first, 3, 0, 0, 0)), None, R.MALFORMED_PACKET, "MQTT-2.2.1-3"),
        Case(f"{name} empty", bytes((first, 0)), None, R.MALFORMED_PACKET, "cut short"),
        Case(f"{name} cut short", bytes((first, 1, 0)), None, R.MALFORMED_PACKET, "cut short"),
        Case(f"{name} too long", bytes((first, 3, 0, 7, 0)), None, R.MALFORMED_PACKET, "follow", version=V311),
        Case(f"{name} flags", bytes((first ^ 1, 2, 0, 7)), None, R.MALFORMED_PACKET, "MQTT-2.1.3-1"),
        Case(f"{name} reason of another", bytes((first, 3, 0, 7, 0x8E)), None, R.PROTOCOL_ERROR, "0x8e"),
        Case(f"{name} properties cut", bytes((first, 5, 0, 7, 0, 3, 0x1F)), None, R.MALFORMED_PACKET, "exceeds"),
        Case(f"{name} surplus", bytes((first, 5, 0, 7, 0, 0, 0)), None, R.MALFORMED_PACKET, "follow"),
        Case(
            f"{name} reason string twice",
            body(first, b"\x00\x07\x00\x08" + b"\x1f\x00\x01w" * 2),
            None,
            R.PROTOCOL_ERROR,
            "twice",
        ),
    ]
] + [
    Case("pubrel 3.1 again", b"\x6a\x02\x00\x07", PubrelPacket(7), version=V31, canonical=False),
    Case("pubrel 3.1.1 dup", b"\x6a\x02\x00\x07", None, R.MALFORMED_PACKET, "PUBREL", version=V311),
    Case("pubrel without flags", b"\x60\x02\x00\x07", None, R.MALFORMED_PACKET, "PUBREL"),
]

SUBSCRIBES = [
    Case(
        "subscribe",
        body(0x82, b"\x00\x01", "a/#", b"\x01", "+", b"\x02"),
        SubscribePacket(1, (Subscription("a/#", 1), Subscription("+", 2))),
        version=V311,
    ),
    Case(
        "subscribe 3.1 again",
        body(0x8A, b"\x00\x01", "a", b"\x01"),
        SubscribePacket(1, (Subscription("a", 1),)),
        version=V31,
        canonical=False,
    ),
    Case(
        "subscribe misplaced wildcard",
        body(0x82, b"\x00\x01", "a#", b"\x00"),
        SubscribePacket(1, (Subscription("a#"),)),
        version=V311,
    ),
    Case(
        "subscribe 5 options and properties",
        body(0x82, b"\x00\x01", b"\x18\x0b\x80\x01" + PAIR_BYTES, "a", b"\x2e", "$share/g/a", b"\x01"),
        SubscribePacket(
            1,
            (Subscription("a", 2, True, True, 2), Subscription("$share/g/a", 1)),
            SubscribeProperties(subscription_identifier=128, user_properties=PAIRS),
        ),
    ),
    Case(
        "subscribe largest identifier",
        body(0x82, b"\x00\x01\x05\x0b\xff\xff\xff\x7f", "a", b"\x00"),
        SubscribePacket(1, (Subscription("a"),), SubscribeProperties(subscription_identifier=268_435_455)),
    ),
    Case("subscribe flags", body(0x80, b"\x00\x01\x00", "a", b"\x00"), None, R.MALFORMED_PACKET, "SUBSCRIBE"),
    Case("subscribe id 0", body(0x82, b"\x00\x00\x00", "a", b"\x00"), None, R.MALFORMED_PACKET, "MQTT-2.2.1-3"),
    Case("subscribe nothing", body(0x82, b"\x00\x01\x00"), None, R.PROTOCOL_ERROR, "MQTT-3.8.3-2"),
    Case("subscribe nothing 3.1.1", body(0x82, b"\x00\x01"), None, R.PROTOCOL_ERROR, "MQTT-3.8.3-2", version=V311),
    Case("subscribe without options", body(0x82, b"\x00\x01\x00", "a"), None, R.MALFORMED_PACKET, "cut short"),
    Case("subscribe qos 3", body(0x82, b"\x00\x01\x00", "a", b"\x03"), None, R.PROTOCOL_ERROR, "QoS is 3"),
    Case(
        "subscribe retain handling 3",
        body(0x82, b"\x00\x01\x00", "a", b"\x30"),
        None,
        R.PROTOCOL_ERROR,
        "retain handling",
    ),
    Case("subscribe reserved bit", body(0x82, b"\x00\x01\x00", "a", b"\x40"), None, R.MALFORMED_PACKET, "MQTT-3.8.3-5"),
    Case(
        "subscribe 3.1.1 no local",
        body(0x82, b"\x00\x01", "a", b"\x04"),
        None,
        R.MALFORMED_PACKET,
        "reserved",
        version=V311,
    ),
    Case(
        "subscribe shared no local",
        body(0x82, b"\x00\x01\x00", "$share/g/a", b"\x04"),
        None,
        R.PROTOCOL_ERROR,
        "MQTT-3.8.3-4",
    ),
    Case("subscribe empty filter", body(0x82, b"\x00\x01\x00", "", b"\x00"), None, R.MALFORMED_PACKET, "MQTT-4.7.3-1"),
    Case("subscribe filter NUL", body(0x82, b"\x00\x01\x00", "a\0", b"\x00"), None, R.MALFORMED_PACKET, "MQTT-1.5.4-2"),
    Case("subscribe identifier 0", body(0x82, b"\x00\x01\x02\x0b\x00", "a", b"\x00"), None, R.PROTOCOL_ERROR, "is 0"),
    Case(
        "subscribe identifier twice",
        body(0x82, b"\x00\x01\x04\x0b\x01\x0b\x01", "a", b"\x00"),
        None,
        R.PROTOCOL_ERROR,
        "twice",
    ),
    Case(
        "subscribe identifier of five bytes",
        body(0x82, b"\x00\x01\x06\x0b\x80\x80\x80\x80\x01", "a", b"\x00"),
        None,
        R.MALFORMED_PACKET,
        "four bytes",
    ),
    Case(
        "subscribe to a client",
        body(0x82, b"\x00\x01\x00", "a", b"\x00"),
        None,
        R.PROTOCOL_ERROR,
        "not sent to a client",
        "client",
    ),
    Case(
        "suback 3.1.1",
        b"\x90\x04\x00\x01\x02\x80",
        SubackPacket(1, (R.GRANTED_QOS_2, R.UNSPECIFIED_ERROR)),
        role="client",
        version=V311,
    ),
    Case("suback 3.1", b"\x90\x03\x00\x01\x02", SubackPacket(1, (R.GRANTED_QOS_2,)), role="client", version=V31),
    Case(
        "suback 5", b"\x90\x05\x00\x01\x00\x00\x8f", SubackPacket(1, (R.SUCCESS, R.TOPIC_FILTER_INVALID)), role="client"
    ),
    Case(
        "suback 5 properties",
        body(0x90, b"\x00\x01\x04\x1f\x00\x01w\x01"),
        SubackPacket(1, (R.GRANTED_QOS_1,), AckProperties(reason_string="w")),
        role="client",
    ),
    Case("suback 3.1 failure", b"\x90\x03\x00\x01\x80", None, R.PROTOCOL_ERROR, "MQTT-3.9.3-2", "client", V31),
    Case("suback 3.1.1 qos 3", b"\x90\x03\x00\x01\x03", None, R.PROTOCOL_ERROR, "MQTT-3.9.3-2", "client", V311),
    Case("suback nothing", b"\x90\x03\x00\x01\x00", None, R.MALFORMED_PACKET, "cut short", "client"),
    Case("unsubscribe", body(0xA2, b"\x00\x01", "a", "b/#"), UnsubscribePacket(1, ("a", "b/#")), version=V311),
    Case(
        "unsubscribe 5",
        body(0xA2, b"\x00\x01\x15" + PAIR_BYTES, "a"),
        UnsubscribePacket(1, ("a",), UnsubscribeProperties(user_properties=PAIRS)),
    ),
    Case("unsubscribe nothing", body(0xA2, b"\x00\x01\x00"), None, R.PROTOCOL_ERROR, "MQTT-3.10.3-2"),
    Case("unsubscribe empty filter", body(0xA2, b"\x00\x01\x00", ""), None, R.MALFORMED_PACKET, "MQTT-4.7.3-1"),
    Case("unsubscribe flags", body(0xA0, b"\x00\x01\x00", "a"), None, R.MALFORMED_PACKET, "UNSUBSCRIBE"),
    Case("unsuback 3.1.1", b"\xb0\x02\x00\x01", UnsubackPacket(1), role="client", version=V311),
    Case(
        "unsuback 5",
        b"\xb0\x05\x00\x01\x00\x00\x11",
        UnsubackPacket(1, (R.SUCCESS, R.NO_SUBSCRIPTION_EXISTED)),
        role="client",
    ),
    Case("unsuback 5 nothing", b"\xb0\x03\x00\x01\x00", None, R.MALFORMED_PACKET, "cut short", "client"),
    Case("unsuback 5 reason", b"\xb0\x04\x00\x01\x00\x01", None, R.PROTOCOL_ERROR, "MQTT-3.11.3-2", "client"),
    Case("unsuback 3.1.1 too long", b"\xb0\x03\x00\x01\x00", None, R.MALFORMED_PACKET, "follow", "client", V311),
]

OTHERS = [
    Case("pingreq", b"\xc0\x00", PingReqPacket(), version=V311),
    Case("pingreq with a body", b"\xc0\x01\x00", None, R.MALFORMED_PACKET, "follow"),
    Case("pingreq to a client", b"\xc0\x00", None, R.PROTOCOL_ERROR, "not sent to a client", "client"),
    Case("pingresp", b"\xd0\x00", PingRespPacket(), role="client", version=V31),
    Case("pingresp with flags", b"\xd1\x00", None, R.MALFORMED_PACKET, "MQTT-2.1.3-1", "client"),
    Case("disconnect 3.1.1", b"\xe0\x00", DisconnectPacket(), version=V311),
    Case("disconnect 3.1.1 with a body", b"\xe0\x01\x00", None, R.MALFORMED_PACKET, "follow", version=V311),
    Case("disconnect 3.1.1 to a client", b"\xe0\x00", None, R.PROTOCOL_ERROR, "not sent to a client", "client", V311),
    Case("disconnect 5", b"\xe0\x00", DisconnectPacket()),
    Case("disconnect 5 to a client", b"\xe0\x00", DisconnectPacket(), role="client"),
    Case("disconnect 5 needless reason", b"\xe0\x01\x00", DisconnectPacket(), canonical=False),
    Case("disconnect 5 with will", b"\xe0\x01\x04", DisconnectPacket(R.DISCONNECT_WITH_WILL_MESSAGE)),
    Case(
        "disconnect 5 expiry",
        b"\xe0\x07\x00\x05\x11\x00\x00\x00\x0a",
        DisconnectPacket(properties=DisconnectProperties(session_expiry_interval=10)),
    ),
    Case(
        "disconnect 5 of a server",
        body(0xE0, b"\x9d\x08\x1c\x00\x01s\x1f\x00\x01w"),
        DisconnectPacket(R.SERVER_MOVED, DisconnectProperties(server_reference="s", reason_string="w")),
        role="client",
        canonical=True,
    ),
    Case(
        "disconnect 5 expiry of a server",
        b"\xe0\x07\x00\x05\x11\x00\x00\x00\x0a",
        None,
        R.PROTOCOL_ERROR,
        "MQTT-3.14.2-2",
        "client",
    ),
    Case("disconnect 5 taken over, by a client", b"\xe0\x01\x8e", None, R.PROTOCOL_ERROR, "MQTT-3.14.2-1"),
    Case("disconnect 5 with will, by a server", b"\xe0\x01\x04", None, R.PROTOCOL_ERROR, "MQTT-3.14.2-1", "client"),
    Case("disconnect flags", b"\xe1\x00", None, R.MALFORMED_PACKET, "MQTT-2.1.3-1"),
    Case("disconnect surplus", b"\xe0\x03\x00\x00\x00", None, R.MALFORMED_PACKET, "follow"),
    Case(
        "auth",
        body(0xF0, b"\x18\x04\x15\x00\x01m"),
        AuthPacket(R.CONTINUE_AUTHENTICATION, AuthProperties(authentication_method="m")),
    ),
    Case(
        "auth every property",
        body(0xF0, b"\x19\x21\x15\x00\x01m\x16\x00\x01d\x1f\x00\x01w" + PAIR_BYTES),
        AuthPacket(
            R.REAUTHENTICATE,
            AuthProperties(
                authentication_method="m", authentication_data=b"d", reason_string="w", user_properties=PAIRS
            ),
        ),
    ),
    Case("auth success of a server", b"\xf0\x00", AuthPacket(), role="client"),
    Case(
        "auth success of a server, method",
        body(0xF0, b"\x00\x04\x15\x00\x01m"),
        AuthPacket(R.SUCCESS, AuthProperties(authentication_method="m")),
        role="client",
    ),
    Case("auth success of a client", b"\xf0\x00", None, R.PROTOCOL_ERROR, "MQTT-3.15.2-1"),
    Case(
        "auth again of a server",
        body(0xF0, b"\x19\x04\x15\x00\x01m"),
        None,
        R.PROTOCOL_ERROR,
        "MQTT-3.15.2-1",
        "client",
    ),
    Case("auth without method", b"\xf0\x02\x18\x00", None, R.PROTOCOL_ERROR, "authentication method"),
    Case("auth 3.1.1", b"\xf0\x00", None, R.MALFORMED_PACKET, "reserved", version=V311),
    Case("auth flags", b"\xf1\x00", None, R.MALFORMED_PACKET, "MQTT-2.1.3-1"),
    Case("type 0", b"\x00\x00", None, R.MALFORMED_PACKET, "reserved"),
    Case("a second connect", connect(5, 2, b"\x00", "c"), None, R.PROTOCOL_ERROR, "MQTT-3.1.0-2"),
    Case("connect to a client", connect(5, 2, b"\x00", "c"), None, R.PROTOCOL_ERROR, "not sent to a client", "client"),
    Case("length not in the fewest bytes", b"\xc0\x80\x00", None, R.MALFORMED_PACKET, "MQTT-1.5.5-1"),
    Case("length of five bytes", b"\x30\xff\xff\xff\xff\x01", None, R.MALFORMED_PACKET, "four bytes"),
    Case("too large", b"\x30\xff\xff\xff\x7f", None, R.PACKET_TOO_LARGE, "MQTT-3.2.2-15"),
]

CASES = [*CONNECTS, *BAD_CONNECTS, *CONNACKS, *PUBLISHES, *BAD_PUBLISHES, *ACKS, *SUBSCRIBES, *OTHERS]
