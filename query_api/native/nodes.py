"""The nodes of the cluster, their listeners and modules: for callers who see all tenants."""

from __future__ import annotations

from typing import Final, Literal

from query_api import admin_queries, cluster
from query_api.access.principal import Permission
from query_api.errors import NotFoundError
from query_api.native import outcomes
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.shapes import Asking, Given, Shape
from query_api.native.text import Count, Part, Time
from query_api.native.times import moment_or_none
from schemas.admin import ListenerSet, PluginSet
from schemas.commands import Order

section: Final = Section("nodes", writes=Permission.ADMINISTER, everywhere=True)


class Listener(Shape, frozen=True):
    """Where a node takes connections, or would."""

    node: str
    name: str
    protocol: str
    address: str
    port: Count
    connections: Count
    active: bool


class ListenerList(Shape, frozen=True):
    """All listeners."""

    items: list[Listener]


class Node(Shape, frozen=True):
    """A node as it last reported."""

    node: str
    state: Literal["running", "stopped", "lost"]
    incarnation: int
    version: str
    host: str
    pid: Count
    started_at: Time | None
    reported_at: Time | None
    uptime: Count
    """Milliseconds; 0 when it does not run."""
    listeners: list[Listener]
    modules: list[str]
    """Those that run there."""
    limits: dict[str, int]
    """What it grants a client."""
    counters: dict[str, int]
    """Since it started."""
    gauges: dict[str, int]
    maxima: dict[str, int]
    """Highest values of the gauges since it started."""


class NodeList(Shape, frozen=True):
    """All nodes that have ever reported."""

    items: list[Node]


class Plugin(Shape, frozen=True):
    """A module of the broker, which runs on all nodes or on none."""

    name: str
    description: str
    active: bool


class PluginList(Shape, frozen=True):
    """All modules."""

    items: list[Plugin]


class Switch(Given, frozen=True):
    """On or off."""

    active: bool


class OfNode(Asking, frozen=True):
    """Where."""

    node: Part | None = None
    """Left out: on every node."""


@section.get("/nodes", NodeList, example=Example())
async def list_nodes(call: Call) -> Reply:
    """All nodes by name."""
    await call.asked.freshen()
    switches = await admin_queries.listener_switches(call.asked.service.store)
    return Reply(NodeList([_node(one, switches) for one in await cluster.nodes(call.asked.service.store)]))


@section.get("/nodes/{node}", Node, example=Example({"node": "node-1"}))
async def get_node(call: Call) -> Reply:
    """One node."""
    await call.asked.freshen()
    switches = await admin_queries.listener_switches(call.asked.service.store)
    return Reply(_node(await cluster.node(call.asked.service.store, call.path["node"]), switches))


@section.get("/listeners", ListenerList, example=Example())
async def list_listeners(call: Call) -> Reply:
    """Listeners of the nodes that run."""
    await call.asked.freshen()
    return Reply(ListenerList(await _listeners(call)))


@section.command(
    "PATCH",
    "/listeners/{listener}",
    body=Switch,
    query=OfNode,
    example=Example({"listener": "tcp"}, body={"active": True}),
)
async def switch_listener(call: Call) -> Reply:
    """Have a listener take connections or not; those that there are stay."""
    node, name = call.query.node or "", call.path["listener"]
    if not any(one.name == name and node in ("", one.node) for one in await _listeners(call)):
        raise NotFoundError("There is no such listener.")
    active = call.body.active
    return outcomes.reply(await outcomes.ask(call, lambda order: ListenerSet(order, node, name, active)))


@section.get("/plugins", PluginList, example=Example())
async def list_plugins(call: Call) -> Reply:
    """Modules of the broker."""
    await call.asked.freshen()
    return Reply(PluginList(await _plugins(call)))


@section.command(
    "PATCH", "/plugins/{plugin}", body=Switch, example=Example({"plugin": "retainer"}, body={"active": True})
)
async def switch_plugin(call: Call) -> Reply:
    """Start or stop a module on all nodes."""
    name, active = call.path["plugin"], call.body.active
    if name not in cluster.MODULES:
        raise NotFoundError("There is no such module.")

    def make(order: Order) -> PluginSet:
        return PluginSet(order, name, active)

    return outcomes.reply(await outcomes.ask(call, make))


Switches = dict[tuple[str, str], admin_queries.Switch]


async def _listeners(call: Call) -> list[Listener]:
    store = call.asked.service.store
    switches = await admin_queries.listener_switches(store)
    running = [one for one in await cluster.nodes(store) if one.running]
    return [listener for node in running for listener in _listeners_of(node, switches)]


def _listeners_of(node: cluster.Node, switches: Switches) -> list[Listener]:
    return [
        Listener(
            node.node, one.name, one.protocol, one.address, one.port, one.connections, _active(node, one.name, switches)
        )
        for one in node.listeners
    ]


def _active(node: cluster.Node, name: str, switches: Switches) -> bool:
    """What was said last of the listener, of this node or of every one; untold, it takes connections."""
    found = [one for key in ((node.node, name), ("", name)) if (one := switches.get(key)) is not None]
    return max(found, key=lambda one: one.position).active if found else True


async def _plugins(call: Call) -> list[Plugin]:
    store = call.asked.service.store
    nodes = await cluster.nodes(store)
    running = [one for one in nodes if one.running] or nodes
    if not running:
        raise NotFoundError("No node has ever reported.")
    return [Plugin(one.name, one.description, one.active) for one in await cluster.modules(store, running[0])]


def _node(one: cluster.Node, switches: Switches) -> Node:
    return Node(
        one.node,
        one.state,  # type: ignore[arg-type]
        one.incarnation,
        one.version,
        one.host,
        one.pid,
        moment_or_none(one.started_at),
        moment_or_none(one.heartbeat_at),
        one.uptime_ms,
        _listeners_of(one, switches),
        one.plugins,
        one.limits,
        one.counters,
        one.gauges,
        one.maxima,
    )
