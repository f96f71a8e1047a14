"""Reading a range of the log for wanted events: frames are skipped by their headers, events come in order of time.

Fences are learned from the frames read, so an event is known as void only when the fence lies in the range, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from domain.fences import Fences
from schemas.events import NodeLost, NodeStarted
from schemas.frames import Frame, FrameError, read_frame
from schemas.positions import position
from stack.errors import StackError
from stack.logreader.merge import TimeMerge
from stack.logreader.range import LogRange
from stack.logreader.select import Wanted
from stack.logreader.sighting import Sighting
from stack.logreader.source import Batch, LogSource, Record

_FENCING = frozenset({NodeStarted.KIND, NodeLost.KIND})


class BadFrameError(StackError):
    """A frame of the log cannot be read."""


@dataclass(slots=True)
class Tally:
    """How far a scan is, in frames."""

    total: int
    """In the range; 0 when there is no end."""
    read: int = 0
    """Seen so far, the skipped ones included."""
    skipped: int = 0
    """Known by their headers to hold nothing wanted."""
    bad: int = 0
    events: int = 0
    """Found."""


class Users(Protocol):
    """Who is behind an event."""

    async def wanted(self, sighting: Sighting) -> bool:
        """Whether the event is of a wanted user."""


class Scan:
    """One reading of a range."""

    def __init__(
        self,
        source: LogSource,
        wanted: Wanted,
        chosen: LogRange,
        *,
        users: Users | None = None,
        skip_bad: Callable[[str], None] | None = None,
    ) -> None:
        """``skip_bad``: told of every frame that cannot be read, which is then skipped; without it, it is an error."""
        self.tally = Tally(chosen.frames)
        self.first_times: dict[int, int] = {}
        """Append time of the first frame read of each partition."""
        self._source = source
        self._wanted = wanted
        self._range = chosen
        self._users = users
        self._skip_bad = skip_bad
        self._fences = {partition: Fences() for partition in chosen.since}

    async def range(self) -> AsyncIterator[list[Sighting]]:
        """Wanted events of the range, in order of time, by the handful. Raises :class:`BadFrameError`."""
        start, stop = self._range.start, self._range.stop
        merge: TimeMerge[Sighting] = TimeMerge(start)
        for partition, offset in start.items():
            if offset >= stop[partition]:
                merge.done(partition)
        async for batch in self._source.read(start, stop):
            for partition, records in batch.items():
                for sighting in await self._found(partition, records):
                    merge.put(partition, sighting.time, sighting)
                if records:
                    merge.heard(partition, records[-1].timestamp)
                    if records[-1].offset + 1 >= stop[partition]:
                        merge.done(partition)
            yield list(merge.ready())
            self._source.hold(merge.too_far())
        for partition in start:
            merge.done(partition)
        yield list(merge.ready())

    async def follow(self) -> AsyncIterator[list[Sighting]]:
        """What comes after the range, for ever, as it comes; also empty lists while nothing does."""
        self.tally.total = 0
        async for batch in self._source.read(self._range.stop):
            yield await self._found_in(batch)

    async def _found_in(self, batch: Batch) -> list[Sighting]:
        found = [s for partition, records in batch.items() for s in await self._found(partition, records, live=True)]
        return sorted(found, key=lambda sighting: sighting.time)

    async def _found(self, partition: int, records: list[Record], live: bool = False) -> list[Sighting]:
        if records:
            self.first_times.setdefault(partition, records[0].timestamp)
        found = [sighting for record in records for sighting in self._of_record(partition, record, live)]
        if self._users is not None:
            found = [sighting for sighting in found if await self._users.wanted(sighting)]
        self.tally.events += len(found)
        return found

    def _of_record(self, partition: int, record: Record, live: bool) -> Iterator[Sighting]:
        self.tally.read += 1
        try:
            frame = read_frame(record.headers, record.value)
            void = self._void(partition, frame)
            if not self._wanted.frame(frame):
                self.tally.skipped += 1
                return
            header = frame.header
            for index, event in self._wanted.events(frame):
                at = position(record.offset, index)
                if live or self._range.holds(partition, at):
                    yield Sighting(partition, at, record.timestamp, header.node, header.incarnation, void, event)
        except FrameError as error:
            self._bad(f"Frame {partition}/{record.offset} of {self._source.topic} cannot be read: {error}")

    def _void(self, partition: int, frame: Frame) -> bool:
        fences, header = self._fences[partition], frame.header
        if fences.void(header.node, header.incarnation):
            return True
        if not _FENCING.isdisjoint(header.counts):
            for _, event in frame.lifecycle():
                fences.observe(event)
        return False

    def _bad(self, sentence: str) -> None:
        self.tally.bad += 1
        if self._skip_bad is None:
            raise BadFrameError(f"{sentence}. Nothing behind it was read; --skip-bad goes on without it.")
        self._skip_bad(f"{sentence}; skipped.")
