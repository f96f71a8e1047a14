"""Reading the log: the whole of it at start, a gap while running, single frames of the past."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.log.damage import Fetching
from ingest.log.poison import NOTHING, Poison
from schemas.events import AnyEvent
from schemas.frames import Frame, FrameError, read_frame
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings

log = logging.getLogger(__name__)

_BATCH = 500
_BUFFERED = 2_000


class LogTruncatedError(RuntimeError):
    """The log no longer holds what this node still needs."""


class Read:
    """A frame as it was read: its header at once, its events when asked for."""

    __slots__ = ("_poison", "frame", "offset", "partition", "time")

    def __init__(self, record: Any, poison: Poison) -> None:
        """Of a record of aiokafka. Raises :class:`ingest.log.poison.DamagedRecordError`."""
        self.partition: int = record.partition
        self.offset: int = record.offset
        self.time: int = record.timestamp
        self.frame: Frame = NOTHING
        self._poison = poison
        try:
            self.frame = read_frame(record.headers, record.value)
        except FrameError as error:
            poison.meet(self.partition, self.offset, error)

    def events(self) -> list[AnyEvent]:
        """The events; none of a record that was put aside. Raises :class:`ingest.log.poison.DamagedRecordError`."""
        try:
            return self.frame.event_list()
        except FrameError as error:
            self._poison.meet(self.partition, self.offset, error)
            return []


class LogReader:
    """A consumer assigned by hand; nothing is fetched but what is asked for. One reading at a time."""

    def __init__(
        self, settings: KafkaSettings, client_id: str, poison: Poison | None = None, fetch_bytes: int = 2_097_152
    ) -> None:
        """``poison``: the rule for records that can't be read; without it, reading ends there with an error.
        ``fetch_bytes``: what is fetched at once of a partition; a larger record still comes, alone."""
        self._poison = poison or Poison(settings.events_topic)
        self._topic = settings.events_topic
        self._partitions = [TopicPartition(self._topic, p) for p in range(settings.partitions)]
        self._consumer = AIOKafkaConsumer(
            **kafka_client_options(settings),
            client_id=client_id,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=fetch_bytes,
            fetch_max_wait_ms=100,
            check_crcs=True,
        )
        self._fetching = Fetching(self._consumer)
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Nothing is read yet."""
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        self._consumer.pause(*self._partitions)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def ends(self) -> list[int]:
        """The end offset of every partition."""
        found = await self._consumer.end_offsets(self._partitions)
        return [found[tp] for tp in self._partitions]

    async def beginnings(self) -> list[int]:
        """The first offset of every partition."""
        found = await self._consumer.beginning_offsets(self._partitions)
        return [found[tp] for tp in self._partitions]

    async def read(self, partition: int, start: int, stop: int) -> AsyncIterator[Read]:
        """The frames of a partition from ``start`` to below ``stop``, in order.

        Raises:
            LogTruncatedError: ``start`` is no longer in the log.
            DamagedRecordError: a record can't be read, and the node may not go on without it.
        """
        tp = self._partitions[partition]
        async with self._lock:
            _let_go(self._consumer, tp)
            self._consumer.seek(tp, start)
            self._consumer.resume(tp)
            try:
                at = start
                while at < stop:
                    batches = await self._fetching.getmany(tp, timeout_ms=1_000, max_records=_BATCH)
                    for record in batches.get(tp, ()):
                        if record.offset >= stop:
                            return
                        yield Read(record, self._poison)
                    at = await self._consumer.position(tp)
            finally:
                self._consumer.pause(tp)
                _let_go(self._consumer, tp)

    async def merged(self, starts: list[int], stops: list[int], progress: Callable[[int], None]) -> AsyncIterator[Read]:
        """All frames between two vectors, in an order that never shows an effect before its cause.

        Frames are taken by append time, but a frame waits until everything its node had applied when it wrote it
        (``depends``) was taken.

        Raises:
            DamagedRecordError: a record can't be read, and the node may not go on without it.
            LostRecordsError: records that frames depend on are not in the log any more, and likewise.
        """
        async with self._lock:
            merge = _Merge(self._consumer, self._fetching, self._partitions, starts, stops, self._poison)
            try:
                async for read in merge.run():
                    progress(1)
                    yield read
                await self._look_for_losses(merge.needed, stops)
            finally:
                self._consumer.pause(*self._partitions)
                for tp in self._partitions:
                    _let_go(self._consumer, tp)

    async def _look_for_losses(self, needed: list[int], stops: list[int]) -> None:
        """What a node had applied was in the log: a partition that ends below that has lost its end."""
        if all(known <= stop for known, stop in zip(needed, stops, strict=True)):
            return
        for partition, (known, end) in enumerate(zip(needed, await self.ends(), strict=True)):
            if known > end:
                self._poison.miss(partition, end, known)


