"""Cases of PUBLISH."""

from ingest.mqtt.codec import (
    PublishPacket,
)

from .case import PUBLISH_BYTES, V5, V31, V311, Case, R, block, body

PUBLISHES = [
    # [MQTT-2.2.1-2]
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
    # [MQTT-2.2.2-1]
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
    # [MQTT-1.5.4-3]
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
