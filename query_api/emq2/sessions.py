"""Clients, sessions, subscriptions and routes: lists of a node by page, and what there is of one name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api import cluster
from query_api.asked import Asked
from query_api.cluster import Node
from query_api.emq2 import views
from query_api.emq2.answers import OFFLINE, CodedError, done, result, zone_of
from query_api.emq2.bodies import body
from query_api.emq2.dialect import EMQ2
from query_api.emq2.outcomes import settled
from query_api.emq2.paging import objects, page_of
from query_api.emq2.paths import BASE, name_after, segment
from query_api.emq2.views import Objects
from query_api.endpoint import Handler, endpoint
from query_api.errors import NotFoundError
from query_api.service import Service

ACL_CACHE = "/clean_acl_cache"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of list of a node: its query, and where the number of all is from."""

    name: str
    query: str
    count: str
    total: str
    """In the totals of a tenant."""
    view: Callable[[Any, Node, tzinfo], Any]


CLIENTS = Kind(
    "clients",
    "node_sessions/connected",
    "node_session_count/connected",
    "sessions.connected",
    lambda row, _, zone: views.client(row, zone),
)
SESSIONS = Kind(
    "sessions",
    "node_sessions/all",
    "node_session_count/all",
    "sessions",
    lambda row, node, zone: views.session(row, node.limits, zone),
)
SUBSCRIPTIONS = Kind(
    "subscriptions",
    "node_subscriptions",
    "node_subscription_count",
    "subscriptions",
    lambda row, _, __: views.subscription(row),
)


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file. The raw path decides whether a list or one of it is meant."""
    made = []
    for kind in (CLIENTS, SESSIONS, SUBSCRIPTIONS):
        of_node = f"{BASE}/nodes/{{node:str}}/{kind.name}"
        one = f"{of_node}/{{name:path}}"
        handler = partial(_of_node, kind=kind, one=one)
        made.append(endpoint(service, EMQ2, of_node, {"GET": handler}))
        made.append(endpoint(service, EMQ2, one, {"GET": handler}))
        if kind is SESSIONS:
            # The document says node once.
            typo = of_node.replace("/nodes/", "/node/")
            made.append(endpoint(service, EMQ2, typo, {"GET": partial(_of_node, kind=kind, one=typo)}))
        made.append(_anywhere(service, kind))
    made.append(endpoint(service, EMQ2, f"{BASE}/routes", {"GET": _routes}))
    made.append(endpoint(service, EMQ2, f"{BASE}/routes/{{name:path}}", {"GET": _routes}))
    return made


def _anywhere(service: Service, kind: Kind) -> HTTPRouteHandler:
    path = f"{BASE}/{kind.name}/{{name:path}}"
    handlers: dict[str, Handler] = {"GET": partial(_in_cluster, kind=kind)}
    if kind is CLIENTS:
        handlers |= {"DELETE": _disconnect, "PUT": _clean_acl_cache}
    return endpoint(service, EMQ2, path, handlers)


async def _of_node(asked: Asked, kind: Kind, one: str) -> ASGIResponse:
    node_name, name = segment(asked, 1), name_after(asked, "nodes", "", kind.name)
    if name:
        asked.route = one
        await asked.freshen()
        node = await cluster.node(asked.service.store, node_name)
        return result(asked, Objects(await _found(asked, kind, name, node)))
    page = page_of(asked)
    await asked.freshen()
    node = await cluster.node(asked.service.store, node_name)
    total = await _total(asked, kind, node)
    arguments, zone = (asked.tenant, node.node), zone_of(asked)
    return await objects(asked, page, total, kind.query, arguments, lambda row: kind.view(row, node, zone))


async def _total(asked: Asked, kind: Kind, node: Node) -> int:
    """How many there are at a node: of the only one there is, all of them, which is known without counting."""
    store = asked.service.store
    if len(await cluster.nodes(store)) == 1:
        return (await cluster.totals(store, asked.tenant))[kind.total]
    (row,) = await store.fetch(kind.count, asked.tenant, node.node)
    return int(row["count"])


async def _in_cluster(asked: Asked, kind: Kind) -> ASGIResponse:
    name = name_after(asked, kind.name)
    if not name:
        raise NotFoundError("path")
    await asked.freshen()
    return result(asked, Objects(await _found(asked, kind, name, None)))


async def _found(asked: Asked, kind: Kind, name: str, node: Node | None) -> list[Any]:
    """What there is of a client, at a node or anywhere: nothing is an empty list."""
    store, at = asked.service.store, node.node if node is not None else None
    if kind is SUBSCRIPTIONS:
        return [views.subscription(row) for row in await store.fetch("subscriptions_of", asked.tenant, name, at)]
    state = kind.query.partition("/")[2]
    rows = await store.fetch(f"node_session/{state}", asked.tenant, name, at)
    nodes = {one.node: one for one in await cluster.nodes(store)} if rows else {}
    return [kind.view(row, nodes[row["node"]], zone_of(asked)) for row in rows if row["node"] in nodes]


async def _routes(asked: Asked) -> ASGIResponse:
    topic = name_after(asked, "routes")
    if topic:
        asked.route = f"{BASE}/routes/{{name:path}}"
        await asked.freshen()
        found = await cluster.route(asked.service.store, asked.tenant, topic)
        return result(asked, Objects([views.route(one) for one in found]))
    page = page_of(asked)
    await asked.freshen()
    total = await cluster.route_count(asked.service.store, asked.tenant)
    return await objects(asked, page, total, "routes", (asked.tenant,), views.route)


async def _disconnect(asked: Asked) -> ASGIResponse:
    client_id = name_after(asked, "clients")
    outcome = settled(
        await asked.service.commands.kick(
            asked.asker(), asked.tenant, client_id, reason=f"disconnected by {asked.principal.name}", end_session=False
        )
    )
    if outcome != "done":
        raise CodedError(OFFLINE)
    return done(asked)


async def _clean_acl_cache(asked: Asked) -> ASGIResponse:
    name = name_after(asked, "clients")
    if not name.endswith(ACL_CACHE):
        raise NotFoundError("path")
    topic = (await body(asked, {"topic": str}))["topic"]
    client_id = name.removesuffix(ACL_CACHE)
    if settled(await asked.service.commands.clear_acl(asked.asker(), asked.tenant, client_id, topic)) != "done":
        raise CodedError(OFFLINE)
    return done(asked)
