"""Records of the event topic, or another, from Kafka, in big fetches, between two vectors.

One consumer, assigned by hand; it commits nothing and belongs to no group, so it disturbs nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from ingest.log.damage import DamagedLogError, naming_damage
from ingest.log.topic_check import find_topics
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings
from stack.errors import StackError
from stack.topics import admin_client

PARTITION_FETCH = 4 * 1024 * 1024
FETCH = 32 * 1024 * 1024
POLL_MS = 500
STALLED_SECONDS = 60.0
"""A bounded reading that gets nothing for so long ends with an error."""

Record = Any
"""An aiokafka ConsumerRecord: offset, timestamp, headers, value."""
Batch = dict[int, list[Record]]
"""Records by partition, in offset order within each."""


def quiet_clients() -> None:
    """Let what Kafka's clients log not stand beside our own sentence about the same failure."""
    for name in ("aiokafka", "projector"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@asynccontextmanager
async def open_log(
    settings: KafkaSettings, fetch_bytes: int = PARTITION_FETCH, topic: str | None = None
) -> AsyncIterator[LogSource]:
    """A reader of the event topic, or of another. Raises :class:`StackError` when Kafka or the topic is not there.

    ``fetch_bytes``: about how much to fetch of a partition at a time; 1 fetches single records.
    """
    topic = topic or settings.events_topic
    async with admin_client(settings) as admin:
        found = (await find_topics(admin, [topic])).get(topic)
    if found is None:
        raise StackError(f"There is no topic {topic}; run `mqledger topics`, or start a stack.")
    consumer = AIOKafkaConsumer(
        **kafka_client_options(settings),
        client_id="mqledger-reader",
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=fetch_bytes,
        fetch_max_bytes=FETCH,
        fetch_max_wait_ms=POLL_MS,
    )
    try:
        await consumer.start()
        # Let a task begin that aiokafka has made: `stop` cancels it, and one that never began would end our own error.
        await asyncio.sleep(0)
        yield LogSource(consumer, topic, found.partitions)
    except DamagedLogError as error:
        text = str(error)
        raise StackError(f"{text[0].upper()}{text[1:]}.") from error
    except OffsetOutOfRangeError as error:
        raise StackError(f"The log of {topic} changed under this reading ({error}); try again.") from error
    except KafkaError as error:
        raise StackError(f"Kafka at {settings.bootstrap} failed: {type(error).__name__} {error}.") from error
    finally:
        await consumer.stop()


class LogSource:
    """A topic; one reading at a time."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, partitions: int) -> None:
        """Over a started consumer that the caller stops."""
        self.topic = topic
        self.partitions = partitions
        self._consumer = consumer
        self._held: set[int] = set()
        consumer.assign([self._tp(p) for p in range(partitions)])
        consumer.pause(*consumer.assignment())
        for tp in consumer.assignment():
            consumer.seek(tp, 0)  # any position: without one, aiokafka refuses to poll the others

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic, partition)

    async def begins(self) -> list[int]:
        """The first offset of every partition."""
        found = await self._consumer.beginning_offsets([self._tp(p) for p in range(self.partitions)])
        return [found[self._tp(p)] for p in range(self.partitions)]

    async def ends(self) -> list[int]:
        """The end offset of every partition."""
        found = await self._consumer.end_offsets([self._tp(p) for p in range(self.partitions)])
        return [found[self._tp(p)] for p in range(self.partitions)]

    async def offsets_at(self, ms: int) -> list[int]:
        """For every partition the offset from which on partition time is at or after the moment; at most its end."""
        found = await self._consumer.offsets_for_times({self._tp(p): max(ms, 0) for p in range(self.partitions)})
        ends = await self.ends()
        return [found[tp].offset if found[tp] else ends[tp.partition] for tp in map(self._tp, range(self.partitions))]

    async def record(self, partition: int, offset: int) -> Record | None:
        """One record, or None when the log does not hold it any more. Not while :meth:`read` runs."""
        tp = self._tp(partition)
        if offset < (await self._consumer.beginning_offsets([tp]))[tp]:
            return None
        async for batch in self.read({partition: offset}, {partition: offset + 1}):
            for record in batch.get(partition, ()):
                return record
        return None

    def hold(self, partitions: Iterable[int]) -> None:
        """Of the partitions being read, fetch all but these for now."""
        held = set(partitions)
        for partition in held - self._held:
            self._consumer.pause(self._tp(partition))
        for partition in self._held - held:
            self._consumer.resume(self._tp(partition))
        self._held = held

    async def read(self, start: Mapping[int, int], stop: Mapping[int, int] | None = None) -> AsyncIterator[Batch]:
        """Batches of records from ``start`` on: up to ``stop``, or for ever (then also empty batches, when idle).

        Partitions that ``start`` does not name are not read. Raises :class:`StackError` when nothing comes for long.
        """
        reading = {p: offset for p, offset in start.items() if stop is None or offset < stop[p]}
        self._begin(reading)
        heard = time.monotonic()
        while reading:
            with naming_damage(self._consumer):
                got = await self._consumer.getmany(timeout_ms=POLL_MS)
            batch: Batch = {}
            for tp, records in got.items():
                partition = tp.partition
                if partition not in reading:
                    continue  # fetched before the partition was done
                batch[partition] = records if stop is None else _before(stop[partition], records)
            if got:
                heard = time.monotonic()
            elif stop is not None and time.monotonic() - heard > STALLED_SECONDS:
                raise StackError(
                    f"Kafka sent nothing of {self.topic} for {STALLED_SECONDS:g} s; see `mqledger status`."
                )
            if batch or stop is None:
                yield batch
            if stop is not None:
                await self._finish(reading, stop)

    def _begin(self, reading: Mapping[int, int]) -> None:
        self._consumer.pause(*self._consumer.assignment())
        self._held = set()
        for partition, offset in reading.items():
            self._consumer.seek(self._tp(partition), offset)
            self._consumer.resume(self._tp(partition))

    async def _finish(self, reading: dict[int, int], stop: Mapping[int, int]) -> None:
        """Leave partitions that have reached their end; positions also move over what holds no records."""
        for partition in list(reading):
            if await self._consumer.position(self._tp(partition)) >= stop[partition]:
                del reading[partition]
                self._held.discard(partition)
                self._consumer.pause(self._tp(partition))


def _before(stop: int, records: list[Record]) -> list[Record]:
    return records if records[-1].offset < stop else [record for record in records if record.offset < stop]
