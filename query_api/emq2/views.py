"""The shapes of the dialect's answers, and the rows they are made of. Fields stand in the order of the document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from query_api.cluster import Listener, Module, Node, Numbers, Route
from query_api.emq2.text import when
from query_api.emq_text import UNDEFINED, load, size, uptime
from query_api.metric_names import EMQ2_METRICS, EMQ2_STATS, total

DEFAULT_MAX_INFLIGHT: Final = 256
STATUS: Final = {"running": "Running", "stopped": "Stopped", "lost": "Stopped"}


class View(msgspec.Struct, frozen=True, gc=False):
    """Base of all shapes."""


class Client(View, frozen=True):
    """A connected client."""

    client_id: str
    username: str
    ipaddress: str
    port: int
    clean_sess: bool
    proto_ver: int
    keepalive: int
    connected_at: str


class Session(View, frozen=True):
    """A session, connected or away. What is in flight is not told apart by what it waits for."""

    client_id: str
    clean_sess: bool
    max_inflight: int
    inflight_queue: int
    message_queue: int
    message_dropped: int
    awaiting_rel: int
    awaiting_ack: int
    awaiting_comp: str
    created_at: str


class Subscription(View, frozen=True):
    """A subscription of a session."""

    client_id: str
    topic: str
    qos: int


class RouteView(View, frozen=True):
    """A node to which a topic leads."""

    topic: str
    node: str


class Objects(View, frozen=True):
    """What a question about one client or topic found."""

    objects: list[Any]


class Broker(View, frozen=True):
    """A node, as who manages it sees it; of one that does not run, name and status are all there is."""

    name: str | UnsetType
    version: str | UnsetType
    sysdescr: str | UnsetType
    uptime: str | UnsetType
    datetime: str | UnsetType
    otp_release: str | UnsetType
    node_status: str


class Monitored(View, frozen=True):
    """A node, as who watches it sees it."""

    name: str
    otp_release: str | UnsetType
    memory_total: str | UnsetType
    memory_used: str | UnsetType
    process_available: int | UnsetType
    process_used: int | UnsetType
    max_fds: int | UnsetType
    clients: int | UnsetType
    node_status: str
    load1: str | UnsetType
    load5: str | UnsetType
    load15: str | UnsetType


class ListenerView(View, frozen=True):
    """Where a node listens."""

    protocol: str
    listen: str
    acceptors: int
    max_clients: int
    current_clients: int
    shutdown_count: list[Any] | dict[str, int]


class Plugin(View, frozen=True):
    """A module of ours."""

    name: str
    version: str
    description: str
    active: bool


class User(View, frozen=True):
    """An account of the admin side."""

    username: str
    tags: str


def client(row: Any, zone: tzinfo) -> Client:
    """The client in a row of ``node_sessions``."""
    return Client(
        client_id=row["client_id"],
        username=row["username"] or UNDEFINED,
        ipaddress=row["address"],
        port=row["port"],
        clean_sess=row["clean_start"],
        proto_ver=row["version"],
        keepalive=row["keep_alive"],
        connected_at=when(row["connected_at"], zone),
    )


def session(row: Any, limits: Mapping[str, int], zone: tzinfo) -> Session:
    """The session in a row of ``node_sessions``; ``limits`` are those of its node."""
    most = limits.get("max_inflight", DEFAULT_MAX_INFLIGHT)
    return Session(
        client_id=row["client_id"],
        clean_sess=row["clean_start"],
        max_inflight=min(most, row["receive_maximum"] or most),
        inflight_queue=row["inflight"] or 0,
        message_queue=row["queued"] or 0,
        message_dropped=row["dropped"] or 0,
        awaiting_rel=row["awaiting_rel"] or 0,
        awaiting_ack=row["inflight"] or 0,
        awaiting_comp=UNDEFINED,
        created_at=when(row["created_at"], zone),
    )


def subscription(row: Any) -> Subscription:
    """The subscription in a row of ``node_subscriptions``."""
    return Subscription(row["client_id"], row["filter"], row["qos"])


def route(one: Any) -> RouteView:
    """A route, of the cluster or of a row of ``routes``."""
    if isinstance(one, Route):
        return RouteView(one.filter, one.node)
    return RouteView(one["filter"], one["node"])


def broker(node: Node, named: bool, zone: tzinfo) -> Broker:
    """A node for who manages it; ``named`` as in the list."""
    if not node.running:
        return Broker(node.node, UNSET, UNSET, UNSET, UNSET, UNSET, STATUS[node.state])
    return Broker(
        name=node.node if named else UNSET,
        version=node.version,
        sysdescr="mqledger",
        uptime=uptime(node.uptime_ms),
        datetime=when(node.now, zone),
        otp_release=_release(node),
        node_status=STATUS[node.state],
    )


def monitored(numbers: Numbers) -> Monitored:
    """A node for who watches it. A process of EMQ's is a connection of ours."""
    node, gauges = numbers.node, numbers.gauges
    if not node.running:
        return Monitored(node.node, *[UNSET] * 7, STATUS[node.state], *[UNSET] * 3)  # type: ignore[call-arg, arg-type]
    clients = gauges.get("node.sessions.connected", 0)
    return Monitored(
        name=node.node,
        otp_release=_release(node),
        memory_total=size(node.gauges.get("host.memory_bytes", 0)),
        memory_used=size(node.gauges.get("process.rss_bytes", 0)),
        process_available=_most_clients(node),
        process_used=gauges.get("connections", clients),
        max_fds=node.gauges.get("process.max_fds", 0),
        clients=clients,
        node_status=STATUS[node.state],
        load1=load(node.gauges.get("host.load1_centi", 0)),
        load5=load(node.gauges.get("host.load5_centi", 0)),
        load15=load(node.gauges.get("host.load15_centi", 0)),
    )


