"""Decoding of every packet but CONNECT, CONNACK and PUBLISH: small, and not urgent.

The parser decodes the short form of the four acknowledgements itself; here is their full form.
Each function reads the body of one packet and raises ProtocolError for everything malformed.
"""

from collections.abc import Callable
from typing import TypeVar

from ingest.mqtt.codec.errors import malformed, violation
from ingest.mqtt.codec.packets import (
    AuthPacket,
    DisconnectPacket,
    PingReqPacket,
    PingRespPacket,
    PubackPacket,
    PubcompPacket,
    PubrecPacket,
    PubrelPacket,
    SubackPacket,
    SubscribePacket,
    Subscription,
    UnsubackPacket,
    UnsubscribePacket,
)
from ingest.mqtt.codec.properties import (
    NO_ACK_PROPERTIES,
    NO_SUBSCRIBE_PROPERTIES,
    NO_UNSUBSCRIBE_PROPERTIES,
    AckProperties,
    AuthProperties,
    DisconnectProperties,
    SubscribeProperties,
    UnsubscribeProperties,
    read_properties,
)
from ingest.mqtt.codec.reader import Reader
from ingest.mqtt.codec.reason_codes import (
    CLIENT_AUTH_REASONS,
    CLIENT_DISCONNECT_REASONS,
    PUBLISH_REASONS,
    RELEASE_REASONS,
    SERVER_AUTH_REASONS,
    SERVER_DISCONNECT_REASONS,
    SUBACK_REASONS,
    SUBACK_REASONS_V31,
    SUBACK_REASONS_V311,
    UNSUBACK_REASONS,
    ProtocolVersion,
    ReasonCode,
    ReasonTable,
)
from ingest.mqtt.codec.text import SHARE_PREFIX, decode_topic_filter

_V31 = ProtocolVersion.V31
_V311 = ProtocolVersion.V311
_V5 = ProtocolVersion.V5
_SUCCESS = ReasonCode.SUCCESS
_PING_REQ = PingReqPacket()
_PING_RESP = PingRespPacket()
_DISCONNECT = DisconnectPacket()

Ack = TypeVar("Ack", PubackPacket, PubrecPacket, PubrelPacket, PubcompPacket)


def _reason(reader: Reader, allowed: ReasonTable, rule: str) -> ReasonCode:
    code = reader.byte("reason code")
    reason = allowed[code]
    if reason is None:
        raise violation(f"reason code 0x{code:02x} is not allowed here {rule}")
    return reason


def _ack(kind: type[Ack], allowed: ReasonTable, rule: str) -> Callable[[Reader, ProtocolVersion], Ack]:
    """A decoder for one of the four acknowledgements of PUBLISH (3.4 to 3.7)."""

    def read_ack(reader: Reader, version: ProtocolVersion) -> Ack:
        packet_id = reader.packet_id()
        reason, properties = _SUCCESS, NO_ACK_PROPERTIES
        if version == _V5 and reader.remaining():
            reason = _reason(reader, allowed, rule)
            if reader.remaining():
                properties = read_properties(reader, AckProperties)
        reader.finish()
        return kind(packet_id, reason, properties)

    return read_ack


read_puback = _ack(PubackPacket, PUBLISH_REASONS, "[MQTT-3.4.2-1]")
read_pubrec = _ack(PubrecPacket, PUBLISH_REASONS, "[MQTT-3.5.2-1]")
read_pubrel = _ack(PubrelPacket, RELEASE_REASONS, "[MQTT-3.6.2-1]")
read_pubcomp = _ack(PubcompPacket, RELEASE_REASONS, "[MQTT-3.7.2-1]")


def read_subscribe(reader: Reader, version: ProtocolVersion) -> SubscribePacket:
    """SUBSCRIBE (3.8)."""
    packet_id = reader.packet_id()
    properties = read_properties(reader, SubscribeProperties) if version == _V5 else NO_SUBSCRIBE_PROPERTIES
    subscriptions: list[Subscription] = []
    while reader.remaining():
        subscriptions.append(_read_subscription(reader, version))
    if not subscriptions:
        raise violation("SUBSCRIBE without a topic filter [MQTT-3.8.3-2]")
    return SubscribePacket(packet_id, tuple(subscriptions), properties)


def _read_subscription(reader: Reader, version: ProtocolVersion) -> Subscription:
    topic_filter = decode_topic_filter(reader.binary("topic filter"))  # [MQTT-3.8.3-1]
    options = reader.byte("subscription options")
    if options & (0xC0 if version == _V5 else 0xFC):
        raise malformed("reserved subscription option is set [MQTT-3.8.3-5]")
    if options & 0x03 == 0x03:
        raise violation("subscription QoS is 3 (MQTT 5.0, 3.8.3.1)")
    if options & 0x30 == 0x30:
        raise violation("retain handling is 3 (MQTT 5.0, 3.8.3.1)")
    no_local = bool(options & 0x04)
    if no_local and topic_filter.startswith(SHARE_PREFIX):
        raise violation("no local on a shared subscription [MQTT-3.8.3-4]")
    return Subscription(topic_filter, options & 0x03, no_local, bool(options & 0x08), options >> 4)


