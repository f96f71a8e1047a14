"""The shapes of the dialect's answers, and the rows they are made of; docs/api/emqx4.md tells what each field is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from query_api.admin_queries import Ban
from query_api.cluster import Held, Listener, Module, Node, Numbers, Route
from query_api.emq_text import UNDEFINED, load, size, uptime, when
from query_api.emqx4.parameters import NAMES
from query_api.emqx4.text import DEFAULT_ZONE
from query_api.metric_names import EMQX4_METRICS, EMQX4_STATS, total
from query_api.moments import LATEST_SECONDS

POSITION_BYTES: Final = 8
"""Of a message in a queue, which holds positions of the log and no payloads."""
STATUS: Final = {"running": "Running", "stopped": "Stopped", "lost": "Stopped"}


class View(msgspec.Struct, frozen=True, gc=False):
    """Base of all shapes."""


class Client(View, frozen=True):
    """A session, connected or away."""

    node: str
    clientid: str
    username: str
    proto_name: str
    proto_ver: int
    ip_address: str
    port: int
    is_bridge: bool
    connected_at: str
    disconnected_at: str | UnsetType
    connected: bool
    zone: str
    keepalive: int
    clean_start: bool
    expiry_interval: int
    created_at: str
    subscriptions_cnt: int
    max_subscriptions: int
    inflight: int
    max_inflight: int
    mqueue_len: int
    max_mqueue: int
    mqueue_dropped: int
    awaiting_rel: int
    max_awaiting_rel: int
    recv_oct: int
    recv_cnt: int
    recv_pkt: int
    recv_msg: int
    send_oct: int
    send_cnt: int
    send_pkt: int
    send_msg: int
    mailbox_len: int
    heap_size: int
    reductions: int
    mountpoint: str


class Subscription(View, frozen=True):
    """A subscription of a session."""

    node: str
    topic: str
    clientid: str
    qos: int


class RouteView(View, frozen=True):
    """A node to which a topic leads."""

    topic: str
    node: str


class Broker(View, frozen=True):
    """A node, as a broker."""

    node: str
    node_status: str
    version: str | UnsetType = UNSET
    sysdescr: str | UnsetType = UNSET
    uptime: str | UnsetType = UNSET
    datetime: str | UnsetType = UNSET
    otp_release: str | UnsetType = UNSET


class NodeView(View, frozen=True):
    """A node, as a process on a machine. A process of Erlang's is a connection of ours."""

    node: str
    node_status: str
    version: str | UnsetType = UNSET
    uptime: str | UnsetType = UNSET
    otp_release: str | UnsetType = UNSET
    memory_total: str | UnsetType = UNSET
    memory_used: str | UnsetType = UNSET
    process_available: int | UnsetType = UNSET
    process_used: int | UnsetType = UNSET
    max_fds: int | UnsetType = UNSET
    connections: int | UnsetType = UNSET
    load1: str | UnsetType = UNSET
    load5: str | UnsetType = UNSET
    load15: str | UnsetType = UNSET


class ListenerView(View, frozen=True):
    """Where a node listens."""

    protocol: str
    listen_on: str
    identifier: str
    acceptors: int
    max_conns: int
    current_conns: int
    shutdown_count: dict[str, int] | list[Any]


class Plugin(View, frozen=True):
    """A module of ours, with the fields that the original sends since 4.1."""

    name: str
    description: str
    active: bool
    type: str = "feature"


class Banned(View, frozen=True):
    """Who is not let in until when, in seconds since 1970 UTC; for ever is the last there is."""

    who: str
    as_: str = msgspec.field(name="as")
    reason: str
    by: str
    at: int
    until: int


class Alarm(View, frozen=True):
    """Something that needs somebody's attention."""

    name: str
    message: str
    details: dict[str, Any]
    activated: bool
    activate_at: int
    deactivate_at: str
    duration: int


Limits = Mapping[str, Mapping[str, int]]
"""What nodes grant a client, by node."""


