"""Subscriptions, with their filters, and routes."""

from __future__ import annotations

from litestar.response.base import ASGIResponse

from query_api import cluster, patterns
from query_api.cluster import Held
from query_api.emqx4 import lists, parameters, views
from query_api.emqx4.answers import BAD_TOPIC, CodedError, data
from query_api.emqx4.call import Call, Route
from query_api.emqx4.clients import node_of
from query_api.errors import InvalidError
from query_api.keyset import storable

FILTERS = ("clientid", "topic", "qos", "share", "_match_topic")


def routes() -> list[Route]:
    """The routes of this file."""
    return [
        Route("list_subscriptions", "GET", "/subscriptions", _list, "A list of subscriptions in the cluster"),
        Route("list_node_subscriptions", "GET", "/nodes/:node/subscriptions", _list, "Subscriptions on a node"),
        Route("lookup_client_subscriptions", "GET", "/subscriptions/:clientid", _of_client, "Those of a client"),
        Route(
            "lookup_client_subscriptions_with_node", "GET", "/nodes/:node/subscriptions/:clientid", _of_client,
            "Subscriptions of a client on a node",
        ),
        Route("list_routes", "GET", "/routes", _routes, "A list of routes"),
        Route("lookup_routes", "GET", "/routes/:topic", _route, "The routes of a topic"),
    ]  # fmt: skip


async def _list(call: Call) -> ASGIResponse:
    page = parameters.page(call.query)
    qos, pattern = parameters.integer(call.query, "qos"), _pattern(call)
    node = await node_of(call)
    await call.asked.freshen()
    filtered = not set(FILTERS).isdisjoint(call.query)
    group = call.query.get("share")
    given = [call.query.get("clientid"), call.query.get("topic"), group and f"$share/{group}/"]
    if not all(text is None or storable(text) for text in given) or not -1 < (qos or 0) < 3:
        return data(call.asked, [], page.meta(False, -1))
    gather, parts = lists.of_query(
        call.asked.service.walks, "subscription_search", call.tenant, node.node if node else None, *given, qos, pattern
    )
    everything = not filtered and await _is_all(call)
    count = (await cluster.totals(call.store, call.tenant))["subscriptions"] if everything else -1
    return await lists.answer(call.asked, page, gather, parts, lambda row: views.subscription(Held(*row)), count)


async def _is_all(call: Call) -> bool:
    """Whether all there are is what was asked for: numbers are kept by tenant, not by node."""
    return "node" not in call.path or len(await cluster.nodes(call.store)) == 1


async def _of_client(call: Call) -> ASGIResponse:
    node = await node_of(call)
    await call.asked.freshen()
    held = await cluster.subscriptions_of(call.store, call.tenant, call.path["clientid"], node.node if node else None)
    return data(call.asked, list(map(views.subscription, held)))


async def _routes(call: Call) -> ASGIResponse:
    page = parameters.page(call.query)
    await call.asked.freshen()
    gather, parts = lists.of_query(call.asked.service.walks, "routes", call.tenant)
    count = await cluster.route_count(call.store, call.tenant)
    return await lists.answer(call.asked, page, gather, parts, lambda row: views.route(cluster.Route(*row)), count)


async def _route(call: Call) -> ASGIResponse:
    await call.asked.freshen()
    return data(call.asked, list(map(views.route, await cluster.route(call.store, call.tenant, call.path["topic"]))))


def _pattern(call: Call) -> str | None:
    """A regular expression for the filters that `_match_topic` matches, as if they were topics."""
    wanted = call.query.get("_match_topic")
    if wanted is None:
        return None
    try:
        return patterns.of_filter(wanted)
    except InvalidError as error:
        raise CodedError(BAD_TOPIC, "bad_topic") from error
