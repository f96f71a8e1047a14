"""The cluster, for all dialects: nodes as they last reported, numbers by node, modules, and routes.

What only nodes know (packets, bytes, memory) comes from their heartbeats and is of all tenants together: it is for
callers who see all of them. What the log proves is told by tenant, and is all that a caller of one tenant is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from query_api import admin_queries
from query_api.errors import NotFoundError
from query_api.store import Store

RUNNING: Final = "running"
STOPPED: Final = "stopped"
LOST: Final = "lost"
OVERDUE_INTERVALS: Final = 3
OVERDUE_MARGIN_MS: Final = 5000
"""A node whose heartbeat is overdue by more than so many intervals and this is lost, even before the log says so."""

MODULES: Final = {
    "acl": "Access rules: who may publish and subscribe to what",
    "connections": "Connections to other brokers",
    "password_authentication": "Usernames and passwords of MQTT clients",
    "retainer": "Retained messages",
    "sys": "Numbers of the broker under $SYS",
}
"""Modules that may be switched, and what they are for."""
CONNECTOR: Final = "connections"
"""Runs in a process of its own, not in nodes."""

LOGGED: Final = {
    "messages.published.qos0": "messages.received.qos0",
    "messages.published.qos1": "messages.received.qos1",
    "messages.published.qos2": "messages.received.qos2",
    "bytes.published": "bytes.received",
}
"""Counters of the log that stand for those of a node, for a caller of one tenant: bytes are those of payloads."""
_SESSIONS: Final = ("sessions", "sessions.connected", "subscriptions")


class Listener(msgspec.Struct, frozen=True):
    """Where a node listens."""

    name: str
    protocol: str
    address: str
    port: int
    connections: int


class Node(msgspec.Struct, frozen=True):
    """A row of ``nodes``; times in milliseconds since 1970 UTC."""

    node: str
    incarnation: int
    status: str
    started_at: int
    heartbeat_at: int
    interval: float
    version: str
    host: str
    pid: int
    admin: int
    """Offset of the next record of ``mq.admin`` that it will apply."""
    listeners: list[Listener]
    counters: dict[str, int]
    gauges: dict[str, int]
    maxima: dict[str, int]
    limits: dict[str, int]
    plugins: list[str]
    """Modules that run."""
    now: int = 0
    """When the row was read."""

    @property
    def state(self) -> str:
        """RUNNING, STOPPED or LOST, judged when it was read."""
        if self.status != RUNNING:
            return self.status
        patience = OVERDUE_INTERVALS * self.interval * 1000 + OVERDUE_MARGIN_MS
        return RUNNING if self.now - self.heartbeat_at <= patience else LOST

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.state == RUNNING

    @property
    def uptime_ms(self) -> int:
        """Since when it runs, in milliseconds; 0 when it does not."""
        return max(self.now - self.started_at, 0) if self.running and self.started_at else 0


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a node, by the names that they have in heartbeats."""

    node: Node
    counters: Mapping[str, int]
    """Since the node started; of one tenant: since the log began."""
    gauges: Mapping[str, int]
    maxima: Mapping[str, int]
    """Highest values of the gauges since the node started; of one tenant: the present ones."""


@dataclass(frozen=True, slots=True)
class Module:
    """A part of the broker that may be switched, on all nodes at once."""

    name: str
    description: str
    version: str
    active: bool


@dataclass(frozen=True, slots=True)
class Route:
    """Sessions of a node hold the filter."""

    filter: str
    node: str


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription of a session, and the node where the session is."""

    client_id: str
    filter: str
    qos: int
    node: str


_decode = msgspec.json.Decoder(Node).decode


async def nodes(store: Store) -> list[Node]:
    """All nodes that have ever reported, by name. Raises UnavailableError."""
    rows = await store.fetch("cluster_nodes")
    return [msgspec.structs.replace(_decode(row["node"]), now=row["now"]) for row in rows]


async def node(store: Store, name: str) -> Node:
    """The node of this name. Raises NotFoundError, UnavailableError."""
    for one in await nodes(store):
        if one.node == name:
            return one
    raise NotFoundError("node not found")


async def numbers(store: Store, tenant: str, everything: bool) -> list[Numbers]:
    """The numbers of every node, by name; unless ``everything``, of this tenant alone. Raises UnavailableError."""
    logged: dict[str, dict[str, int]] = {}
    for name_of_node, name, value in await store.fetch("cluster_metrics", tenant):
        logged.setdefault(name_of_node, {})[name] = value
    found = await nodes(store)
    if everything:
        return [Numbers(one, logged.get(one.node, {}) | one.counters, one.gauges, one.maxima) for one in found]
    present = await totals(store, tenant)
    present |= {f"node.{name}": value for name, value in present.items()} | {"topics": await route_count(store, tenant)}
    return [_of_tenant(one, logged.get(one.node, {}), present if one is _holder(found) else {}) for one in found]


async def totals(store: Store, tenant: str) -> dict[str, int]:
    """Present numbers of a tenant: ``sessions``, ``sessions.connected``, ``subscriptions``. Raises UnavailableError."""
    return dict.fromkeys(_SESSIONS, 0) | dict(await store.fetch("cluster_totals", tenant))


async def modules(store: Store, of: Node) -> list[Module]:
    """The modules of a node, by name: those that run there, and the others. Raises UnavailableError."""
    switched = await admin_queries.plugin_switches(store)

    def active(name: str) -> bool:
        if name in switched and name == CONNECTOR:
            return switched[name].active
        return name == CONNECTOR or name in of.plugins

    return [Module(name, text, of.version, active(name)) for name, text in sorted(MODULES.items())]


async def routes(store: Store, tenant: str, first: int = 0, most: int | None = None) -> list[Route]:
    """Routes of a tenant, by filter and node, from the ``first``. Raises UnavailableError."""
    return [Route(*row) for row in await store.fetch("routes", tenant, first, most)]


async def route(store: Store, tenant: str, topic_filter: str) -> list[Route]:
    """Routes of exactly this filter. Raises UnavailableError."""
    return [Route(*row) for row in await store.fetch("route", tenant, topic_filter)]


async def route_count(store: Store, tenant: str) -> int:
    """How many routes a tenant has. Costs what reading all of them costs. Raises UnavailableError."""
    (row,) = await store.fetch("route_count", tenant)
    return int(row["routes"])


async def subscriptions_of(store: Store, tenant: str, client_id: str, of: str | None = None) -> list[Held]:
    """Subscriptions of one session, by filter; of another node than ``of`` none. Raises UnavailableError."""
    return [Held(*row) for row in await store.fetch("subscriptions_of", tenant, client_id, of)]


def _of_tenant(one: Node, logged: Mapping[str, int], present: Mapping[str, int]) -> Numbers:
    counters = {LOGGED.get(name, name): value for name, value in logged.items()}
    return Numbers(one, counters, present, present)


def _holder(found: list[Node]) -> Node | None:
    """The node to which the present numbers of a tenant are put down: they are known of the cluster as a whole."""
    return next((one for one in found if one.running), found[0] if found else None)