_SUBACK_BY_VERSION = {
    _V31: SUBACK_REASONS_V31,
    _V311: SUBACK_REASONS_V311,
    _V5: SUBACK_REASONS,
}


def read_suback(reader: Reader, version: ProtocolVersion) -> SubackPacket:
    """SUBACK (3.9)."""
    packet_id = reader.packet_id()
    properties = read_properties(reader, AckProperties) if version == _V5 else NO_ACK_PROPERTIES
    reasons = _reasons(reader, _SUBACK_BY_VERSION[version], "[MQTT-3.9.3-2]")
    return SubackPacket(packet_id, reasons, properties)


def _reasons(reader: Reader, allowed: ReasonTable, rule: str) -> tuple[ReasonCode, ...]:
    """The reason codes to the end of the packet, at least one."""
    reasons = [_reason(reader, allowed, rule)]
    while reader.remaining():
        reasons.append(_reason(reader, allowed, rule))
    return tuple(reasons)


def read_unsubscribe(reader: Reader, version: ProtocolVersion) -> UnsubscribePacket:
    """UNSUBSCRIBE (3.10)."""
    packet_id = reader.packet_id()
    properties = read_properties(reader, UnsubscribeProperties) if version == _V5 else NO_UNSUBSCRIBE_PROPERTIES
    filters: list[str] = []
    while reader.remaining():
        filters.append(decode_topic_filter(reader.binary("topic filter")))  # [MQTT-3.10.3-1]
    if not filters:
        raise violation("UNSUBSCRIBE without a topic filter [MQTT-3.10.3-2]")
    return UnsubscribePacket(packet_id, tuple(filters), properties)


def read_unsuback(reader: Reader, version: ProtocolVersion) -> UnsubackPacket:
    """UNSUBACK (3.11)."""
    packet_id = reader.packet_id()
    if version != _V5:
        reader.finish()
        return UnsubackPacket(packet_id)
    properties = read_properties(reader, AckProperties)
    reasons = _reasons(reader, UNSUBACK_REASONS, "[MQTT-3.11.3-2]")
    return UnsubackPacket(packet_id, reasons, properties)


def read_pingreq(reader: Reader, version: ProtocolVersion) -> PingReqPacket:
    """PINGREQ (3.12)."""
    reader.finish()
    return _PING_REQ


def read_pingresp(reader: Reader, version: ProtocolVersion) -> PingRespPacket:
    """PINGRESP (3.13)."""
    reader.finish()
    return _PING_RESP


def read_client_disconnect(reader: Reader, version: ProtocolVersion) -> DisconnectPacket:
    """DISCONNECT as a client sends it (3.14)."""
    if version != _V5 or not reader.remaining():
        reader.finish()
        return _DISCONNECT
    return _read_disconnect(reader, CLIENT_DISCONNECT_REASONS)


def read_server_disconnect(reader: Reader, version: ProtocolVersion) -> DisconnectPacket:
    """DISCONNECT as a server sends it: MQTT 5 only, without a session expiry (3.14)."""
    if not reader.remaining():
        return _DISCONNECT
    packet = _read_disconnect(reader, SERVER_DISCONNECT_REASONS)
    if packet.properties.session_expiry_interval is not None:
        raise violation("DISCONNECT of a server has a session expiry [MQTT-3.14.2-2]")
    return packet


def _read_disconnect(reader: Reader, allowed: ReasonTable) -> DisconnectPacket:
    reason = _reason(reader, allowed, "[MQTT-3.14.2-1]")
    if not reader.remaining():
        return DisconnectPacket(reason)
    properties = read_properties(reader, DisconnectProperties)
    reader.finish()
    return DisconnectPacket(reason, properties)


def read_client_auth(reader: Reader, version: ProtocolVersion) -> AuthPacket:
    """AUTH as a client sends it (3.15)."""
    return _read_auth(reader, CLIENT_AUTH_REASONS)


def read_server_auth(reader: Reader, version: ProtocolVersion) -> AuthPacket:
    """AUTH as a server sends it (3.15)."""
    if not reader.remaining():
        return AuthPacket()
    return _read_auth(reader, SERVER_AUTH_REASONS)


def _read_auth(reader: Reader, allowed: ReasonTable) -> AuthPacket:
    if not reader.remaining():
        raise violation("AUTH of a client says success [MQTT-3.15.2-1]")
    reason = _reason(reader, allowed, "[MQTT-3.15.2-1]")
    properties = read_properties(reader, AuthProperties)
    if properties.authentication_method is None:
        raise violation("AUTH without an authentication method (MQTT 5.0, 3.15.2.2.2)")
    reader.finish()
    return AuthPacket(reason, properties)
