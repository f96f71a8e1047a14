"""Messages that wait for a client, one by one: read from the log, as of what it says last of how far the client is."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, ValidationError, convert

from query_api.access.principal import Permission
from query_api.errors import InvalidError, NotFoundError, UnavailableError
from query_api.native import paging
from query_api.native.log import QUEUES, Log, Vector, Wanted, opened
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.problems import RETRY_AFTER, ProblemError
from query_api.native.properties import Properties, decoded
from query_api.native.queue_log import Begun, Found, Reading, Readings
from query_api.native.shapes import Listing, Shape
from query_api.native.text import Count, Qos, Time
from query_api.native.times import milliseconds, moment
from query_api.store import Row
from schemas.frames import FrameError
from schemas.positions import parse_position, position_text

section: Final = Section("sessions", writes=Permission.OPERATE)
LOOK_SECONDS: Final = 2.0
"""A request looks no longer; what it did not come to is behind the cursor."""
STATES: Final = ("waiting", "sent", "sent", "received")
"""By the state of an ``Inflight``."""
READINGS: Final = Readings()


class Queued(Shape, frozen=True):
    """A message that a session still has to get."""

    position: str
    """Its place in the log."""
    topic: str
    client_id: str
    """Who published it."""
    qos: Qos
    """With which it is sent: the lower of the message's and the subscription's."""
    retain: bool
    """Whether it is sent as a retained message."""
    size: Count
    """Bytes of its payload."""
    published_at: Time
    expires_at: Time | None
    state: Literal["waiting", "sent", "received"]
    """`sent`: not acknowledged. `received`: a message of QoS 2 that the client has; only the end of it is missing."""
    packet_id: Annotated[int, Meta(ge=1, le=65535)] | None
    """Of what was sent."""
    properties: Properties


class QueuePage(Shape, frozen=True):
    """A page of a queue: what was sent in the order of sending, retained messages that wait, then the others, those of
    one partition in their order."""

    items: list[Queued]
    next: str | None
    """None: the end. A page may hold fewer than `limit` items, or none, and have a next one."""
    as_of: Time | None
    """When the log said last how far the client is: what it was sent or has acknowledged since is not known. None: not
    found yet, or never said, as of sessions that end with their connection."""
    position: str | None
    """Where the log said that."""


class QueuedMessage(Shape, frozen=True):
    """A message of a queue with its payload."""

    message: Queued
    base64: str


class _Walk(Struct, frozen=True, array_like=True):
    """Where a page begins."""

    created: int
    """Where the session began."""
    end: Vector
    begun: Begun
    number: int | None
    """Of a message that the log names; None: the session's own events are not all read."""
    vector: Vector | None


@section.get(
    "/sessions/{client_id}/queue/messages",
    QueuePage,
    query=Listing,
    errors=(410,),
    example=Example({"client_id": "meter-17"}),
)
async def list_queue(call: Call) -> Reply:
    """Messages that wait for a client, without payloads, read from the log up to where it ended at the first page."""
    walk = _walk(call)
    await call.asked.freshen()
    reach = await _reach(call, None if walk is None else walk.created)
    if not reach["expiry"]:
        return Reply(QueuePage([], None, None, None))
    with QUEUES.of(call.tenant):
        async with opened(call.asked.service.settings.kafka, Wanted("", frozenset())) as log:
            stop = time.monotonic() + LOOK_SECONDS
            reading, key = await _reading(call, log, reach, walk)
            at = None if walk is None or walk.number is None or walk.vector is None else (walk.number, walk.vector)
            try:
                found, following = await _look(call, log, reading, at, stop)
            except FrameError as error:
                raise UnavailableError(f"a frame can't be read: {error}") from error
    sealed = None
    if following is not None:
        READINGS.put(key, reading)
        sealed = paging.sealed(call, _Walk(reach["created"], reading.end, reading.begun, *following))
    base = reading.fold.base if reading.done else None
    shown = [one for one in map(_queued, found) if not _is_over(one)]
    if base is None:
        return Reply(QueuePage(shown, sealed, None, None))
    where = position_text(base.place.partition, base.place.position)
    return Reply(QueuePage(shown, sealed, moment(base.place.time), where))


