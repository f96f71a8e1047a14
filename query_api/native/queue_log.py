"""The queue of a session out of the log, as far as a request has time for: how far the session is, then its messages.

The first part reads the session's own partition, from where the read models know that the log speaks of it, and must be
whole before anything can be told: a message may be dropped far behind where it lies. What was read is remembered by the
worker, so that the next request goes on; another worker begins anew and comes to the same. The second part reads all
partitions, from where nothing is finished on, and may end anywhere; the worker remembers what decides over messages
further on, another one does not know it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from domain.counting import DECIDING, MESSAGES, Recounting
from domain.queue import OF_ALL, Base, Place, QueueFold, Waiting
from query_api.native.log import Log, Vector
from query_api.store import Row, Store
from schemas.events import AnyEvent, Message
from schemas.filters import client_marks, may_contain, topic_marks
from schemas.frames import Frame, read_frame
from schemas.parts import Subscription
from schemas.positions import Position, index_of, offset_of, position

MARGIN: Final = 16
"""Frames that are read before the one at a time that is looked for: they tell how far the node was."""
SKEW_MS: Final = 5_000
"""How far append times of Kafka's brokers may be apart, about; more costs time and changes nothing."""
MARKS: Final = 100
"""Filters up to which frames are skipped by their marks: looking costs more with every one."""
REMEMBERED: Final = 64
KEPT_SECONDS: Final = 300.0
LATEST: Final = 500
"""Clients, wills, keyed commands and void messages of each partition of which a reading knows that nobody works on."""
KEPT: Final = 8


class Found(NamedTuple):
    """A message of a queue."""

    how: Waiting
    message: Message
    time: int
    """When it was published: append time, in milliseconds."""


class Begun(msgspec.Struct, frozen=True, array_like=True):
    """With what a reading has begun: the read models tell others, later, what may lie behind its end."""

    node: str
    start: int | None
    proved: bool
    tried: bool
    times: list[int] | None


