"""What a client asks once it is connected: a function for each packet, which appends the event or ends the connection.

Nothing is answered here but what says nothing new (PINGREQ, a QoS 2 publish that is in the log already, identifiers
that nobody knows): answers follow when the node applies the event. Ids in brackets are statements of the MQTT 3.1.1
and 5.0 specifications.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.access import Action
from domain.topics import SHARE_PREFIX, valid_filter
from ingest.mqtt.answers import Answer
from ingest.mqtt.codec import (
    AuthPacket,
    ConnectPacket,
    DisconnectPacket,
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
    SubscribePacket,
    UnsubscribePacket,
    encode,
)
from ingest.mqtt.denials import deny
from ingest.mqtt.outgoing import pubrec, pubrel
from ingest.mqtt.states import OPEN
from schemas.events import Published, Received, Released, Subscribed, Subscription, Unsubscribed, Unsubscription

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection
    from ingest.node.session import Session
    from ingest.settings import MqttSettings

EVENT_BYTES = 96
"""What an event without its texts takes while it awaits the log, about."""
NO_RETAINED = 2
"""Retain handling: nothing retained is sent [MQTT-3.3.1-11]. So every fold knows that nothing was."""
_PINGRESP = encode(PingRespPacket(), ProtocolVersion.V311)
_GRANTED = (ReasonCode.GRANTED_QOS_0, ReasonCode.GRANTED_QOS_1, ReasonCode.GRANTED_QOS_2)


def take(connection: Connection, packets: list[Packet]) -> None:
    """Handle packets in order. A run of plain publishes (QoS 1, a topic by name) goes to the log at once."""
    server = connection.server
    tenant, client_id, epoch = connection.tenant, connection.client_id, connection.epoch
    counts = server.packets_in
    run: list[Published] = []
    size = 0
    receiving, most, plain_topic = connection.receiving, connection.most_receiving, server.plain_topic
    judged = not server.quotas.retaining
    publishable = connection.judged().publishable if connection.rights.judging else None
    for packet in packets:
        kind = type(packet)
        counts[kind] += 1
        if isinstance(packet, PublishPacket):
            topic, payload, properties = packet.topic, packet.payload, packet.properties
            if (
                packet.qos == 1
                and receiving < most
                and 0 < len(topic) <= plain_topic
                and not packet.topic_alias
                and not (judged and packet.retain)
                and (publishable is None or topic in publishable)
            ):
                receiving += 1
                size += EVENT_BYTES + len(topic) + len(payload) + len(properties)
                run.append(
                    Published(tenant, client_id, epoch, topic, 1, packet.retain, packet.packet_id, properties, payload)
                )
                continue
        if run:
            _append_run(connection, run, size)
            run, size = [], 0
        HANDLERS[kind](connection, packet)
        if connection.state != OPEN:
            return
        receiving = connection.receiving
    if run:
        _append_run(connection, run, size)


def _append_run(connection: Connection, run: list[Published], size: int) -> None:
    connection.messages_in += len(run)
    connection.receiving += len(run)
    connection.pending += size
    connection.server.extend(connection.partition, run, connection, size)
    if connection.pending > connection.server.settings.inbound_high_water:
        connection.pause_reading()


def _on_publish(connection: Connection, packet: PublishPacket) -> None:
    topic = packet.topic
    if packet.topic_alias or not topic:
        resolved = _alias(connection, packet)
        if resolved is None:
            return
        topic = resolved
    server = connection.server
    qos, retain = packet.qos, packet.retain
    connection.messages_in += 1
    if qos:
        if connection.receiving >= connection.most_receiving and _over_receive_maximum(connection, packet):
            return
        if qos == 2 and _seen(connection, packet.packet_id):
            return
    elif server.shedding(connection):
        server.counters.dropped("log_away")
        return
    if (connection.rights.judging or len(topic) > server.plain_topic) and _forbidden(connection, packet, topic):
        return
    payload, properties = packet.payload, packet.properties
    retain = retain and server.quotas.retainer
    if retain and payload and not server.quotas.may_retain(connection.tenant, topic, len(payload) + len(properties)):
        server.counters.totals["retained.refused"] += 1
        if qos:
            _refuse(connection, packet)
            return
        retain = False
    if qos:
        connection.receiving += 1
    event = Published(
        connection.tenant,
        connection.client_id,
        connection.epoch,
        topic,
        qos,
        retain,
        packet.packet_id,
        properties,
        payload,
    )
    size = EVENT_BYTES + len(topic) + len(payload) + len(properties)
    connection.pending += size
    server.append(connection.partition, event, connection, size)
    if connection.pending > server.high_water:
        connection.pause_reading()


def _forbidden(connection: Connection, packet: PublishPacket, topic: str) -> bool:
    """Whether nobody may publish to such a topic, or this client may not; it is told."""
    most = connection.server.plain_topic
    if len(topic) > most and topic.count("/") >= most:
        connection.disconnect(ReasonCode.TOPIC_NAME_INVALID, "the topic name has too many levels")
        return True
    if not connection.rights.judging or topic in connection.judged().publishable:
        return False
    decision = connection.may(Action.PUBLISH, topic)
    if not decision.allowed:
        deny(connection, packet, topic, decision)
    return not decision.allowed


def _refuse(connection: Connection, packet: PublishPacket) -> None:
    """There is no room to retain what must be retained [MQTT-3.3.1-5]. MQTT 3 can't say so, and MQTT 5 not before older
    publishes are answered [MQTT-4.6.0-2] [MQTT-4.6.0-3]: then the connection ends."""
    if connection.version != ProtocolVersion.V5 or connection.receiving:
        connection.disconnect(ReasonCode.QUOTA_EXCEEDED, "no more messages are retained")
    elif packet.qos == 1:
        connection.send(PubackPacket(packet.packet_id, ReasonCode.QUOTA_EXCEEDED))
    else:
        assert connection.inbound is not None
        connection.inbound.discard(packet.packet_id)
        connection.send(PubrecPacket(packet.packet_id, ReasonCode.QUOTA_EXCEEDED))


def _over_receive_maximum(connection: Connection, packet: PublishPacket) -> bool:
    if packet.qos == 2 and packet.dup:
        return False
    # [MQTT-3.3.4-9]
    connection.disconnect(ReasonCode.RECEIVE_MAXIMUM_EXCEEDED, "more publishes in flight than the receive maximum")
    return True


def _seen(connection: Connection, packet_id: int) -> bool:
    """A QoS 2 publish that is already in the log, or on its way there, is not published again [MQTT-4.3.3-10]."""
    session = connection.session
    assert session is not None
    if session.inbound is not None and packet_id in session.inbound:
        connection.write(pubrec(packet_id))
        return True
    if connection.inbound is None:
        connection.inbound = set()
    if packet_id in connection.inbound:
        return True
    connection.inbound.add(packet_id)
    return False


def _alias(connection: Connection, packet: PublishPacket) -> str | None:
    aliases = connection.aliases
    if aliases is None or packet.topic_alias > connection.server.settings.topic_alias_maximum:  # [MQTT-3.2.2-17]
        connection.disconnect(ReasonCode.TOPIC_ALIAS_INVALID, "the topic alias is above the maximum")
        return None
    if packet.topic:
        aliases[packet.topic_alias] = packet.topic
        return packet.topic
    topic = aliases.get(packet.topic_alias)
    if topic is None:
        connection.disconnect(ReasonCode.PROTOCOL_ERROR, "the topic alias was never set")
    return topic


def _on_puback(connection: Connection, packet: PubackPacket) -> None:
    session = connection.session
    assert session is not None
    outbox = session.outbox
    if outbox is None or not outbox.puback(packet.packet_id):
        connection.server.counters.missed("puback")
        return
    if session.persistent:
        connection.server.homes[session.partition].dirty.add(session)
    if outbox.pending or connection.resend:
        connection.server.delivery.later(session)


def _on_pubrec(connection: Connection, packet: PubrecPacket) -> None:
    session = connection.session
    assert session is not None
    outbox, packet_id = session.outbox, packet.packet_id
    if outbox is None or packet_id not in outbox.states:
        connection.server.counters.missed("pubrec")
        connection.send(PubrelPacket(packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND))
    elif packet.reason_code >= 0x80:  # [MQTT-4.3.3-4]
        outbox.finish(packet_id)
        _moved(connection, session)
    elif session.persistent:
        event = Received(session.tenant, session.client_id, connection.epoch, [packet_id])
        _append(connection, event, Answer(connection, packet_id, EVENT_BYTES))
    else:
        outbox.pubrec(packet_id)
        connection.write(pubrel(packet_id))


def _on_pubcomp(connection: Connection, packet: PubcompPacket) -> None:
    session = connection.session
    assert session is not None
    if session.outbox is not None and session.outbox.finish(packet.packet_id):
        _moved(connection, session)
    else:
        connection.server.counters.missed("pubcomp")


def _moved(connection: Connection, session: Session) -> None:
    if session.persistent:
        connection.server.homes[session.partition].dirty.add(session)
    connection.server.delivery.later(session)


def _on_pubrel(connection: Connection, packet: PubrelPacket) -> None:
    session = connection.session
    assert session is not None
    packet_id = packet.packet_id
    if session.inbound is None or packet_id not in session.inbound:
        connection.server.counters.missed("pubrel")
        connection.send(PubcompPacket(packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND))
        return
    event = Released(connection.tenant, connection.client_id, connection.epoch, packet_id)
    connection.pending += EVENT_BYTES
    connection.server.append(connection.partition, event, connection, EVENT_BYTES)


def _on_subscribe(connection: Connection, packet: SubscribePacket) -> None:
    identifier = packet.properties.subscription_identifier or 0
    settings = connection.server.settings
    room = _room(connection, packet)
    retainer = connection.server.quotas.retainer
    asked = [
        Subscription(
            s.topic_filter,
            s.qos,
            s.no_local,
            s.retain_as_published,
            s.retain_handling if retainer else NO_RETAINED,
            identifier,
            _allowed(connection, s.topic_filter, subscribe_code(s.topic_filter, s.qos, settings))
            if room
            else int(ReasonCode.QUOTA_EXCEEDED),
        )
        for s in packet.subscriptions
    ]
    if connection.subscribing is None:
        connection.subscribing = set()
    connection.subscribing.update(s.filter for s in asked if s.reason_code < 0x80)
    vector = list(connection.server.node.applied)
    size = EVENT_BYTES + 9 * len(vector) + sum(24 + len(s.filter) for s in asked)
    answer = Answer(connection, packet.packet_id, size)
    connection.server.node.ring.pins[answer] = vector
    _append(connection, Subscribed(connection.tenant, connection.client_id, connection.epoch, vector, asked), answer)


def _allowed(connection: Connection, topic_filter: str, code: int) -> int:
    """The code for a filter, which access rules may yet deny."""
    if code >= 0x80 or not connection.rights.judging or connection.may(Action.SUBSCRIBE, topic_filter).allowed:
        return code
    connection.server.counters.denied("subscribe")
    return int(ReasonCode.NOT_AUTHORIZED)


def _room(connection: Connection, packet: SubscribePacket) -> bool:
    """Whether there is room for all that is asked for; what the client has already takes none."""
    left = connection.server.quotas.subscriptions_left(connection.tenant)
    if len(packet.subscriptions) <= left:
        return True
    session = connection.session
    assert session is not None
    assert session.state is not None
    new = {s.topic_filter for s in packet.subscriptions}.difference(session.state.subscriptions)
    return not new or len(new) <= left


def _on_unsubscribe(connection: Connection, packet: UnsubscribePacket) -> None:
    session = connection.session
    assert session is not None
    assert session.state is not None
    held, coming = session.state.subscriptions, connection.subscribing or ()
    gone: set[str] = set()
    codes = []
    for f in packet.topic_filters:
        there = f not in gone and (f in held or f in coming)
        codes.append(Unsubscription(f, 0 if there else int(ReasonCode.NO_SUBSCRIPTION_EXISTED)))
        gone.add(f)
    vector = list(connection.server.node.applied)
    size = EVENT_BYTES + 9 * len(vector) + sum(8 + len(f) for f in packet.topic_filters)
    event = Unsubscribed(connection.tenant, connection.client_id, connection.epoch, vector, codes)
    _append(connection, event, Answer(connection, packet.packet_id, size))


def _append(connection: Connection, event: Subscribed | Unsubscribed | Received, answer: Answer) -> None:
    connection.pending += answer.size
    connection.server.append(connection.partition, event, answer, answer.size)
    if connection.pending > connection.server.high_water:
        connection.pause_reading()


def _on_pingreq(connection: Connection, packet: PingReqPacket) -> None:
    connection.write(_PINGRESP)  # [MQTT-3.12.4-1]


def _on_disconnect(connection: Connection, packet: DisconnectPacket) -> None:
    assert connection.connected_event is not None
    expiry = connection.connected_event.expiry
    wanted = packet.properties.session_expiry_interval
    if wanted is not None:
        if expiry == 0 and wanted:  # [MQTT-3.1.2.11.2]
            connection.disconnect(ReasonCode.PROTOCOL_ERROR, "a session without expiry cannot get one at DISCONNECT")
            return
        expiry = min(wanted, connection.server.settings.max_session_expiry)
    # Only 0x00 cancels the will [MQTT-3.14.4-3].
    will = packet.reason_code != ReasonCode.NORMAL_DISCONNECTION
    connection.log_end(packet.reason_code, packet.properties.reason_string or "", "client", will, expiry)
    connection.close("the client said DISCONNECT")


def _on_forbidden(connection: Connection, packet: Packet) -> None:
    connection.disconnect(ReasonCode.PROTOCOL_ERROR, f"{type(packet).__name__} is not expected here")


def subscribe_code(topic_filter: str, qos: int, settings: MqttSettings) -> int:
    """The SUBACK code of MQTT 5 for a filter by itself: whether it is one that this node offers."""
    if topic_filter.startswith(SHARE_PREFIX):
        return int(ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED)
    if not valid_filter(topic_filter, settings.max_topic_levels):
        return int(ReasonCode.TOPIC_FILTER_INVALID)
    if len(topic_filter.encode()) > settings.max_topic_filter_bytes:
        return int(ReasonCode.TOPIC_FILTER_INVALID)
    return int(_GRANTED[qos])


HANDLERS: dict[type, Any] = {
    PublishPacket: _on_publish,
    PubackPacket: _on_puback,
    PubrecPacket: _on_pubrec,
    PubrelPacket: _on_pubrel,
    PubcompPacket: _on_pubcomp,
    SubscribePacket: _on_subscribe,
    UnsubscribePacket: _on_unsubscribe,
    PingReqPacket: _on_pingreq,
    DisconnectPacket: _on_disconnect,
    ConnectPacket: _on_forbidden,  # a second one [MQTT-3.1.0-2]
    AuthPacket: _on_forbidden,
}
"""By the packet, what to do with it."""
