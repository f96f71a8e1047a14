"""Statistics, cluster and overview: shapes and where their numbers come from.

Numbers that the log proves come from totals and metrics of the tenant; those that only nodes know (packets, bytes
on the wire, errors) are sums over the nodes' latest heartbeats and concern all tenants. A caller of one tenant is told
what the log proves of it instead: publishes and the bytes of their payloads, and 0 for what nobody can tell apart.
Queues and AMQP do not exist here yet, and so are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from query_api.fluxmq.views import Count, View

OVERDUE_INTERVALS: Final = 3
OVERDUE_MARGIN_MS: Final = 5000
NO_NODE: Final = "single-node"
"""What the original calls a node without a cluster; here the id while no node has ever reported."""
UNREADABLE: Final = ("errors.protocol.malformed_packet", "errors.protocol.packet_too_large")
"""Counters of nodes, among ``errors.protocol``: what was received was no packet, or none that is taken."""


class Connections(View, frozen=True):
    """Connections now and since the log began."""

    current: Count
    total: Count
    disconnections: Count


class Traffic(View, frozen=True):
    """MQTT packets, or bytes on the wire, since the nodes started."""

    received: Count
    sent: Count


class MqttMessages(View, frozen=True):
    """MQTT packets, and PUBLISH packets among them; received publishes are those in the log."""

    received: Count
    sent: Count
    publish_received: Count
    publish_sent: Count


class Errors(View, frozen=True):
    """Errors of peers who sent packets that they may not send."""

    protocol: Count


class MqttSubscriptions(View, frozen=True):
    """What is held now."""

    active: Count
    retained_messages: Count


class MqttErrors(View, frozen=True):
    """Errors of MQTT peers by kind; those of packets that can't be read are no others, as in the original."""

    protocol: Count
    auth: Count
    authz: Count
    packet: Count


class Mqtt(View, frozen=True):
    """The numbers of MQTT."""

    connections: Connections
    messages: MqttMessages
    bytes: Traffic
    subscriptions: MqttSubscriptions
    errors: MqttErrors


class ByProtocol(View, frozen=True):
    """The same by protocol."""

    mqtt: Mqtt


class Stats(View, frozen=True):
    """All numbers."""

    uptime_seconds: float
    connections: Connections
    messages: Traffic
    bytes: Traffic
    errors: Errors
    by_protocol: ByProtocol


class Node(View, frozen=True):
    """A node as it last reported. Nodes have no leader: Kafka is the cluster."""

    id: str
    address: str
    healthy: bool
    leader: bool
    uptime_seconds: float


class Cluster(View, frozen=True):
    """All nodes. Every API answers for the whole cluster: the id is that of the node when there is one."""

    node_id: str
    cluster_mode: bool
    is_leader: bool
    nodes: list[Node]


class OverviewNodes(View, frozen=True):
    """All nodes."""

    nodes: list[Node]


class SessionSummary(View, frozen=True):
    """How many sessions there are."""

    connected: Count
    total: Count


class Overview(View, frozen=True):
    """Everything a first page shows."""

    node_id: str
    cluster_mode: bool
    is_leader: bool
    uptime_seconds: float
    sessions: SessionSummary
    stats: Stats
    cluster: OverviewNodes


class NodeRow(msgspec.Struct, frozen=True):
    """A row of ``nodes``."""

    node: str
    status: str
    started_at: int
    heartbeat_at: int
    interval: float
    host: str
    counters: dict[str, int]
    gauges: dict[str, int]

    def healthy(self, now: int) -> bool:
        """Whether it runs and its heartbeat is not overdue, judged now (milliseconds)."""
        patience = OVERDUE_INTERVALS * self.interval * 1000 + OVERDUE_MARGIN_MS
        return self.status == "running" and now - self.heartbeat_at <= patience

    def uptime(self, now: int) -> float:
        """Seconds since it started; 0 when it does not run."""
        return max(now - self.started_at, 0) / 1000 if self.healthy(now) and self.started_at else 0.0


