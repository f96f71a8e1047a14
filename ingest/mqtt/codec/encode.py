"""Encoding: any packet to its bytes in one protocol version, by a table of packet types.

What a version has no place for is left out: MQTT 3 carries no properties and only the reason
codes of CONNACK and SUBACK. What the protocol forbids raises InvalidPacket.
"""

from collections.abc import Callable
from typing import Any

from ingest.mqtt.codec.encode_publish import encode_publish
from ingest.mqtt.codec.errors import InvalidPacket
from ingest.mqtt.codec.packets import (
    AuthPacket,
    ConnackPacket,
    ConnectPacket,
    DisconnectPacket,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PubrecPacket,
    PubrelPacket,
    SubackPacket,
    SubscribePacket,
    Subscription,
    UnsubackPacket,
    UnsubscribePacket,
    Will,
)
from ingest.mqtt.codec.properties import NO_ACK_PROPERTIES, Properties, write_properties
from ingest.mqtt.codec.publish_properties import (
    check_publish_properties,
    write_will_delay,
)
from ingest.mqtt.codec.reader import (
    write_binary,
    write_byte,
    write_packet_id,
    write_text,
    write_uint16,
    write_variable_integer,
)
from ingest.mqtt.codec.reason_codes import (
    CLIENT_AUTH_REASONS,
    CLIENT_DISCONNECT_REASONS,
    CONNACK_REASONS,
    PUBLISH_REASONS,
    RELEASE_REASONS,
    SERVER_AUTH_REASONS,
    SERVER_DISCONNECT_REASONS,
    SUBACK_REASONS,
    UNSUBACK_REASONS,
    ConnectReturnCode,
    ProtocolVersion,
    ReasonCode,
    ReasonTable,
    connect_return_code,
)
from ingest.mqtt.codec.text import SHARE_PREFIX

_V31 = ProtocolVersion.V31
_V5 = ProtocolVersion.V5


def encode(packet: Packet, version: ProtocolVersion) -> bytes:
    """The bytes of `packet` in `version`. Raises InvalidPacket for what the protocol forbids."""
    return _ENCODERS[type(packet)](packet, version)