def _let_go(consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
    """Forget what was fetched of a partition and is not wanted any more.

    In aiokafka fetched records and the generator that unpacks them hold each other until all are taken. Who goes
    elsewhere before that would leave megabytes for each time to the garbage collector, which counts objects, not bytes.
    """
    fetched = consumer._fetcher._records.pop(tp, None)
    records = getattr(fetched, "_partition_records", None)
    if records is not None and records._records_iterator is not None:
        records._records_iterator.close()


class _Merge:
    """Invariants: ``at`` is the vector of what was taken, ``needed`` the highest that it depends on; buffers hold what
    follows, in order."""

    def __init__(
        self,
        consumer: Any,
        fetching: Fetching,
        partitions: list[Any],
        starts: list[int],
        stops: list[int],
        poison: Poison,
    ) -> None:
        self._consumer = consumer
        self._fetching = fetching
        self._poison = poison
        self._partitions = partitions
        self._stops = stops
        self._buffers: list[deque[Read]] = [deque() for _ in partitions]
        self._fetched = list(starts)
        self.at = list(starts)
        self.needed = list(starts)

    async def run(self) -> AsyncIterator[Read]:
        for tp, start in zip(self._partitions, self._fetched, strict=True):
            self._consumer.seek(tp, start)
        while True:
            await self._fill()
            taken = 0
            while (read := self._next()) is not None:
                taken += 1
                self.needed = list(map(max, self.needed, read.frame.header.depends)) or self.needed
                yield read
            if not any(self._buffers) and all(f >= s for f, s in zip(self._fetched, self._stops, strict=True)):
                return
            if not taken and not self._starving():
                raise LogTruncatedError(f"frames depend on each other in a circle at {self.at}: the log is damaged")

    def _starving(self) -> list[int]:
        return [p for p, stop in enumerate(self._stops) if not self._buffers[p] and self._fetched[p] < stop]

    async def _fill(self) -> None:
        """Read until every partition that is not at its end has something to offer."""
        while starving := self._starving():
            hungry = [
                p for p, stop in enumerate(self._stops) if self._fetched[p] < stop and len(self._buffers[p]) < _BUFFERED
            ]
            for p, tp in enumerate(self._partitions):
                (self._consumer.resume if p in hungry else self._consumer.pause)(tp)
            batches = await self._fetching.getmany(
                *[self._partitions[p] for p in hungry], timeout_ms=500, max_records=_BATCH * len(starving)
            )
            for tp, records in batches.items():
                for record in records:
                    if record.offset < self._stops[tp.partition]:
                        self._buffers[tp.partition].append(Read(record, self._poison))
            for p in hungry:
                self._fetched[p] = min(await self._consumer.position(self._partitions[p]), self._stops[p])
            for p in starving:
                if self._fetched[p] >= self._stops[p] and not self._buffers[p]:
                    self.at[p] = self._stops[p]

    def _next(self) -> Read | None:
        best: Read | None = None
        for p, buffer in enumerate(self._buffers):
            if not buffer:
                if self._fetched[p] < self._stops[p]:
                    return None
                continue
            read = buffer[0]
            if (best is None or read.time < best.time) and self._ready(read):
                best = read
        if best is not None:
            buffer = self._buffers[best.partition]
            buffer.popleft()
            self.at[best.partition] = best.offset + 1
            if not buffer and self._fetched[best.partition] >= self._stops[best.partition]:
                self.at[best.partition] = self._stops[best.partition]
        return best

    def _ready(self, read: Read) -> bool:
        at = self.at
        for p, needed in enumerate(read.frame.header.depends):
            if at[p] < min(needed, self._stops[p]) and p != read.partition:
                return False
        return True