@dataclass(slots=True)
class Reading:
    """How far a session is, worked out of its own events below ``end``. One request at a time works on it."""

    tenant: str
    client_id: str
    reach: Row
    end: Vector
    start: int | None = None
    """Offset from which its partition is read."""
    proved: bool = False
    """It is known to be far enough back."""
    tried: bool = False
    """A start that was found by what waits has been tried."""
    times: list[int] | None = None
    """At which the read models say how far it is, and that were not tried."""
    done: bool = False
    _fold: QueueFold | None = None
    _at: Vector = field(default_factory=dict)
    _counted: dict[int, Recounting] = field(default_factory=dict)

    @classmethod
    def again(cls, tenant: str, client_id: str, reach: Row, end: Vector, begun: Begun) -> Reading:
        """One that another worker has begun."""
        known = {**reach, "node": begun.node}
        return cls(tenant, client_id, known, end, begun.start, begun.proved, begun.tried, begun.times)

    @property
    def begun(self) -> Begun:
        """For others that are to come to the same."""
        return Begun(self.reach["node"], self.start, self.proved, self.tried, self.times)

    def forget(self) -> None:
        """Forget what takes much memory and can be worked out again, or hardly matters any more."""
        if self._fold is not None:
            self._fold.forget()
        for one in self._counted.values():
            one.forget(LATEST)

    @property
    def fold(self) -> QueueFold:
        """What the events say, when ``done``."""
        assert self._fold is not None
        return self._fold

    @property
    def _home(self) -> int:
        return self.reach["partition"]  # type: ignore[no-any-return]

    async def work(self, log: Log, store: Store, stop: float) -> bool:
        """Go on until it is ``done``, or ``stop`` of the monotonic clock. Raises UnavailableError, ProblemError
        410, FrameError for a part of the log that can't be read."""
        while not self.done:
            if self._fold is None:
                await self._begin(log, store)
            if not await self._read(log, stop):
                return False
            await self._judge(log)
        return True

    async def _begin(self, log: Log, store: Store) -> None:
        if self.start is None:
            self.start = await self._first_start(log)
        rows = await store.fetch("subscriptions_before", self.tenant, self.client_id, position(self.start, 0))
        held = [Subscription(*row) for row in rows]
        self._fold = QueueFold(self.tenant, self.client_id, self._home, self.reach["created"], self.reach["node"], held)
        self._at = {self._home: position(self.start, 0)}

    async def _first_start(self, log: Log) -> int:
        if self.times is None:
            names = ("measured_at", "left_at") if self.reach["online"] else ("disconnected_at",)
            self.times = [self.reach[name] for name in names if self.reach[name]]
        if self.times:
            return await self._before(log, self.times.pop(0))
        return offset_of(self.reach["created"])

    async def _before(self, log: Log, ms: int) -> int:
        """The offset of a frame a little before a time, in the session."""
        found = offset_of((await log.at(ms, self.end))[self._home])
        return max(min(found, offset_of(self.end[self._home])) - MARGIN, offset_of(self.reach["created"]))

    async def _read(self, log: Log, stop: float) -> bool:
        """Fold up to the end; False when the time is up."""
        assert self._fold is not None
        mine = client_marks(self.tenant, self.client_id)
        async with aclosing(log.records(self._at, self.end)) as records:
            async for record in records:
                if record is not None:
                    frame = read_frame(record.headers, record.value)
                    told = may_contain(frame.clients, mine) or not OF_ALL.isdisjoint(frame.header.counts)
                    lifecycle = frame.lifecycle() if told else ()
                    self._fold.fold(record.offset, record.timestamp, frame.header, lifecycle)
                if time.monotonic() > stop:
                    break
        return self._at[self._home] >= self.end[self._home]

    async def _judge(self, log: Log) -> None:
        """Whether that was read from far enough on; if not, from where it has to be read."""
        assert self._fold is not None
        base, created = self._fold.base, offset_of(self.reach["created"])
        if self.proved or self.start == created or (base is not None and self._fold.covers(base)):
            self.done = self.proved = True
        elif base is None:
            self.start = self._fold = None
        else:
            self.start = created if self.tried else await self._before(log, await self._oldest(log, base) - SKEW_MS)
            self.tried, self._fold = True, None

    async def _oldest(self, log: Log, base: Base) -> int:
        """The append time of the oldest message that waits, or of the base."""
        times = [base.place.time]
        for partition, low in enumerate(base.low):
            if offset_of(low) < base.vector[partition]:
                record = await log.record(partition, offset_of(low))
                times += [] if record is None else [record.timestamp]
        return min(times)

    # Messages

    async def named(self, log: Log, start: int, most: int, stop: float) -> tuple[list[Found], int]:
        """Messages that the log names, from one of them on, and the number of the next: at most so many."""
        waiting, frames = self.fold.named(), _Frames(log)
        found: list[Found] = []
        at = start
        while at < len(waiting) and len(found) < most and (at == start or time.monotonic() < stop):
            one = await self.one(frames, waiting[at])
            found += [] if one is None else [one]
            at += 1
        return found, at

    async def one(self, frames: _Frames, how: Waiting) -> Found | None:
        """A message of the queue; None when the log does not hold it any more."""
        got = await frames.at(how.partition, offset_of(how.position))
        if got is None:
            return None
        _, events, when = got
        message = events[index_of(how.position)]
        assert isinstance(message, Message)
        return Found(how, message, when)

    async def look_for(self, log: Log, partition: int, place: Position, stop: float) -> tuple[bool, Found | None]:
        """Whether there was time to say so, and the message at a place, if it waits for the session."""
        base = self.fold.base
        if base is None or partition not in self.end or place >= self.end[partition]:
            return True, None
        frames = _Frames(log)
        for how in self.fold.named():
            if (how.partition, how.position) == (partition, place):
                return True, await self.one(frames, how)
        got = None if place < base.low[partition] else await frames.at(partition, offset_of(place))
        message = None if got is None or index_of(place) >= len(got[1]) else got[1][index_of(place)]
        if got is None or not isinstance(message, Message):
            return True, None
        frame, events, when = got
        waits = self.fold.judge(message, Place(partition, place, frame.header.depends, when))
        if waits is None:
            return True, None
        if not await self._count(log, partition, offset_of(base.low[partition]), offset_of(place), stop):
            return False, None
        counted = self._counted[partition].fold(offset_of(place), when, frame.header, enumerate(events))
        return True, Found(waits, message, when) if (place, message) in counted else None

    async def _count(self, log: Log, partition: int, first: int, last: int, stop: float) -> bool:
        """Learn which messages count in the frames of a partition; False when the time is up."""
        counted, marks = self._counting(partition, first), _marks(self.fold.filters.keys())
        at, end = {partition: position(counted.next, 0)}, {partition: position(last + 1, 0)}
        async with aclosing(log.records(at, end)) as records:
            async for record in records:
                if record is not None:
                    self._messages(record, read_frame(record.headers, record.value), marks)
                if time.monotonic() > stop:
                    break
        counted.reached(offset_of(at[partition]))
        return at[partition] >= end[partition]

    async def waiting(self, log: Log, at: Vector, most: int, stop: float) -> list[Found]:
        """Messages that wait from a vector on, at most so many; ``at`` is left behind what was looked at."""
        found: list[Found] = []
        begun, marks = dict(at), _marks(self.fold.filters.keys())
        counting = {partition: self._counting(partition, offset_of(place)) for partition, place in at.items()}
        async with aclosing(log.records(at, self.end)) as records:
            async for record in records:
                if record is not None:
                    for one in self._of(record, marks):
                        if len(found) >= most:
                            at[record.partition] = one.how.position
                            break
                        if one.how.position >= begun[record.partition]:
                            found.append(one)
                if len(found) >= most or time.monotonic() > stop:
                    break
        for partition, place in at.items():
            counting[partition].reached(offset_of(place))
        return found

    def _of(self, record: Any, marks: list[tuple[bytes, ...]]) -> Iterator[Found]:
        """The messages of a frame that wait for the session."""
        frame = read_frame(record.headers, record.value)
        for at, message in self._messages(record, frame, marks):
            how = self.fold.judge(message, Place(record.partition, at, frame.header.depends, record.timestamp))
            if how is not None:
                yield Found(how, message, record.timestamp)

    def _messages(
        self, record: Any, frame: Frame, marks: list[tuple[bytes, ...]]
    ) -> Sequence[tuple[Position, Message]]:
        """The messages of a frame that count, if one may wait for the session."""
        counts = frame.header.counts
        wanted = not MESSAGES.isdisjoint(counts) and any(may_contain(frame.topics, one) for one in marks)
        if not wanted and DECIDING.isdisjoint(counts):
            return ()
        events = frame.events() if wanted else frame.lifecycle()
        return self._counted[record.partition].fold(record.offset, record.timestamp, frame.header, events)

    def _counting(self, partition: int, offset: int) -> Recounting:
        """That of a partition, from a frame on."""
        known = self._counted.get(partition)
        if known is None or not known.covers(offset):
            known = self._counted[partition] = Recounting(offset)
        return known


