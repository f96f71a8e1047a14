"""Clients: lists by filters, single ones, kicking, and what is remembered of their access checks."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Final

from litestar.response.base import ASGIResponse

from query_api import cluster, search
from query_api.cluster import Node
from query_api.emqx4 import lists, parameters, views
from query_api.emqx4.answers import (
    BAD_RPC,
    NOT_FOUND,
    CodedError,
    data,
    settled,
    succeeded,
)
from query_api.emqx4.call import Call, Route
from query_api.emqx4.parameters import Page
from query_api.search import ANY, Filters
from query_api.store import Store
from schemas.admin import AclCacheCleared

KICKED: Final = "kicked by an operator"
LIMITS_SECONDS: Final = 5.0
"""How long what nodes grant is remembered; it changes when one starts."""


class _Limits:
    """What nodes grant a client, remembered for a while."""

    def __init__(self) -> None:
        self._until = 0.0
        self._limits: views.Limits = {}

    async def read(self, store: Store) -> views.Limits:
        """By node. Raises UnavailableError."""
        if time.monotonic() >= self._until:
            self._limits = {one.node: one.limits for one in await cluster.nodes(store)}
            self._until = time.monotonic() + LIMITS_SECONDS
        return self._limits


class Clients:
    """The handlers of clients."""

    def __init__(self) -> None:
        self._limits = _Limits()

    def routes(self) -> list[Route]:
        """The routes of this file; a user's before a client's, whose pattern would take them."""
        return [
            Route("list_clients", "GET", "/clients", self._list, "A list of clients in the cluster"),
            Route("list_node_clients", "GET", "/nodes/:node/clients", self._list, "A list of clients on a node"),
            Route(
                "lookup_client_via_username", "GET", "/clients/username/:username", self._of_user,
                "Clients of a username in the cluster",
            ),
            Route(
                "lookup_node_client_via_username", "GET", "/nodes/:node/clients/username/:username", self._of_user,
                "Clients of a username on a node",
            ),
            Route("lookup_client", "GET", "/clients/:clientid", self._one, "A client in the cluster"),
            Route("lookup_node_client", "GET", "/nodes/:node/clients/:clientid", self._one, "A client on a node"),
            Route("kickout_client", "DELETE", "/clients/:clientid", _kick, "Kick a client, and end its session"),
            Route("list_acl_cache", "GET", "/clients/:clientid/acl_cache", _acl_cache, "Access checks of a client"),
            Route(
                "clean_acl_cache", "DELETE", "/clients/:clientid/acl_cache", _clear_acl_cache,
                "Forget the access checks of a client",
            ),
            Route("clean_acl_cache_all", "DELETE", "/acl-cache", _clear_all, "Forget the access checks of all clients"),
            Route(
                "clean_acl_cache_node", "DELETE", "/nodes/:node/acl-cache", _clear_all,
                "Forget the access checks of all clients",
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> ASGIResponse:
        page = parameters.page(call.query)
        filters = await _at(call, parameters.client_filters(call.query))
        await call.asked.freshen()
        total = -1 if parameters.is_filtered(call.query) else await _total(call, filters)
        return await self._listed(call, filters, page, total)

    async def _of_user(self, call: Call) -> ASGIResponse:
        filters = await _at(call, Filters(username=call.path["username"]))
        await call.asked.freshen()
        return await self._listed(call, filters, Page(1, parameters.MOST), None)

    async def _one(self, call: Call) -> ASGIResponse:
        filters = await _at(call, Filters(client_id=call.path["clientid"]))
        await call.asked.freshen()
        return await self._listed(call, filters, Page(1, parameters.MOST), None)

    async def _listed(self, call: Call, filters: Filters, page: Page, count: int | None) -> ASGIResponse:
        view = partial(views.client, limits=await self._limits.read(call.store), zone=call.zone)
        gather = partial(search.page, call.searches, call.tenant, filters)
        parts = partial(search.pages, call.searches, call.tenant, filters)
        return await lists.answer(call.asked, page, gather, parts, view, count)


async def node_of(call: Call) -> Node | None:
    """The node that the path names, which runs; None when it names none. Raises NotFoundError, CodedError."""
    if "node" not in call.path:
        return None
    node = await cluster.node(call.store, call.path["node"])
    if not node.running:
        raise CodedError(BAD_RPC, "nodedown")
    return node


async def _at(call: Call, filters: Filters) -> Filters:
    node = await node_of(call)
    return filters if node is None else replace(filters, node=node.node)


async def _total(call: Call, filters: Filters) -> int:
    if filters == ANY:
        return (await cluster.totals(call.store, call.tenant))["sessions"]
    return await search.count(call.searches, call.tenant, filters)


async def _kick(call: Call) -> ASGIResponse:
    asked = call.asked
    outcome = await asked.service.commands.kick(asked.asker(), call.tenant, call.path["clientid"], reason=KICKED)
    return _done_or_not_found(call, settled(outcome))


async def _acl_cache(call: Call) -> ASGIResponse:
    """Empty for whom there is: what is remembered is in the nodes, and no fact of the log."""
    await call.asked.freshen()
    if not await search.page(call.store, call.tenant, Filters(client_id=call.path["clientid"]), 0, 1):
        raise CodedError(NOT_FOUND, "not_found")
    return data(call.asked, [])


async def _clear_acl_cache(call: Call) -> ASGIResponse:
    asked = call.asked
    outcome = await asked.service.commands.clear_acl(asked.asker(), call.tenant, call.path["clientid"])
    return _done_or_not_found(call, settled(outcome))


async def _clear_all(call: Call) -> ASGIResponse:
    """On all nodes, whichever is named: there is one log of what is to be forgotten."""
    await node_of(call)
    tenant = call.tenant
    settled(await call.asked.service.commands.admin(call.asked.asker(), lambda order: AclCacheCleared(order, tenant)))
    return succeeded(call.asked)


def _done_or_not_found(call: Call, outcome: str) -> ASGIResponse:
    if outcome != "done":
        raise CodedError(NOT_FOUND, "not_found")
    return succeeded(call.asked)