@dataclass(frozen=True, slots=True)
class Numbers:
    """The one row of the query ``stats``."""

    totals: dict[str, int]
    metrics: dict[str, int]
    nodes: list[NodeRow]
    now: int
    everything: bool
    """Whether what nodes count for all tenants may be told; their counters and gauges are empty otherwise."""

    def counter(self, *names: str) -> int:
        """The sum of counters over the nodes."""
        return sum(node.counters.get(name, 0) for node in self.nodes for name in names)

    def packets(self, direction: str) -> int:
        """Packets of all types, ``received`` or ``sent``; of one tenant the received publishes."""
        if not self.everything:
            return self.published() if direction == "received" else 0
        counters = (counter for node in self.nodes for counter in node.counters.items())
        return sum(value for name, value in counters if name.startswith("packets.") and name.endswith(direction))

    def bytes_received(self) -> int:
        """Bytes on the wire; of one tenant those of payloads."""
        return self.counter("bytes.received") if self.everything else self.metrics.get("bytes.published", 0)

    def retained(self) -> int:
        """Retained messages; every node folds all of them, so the highest count is that of the most recent fold."""
        return max((node.gauges.get("retained", 0) for node in self.nodes), default=0)

    def published(self) -> int:
        """PUBLISH packets of clients in the log."""
        return sum(self.metrics.get(f"messages.published.qos{qos}", 0) for qos in (0, 1, 2))

    def uptime(self) -> float:
        """Seconds since the longest running node started."""
        return max((node.uptime(self.now) for node in self.nodes), default=0.0)


_COUNTS: Final = msgspec.json.Decoder(dict[str, int])
_NODES: Final = msgspec.json.Decoder(list[NodeRow])


def numbers(totals: str, metrics: str, nodes: str, now: int, everything: bool = True) -> Numbers:
    """The numbers in the columns of the query ``stats``; unless ``everything``, none that are of all tenants."""
    found = _NODES.decode(nodes)
    if not everything:
        found = [msgspec.structs.replace(node, counters={}, gauges={}) for node in found]
    return Numbers(_COUNTS.decode(totals), _COUNTS.decode(metrics), found, now, everything)


def stats(given: Numbers) -> Stats:
    """The statistics that the numbers make."""
    connections = Connections(
        current=given.totals.get("sessions.connected", 0),
        total=given.metrics.get("connected", 0),
        disconnections=given.metrics.get("disconnected", 0),
    )
    packets = Traffic(given.packets("received"), given.packets("sent"))
    wire = Traffic(given.bytes_received(), given.counter("bytes.sent"))
    unreadable = given.counter(*UNREADABLE)
    protocol_errors = given.counter("errors.protocol") - unreadable
    mqtt = Mqtt(
        connections=connections,
        messages=MqttMessages(packets.received, packets.sent, given.published(), given.counter("packets.publish.sent")),
        bytes=wire,
        subscriptions=MqttSubscriptions(given.totals.get("subscriptions", 0), given.retained()),
        errors=MqttErrors(protocol_errors, given.counter("errors.auth"), given.counter("errors.authz"), unreadable),
    )
    return Stats(given.uptime(), connections, packets, wire, Errors(protocol_errors), ByProtocol(mqtt))


def cluster(given: Numbers) -> Cluster:
    """The nodes that the numbers name."""
    alone = len(given.nodes) <= 1
    nodes = [Node(row.node, row.host, row.healthy(given.now), alone, row.uptime(given.now)) for row in given.nodes]
    return Cluster(nodes[0].id if nodes else NO_NODE, not alone, alone, nodes)


def overview(given: Numbers) -> Overview:
    """Statistics, nodes and sessions in one."""
    known, all_stats = cluster(given), stats(given)
    sessions = SessionSummary(given.totals.get("sessions.connected", 0), given.totals.get("sessions", 0))
    return Overview(
        node_id=known.node_id,
        cluster_mode=known.cluster_mode,
        is_leader=known.is_leader,
        uptime_seconds=all_stats.uptime_seconds,
        sessions=sessions,
        stats=all_stats,
        cluster=OverviewNodes(known.nodes),
    )
