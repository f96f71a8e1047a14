"""Plugins: the modules of ours. One that is stopped stops on all nodes, whichever is named."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api import cluster
from query_api.access.principal import Permission
from query_api.asked import Asked
from query_api.cluster import Node
from query_api.emq2 import views
from query_api.emq2.answers import BAD_RPC, STARTED, STOPPED, UNKNOWN, CodedError, done, result
from query_api.emq2.bodies import body
from query_api.emq2.dialect import EMQ2
from query_api.emq2.outcomes import settled
from query_api.emq2.paths import BASE, name_after, segment
from query_api.endpoint import endpoint
from query_api.service import Service
from schemas.admin import PluginSet

ALIASES: Final = {
    "emq_auth_username": "password_authentication",
    "emq_dashboard": "sys",
    "emq_modules": "acl",
    "emq_retainer": "retainer",
}
"""Plugins of the original that scripts switch, and the modules of ours that do what they did."""


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file; the document leaves the node out of the path by which a plugin is switched."""
    administer = {"PUT": Permission.ADMINISTER}
    of_node = f"{BASE}/nodes/{{node:str}}/plugins"
    return [
        endpoint(service, EMQ2, of_node, {"GET": _list}),
        endpoint(service, EMQ2, f"{of_node}/{{name:str}}", {"PUT": _switch_at}, permissions=administer),
        endpoint(service, EMQ2, f"{BASE}/nodes/plugins/{{name:str}}", {"PUT": _switch}, permissions=administer),
    ]


async def _list(asked: Asked) -> ASGIResponse:
    await asked.freshen()
    node = _running(await cluster.node(asked.service.store, segment(asked, 1)))
    return result(asked, [views.plugin(one) for one in await cluster.modules(asked.service.store, node)])


async def _switch_at(asked: Asked) -> ASGIResponse:
    node = _running(await cluster.node(asked.service.store, segment(asked, 1)))
    return await _switched(asked, node, name_after(asked, "nodes", "", "plugins"))


async def _switch(asked: Asked) -> ASGIResponse:
    running = next((one for one in await cluster.nodes(asked.service.store) if one.running), None)
    if running is None:
        raise CodedError(BAD_RPC, "badrpc: nodedown")
    return await _switched(asked, running, name_after(asked, "nodes", "plugins"))


async def _switched(asked: Asked, node: Node, named: str) -> ASGIResponse:
    asked.everywhere()
    active: bool = (await body(asked, {"active": bool}))["active"]
    modules = {one.name: one for one in await cluster.modules(asked.service.store, node)}
    module = modules.get(ALIASES.get(named, named))
    if module is None:
        raise CodedError(UNKNOWN, "unknown")
    if module.active == active:
        raise CodedError(STARTED, "already_started") if active else CodedError(STOPPED, "not_started")
    name = module.name
    settled(await asked.service.commands.admin(asked.asker(), lambda order: PluginSet(order, name, active)))
    return done(asked)


def _running(node: Node) -> Node:
    if not node.running:
        raise CodedError(BAD_RPC, "badrpc: nodedown")
    return node
