"""Subscriptions by filter, routes, and numbers of a tenant."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from query_api import cluster, keyset
from query_api.access.principal import ALL_TENANTS, Permission
from query_api.native import paging
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.session_shapes import SubscriptionPage, subscription
from query_api.native.shapes import Listing, Shape
from query_api.native.text import LONGEST, Count, Filter

section: Final = Section("numbers", writes=Permission.ADMINISTER)


class FilterListing(Listing, frozen=True):
    """Which filters."""

    filter: Filter | None = None
    """Exactly this one."""
    prefix: Annotated[str, Meta(max_length=LONGEST, pattern=r"^[^\x00]*$")] = ""
    """Only filters that begin with this text; looked at only without `filter`."""


class Route(Shape, frozen=True):
    """A node of which sessions hold a filter."""

    filter: str
    node: str
    sessions: Count


class RoutePage(Shape, frozen=True):
    """A page of routes."""

    items: list[Route]
    next: str | None


class Stats(Shape, frozen=True):
    """Present numbers of a tenant."""

    sessions: Count
    connected: Count
    subscriptions: Count


class Metrics(Shape, frozen=True):
    """What happened: in the tenant since the log began, by name; and at nodes since each started."""

    tenant: dict[str, int]
    nodes: dict[str, dict[str, int]]
    """By node; concerns all tenants, and is empty for callers of one."""


@section.get(
    "/subscriptions",
    SubscriptionPage,
    query=FilterListing,
    example=Example(query={"prefix": "plant/", "limit": "10"}),
)
async def list_subscriptions(call: Call) -> Reply:
    """Subscriptions of all sessions by filter and client id."""
    rows = await _by_filter(call, "subscriptions_by_filter")
    page, following = paging.cut(call, rows, lambda row: (row["filter"], row["client_id"]))
    return Reply(SubscriptionPage([subscription(row) for row in page], following))


@section.get("/routes", RoutePage, query=FilterListing, example=Example(query={"filter": "plant/+/on"}))
async def list_routes(call: Call) -> Reply:
    """Which nodes have sessions that hold which filters."""
    rows = await _by_filter(call, "route_page")
    page, following = paging.cut(call, rows, lambda row: (row["filter"], row["node"]))
    return Reply(RoutePage([Route(*row) for row in page], following))


@section.get("/stats", Stats, example=Example())
async def get_stats(call: Call) -> Reply:
    """Present numbers of the tenant."""
    await call.asked.freshen()
    totals = await cluster.totals(call.asked.service.store, call.tenant)
    return Reply(Stats(totals["sessions"], totals["sessions.connected"], totals["subscriptions"]))


@section.get("/metrics", Metrics, example=Example())
async def get_metrics(call: Call) -> Reply:
    """What happened, by name."""
    await call.asked.freshen()
    store = call.asked.service.store
    logged: dict[str, int] = {}
    for _, name, value in await store.fetch("cluster_metrics", call.tenant):
        logged[name] = logged.get(name, 0) + value
    everything = call.asked.principal.tenant == ALL_TENANTS
    nodes = {one.node: one.counters for one in await cluster.nodes(store)} if everything else {}
    return Reply(Metrics(logged, nodes))


async def _by_filter(call: Call, query: str) -> list[Any]:
    """Rows by filter and a second key, behind the cursor."""
    after = paging.opened(call)
    await call.asked.freshen()
    low, high = _bounds(call, None if after is None else (after[0], after[1]))
    return await call.asked.service.store.fetch(query, *low, *high, call.query.limit + 1)


def _bounds(call: Call, after: tuple[str, str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tenant, exact, prefix = call.tenant, call.query.filter, call.query.prefix
    if exact is not None:
        low, high = (tenant, exact, ""), (tenant, keyset.following(exact), "")
    elif not keyset.storable(prefix):
        return (tenant, "", ""), (tenant, "", "")
    elif (above := keyset.successor(prefix)) is None:
        low, high = (tenant, prefix, ""), (keyset.following(tenant), "", "")
    else:
        low, high = (tenant, prefix, ""), (tenant, above, "")
    return low if after is None else (tenant, after[0], keyset.following(after[1])), high
