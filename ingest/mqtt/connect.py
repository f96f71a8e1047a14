"""What a CONNECT comes to: let in, with what is granted, or refused with a reason. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ingest.access.access import Entrance
from ingest.mqtt.codec import ConnackPacket, ConnackProperties, ConnectPacket, ProtocolVersion, ReasonCode
from ingest.settings import MqttSettings
from schemas.events import NEVER, Connected, Refused, Will

_NAMES = {ProtocolVersion.V31: "mqtt3.1", ProtocolVersion.V311: "mqtt3.1.1", ProtocolVersion.V5: "mqtt5"}


def decide(
    packet: ConnectPacket,
    entrance: Entrance,
    settings: MqttSettings,
    peer: tuple[str, int],
    listener: str,
    new_client_id: Callable[[], str],
    room: Callable[[str, str], bool] = lambda tenant, client_id: True,
    foreign: Callable[[str, str], bool] = lambda tenant, client_id: False,
) -> Connected | Refused:
    """The event of a CONNECT packet of somebody who comes in, or not, as ``entrance`` says; ``room`` says whether a
    client of a tenant may have a session, ``foreign`` whether the one that there is belongs to somebody else: then the
    client begins anew, whatever it asked for."""
    refusal = entrance.refusal
    if refusal is None and not room(entrance.tenant, packet.client_id):
        v5 = packet.version == ProtocolVersion.V5
        refusal = ReasonCode.QUOTA_EXCEEDED if v5 else ReasonCode.SERVER_UNAVAILABLE, "there are too many sessions"
    if refusal is not None:
        reason, text = refusal
        return Refused(
            entrance.tenant,
            packet.client_id,
            entrance.username,
            _NAMES[packet.version],
            int(packet.version),
            peer[0],
            peer[1],
            listener,
            int(reason),
            text,
        )
    properties = packet.properties
    v5 = packet.version == ProtocolVersion.V5
    will = packet.will
    return Connected(
        tenant=entrance.tenant,
        client_id=packet.client_id or new_client_id(),
        username=entrance.username,
        protocol=_NAMES[packet.version],
        version=int(packet.version),
        address=peer[0],
        port=peer[1],
        listener=listener,
        clean_start=packet.clean_start or foreign(entrance.tenant, packet.client_id),
        expiry=_expiry(packet, settings),
        keep_alive=_keep_alive(packet, settings),
        receive_maximum=properties.receive_maximum if v5 else 65_535,
        max_packet_size=properties.maximum_packet_size or 0,
        topic_alias_max=properties.topic_alias_maximum,
        request_response=properties.request_response_information,
        request_problem=properties.request_problem_information,
        will=None
        if will is None
        else Will(will.topic, will.payload, will.qos, will.retain, will.properties, will.will_delay_interval),
        bridge=packet.bridge,
        assigned=not packet.client_id,
        user_properties=list(properties.user_properties),
    )


def unfit(packet: ConnectPacket, settings: MqttSettings) -> tuple[ReasonCode, str] | None:
    """Why nobody could come in with such a CONNECT; None when it may be looked at further."""
    if len(packet.client_id.encode()) > settings.max_client_id_bytes:
        return ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, "the client identifier is too long"
    if not packet.client_id:
        if packet.version == ProtocolVersion.V31:
            return ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, "MQTT 3.1 needs a client identifier"
        if packet.version == ProtocolVersion.V311 and not packet.clean_start:  # [MQTT-3.1.3-8]
            return ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, "a session to be kept needs a client identifier"
    if packet.properties.authentication_method is not None:  # [MQTT-4.12.0-1]
        return ReasonCode.BAD_AUTHENTICATION_METHOD, "enhanced authentication is not offered"
    return None


def _expiry(packet: ConnectPacket, settings: MqttSettings) -> int:
    if packet.version == ProtocolVersion.V5:
        return min(packet.properties.session_expiry_interval or 0, settings.max_session_expiry)
    return 0 if packet.clean_start else min(settings.persistent_v3_expiry, settings.max_session_expiry)


def _keep_alive(packet: ConnectPacket, settings: MqttSettings) -> int:
    if packet.version != ProtocolVersion.V5 or settings.max_keep_alive >= 65_535:
        return packet.keep_alive
    return min(packet.keep_alive or settings.max_keep_alive, settings.max_keep_alive)


def accepted(event: Connected, present: bool, settings: MqttSettings) -> ConnackPacket:
    """The CONNACK of a client that is let in."""
    if event.version != ProtocolVersion.V5:
        return ConnackPacket(present and event.version != ProtocolVersion.V31)
    limited = settings.max_session_expiry < NEVER and event.expiry == settings.max_session_expiry
    return ConnackPacket(
        present,
        ReasonCode.SUCCESS,
        ConnackProperties(
            session_expiry_interval=event.expiry if limited else None,
            receive_maximum=settings.receive_maximum,
            maximum_packet_size=settings.max_packet_size,
            assigned_client_identifier=event.client_id if event.assigned else None,  # [MQTT-3.1.3-7]
            topic_alias_maximum=settings.topic_alias_maximum,
            shared_subscription_available=False,
            server_keep_alive=event.keep_alive if settings.max_keep_alive < 65_535 else None,
        ),
    )
