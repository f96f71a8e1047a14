"""Nodes, brokers, statistics, metrics, listeners, modules and alarms: of all nodes that run, or of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from litestar.response.base import ASGIResponse

from query_api import cluster
from query_api.access.principal import Permission
from query_api.answers import plain
from query_api.asked import Asked
from query_api.cluster import LOST, Node, Numbers
from query_api.emqx4 import views
from query_api.emqx4.answers import BAD_RPC, LOADED, UNKNOWN, UNLOADED, CodedError, data, settled, succeeded
from query_api.emqx4.call import Call, Handler, Route
from query_api.errors import NotFoundError
from schemas.admin import PluginSet

Told = Callable[[Numbers, bool], Any]
"""What is told of a node; the second says that the caller sees all tenants."""

BY_NODE: Final[dict[str, Told]] = {
    "stats": lambda numbers, _: views.stats(numbers),
    "metrics": lambda numbers, _: views.metrics(numbers),
    "listeners": views.listeners,
}
ALIASES: Final = {
    "emqx_auth_mnesia": "password_authentication",
    "emqx_bridge_mqtt": "connections",
    "emqx_retainer": "retainer",
}
"""Plugins of the original that scripts switch, and the modules of ours that do what they did."""
NOTHING: Final = ("rules", "resources")
"""What the original has and we have not; lists that who watches a broker asks for."""
_SWITCHES: Final = {"load": (True,), "unload": (False,), "reload": (False, True)}


def routes() -> list[Route]:
    """The routes of this file."""
    administer = Permission.ADMINISTER
    made = [
        Route("list_nodes", "GET", "/nodes", _nodes, "A list of nodes"),
        Route("get_node", "GET", "/nodes/:node", _node, "A node"),
        Route("list_brokers", "GET", "/brokers", _brokers, "A list of brokers"),
        Route("get_broker", "GET", "/brokers/:node", _broker, "A broker"),
        Route("list_all_plugins", "GET", "/plugins", _plugins, "Modules of all nodes"),
        Route("list_node_plugins", "GET", "/nodes/:node/plugins", _plugins_of, "Modules of a node"),
    ]
    for name, told in BY_NODE.items():
        made.append(Route(f"list_all_{name}", "GET", f"/{name}", _all(name, told), f"The {name} of all nodes"))
        made.append(Route(f"get_node_{name}", "GET", f"/nodes/:node/{name}", _one(told), f"The {name} of a node"))
    for name in _SWITCHES:
        text = f"{name} a module, on all nodes".capitalize()
        made.append(Route(f"{name}_plugin", "PUT", f"/plugins/:plugin/{name}", _switch(name), text, administer))
        path = f"/nodes/:node/plugins/:plugin/{name}"
        made.append(Route(f"{name}_node_plugin", "PUT", path, _switch(name), text, administer))
    for path, wanted in (("", True), ("/activated", True), ("/deactivated", False)):
        name = f"list_alarms{path.replace('/', '_')}"
        made.append(Route(name, "GET", f"/alarms{path}", _alarms(wanted), "Alarms of all nodes"))
        made.append(
            Route(f"{name}_of_node", "GET", f"/nodes/:node/alarms{path}", _alarms_of(wanted), "Those of a node")
        )
    nothing = [Route(f"list_{name}", "GET", f"/{name}", _nothing, f"There are no {name} here") for name in NOTHING]
    return made + nothing


async def status(asked: Asked) -> ASGIResponse:
    """For those who only want to know whether it lives, without an account: the service, not the nodes."""
    text = f"Node {asked.service.settings.host} is started\nemqx is running"
    return plain(text.encode(), asked.headers(), media_type="text/plain")


async def _nothing(call: Call) -> ASGIResponse:
    return data(call.asked, [])


async def _numbers(call: Call) -> list[Numbers]:
    await call.asked.freshen()
    return await cluster.numbers(call.store, call.tenant, call.asked.principal.everywhere)


async def _numbers_of(call: Call) -> Numbers:
    for one in await _numbers(call):
        if one.node.node == call.path["node"]:
            return one
    raise NotFoundError("node")


async def _node_of(call: Call) -> Node:
    await call.asked.freshen()
    return await cluster.node(call.store, call.path["node"])


def _running(node: Node) -> Node:
    if not node.running:
        raise CodedError(BAD_RPC, "nodedown")
    return node


async def _nodes(call: Call) -> ASGIResponse:
    return data(call.asked, list(map(views.node_view, await _numbers(call))))


async def _node(call: Call) -> ASGIResponse:
    numbers = await _numbers_of(call)
    _running(numbers.node)
    return data(call.asked, views.node_view(numbers))


async def _brokers(call: Call) -> ASGIResponse:
    await call.asked.freshen()
    found = await cluster.nodes(call.store)
    return data(call.asked, [views.broker(one, call.zone) for one in found if one.running])


async def _broker(call: Call) -> ASGIResponse:
    return data(call.asked, views.broker(_running(await _node_of(call)), call.zone))


def _all(name: str, told: Told) -> Handler:
    async def handle(call: Call) -> ASGIResponse:
        everything = call.asked.principal.everywhere
        running = [one for one in await _numbers(call) if one.node.running]
        return data(call.asked, [{"node": one.node.node, name: told(one, everything)} for one in running])

    return handle


def _one(told: Told) -> Handler:
    async def handle(call: Call) -> ASGIResponse:
        numbers = await _numbers_of(call)
        _running(numbers.node)
        return data(call.asked, told(numbers, call.asked.principal.everywhere))

    return handle


async def _plugins(call: Call) -> ASGIResponse:
    await call.asked.freshen()
    running = [one for one in await cluster.nodes(call.store) if one.running]
    return data(call.asked, [{"node": one.node, "plugins": await _modules(call, one)} for one in running])


async def _plugins_of(call: Call) -> ASGIResponse:
    return data(call.asked, await _modules(call, _running(await _node_of(call))))


async def _modules(call: Call, node: Node) -> list[views.Plugin]:
    return list(map(views.plugin, await cluster.modules(call.store, node)))


def _switch(verb: str) -> Handler:
    """A module runs on all nodes or on none, whichever node is named."""

    async def handle(call: Call) -> ASGIResponse:
        call.asked.everywhere()
        node = _running(await _node_of(call) if "node" in call.path else await _any(call))
        named = ALIASES.get(call.path["plugin"], call.path["plugin"])
        module = next((one for one in await cluster.modules(call.store, node) if one.name == named), None)
        if module is None:
            raise CodedError(UNKNOWN, "not_found")
        states = _SWITCHES[verb]
        if module.active == states[0] and verb == "load":
            raise CodedError(LOADED, "already_started")
        if not module.active and verb == "unload":
            raise CodedError(UNLOADED, "not_started")
        for active in states:
            await _set(call, named, active)
        return succeeded(call.asked)

    return handle


async def _set(call: Call, name: str, active: bool) -> None:
    settled(await call.asked.service.commands.admin(call.asked.asker(), lambda order: PluginSet(order, name, active)))


async def _any(call: Call) -> Node:
    for one in await cluster.nodes(call.store):
        if one.running:
            return one
    raise CodedError(BAD_RPC, "nodedown")


def _alarms(active: bool) -> Handler:
    async def handle(call: Call) -> ASGIResponse:
        await call.asked.freshen()
        found = await cluster.nodes(call.store)
        running = [one for one in found if one.running]
        told = [{"node": one.node, "alarms": _of(found, active) if one is running[0] else []} for one in running]
        return data(call.asked, told)

    return handle


def _alarms_of(active: bool) -> Handler:
    async def handle(call: Call) -> ASGIResponse:
        _running(await _node_of(call))
        return data(call.asked, _of(await cluster.nodes(call.store), active))

    return handle


def _of(found: list[Node], active: bool) -> list[views.Alarm]:
    """Lost nodes; an alarm that is over is in the log, and nowhere else."""
    return [views.lost(one) for one in found if one.state == LOST] if active else []
