"""Sessions as they are and as they were, and what can be done to them."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from query_api import keyset, search
from query_api.access.principal import Permission
from query_api.errors import InvalidError, NotFoundError
from query_api.native import etags, outcomes, paging
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.session_shapes import (
    Field,
    Session,
    SessionDetail,
    SessionItem,
    SessionPage,
    SubscriptionPage,
    counters,
    session,
    subscription,
)
from query_api.native.shapes import Asking, Given, Listing, Reading, Shape
from query_api.native.text import LONGEST, Address, Count, Filter, Part, Qos, Reason, Time, Username
from query_api.native.times import milliseconds, moment_or_none
from schemas.parts import Subscription as Wanted

section: Final = Section("sessions", writes=Permission.OPERATE)
SHOWN: Final = 1_000
"""Subscriptions in the detail of a session."""
KICKED: Final = "kicked by an operator"
AsOf = Annotated[Time, Meta(description="A moment of the past (RFC 3339, UTC): as it was then.")]


Sort = Annotated[
    Literal["client_id", "-client_id", "created_at", "-created_at", "username", "-username", "address", "-address"],
    Meta(
        description="With `-`, falling. Left out: by client id, and with filters by `created_at`. By `username`: only "
        "sessions of a user. What is alike is by `created_at`."
    ),
]


class Past(Reading, frozen=True):
    """When."""

    as_of: AsOf | None = None


class PastListing(Listing, frozen=True):
    """Which page, and when."""

    as_of: AsOf | None = None


class SessionListing(PastListing, frozen=True):
    """Which sessions, and what of them."""

    state: Literal["all", "connected", "disconnected"] = "all"
    prefix: Annotated[
        str, Meta(max_length=LONGEST, pattern=r"^[^\x00]*$", description="Only client ids that begin with this.")
    ] = ""
    username: Username | None = None
    """Filters, as all below to `sort`: they go with `state`, and with every order but that by client id."""
    address: Address | None = None
    node: Part | None = None
    zone: Annotated[str, Meta(max_length=LONGEST, pattern=r"^[^\x00]*$")] | None = None
    clean_start: bool | None = None
    version: Annotated[int, Meta(ge=0, le=5)] | None = None
    created_from: Time | None = None
    created_to: Time | None = None
    connected_from: Time | None = None
    connected_to: Time | None = None
    contains: Annotated[str, Meta(max_length=1000, description="Only client ids with this part.")] = ""
    username_contains: Annotated[str, Meta(max_length=1000)] = ""
    sort: Sort | None = None
    fields: Annotated[list[Field], Meta(description="Only these fields; left out: all.")] = []  # noqa: RUF012


class Kicking(Asking, frozen=True):
    """How to end it."""

    reason: Reason = KICKED
    username: Username | None = None
    """Only if the session is this user's."""


class Queue(Shape, frozen=True):
    """The queue of a session, measured. Which messages wait is known to its home alone; the log holds them all."""

    client_id: str
    measured_at: Time | None
    queued: Count
    inflight: Count
    awaiting_rel: Count
    dropped: Count
    """Since the client connected."""


class Disconnecting(Given, frozen=True):
    """How to disconnect it."""

    reason: Reason = KICKED
    username: Username | None = None


class NewSubscription(Given, frozen=True):
    """A subscription to be."""

    filter: Filter
    qos: Qos = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: Annotated[int, Meta(ge=0, le=2)] = 0
    subscription_id: Annotated[int, Meta(ge=1, le=268_435_455)] | None = None


class Subscribing(Given, frozen=True):
    """Subscriptions to be."""

    subscriptions: Annotated[list[NewSubscription], Meta(min_length=1, max_length=1000)]
    username: Username | None = None


class Unsubscribing(Given, frozen=True):
    """Subscriptions to end."""

    filters: Annotated[list[Filter], Meta(min_length=1, max_length=1000)]
    username: Username | None = None


class Expiring(Given, frozen=True):
    """Which sessions to end."""

    away: Annotated[
        int, Meta(ge=0, le=4_294_967_295, description="Seconds since the disconnect; 0 ends every one, connected too.")
    ]


_AGE: Final = ("created_at", "client_id")
_PATH: Final = {"client_id": "meter-17"}


