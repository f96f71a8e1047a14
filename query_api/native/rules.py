"""Access rules of the MQTT side, what they say about a client, and what nodes remember of them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from domain.access import Action, Rules, Who
from domain.topics import has_wildcard
from query_api import admin_queries, cluster
from query_api.access.principal import Permission
from query_api.admin_queries import Rule as Row
from query_api.native import etags, outcomes, paging
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.shapes import Asking, Given, Listing, Reading, Shape
from query_api.native.text import Address, ClientId, Filter, Network, Pattern, Time, Topic, Username
from query_api.native.times import moment
from schemas.admin import AclAdded, AclCacheCleared, AclRemoved
from schemas.commands import Order

section: Final = Section("access rules", reads=Permission.ADMINISTER, writes=Permission.ADMINISTER)
caches: Final = Section("access rules", writes=Permission.OPERATE)
Wish = Literal["publish", "subscribe", "all"]
Place = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1, description="Rules are asked by rising place, then by age.")]


class Rule(Shape, frozen=True):
    """An access rule. The first that fits decides."""

    id: str
    place: int
    allow: bool
    action: Wish
    topic: str
    """Topic filter in which `%c` and `%u` stand for client id and user; with `eq ` in front, literally."""
    username: str | None
    """None: any; so with the next two."""
    client_id: str | None
    address: str | None
    changed_at: Time
    changed_by: str


class RulePage(Shape, frozen=True):
    """A page of rules, in the order in which they are asked."""

    items: list[Rule]
    next: str | None


class NewRule(Given, frozen=True):
    """A rule to be."""

    allow: bool
    topic: Pattern
    action: Wish = "all"
    username: Username | None = None
    client_id: ClientId | None = None
    address: Network | None = None
    place: Place = 100


class Tried(Reading, frozen=True, kw_only=True):
    """What a client might want."""

    client_id: ClientId
    topic: Filter
    action: Literal["publish", "subscribe"]
    username: Username | None = None
    address: Address = "127.0.0.1"


class Verdict(Shape, frozen=True):
    """What would become of it."""

    allowed: bool
    by: Literal["rule", "superuser", "default", "wildcard"]
    """`wildcard`: nobody may publish to a filter."""
    rule: str | None


class Forgotten(Asking, frozen=True):
    """What to forget of a client."""

    topic: Topic | None = None


@section.get("/acl/rules", RulePage, query=Listing, example=Example())
async def list_rules(call: Call) -> Reply:
    """Access rules in the order in which they are asked."""
    after = paging.opened(call)
    await call.asked.freshen()
    behind = {} if after is None else {"after": (after[0], after[1])}
    rows = await admin_queries.rules(call.asked.service.store, call.tenant, most=call.query.limit + 1, **behind)
    page, following = paging.cut(call, rows, lambda row: (row.place, row.position))
    return Reply(RulePage([_rule(row) for row in page], following))


@section.command(
    "POST",
    "/acl/rules",
    body=NewRule,
    status=201,
    example=Example(body={"allow": True, "action": "publish", "topic": "plant/%c/#", "address": "10.0.0.0/8"}),
)
async def add_rule(call: Call) -> Reply:
    """Add an access rule."""
    given, tenant = call.body, call.tenant

    def make(order: Order) -> AclAdded:
        return AclAdded(
            order,
            tenant,
            given.allow,
            given.action,
            given.topic,
            given.username or "",
            given.client_id or "",
            given.address or "",
            given.place,
        )

    told = await outcomes.ask(call, make)
    return outcomes.added(told, "acl", "rules", told.id)


@section.get("/acl/rules/{rule}", Rule, example=Example({"rule": "3f2a"}))
async def get_rule(call: Call) -> Reply:
    """One access rule."""
    await call.asked.freshen()
    return outcomes.found(await _find(call), "rule")


@section.command("DELETE", "/acl/rules/{rule}", example=Example({"rule": "3f2a"}))
async def delete_rule(call: Call) -> Reply:
    """Remove an access rule."""
    etags.require_match(call, await _find(call))
    tenant, rule = call.tenant, call.path["rule"]
    return outcomes.reply(await outcomes.ask(call, lambda order: AclRemoved(order, tenant, rule)))


@section.get(
    "/acl/test",
    Verdict,
    query=Tried,
    example=Example(
        query={"client_id": "meter-17", "action": "publish", "topic": "plant/meter-17/on", "address": "10.0.0.7"},
    ),
)
async def try_rules(call: Call) -> Reply:
    """What the access rules say of a client's wish."""
    await call.asked.freshen()
    return Reply(await _verdict(call, call.query))


@caches.command("DELETE", "/acl/cache", example=Example(), errors=())
async def clear_acl_caches(call: Call) -> Reply:
    """Have nodes forget what they remember of access checks of the tenant's clients."""
    tenant = call.tenant
    return outcomes.reply(await outcomes.ask(call, lambda order: AclCacheCleared(order, tenant)))


@caches.command(
    "DELETE", "/sessions/{client_id}/acl-cache", query=Forgotten, example=Example({"client_id": "meter-17"})
)
async def clear_acl_cache(call: Call) -> Reply:
    """Have the node of a client forget what it remembers of the client's access checks."""
    told = await call.asked.service.commands.clear_acl(
        outcomes.asker(call), call.tenant, call.path["client_id"], call.query.topic or ""
    )
    return outcomes.reply(told)


async def _verdict(call: Call, wish: Tried) -> Verdict:
    store, tenant = call.asked.service.store, call.tenant
    if wish.action == "publish" and has_wildcard(wish.topic):
        return Verdict(False, "wildcard", None)
    user = await admin_queries.user(store, tenant, wish.username) if wish.username else None
    if user is not None and user.superuser:
        return Verdict(True, "superuser", None)
    rows = await admin_queries.rules(store, tenant)
    default = all(one.limits.get("acl_default_allow", 1) for one in await cluster.nodes(store))
    rules = Rules([_event(tenant, row) for row in rows], default)
    who = Who(wish.client_id, wish.username or "", wish.address)
    decision = rules.check(who, Action(wish.action), wish.topic)
    return Verdict(decision.allowed, "rule" if decision.rule else "default", decision.rule or None)


def _event(tenant: str, row: Row) -> AclAdded:
    order = Order(row.id, "", "", "", 0)
    return AclAdded(
        order, tenant, row.allow, row.action, row.topic, row.username, row.client_id, row.address, row.place
    )


async def _find(call: Call) -> Rule | None:
    row = await admin_queries.rule(call.asked.service.store, call.tenant, call.path["rule"])
    return None if row is None else _rule(row)


def _rule(row: Row) -> Rule:
    return Rule(
        row.id,
        row.place,
        row.allow,
        row.action,  # type: ignore[arg-type]
        row.topic,
        row.username or None,
        row.client_id or None,
        row.address or None,
        moment(row.changed_at),
        row.changed_by,
    )