def _frame(first: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return b"%c%b%b" % (first, write_variable_integer(len(body)), body)


def _properties(properties: Properties, version: ProtocolVersion) -> bytes:
    return write_properties(properties) if version == _V5 else b""


def _check_reason(code: int, allowed: ReasonTable, rule: str) -> int:
    if not 0 <= code <= 0xFF or allowed[code] is None:
        raise InvalidPacket(f"reason code 0x{code:02x} is not allowed here {rule}")
    return int(code)


def encode_connect(packet: ConnectPacket, version: ProtocolVersion) -> bytes:
    """CONNECT (3.1), in the packet's own version, which must be the one asked for."""
    if packet.version != version:
        raise InvalidPacket(f"CONNECT of version {packet.version} in version {version}")
    will, username, password = packet.will, packet.username, packet.password
    flags = packet.clean_start << 1 | (username is not None) << 7 | (password is not None) << 6
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
    name = b"MQIsdp" if version == _V31 else b"MQTT"
    return _frame(
        0x10,
        write_binary(name),
        write_byte(version | packet.bridge << 7),
        write_byte(flags),
        write_uint16(packet.keep_alive),
        _properties(packet.properties, version),
        write_text(packet.client_id),
        b"" if will is None else _will(will, version),
        b"" if username is None else write_text(username),
        b"" if password is None else write_binary(password),
    )


def _will(will: Will, version: ProtocolVersion) -> bytes:
    properties = b""
    if version == _V5:
        check_publish_properties(will.properties, will=True)
        block = write_will_delay(will.will_delay_interval) + will.properties
        properties = write_variable_integer(len(block)) + block
    return properties + write_text(will.topic) + write_binary(will.payload)


def encode_connack(packet: ConnackPacket, version: ProtocolVersion) -> bytes:
    """CONNACK (3.2). For MQTT 3 a ReasonCode becomes the return code that says it best."""
    code = packet.reason_code
    if version == _V5:
        reason = _check_reason(code, CONNACK_REASONS, "[MQTT-3.2.2-8]")
        return _frame(
            0x20,
            write_byte(packet.session_present),
            write_byte(reason),
            write_properties(packet.properties),
        )
    if not isinstance(code, ConnectReturnCode):
        code = connect_return_code(ReasonCode(code))
    # 3.1 has no session present: the byte is reserved there.
    present = packet.session_present and version != _V31
    return b"\x20\x02" + write_byte(present) + write_byte(code)


Ack = PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket


def _ack_encoder(first: int, allowed: ReasonTable, rule: str) -> Callable[[Any, ProtocolVersion], bytes]:
    """An encoder for one of the four acknowledgements of PUBLISH (3.4 to 3.7)."""
    short = bytes((first, 2))

    def encode_ack(packet: Ack, version: ProtocolVersion) -> bytes:
        packet_id = write_packet_id(packet.packet_id)
        code, properties = packet.reason_code, packet.properties
        if version != _V5 or (code == 0 and properties is NO_ACK_PROPERTIES):
            return short + packet_id
        reason = write_byte(_check_reason(code, allowed, rule))
        block = write_properties(properties)
        if block != b"\x00":
            return _frame(first, packet_id, reason, block)
        return short + packet_id if code == 0 else _frame(first, packet_id, reason)

    return encode_ack


def encode_subscribe(packet: SubscribePacket, version: ProtocolVersion) -> bytes:
    """SUBSCRIBE (3.8); the options of MQTT 5 are left out in MQTT 3."""
    return _frame(
        0x82,
        write_packet_id(packet.packet_id),
        _properties(packet.properties, version),
        *(_subscription(item, version) for item in packet.subscriptions),
    )


def _subscription(item: Subscription, version: ProtocolVersion) -> bytes:
    options = item.qos
    if version == _V5:
        if item.no_local and item.topic_filter.startswith(SHARE_PREFIX):
            raise InvalidPacket("no local on a shared subscription [MQTT-3.8.3-4]")
        options |= item.no_local << 2 | item.retain_as_published << 3 | item.retain_handling << 4
    return write_text(item.topic_filter) + write_byte(options)


def encode_suback(packet: SubackPacket, version: ProtocolVersion) -> bytes:
    """SUBACK (3.9). Every failure is 0x80 in 3.1.1; in 3.1, which can't tell, it is QoS 0."""
    codes = [_check_reason(code, SUBACK_REASONS, "[MQTT-3.9.3-2]") for code in packet.reason_codes]
    if version != _V5:
        failure = 0 if version == _V31 else 0x80
        codes = [code if code < 0x80 else failure for code in codes]
    properties = _properties(packet.properties, version)
    return _frame(0x90, write_packet_id(packet.packet_id), properties, bytes(codes))


def encode_unsubscribe(packet: UnsubscribePacket, version: ProtocolVersion) -> bytes:
    """UNSUBSCRIBE (3.10)."""
    return _frame(
        0xA2,
        write_packet_id(packet.packet_id),
        _properties(packet.properties, version),
        *(write_text(topic_filter) for topic_filter in packet.topic_filters),
    )


def encode_unsuback(packet: UnsubackPacket, version: ProtocolVersion) -> bytes:
    """UNSUBACK (3.11); MQTT 5 wants a reason code for each topic filter [MQTT-3.11.3-1]."""
    packet_id = write_packet_id(packet.packet_id)
    if version != _V5:
        return b"\xb0\x02" + packet_id
    if not packet.reason_codes:
        raise InvalidPacket("UNSUBACK without a reason code [MQTT-3.11.3-1]")
    rule = "[MQTT-3.11.3-2]"
    codes = bytes(_check_reason(code, UNSUBACK_REASONS, rule) for code in packet.reason_codes)
    return _frame(0xB0, packet_id, write_properties(packet.properties), codes)


def encode_pingreq(packet: PingReqPacket, version: ProtocolVersion) -> bytes:
    """PINGREQ (3.12)."""
    return b"\xc0\x00"


def encode_pingresp(packet: PingRespPacket, version: ProtocolVersion) -> bytes:
    """PINGRESP (3.13)."""
    return b"\xd0\x00"


def encode_disconnect(packet: DisconnectPacket, version: ProtocolVersion) -> bytes:
    """DISCONNECT (3.14), with any reason code that a client or a server may give."""
    if version != _V5:
        return b"\xe0\x00"
    code = packet.reason_code
    allowed = SERVER_DISCONNECT_REASONS if code != 4 else CLIENT_DISCONNECT_REASONS
    reason = write_byte(_check_reason(code, allowed, "[MQTT-3.14.2-1]"))
    block = write_properties(packet.properties)
    if block != b"\x00":
        return _frame(0xE0, reason, block)
    return b"\xe0\x00" if code == 0 else b"\xe0\x01" + reason


def encode_auth(packet: AuthPacket, version: ProtocolVersion) -> bytes:
    """AUTH (3.15), MQTT 5 only."""
    if version != _V5:
        raise InvalidPacket("AUTH belongs to MQTT 5")
    code = packet.reason_code
    allowed = CLIENT_AUTH_REASONS if code == 0x19 else SERVER_AUTH_REASONS
    reason = write_byte(_check_reason(code, allowed, "[MQTT-3.15.2-1]"))
    block = write_properties(packet.properties)
    if code == 0 and block == b"\x00":
        return b"\xf0\x00"
    if packet.properties.authentication_method is None:
        raise InvalidPacket("AUTH without an authentication method (MQTT 5.0, 3.15.2.2.2)")
    return _frame(0xF0, reason, block)


_ENCODERS: dict[type, Callable[[Any, ProtocolVersion], bytes]] = {
    ConnectPacket: encode_connect,
    ConnackPacket: encode_connack,
    PublishPacket: encode_publish,
    PubackPacket: _ack_encoder(0x40, PUBLISH_REASONS, "[MQTT-3.4.2-1]"),
    PubrecPacket: _ack_encoder(0x50, PUBLISH_REASONS, "[MQTT-3.5.2-1]"),
    PubrelPacket: _ack_encoder(0x62, RELEASE_REASONS, "[MQTT-3.6.2-1]"),
    PubcompPacket: _ack_encoder(0x70, RELEASE_REASONS, "[MQTT-3.7.2-1]"),
    SubscribePacket: encode_subscribe,
    SubackPacket: encode_suback,
    UnsubscribePacket: encode_unsubscribe,
    UnsubackPacket: encode_unsuback,
    PingReqPacket: encode_pingreq,
    PingRespPacket: encode_pingresp,
    DisconnectPacket: encode_disconnect,
    AuthPacket: encode_auth,
}