@section.get(
    "/sessions",
    SessionPage,
    query=SessionListing,
    example=Example(query={"state": "connected", "fields": "client_id,address", "limit": "2"}),
)
async def list_sessions(call: Call) -> Reply:
    """Sessions by client id, as they are or as they were; or by age, and then by any combination of filters."""
    after = paging.opened(call)
    asked, filters = call.query, _filters(call.query)
    column = (asked.sort or ("client_id" if filters == search.ANY else "created_at")).removeprefix("-")
    if column != "client_id" and (asked.as_of is not None or asked.prefix):
        raise InvalidError("Filters, and orders but that by client_id, do not go with as_of or prefix.")
    if column == "client_id" and filters != search.ANY:
        raise InvalidError("Filters do not go with the order by client_id.")
    if asked.as_of is not None and asked.sort == "-client_id":
        raise InvalidError("The past is told by rising client id alone.")
    await call.asked.freshen()
    columns = {"client_id": ("client_id",), "created_at": _AGE}.get(column, (column, *_AGE))
    found = _sessions(call, after) if column == "client_id" else _found(call, filters, column, after)
    page, following = paging.cut(call, await found, operator.itemgetter(*columns))
    return Reply(SessionPage([_picked(row, call.query.fields) for row in page], following))


@section.get("/sessions/{client_id}", SessionDetail, query=Past, example=Example(_PATH))
async def get_session(call: Call) -> Reply:
    """One session with its measurements and subscriptions, as it is or as it was."""
    await call.asked.freshen()
    return Reply(await _detail(call, _moment(call)))


@section.get("/sessions/{client_id}/queue", Queue, example=Example(_PATH))
async def get_queue(call: Call) -> Reply:
    """How long the queue of a session is."""
    await call.asked.freshen()
    row = await _whole(call)
    return Reply(
        Queue(
            row["client_id"],
            moment_or_none(row["at"] or 0),
            row["queued"] or 0,
            row["inflight"] or 0,
            row["awaiting_rel"] or 0,
            row["dropped"] or 0,
        )
    )


@section.get(
    "/sessions/{client_id}/subscriptions",
    SubscriptionPage,
    query=PastListing,
    example=Example(_PATH),
)
async def list_session_subscriptions(call: Call) -> Reply:
    """Subscriptions of a session by filter, as they are or as they were."""
    after = paging.opened(call) or ""
    await call.asked.freshen()
    at = _moment(call)
    if not after:
        await _session_row(call, at)
    rows = await _subscriptions(call, at, after, call.query.limit + 1)
    page, following = paging.cut(call, rows, lambda row: row["filter"])
    return Reply(SubscriptionPage([subscription(row) for row in page], following))


@section.command("DELETE", "/sessions/{client_id}", query=Kicking, example=Example(_PATH))
async def kick_session(call: Call) -> Reply:
    """End a session and the connection that it has."""
    if call.headers.if_match:
        rows = await call.asked.service.store.fetch("whole_session", call.tenant, call.path["client_id"])
        etags.require_match(call, await _detail(call, None) if rows else None)
    told = await call.asked.service.commands.kick(
        outcomes.asker(call),
        call.tenant,
        call.path["client_id"],
        reason=call.query.reason,
        username=call.query.username,
    )
    return outcomes.reply(told)


@section.command("POST", "/sessions/{client_id}/disconnect", body=Disconnecting, example=Example(_PATH, body={}))
async def disconnect_session(call: Call) -> Reply:
    """Disconnect a client; its session stays as long as it would."""
    told = await call.asked.service.commands.kick(
        outcomes.asker(call),
        call.tenant,
        call.path["client_id"],
        reason=call.body.reason,
        end_session=False,
        username=call.body.username,
    )
    return outcomes.reply(told)


@section.command(
    "POST",
    "/sessions/{client_id}/subscriptions",
    body=Subscribing,
    example=Example(_PATH, body={"subscriptions": [{"filter": "plant/+/on", "qos": 1}]}),
)
async def subscribe(call: Call) -> Reply:
    """Subscribe on behalf of a client, connected or away; `codes` tells what became of each filter."""
    wanted = [
        Wanted(
            one.filter, one.qos, one.no_local, one.retain_as_published, one.retain_handling, one.subscription_id or 0
        )
        for one in call.body.subscriptions
    ]
    told = await call.asked.service.commands.subscribe(
        outcomes.asker(call), call.tenant, call.path["client_id"], wanted, username=call.body.username
    )
    return outcomes.reply(told)


@section.command(
    "POST",
    "/sessions/{client_id}/unsubscribe",
    body=Unsubscribing,
    example=Example(_PATH, body={"filters": ["plant/+/on"]}),
)
async def unsubscribe(call: Call) -> Reply:
    """Unsubscribe on behalf of a client, connected or away; `codes` tells what became of each filter."""
    told = await call.asked.service.commands.unsubscribe(
        outcomes.asker(call), call.tenant, call.path["client_id"], call.body.filters, username=call.body.username
    )
    return outcomes.reply(told)