def metrics(numbers: Numbers) -> dict[str, int]:
    """The 38 metrics of a node."""
    return {name: total(numbers.counters, sources) for name, sources in EMQ2_METRICS.items()}


def stats(numbers: Numbers) -> dict[str, int]:
    """The 14 statistics of a node."""
    found: dict[str, int] = {}
    for name, gauge in EMQ2_STATS.items():
        count = numbers.gauges.get(gauge, 0)
        found[f"{name}/count"] = count
        found[f"{name}/max"] = max(count, numbers.maxima.get(gauge, 0))
    return found


def listeners(numbers: Numbers, everything: bool) -> list[ListenerView]:
    """The listeners of a node; unless ``everything``, with the clients of one tenant."""
    node = numbers.node
    alone = len(node.listeners) == 1
    return [
        ListenerView(
            protocol=one.name,
            listen=f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}",
            acceptors=1,
            max_clients=_most_clients(node),
            current_clients=_clients(one, numbers, everything, alone),
            shutdown_count=_ended(numbers) if alone else [],
        )
        for one in node.listeners
    ]


def plugin(module: Module) -> Plugin:
    """A module as a plugin."""
    return Plugin(module.name, module.version, module.description, module.active)


def _clients(one: Listener, numbers: Numbers, everything: bool, alone: bool) -> int:
    if everything:
        return one.connections
    return numbers.gauges.get("node.sessions.connected", 0) if alone else 0


def _ended(numbers: Numbers) -> dict[str, int] | list[Any]:
    """Connections that ended, by who ended them; as in the original an empty list when there are none."""
    prefix = "disconnected."
    ended = {name.removeprefix(prefix): n for name, n in numbers.counters.items() if name.startswith(prefix) and n}
    return ended or []


def _most_clients(node: Node) -> int:
    return node.limits.get("max_connections", node.gauges.get("process.max_fds", 0))


def _release(node: Node) -> str:
    return f"mqledger/{node.version}"
