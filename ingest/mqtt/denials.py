"""What becomes of a publish that access rules deny: it is an event, and answered in its turn like any other.

One of QoS 1 or 2 goes to the log and is answered when it comes back: 0x87 in MQTT 5 [MQTT-4.6.0-2] [MQTT-4.6.0-3],
in MQTT 3, which has no word for it, as if it had been taken [MQTT-3.3.5-2]. One of QoS 0 is dropped and counted; the
log is told of the first, then of all since then once in a while, and of the rest when the connection ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.access import Decision
from ingest.mqtt.codec import ProtocolVersion, PubackPacket, PublishPacket, PubrecPacket, ReasonCode, encode
from schemas.events import Denied

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection

REPORT_SECONDS = 10.0
"""Between two reports of denied QoS 0 publishes of one connection."""
EVENT_BYTES = 128
_TOLD = 200


def deny(connection: Connection, packet: PublishPacket, topic: str, decision: Decision) -> None:
    """A publish that came is not allowed."""
    server = connection.server
    server.counters.denied("publish")
    if server.access.settings.deny_action == "disconnect":
        connection.disconnect(ReasonCode.NOT_AUTHORIZED, f"not allowed to publish to {topic[:_TOLD]}")
    elif packet.qos:
        connection.receiving += 1
        _append(connection, packet.qos, packet.packet_id, topic, decision.rule, 1)
    else:
        _count(connection, topic, decision.rule)


def _count(connection: Connection, topic: str, rule: str) -> None:
    judge = connection.judged()
    judge.unreported += 1
    judge.latest = topic, rule
    now = connection.server.timers.now
    if now - judge.reported >= REPORT_SECONDS:
        judge.reported = now
        report(connection)


def report(connection: Connection) -> None:
    """Tell the log of the QoS 0 publishes that were denied and that it does not know of."""
    judge = connection.judge
    if judge is not None and judge.unreported:
        count, judge.unreported = judge.unreported, 0
        _append(connection, 0, 0, *judge.latest, count)


def _append(connection: Connection, qos: int, packet_id: int, topic: str, rule: str, count: int) -> None:
    event = Denied(connection.tenant, connection.client_id, connection.epoch, topic, qos, packet_id, rule, count)
    size = EVENT_BYTES + len(topic)
    owner = connection if qos else None
    if owner is not None:
        connection.pending += size
    connection.server.append(connection.partition, event, owner, size)
    if connection.pending > connection.server.high_water:
        connection.pause_reading()


def answer(connection: Connection, event: Denied) -> None:
    """A denied publish of QoS 1 or 2 was applied: the client is told."""
    connection.settle(EVENT_BYTES + len(event.topic))
    if event.qos == 2 and connection.inbound is not None:
        connection.inbound.discard(event.packet_id)
    if connection.is_closed:
        return
    connection.receiving -= 1
    code = ReasonCode.NOT_AUTHORIZED if connection.version == ProtocolVersion.V5 else ReasonCode.SUCCESS
    kind = PubackPacket if event.qos == 1 else PubrecPacket
    connection.write(encode(kind(event.packet_id, code), connection.version))
