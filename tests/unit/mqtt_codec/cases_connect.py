"""Cases of CONNECT and CONNACK."""

from ingest.mqtt.codec import (
    ConnackPacket,
    ConnackProperties,
    ConnectPacket,
    ConnectProperties,
    ConnectReturnCode,
    Will,
)

from .case import PAIR_BYTES, PAIRS, V5, V31, V311, Case, R, block, body, connect, field

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
    # [MQTT-3.1.2-9], [MQTT-3.1.2-17], [MQTT-3.1.2-19], [MQTT-3.1.3-1]
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
    # [MQTT-1.5.7-1]
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
        # [MQTT-3.1.2-1]
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
        # [MQTT-3.1.2-16], [MQTT-3.1.2-18]
        ("connect surplus field", connect(4, 2, "c", "more"), R.MALFORMED_PACKET, "6 bytes follow"),
        # [MQTT-3.1.3-3]
        ("connect no client id", connect(4, 2), R.MALFORMED_PACKET, "client identifier"),
        (
            "connect client id with NUL",
            connect(4, 2, "c\0"),
            R.MALFORMED_PACKET,
            "MQTT-1.5.4-2",
        ),
        # [MQTT-3.1.3-4]
        (
            "connect client id with a surrogate",
            connect(4, 2, field(b"\xed\xa0\x80")),
            R.MALFORMED_PACKET,
            "MQTT-1.5.4-1",
        ),
        # [MQTT-3.1.3-12]
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