def client(row: Any, limits: Limits, zone: tzinfo) -> Client:
    """The session in a row of a search."""
    granted = limits.get(row["node"], {})
    inflight, queued = row["inflight"] or 0, row["queued"] or 0
    packets_in, packets_out = row["packets_in"] or 0, row["packets_out"] or 0
    most = granted.get("max_inflight", 0)
    return Client(
        node=row["node"],
        clientid=row["client_id"],
        username=row["username"] or UNDEFINED,
        proto_name=NAMES.get(row["version"], row["protocol"]),
        proto_ver=row["version"],
        ip_address=row["address"],
        port=row["port"],
        is_bridge=row["bridge"],
        connected_at=when(row["connected_at"], zone),
        disconnected_at=UNSET if row["online"] else when(row["disconnected_at"], zone),
        connected=row["online"],
        zone=row["zone"] or DEFAULT_ZONE,
        keepalive=row["keep_alive"],
        clean_start=row["clean_start"],
        expiry_interval=row["expiry"],
        created_at=when(row["created_at"], zone),
        subscriptions_cnt=row["subscription_count"],
        max_subscriptions=0,
        inflight=inflight,
        max_inflight=min(most, row["receive_maximum"]) if most else row["receive_maximum"],
        mqueue_len=queued,
        max_mqueue=granted.get("max_queued_messages", 0),
        mqueue_dropped=row["dropped"] or 0,
        awaiting_rel=row["awaiting_rel"] or 0,
        max_awaiting_rel=granted.get("receive_maximum", 0),
        recv_oct=row["bytes_in"] or 0,
        recv_cnt=row["reads"] or 0,
        recv_pkt=packets_in,
        recv_msg=row["messages_in"] or 0,
        send_oct=row["bytes_out"] or 0,
        send_cnt=row["writes"] or 0,
        send_pkt=packets_out,
        send_msg=row["messages_out"] or 0,
        mailbox_len=queued,
        heap_size=POSITION_BYTES * (inflight + queued),
        reductions=packets_in + packets_out,
        mountpoint=UNDEFINED,
    )


def subscription(held: Held) -> Subscription:
    """A subscription."""
    return Subscription(held.node, held.filter, held.client_id, held.qos)


def route(one: Route) -> RouteView:
    """A route."""
    return RouteView(one.filter, one.node)


def broker(node: Node, zone: tzinfo) -> Broker:
    """A node; of one that does not run, its name and that is all there is."""
    if not node.running:
        return Broker(node.node, STATUS[node.state])
    return Broker(
        node=node.node,
        node_status=STATUS[node.state],
        version=node.version,
        sysdescr="mqledger",
        uptime=uptime(node.uptime_ms),
        datetime=when(node.now, zone),
        otp_release=_release(node),
    )


def node_view(numbers: Numbers) -> NodeView:
    """A node; of one that does not run, its name and that is all there is."""
    node, gauges = numbers.node, numbers.node.gauges
    if not node.running:
        return NodeView(node.node, STATUS[node.state])
    connections = numbers.gauges.get("node.sessions.connected", 0)
    return NodeView(
        node=node.node,
        node_status=STATUS[node.state],
        version=node.version,
        uptime=uptime(node.uptime_ms),
        otp_release=_release(node),
        memory_total=size(gauges.get("host.memory_bytes", 0)),
        memory_used=size(gauges.get("process.rss_bytes", 0)),
        process_available=_most_clients(node),
        process_used=connections,
        max_fds=gauges.get("process.max_fds", 0),
        connections=connections,
        load1=load(gauges.get("host.load1_centi", 0)),
        load5=load(gauges.get("host.load5_centi", 0)),
        load15=load(gauges.get("host.load15_centi", 0)),
    )


def metrics(numbers: Numbers) -> dict[str, int]:
    """The metrics of a node."""
    return {name: total(numbers.counters, sources) for name, sources in EMQX4_METRICS.items()}


def stats(numbers: Numbers) -> dict[str, int]:
    """The statistics of a node: each as it is, and at its highest."""
    told: dict[str, int] = {}
    for name, gauge in EMQX4_STATS.items():
        count = numbers.gauges.get(gauge, 0)
        told[f"{name}.count"] = count
        told[f"{name}.max"] = max(count, numbers.maxima.get(gauge, 0))
    return told


def listeners(numbers: Numbers, everything: bool) -> list[ListenerView]:
    """The listeners of a node; unless ``everything``, without numbers of all tenants."""
    return [_listener(one, numbers.node, everything) for one in numbers.node.listeners]


def plugin(module: Module) -> Plugin:
    """A module."""
    return Plugin(module.name, module.description, module.active)


def banned(ban: Ban) -> Banned:
    """A ban."""
    until = ban.until // 1000 if ban.until else LATEST_SECONDS
    return Banned(who=ban.who, as_=ban.kind, reason=ban.reason, by=ban.by, at=ban.at // 1000, until=until)


def lost(node: Node) -> Alarm:
    """The alarm that a node is lost; times in microseconds since 1970 UTC."""
    return Alarm(
        name="node_lost",
        message=f"node {node.node} is silent",
        details={"node": node.node},
        activated=True,
        activate_at=node.heartbeat_at * 1000,
        deactivate_at="infinity",
        duration=max(node.now - node.heartbeat_at, 0) * 1000,
    )


def _listener(one: Listener, node: Node, everything: bool) -> ListenerView:
    return ListenerView(
        protocol=one.name,
        listen_on=f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}",
        identifier=one.name,
        acceptors=1,
        max_conns=_most_clients(node),
        current_conns=one.connections if everything else 0,
        shutdown_count=[],
    )


def _most_clients(node: Node) -> int:
    return node.limits.get("max_connections", node.gauges.get("process.max_fds", 0))


def _release(node: Node) -> str:
    return f"mqledger/{node.version}"
