"""Events of the log, looked up, and live as server-sent events: of clients, administration, connections."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any, Final

import msgspec
from litestar.response.base import ASGIResponse
from msgspec import Meta

from query_api.access.principal import Permission
from query_api.answers import StreamedAnswer
from query_api.errors import InvalidError, RefusalError, TooManyRequestsError, UnavailableError
from query_api.loop import told_to_stop
from query_api.native import kinds, paging
from query_api.native.kinds import About, Kind
from query_api.native.log import LIVE, LOOKUPS, Log, Seen, Vector, Wanted, opened, place_of
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.problems import ProblemError
from query_api.native.sessions import moment_of
from query_api.native.shapes import Asking, Headers, Listing, Shape
from query_api.native.text import ClientId, Time
from query_api.native.times import moment
from query_api.tokens import PATTERN, BadTokenError

section: Final = Section("events", writes=Permission.OPERATE)
LOOK_SECONDS: Final = 2.0
"""A request for a page looks no longer; what it did not come to is behind the cursor."""
BEAT_SECONDS: Final = 5.0
"""A stream that has nothing to tell says so, and how far it is."""
STREAM: Final = "event stream"

Kinds = Annotated[
    list[Kind], Meta(max_length=60, description="Only these; left out: what happens to sessions, no messages.")
]
Abouts = Annotated[
    list[About],
    Meta(
        max_length=10,
        description="Kinds in one word, beside `kind`: `administration` is changes of users, rules, bans, accounts, API"
        " keys, connections, modules and listeners; `connections` is changes of connections to other brokers, and how"
        " they are; each as far as the caller may read it.",
    ),
]


class Event(Shape, frozen=True):
    """Something that happened."""

    position: str
    """Its place in the log: partition, offset and index; -1 is the administration, -2 statuses of connections."""
    time: Time
    kind: str
    client_id: str | None
    """The client that it happened to."""
    node: str
    """Who wrote it; empty where the log does not say."""
    data: dict[str, Any]
    """Its fields (`docs/events.md`); of a payload only the size, and `***` for secrets."""


class EventPage(Shape, frozen=True):
    """A page of events: by time, and those of one client always in their order."""

    items: list[Event]
    next: str | None
    """None: the end of what was asked for. A page may hold fewer than `limit` items, or none, and have a next one."""


class EventListing(Listing, frozen=True):
    """Which events."""

    client_id: ClientId | None = None
    """Only of this client: what happens to sessions."""
    kind: Kinds = []  # noqa: RUF012 - structs copy their defaults
    about: Abouts = []  # noqa: RUF012
    since: Time | None = None
    until: Time | None = None
    """Before this moment."""


class EventStreaming(Asking, frozen=True):
    """Which live events."""

    client_id: ClientId | None = None
    """Only of this client: what happens to sessions."""
    kind: Kinds = []  # noqa: RUF012
    about: Abouts = []  # noqa: RUF012


class StreamHeaders(Headers, frozen=True):
    """Where to go on."""

    last_event_id: Annotated[
        str,
        Meta(
            max_length=4096,
            pattern=rf"^$|{PATTERN}",
            description="`id` of the last event that came: go on behind it.",
            extra_json_schema={"format": "mqledger-cursor"},
        ),
    ] = ""


@section.get("/events", EventPage, query=EventListing, example=Example(query={"client_id": "meter-17"}))
async def list_events(call: Call) -> Reply:
    """Events by client, kind and time, read from the log.

    Those of sessions, bans, modules and listeners need the permission `operate`; of users, rules, accounts and API keys
    `administer`; changes of connections `connections`. Accounts, API keys, modules and listeners are for accounts of
    all tenants.
    """
    since, until = moment_of(call.query.since), moment_of(call.query.until)
    place = paging.opened(call)
    wanted = await _wanted(call)
    await call.asked.freshen()
    with LOOKUPS:
        async with opened(call.asked.service.settings.kafka, wanted) as log:
            at, end = await _range(log, place, since, until)
            found = await _look(log, wanted, at, end, call.query.limit)
    left = any(at[one] < end[one] for one in at)
    found.sort(key=lambda seen: (seen.time, seen.partition, seen.position))
    return Reply(
        EventPage(
            [_event(one) for one in found],
            paging.sealed(call, [sorted(at.items()), sorted(end.items())]) if left else None,
        )
    )


@section.get(
    "/events/stream",
    None,
    query=EventStreaming,
    headers=StreamHeaders,
    media="text/event-stream",
    errors=(410,),
)
async def stream_events(call: Call) -> ASGIResponse:
    """Live events, as server-sent events: `event` is the kind, `data` an event, `id` a place to go on from.

    Permissions are as with `GET /events`.
    """
    parts = _live(call, await _wanted(call), _resumed(call))
    # The first part is made before the status is sent: until then a failure can be told.
    first = await anext(parts)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-correlation-id": call.asked.correlation}
    return StreamedAnswer(
        _rejoined(first, parts), headers, call.asked.service.settings.stall_timeout, "text/event-stream"
    )


async def _range(log: Log, place: Any, since: int | None, until: int | None) -> tuple[Vector, Vector]:
    begins, ends = await log.begins(), await log.ends()
    if place is not None:
        at, end = dict(map(tuple, place[0])), dict(map(tuple, place[1]))
        if at.keys() != begins.keys():  # of a caller who may read more, or less
            raise InvalidError("The cursor is not of this list.")
        return _clipped(at, begins), end
    at = begins if since is None else await log.at(since, ends)
    end = ends if until is None else await log.at(until, ends)
    return at, end


def _clipped(at: Vector, begins: Vector) -> Vector:
    if any(at[one] < begins[one] for one in at):
        raise ProblemError(410, "gone", "The log does not hold that any more.")
    return at


async def _look(log: Log, wanted: Wanted, at: Vector, end: Vector, most: int) -> list[Seen]:
    """At most so many events between two vectors; ``at`` is left behind what was looked at."""
    found: list[Seen] = []
    stop = time.monotonic() + LOOK_SECONDS
    async with aclosing(log.read(wanted, at)) as batches:
        while any(at[one] < end[one] for one in at) and time.monotonic() < stop and len(found) < most:
            for seen in await anext(batches):
                if seen.position < end[seen.partition] and len(found) < most:
                    found.append(seen)
                elif seen.position < end[seen.partition]:
                    at[seen.partition] = min(at[seen.partition], seen.position)
    return found


async def _live(call: Call, wanted: Wanted, resumed: Vector | None) -> AsyncGenerator[bytes, None]:
    async with AsyncExitStack() as stack:
        stack.enter_context(LIVE)
        log = await stack.enter_async_context(opened(call.asked.service.settings.kafka, wanted))
        at = await log.ends() if resumed is None else _clipped(_of(log, resumed), await log.begins())
        yield _beat(call, at)
        beaten = looked = time.monotonic()
        batches = await stack.enter_async_context(aclosing(log.read(wanted, at)))
        async for batch in batches:
            for seen in batch:
                behind = {**at, seen.partition: seen.position + 1}
                yield _written(call, seen, behind)
                beaten = time.monotonic()
            if told_to_stop():
                # Who listens comes back, with the id of the last event, to whoever serves then.
                return
            if time.monotonic() - looked > BEAT_SECONDS:
                if not await _still_may(call):
                    return
                looked = time.monotonic()
            if time.monotonic() - beaten > BEAT_SECONDS:
                yield _beat(call, at)
                beaten = time.monotonic()


async def _still_may(call: Call) -> bool:
    """Whether the account is still there, with its role and tenant."""
    try:
        found = await call.asked.service.access.identify(call.asked)
    except (UnavailableError, TooManyRequestsError):
        return True  # nobody can tell now
    except RefusalError:
        return False
    return found == call.asked.principal


def _of(log: Log, resumed: Vector) -> Vector:
    """The partitions of a reading. Raises InvalidError for the vector of another one."""
    if set(log.partitions) - set(resumed):
        raise InvalidError("Last-Event-ID is of another stream.")
    return {one: resumed[one] for one in log.partitions}


def _resumed(call: Call) -> Vector | None:
    token: str = call.headers.last_event_id
    if not token:
        return None
    try:
        payload = call.asked.service.tokens.open(STREAM, (call.tenant,), token)
        return msgspec.msgpack.decode(payload, type=dict[int, int])
    except (BadTokenError, msgspec.DecodeError) as error:
        raise InvalidError("Last-Event-ID is of no stream of this tenant.") from error


def _written(call: Call, seen: Seen, behind: Vector) -> bytes:
    data = msgspec.json.encode(_event(seen))
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (_id(call, behind), seen.kind.encode(), data)


def _beat(call: Call, at: Vector) -> bytes:
    """A comment that keeps the connection, with the place up to which there is nothing more to tell."""
    return b": alive\nid: %b\n\n" % _id(call, at)


def _id(call: Call, vector: Mapping[int, int]) -> bytes:
    payload = msgspec.msgpack.encode(dict(sorted(vector.items())))
    return call.asked.service.tokens.seal(STREAM, (call.tenant,), payload).encode()


async def _wanted(call: Call) -> Wanted:
    """What is asked for, as far as the caller may read it. Raises UnauthorizedError, ForbiddenError."""
    everywhere = call.asked.principal.everywhere
    return Wanted(call.tenant, await _kinds(call), call.query.client_id or "", everywhere)


async def _kinds(call: Call) -> frozenset[str]:
    """Kinds that are named must all be readable; of those in one word, any."""
    named: frozenset[str] = frozenset(call.query.kind)
    for kind in sorted(named):
        await call.asked.admit(kinds.needs(kind))
    if named & kinds.OF_DEPLOYMENT:
        call.asked.everywhere()
    for about in call.query.about or ([] if named else ["sessions"]):
        readable = kinds.readable(kinds.ABOUT[about], call.asked.principal)
        if not readable:
            await call.asked.admit(Permission.OPERATE)
        named |= readable
    return named


def _event(seen: Seen) -> Event:
    return Event(place_of(seen), moment(seen.time), seen.kind, seen.client_id, seen.node, dict(seen.data))


async def _rejoined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for part in rest:
            yield part
