"""The event topic in memory: records as bytes, and a consumer of them for the reader's own merge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ingest.log.poison import Poison
from ingest.log.reader import Read, _Merge
from schemas.events import AnyEvent
from schemas.frames import encode_events, frame_headers


@dataclass(frozen=True)
class Record:
    """One Kafka record."""

    partition: int
    offset: int
    timestamp: int
    headers: list[tuple[str, bytes]]
    value: bytes


@dataclass(frozen=True)
class Place:
    """A partition of the topic."""

    partition: int


class Log:
    """Invariant: offsets of a partition have no gaps; append times never go back."""

    def __init__(self, partitions: int) -> None:
        self.records: list[list[Record]] = [[] for _ in range(partitions)]
        self.time = 1_700_000_000_000
        """Append time of the next record, in milliseconds."""
        self.incarnations = 0
        self.poison = Poison("mq.events")
        """The rule for records that can't be read."""

    def append(
        self,
        partition: int,
        node: str,
        incarnation: int,
        sequence: int,
        stamp: int,
        depends: list[int],
        events: Sequence[AnyEvent],
    ) -> Record:
        """Write a frame."""
        headers = frame_headers(node, incarnation, sequence, stamp, depends, events)
        kept = self.records[partition]
        record = Record(partition, len(kept), self.time, headers, encode_events(events))
        kept.append(record)
        return record

    def new_incarnation(self) -> int:
        """The offset of a ``node_started`` in the nodes topic."""
        self.incarnations += 1
        return self.incarnations

    @property
    def ends(self) -> list[int]:
        """The end offset of every partition."""
        return [len(records) for records in self.records]

    def read(self, partition: int, offset: int) -> Read:
        """One frame, decoded from its bytes."""
        return Read(self.records[partition][offset], self.poison)


class Consumer:
    """What the merge asks of a consumer. ``chunk`` records of a partition come at a time."""

    def __init__(self, log: Log, chunk: int) -> None:
        self._log = log
        self._chunk = chunk
        self._at: dict[Place, int] = {}
        self._paused: set[Place] = set()

    def seek(self, place: Place, offset: int) -> None:
        """Go on from an offset."""
        self._at[place] = offset

    def pause(self, *places: Place) -> None:
        """Give nothing of these."""
        self._paused.update(places)

    def resume(self, *places: Place) -> None:
        """Give them again."""
        self._paused.difference_update(places)

    async def getmany(self, *places: Place, timeout_ms: int, max_records: int) -> dict[Place, list[Record]]:
        """The next records."""
        found = {}
        for place in places:
            assert place not in self._paused
            at = self._at[place]
            found[place] = self._log.records[place.partition][at : at + min(self._chunk, max_records)]
            self._at[place] = at + len(found[place])
        return found

    async def position(self, place: Place) -> int:
        """The next offset to be given."""
        return self._at[place]


class Reader:
    """Reads the log as :class:`ingest.log.reader.LogReader` does."""

    def __init__(self, log: Log, chunk: int = 3) -> None:
        self._log = log
        self.chunk = chunk
        self.reads = 0

    async def read(self, partition: int, start: int, stop: int) -> AsyncIterator[Read]:
        """The frames of a partition from ``start`` to below ``stop``."""
        self.reads += 1
        for offset in range(start, stop):
            yield self._log.read(partition, offset)

    async def merged(self, starts: list[int], stops: list[int]) -> AsyncIterator[Read]:
        """All frames between two vectors, in the order of the reader's own merge."""
        places = [Place(p) for p in range(len(stops))]
        consumer = Consumer(self._log, self.chunk)
        merge = _Merge(consumer, cast(Any, consumer), places, starts, stops, self._log.poison)
        async for read in merge.run():
            yield read
