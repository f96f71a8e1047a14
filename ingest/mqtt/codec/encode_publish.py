"""Encoding of PUBLISH, the packet of which there are millions.

For a message with many receivers, encode_publish_parts is called once; then a packet for one
receiver costs one join: head + packet identifier (two bytes, none with QoS 0) + tail.
"""

from ingest.mqtt.codec.errors import InvalidPacket
from ingest.mqtt.codec.packets import PublishPacket
from ingest.mqtt.codec.publish_properties import (
    check_publish_properties,
    write_topic_alias,
)
from ingest.mqtt.codec.reader import write_packet_id, write_variable_integer
from ingest.mqtt.codec.reason_codes import ProtocolVersion
from ingest.mqtt.codec.text import valid_topic_name

_V5 = ProtocolVersion.V5


def encode_publish_parts(
    topic: str,
    payload: bytes,
    qos: int,
    retain: bool,
    properties: bytes,
    version: ProtocolVersion,
    dup: bool = False,
    topic_alias: int = 0,
) -> tuple[bytes, bytes]:
    """The bytes of a PUBLISH before and behind its packet identifier.

    With QoS 0 there is none between them and both parts joined are the packet. What comes from a
    decoded packet is not checked again (see encode for what is); MQTT 3 leaves out properties
    and alias. Raises InvalidPacket when the packet would be longer than the protocol allows.
    """
    name = topic.encode()
    if version == _V5:
        if topic_alias:
            properties = write_topic_alias(topic_alias) + properties
        size = len(properties)
        if size == 0:
            tail = b"\x00" + payload  # [MQTT-2.2.2-1]
        elif size < 0x80:
            tail = b"%c%b%b" % (size, properties, payload)
        else:
            tail = b"%b%b%b" % (write_variable_integer(size), properties, payload)
    else:
        tail = payload
    first = 0x30 | qos << 1 | retain | dup << 3
    size = len(name)
    length = size + len(tail) + (4 if qos else 2)
    if length < 0x80:
        return b"%c%c%c%c%b" % (first, length, size >> 8, size & 0xFF, name), tail
    return b"%c%b%c%c%b" % (
        first,
        write_variable_integer(length),
        size >> 8,
        size & 0xFF,
        name,
    ), tail


def encode_publish(packet: PublishPacket, version: ProtocolVersion) -> bytes:
    """PUBLISH (3.3). Raises InvalidPacket for what the protocol forbids."""
    _check(packet, version)
    head, tail = encode_publish_parts(
        packet.topic,
        packet.payload,
        packet.qos,
        packet.retain,
        packet.properties,
        version,
        packet.dup,
        packet.topic_alias,
    )
    if packet.qos:
        return head + write_packet_id(packet.packet_id) + tail
    return head + tail


def _check(packet: PublishPacket, version: ProtocolVersion) -> None:
    qos = packet.qos
    if not 0 <= qos <= 2:
        raise InvalidPacket(f"QoS {qos} [MQTT-3.3.1-4]")
    if qos == 0 and (packet.dup or packet.packet_id):
        raise InvalidPacket("DUP or packet identifier with QoS 0 [MQTT-3.3.1-2], [MQTT-2.2.1-2]")
    if packet.topic:
        if not valid_topic_name(packet.topic):
            raise InvalidPacket("topic name is not valid [MQTT-3.3.2-2]")
    elif version != _V5 or not packet.topic_alias:
        raise InvalidPacket("PUBLISH without a topic name [MQTT-4.7.3-1]")
    if packet.properties:
        check_publish_properties(packet.properties)
