"""Subscriptions by filter, routes, and numbers of a tenant."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from domain.keys import FILTER_BYTES
from query_api import cluster, keyset, patterns
from query_api.access.principal import ALL_TENANTS, Permission
from query_api.native import paging
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.session_shapes import SubscriptionPage, subscription
from query_api.native.shapes import Listing, Shape
from query_api.native.text import LONGEST, ClientId, Count, Filter, Part, Qos

LAST: Final = chr(0x10FFFF) * FILTER_BYTES
"""Beyond every filter."""
section: Final = Section("numbers", writes=Permission.ADMINISTER)


class FilterListing(Listing, frozen=True):
    """Which filters."""

    filter: Filter | None = None
    """Exactly this one."""
    prefix: Annotated[str, Meta(max_length=LONGEST, pattern=r"^[^\x00]*$")] = ""
    """Only filters that begin with this text; looked at only without `filter`."""


class SubscriptionListing(FilterListing, frozen=True):
    """Which subscriptions."""

    client_id: ClientId | None = None
    state: Literal["all", "connected", "disconnected"] = "all"
    """Of sessions in this state."""
    node: Part | None = None
    """Of sessions that are, or were last, connected there."""
    qos: Qos | None = None
    group: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=LONGEST,
                pattern=r"^[^\x00/+#]+$",
                description="Only those that this group shares.",
            ),
        ]
        | None
    ) = None
    match: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=FILTER_BYTES,
                pattern=r"^[^\x00]+$",
                description="Only filters that this one matches as if they were topics; shared ones by what is shared.",
                examples=["plant/#"],
            ),
        ]
        | None
    ) = None


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
    query=SubscriptionListing,
    example=Example(query={"match": "plant/#", "qos": "1", "limit": "10"}),
)
async def list_subscriptions(call: Call) -> Reply:
    """Subscriptions of all sessions by filter and client id."""
    asked, after = call.query, paging.opened(call)
    pattern = None if asked.match is None else patterns.of_filter(asked.match)
    await call.asked.freshen()
    beginning, client_id = "" if asked.group is None else f"$share/{asked.group}/", asked.client_id
    low, high = _range(asked.filter, asked.prefix, beginning)
    # Behind the cursor: the next client of the same filter; of one client, the next filter.
    if client_id is None:
        query, first, last = "subscriptions_by_filter", (low, ""), (high, "")
        first = first if after is None else (after[0], keyset.following(after[1]))
    else:
        query, first, last = "subscriptions_by_client", (client_id, low), (client_id, high)
        first = first if after is None else (client_id, keyset.following(after[0]))
    # What filters skip is read, too.
    skipping = asked.state != "all" or asked.node is not None or asked.qos is not None or pattern is not None
    store = call.asked.service.walks if skipping else call.asked.service.store
    rows = await store.fetch(
        f"{query}/{asked.state}",
        *(call.tenant, *first, call.tenant, *last),
        *(asked.limit + 1, asked.node, asked.qos, pattern),
    )
    page, following = paging.cut(call, rows, lambda row: (row["filter"], row["client_id"]))
    return Reply(SubscriptionPage([subscription(row) for row in page], following))


@section.get("/routes", RoutePage, query=FilterListing, example=Example(query={"prefix": "plant/"}))
async def list_routes(call: Call) -> Reply:
    """Which nodes have sessions that hold which filters."""
    after = paging.opened(call)
    await call.asked.freshen()
    low, high = _range(call.query.filter, call.query.prefix)
    first = (low, "") if after is None else (after[0], keyset.following(after[1]))
    rows = await call.asked.service.store.fetch(
        "route_page", call.tenant, *first, call.tenant, high, "", call.query.limit + 1
    )
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


def _range(exact: str | None, prefix: str, beginning: str = "") -> tuple[str, str]:
    """The least filter that is wanted, and the first beyond: exactly one, or those that begin with both texts."""
    texts = sorted((prefix, beginning), key=len)
    if exact is not None:
        return (exact, keyset.following(exact)) if exact.startswith(beginning) else ("", "")
    if not texts[1].startswith(texts[0]) or not keyset.storable(texts[1]):
        return "", ""
    return texts[1], keyset.successor(texts[1]) or LAST