@section.command("POST", "/expirations", body=Expiring, example=Example(body={"away": 86400}))
async def expire_sessions(call: Call) -> Reply:
    """End the sessions of the tenant that have been away for so long; `count` tells how many."""
    told = await call.asked.service.commands.expire(outcomes.asker(call), call.tenant, call.body.away)
    return outcomes.reply(told)


def _moment(call: Call) -> int | None:
    return moment_of(call.query.as_of)


def moment_of(text: str | None) -> int | None:
    """The milliseconds of an ``as_of``. Raises InvalidError for a day that is none."""
    if text is None:
        return None
    try:
        return milliseconds(text)
    except ValueError as error:
        raise InvalidError("as_of is no time.") from error


def _filters(asked: SessionListing) -> search.Filters:
    """The filters but for the state, which goes with every order. Raises InvalidError."""
    return search.Filters(
        username=asked.username,
        address=None if asked.address is None else search.address(asked.address),
        node=asked.node,
        clean_start=asked.clean_start,
        versions=None if asked.version is None else (asked.version,),
        zone=asked.zone,
        created_from=moment_of(asked.created_from) or 0,
        created_to=search.LATEST if asked.created_to is None else moment_of(asked.created_to) or 0,
        connected_from=moment_of(asked.connected_from) or 0,
        connected_to=search.LATEST if asked.connected_to is None else moment_of(asked.connected_to) or 0,
        in_client_id=asked.contains,
        in_username=asked.username_contains,
    )


async def _found(call: Call, filters: search.Filters, column: str, after: Any) -> list[Any]:
    online = {"all": None, "connected": True, "disconnected": False}[call.query.state]
    wanted = dataclasses.replace(filters, online=online)
    store, most = call.asked.service.walks, call.query.limit + 1
    way: search.Way = "before" if _falling(call) else "after"
    if column in search.BY_NAME:
        place = None if after is None else (after[0], (after[1], after[2]))
        return await search.by_name(store, call.tenant, wanted, column, place, most, way)
    age = None if after is None else (after[0], after[1])
    if way == "before":
        return await search.before(store, call.tenant, wanted, age or search.END, most)
    return await search.after(store, call.tenant, wanted, age or search.BEGINNING, most)


async def _sessions(call: Call, after: str | None) -> list[Any]:
    at, most = _moment(call), call.query.limit + 1
    store = call.asked.service.store if at is None else call.asked.service.walks
    if _falling(call):
        bounds = keyset.bounds((call.tenant,), call.query.prefix)
        bounds = bounds if after is None else (*bounds[:2], call.tenant, after)
        return await store.fetch(f"whole_sessions_before/{call.query.state}", *bounds, most)
    bounds = keyset.bounds((call.tenant,), call.query.prefix, after)
    if at is None:
        return await store.fetch(f"whole_sessions/{call.query.state}", *bounds, most)
    rows = await store.fetch(f"sessions_as_of/{call.query.state}", *bounds, most, at)
    return sorted(rows, key=lambda row: row["client_id"].encode())[:most]


def _falling(call: Call) -> bool:
    return (call.query.sort or "").startswith("-")


def _picked(row: Any, fields: Sequence[str]) -> msgspec.Struct:
    whole = session(row)
    return SessionItem(**{name: getattr(whole, name) for name in {"client_id", *(fields or Session.__struct_fields__)}})


async def _detail(call: Call, at: int | None) -> SessionDetail:
    row = await _session_row(call, at)
    held = await _subscriptions(call, at, "", SHOWN)
    measured = counters(row) if at is None else None
    return SessionDetail(session(row), measured, [subscription(one) for one in held])


async def _session_row(call: Call, at: int | None) -> Any:
    if at is None:
        return await _whole(call)
    rows = await call.asked.service.store.fetch("session_as_of", call.tenant, call.path["client_id"], at)
    return _only(rows)


async def _whole(call: Call) -> Any:
    return _only(await call.asked.service.store.fetch("whole_session", call.tenant, call.path["client_id"]))


def _only(rows: Sequence[Any]) -> Any:
    if not rows:
        raise NotFoundError("There is no such session.")
    return rows[0]


async def _subscriptions(call: Call, at: int | None, after: str, most: int) -> list[Any]:
    store, client_id = call.asked.service.store, call.path["client_id"]
    if at is None:
        return await store.fetch("session_subscriptions", call.tenant, client_id, after, most)
    rows = await store.fetch("subscriptions_as_of", call.tenant, client_id, at, after, most)
    return sorted(rows, key=lambda row: row["filter"].encode())[:most]