class _Frames:
    """Frames of the log, the last few remembered: messages that were sent one after another lie together."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: OrderedDict[tuple[int, int], tuple[Frame, list[AnyEvent], int]] = OrderedDict()

    async def at(self, partition: int, offset: int) -> tuple[Frame, list[AnyEvent], int] | None:
        """A frame, its events and its append time; None when the log does not hold it any more."""
        known = self._known.get((partition, offset))
        if known is None and (record := await self._log.record(partition, offset)) is not None:
            frame = read_frame(record.headers, record.value)
            known = self._known[partition, offset] = frame, frame.event_list(), record.timestamp
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return known


def _marks(filters: Set[str]) -> list[tuple[bytes, ...]]:
    """What the topics of a frame with a message for one of the filters contain: all of the marks of one."""
    return [topic_marks(one) for one in filters] if len(filters) <= MARKS else [()]


class Readings:
    """Those that were not whole yet, or whose messages are not all told: the latest, so that a walk goes on quickly."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock``: in seconds."""
        self._clock = clock
        self._kept: OrderedDict[object, tuple[float, Reading]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, key: object) -> Reading | None:
        """The reading, which is nobody else's then."""
        self._forget()
        return self._kept.pop(key, (0.0, None))[1]

    def put(self, key: object, reading: Reading) -> None:
        """Remember it for a while."""
        reading.forget()
        self._kept.pop(key, None)
        self._kept[key] = self._clock(), reading
        self._forget()

    def _forget(self) -> None:
        """The oldest are first."""
        oldest = self._clock() - KEPT_SECONDS
        while self._kept and (len(self._kept) > REMEMBERED or next(iter(self._kept.values()))[0] <= oldest):
            self._kept.popitem(last=False)