@section.get(
    "/sessions/{client_id}/queue/messages/{position}",
    QueuedMessage,
    permission=Permission.OPERATE,
    example=Example({"client_id": "meter-17", "position": "3/1204.17"}),
)
async def get_queued(call: Call) -> Reply:
    """A message that waits for a client, with its payload, which is read from the log."""
    await call.asked.freshen()
    reach = await _reach(call, None)
    try:
        partition, place = parse_position(call.path["position"])
    except ValueError as error:
        raise NotFoundError("There is no such message in the queue.") from error
    with QUEUES.of(call.tenant):
        async with opened(call.asked.service.settings.kafka, Wanted("", frozenset())) as log:
            stop = time.monotonic() + LOOK_SECONDS
            key = (*_key(call, reach), partition, place)
            reading = READINGS.take(key)
            if reading is None or place >= reading.end.get(partition, 0):
                reading = Reading(call.tenant, call.path["client_id"], reach, await log.ends())
            try:
                told, found = await _look_for(call, log, reading, (partition, place), stop)
            except FrameError as error:
                raise UnavailableError(f"a frame can't be read: {error}") from error
    if not told:
        READINGS.put(key, reading)
        raise ProblemError(503, "unavailable", "There was no time for all of it: ask again to go on.", RETRY_AFTER)
    shown = None if found is None else _queued(found)
    if found is None or shown is None or _is_over(shown):
        raise NotFoundError("There is no such message in the queue.")
    return Reply(QueuedMessage(shown, b64encode(found.message.payload).decode()))


async def _reach(call: Call, created: int | None) -> Row:
    """What is known of the session: the one that began there, if that is given. Raises NotFoundError, ProblemError."""
    rows = await call.asked.service.store.fetch("session_reach", call.tenant, call.path["client_id"])
    if not rows:
        raise NotFoundError("There is no such session.")
    if created is not None and rows[0]["created"] != created:
        raise ProblemError(410, "gone", "That session is over; this is another one.")
    return rows[0]


def _walk(call: Call) -> _Walk | None:
    """Where the page begins; None for the first one. Raises InvalidError."""
    place = paging.opened(call)
    try:
        return None if place is None else convert(place, _Walk)
    except ValidationError as error:  # of another version
        raise InvalidError("The cursor is not of this list.") from error


def _key(call: Call, reach: Row) -> tuple[Any, ...]:
    """What all readings of a session have in common."""
    kafka = call.asked.service.settings.kafka
    return kafka.bootstrap, kafka.events_topic, call.tenant, call.path["client_id"], reach["created"]


async def _reading(call: Call, log: Log, reach: Row, walk: _Walk | None) -> tuple[Reading, object]:
    """The reading that a page goes on with, and its name."""
    end = await log.ends() if walk is None else walk.end
    key = (*_key(call, reach), tuple(sorted(end.items())))
    kept = READINGS.take(key)
    if kept is not None:
        return kept, key
    if walk is None:
        return Reading(call.tenant, call.path["client_id"], reach, end), key
    return Reading.again(call.tenant, call.path["client_id"], reach, end, walk.begun), key


async def _look_for(
    call: Call, log: Log, reading: Reading, at: tuple[int, int], stop: float
) -> tuple[bool, Found | None]:
    """Whether there was time to say so, and the message at a place, if it waits for the session."""
    if not await reading.work(log, call.asked.service.store, stop):
        return False, None
    return await reading.look_for(log, *at, stop)


async def _look(
    call: Call, log: Log, reading: Reading, at: tuple[int, Vector] | None, stop: float
) -> tuple[list[Found], tuple[int | None, Vector | None] | None]:
    """The messages of a page, and where the next one begins: the number of a message that the log names, a vector."""
    if not await reading.work(log, call.asked.service.store, stop):
        return [], (None, None)
    base = reading.fold.base
    if base is None:
        return [], None
    number, vector = at or (0, dict(enumerate(base.low)))
    most: int = call.query.limit
    found, number = await reading.named(log, number, most, stop)
    if number == len(reading.fold.named()) and len(found) < most:
        found += sorted(await reading.waiting(log, vector, most - len(found), stop), key=_order)
    left = number < len(reading.fold.named()) or any(vector[one] < reading.end[one] for one in vector)
    return found, (number, vector) if left else None


def _order(found: Found) -> tuple[int, int, int]:
    return found.time, found.how.partition, found.how.position


def _queued(found: Found) -> Queued:
    how, message = found.how, found.message
    properties = decoded(message.properties)
    expiry = properties.message_expiry
    return Queued(
        position_text(how.partition, how.position),
        message.topic,
        message.client_id,
        how.qos,
        how.retain,
        len(message.payload),
        moment(found.time),
        None if expiry is UNSET else moment(found.time + expiry * 1000),
        STATES[how.state],
        how.packet_id or None,
        properties,
    )


def _is_over(message: Queued) -> bool:
    """Whether it will not be sent any more: its time is up. What was sent once is sent again whatever the time."""
    if message.state != "waiting" or message.expires_at is None:
        return False
    return milliseconds(message.expires_at) <= time.time_ns() // 1_000_000
