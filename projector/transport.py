"""Faust's Kafka transport, with what a projector needs otherwise.

- Positions of events and administration are in Postgres: where Faust seeks to its own commits (after every assignment,
  also from its table recovery) the lanes are told instead, and each seeks its partition. The nodes topic keeps Faust's
  commits.
- No message is dropped for having a lower offset than one before it: lanes seek backwards, and check themselves.
- Offsets that can't be committed are a log line, not a crash: nothing depends on them but heartbeats read twice.
- Frames that were fetched together reach the agent as one Faust message, whose ``frames`` they are: Faust's way from
  fetcher to agent costs some 0.1 ms of CPU per message, however much is in it.
- Metadata is read again every few seconds: aiokafka does not repeat a question that found Kafka away, or a broker that
  does not know the topics yet, and a leader of the group that has not heard of a topic assigns nobody to it. It looks
  again, and assigns again, when metadata says something else.
- Short fetches: aiokafka has one fetch in flight per broker, so a partition whose frames came while others were being
  waited for would wait as long as they do.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage

from projector.inbox import Message
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings

logger = logging.getLogger(__name__)

FETCH_WAIT_MS = 20
"""How long the broker holds a fetch that finds nothing."""
METADATA_MS = 3_000
"""How long a topic that Kafka has may be unknown to us; with aiokafka's five minutes nobody has it so long."""
CHUNK = 200
"""Most frames in one Faust message."""
FETCH_BYTES = 8 << 20
"""Bytes of one partition per fetch."""


class LedgerConsumerThread(AIOKafkaConsumerThread):
    """The thread with aiokafka's consumer."""

    app: Any  # a ProjectorApp

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = RoundRobinPartitionAssignor
        return aiokafka.AIOKafkaConsumer(
            **kafka_client_options(self.app.kafka),
            client_id=conf.broker_client_id,
            group_id=conf.id,
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            metadata_max_age_ms=METADATA_MS,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            # A lower offset than the log's is a lane's business, not a reason to begin elsewhere.
            isolation_level="read_uncommitted",
        )

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        held = {TopicPartition(*tp): offset for tp, offset in offsets.items() if tp in self.assignment()}
        try:
            if held:
                await consumer.commit(held)
        except KafkaError as error:
            logger.info("offsets could not be committed: %s: %s", type(error).__name__, error)
            return False
        return bool(held)

    async def seek_to_committed_of(self, partitions: Iterable[TP]) -> Mapping[TP, int]:
        """Seek these partitions to the group's commits; their offsets."""
        wanted = [TopicPartition(*tp) for tp in partitions]
        found: Mapping[TP, int] = await self.call_thread(self._ensure_consumer().seek_to_committed, *wanted)
        return found

    async def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """The first offset and the end offset of a partition. Raises KafkaError."""
        consumer = self._ensure_consumer()
        first = await self.call_thread(consumer.beginning_offsets, [partition])
        last = await self.call_thread(consumer.end_offsets, [partition])
        return first[partition], last[partition]

    def told_at(self, tp: TopicPartition) -> int | None:
        """When a fetch last said where a partition ends, in milliseconds since 1970 UTC."""
        told: int | None = self._ensure_consumer().last_poll_timestamp(tp)
        return told


class _ReadOffsets(dict[TP, int | None]):
    """What Faust last read of each partition, for the one topic for which it may drop what is below."""

    def __init__(self, topic: str) -> None:
        super().__init__()
        self._topic = topic

    def __getitem__(self, tp: TP) -> int | None:
        return self.get(tp) if tp.topic == self._topic else None


class Chunk(ConsumerMessage):
    """Frames of one partition that were fetched together; to Faust it is the last of them."""

    frames: Sequence[Message]

    def __init__(self, tp: TP, generation: int, last: Any, frames: Sequence[Message]) -> None:
        """Of a partition in a generation of the group, with the last record as aiokafka gave it."""
        super().__init__(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            None,
            None,
            b"",
            None,
            tp=tp,
            generation_id=generation,
        )
        self.frames = frames


class LedgerConsumer(Consumer):
    """Faust's consumer, whose positions of the followed topics are the lanes' business."""

    app: Any  # a ProjectorApp
    _thread: LedgerConsumerThread
    assigned: Callable[[Iterable[TP]], Awaitable[None]]
    """Told the partitions of the followed topics whenever Faust would seek; set by the app."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.assigned = self.app.lanes_assigned
        self._followed = frozenset({self.app.kafka.events_topic, self.app.kafka.admin_topic})
        self._read_offset = _ReadOffsets(self.app.kafka.nodes_topic)

    def _new_consumer_thread(self) -> LedgerConsumerThread:
        return LedgerConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Seek the nodes topic to its commits, and let the lanes seek the rest."""
        partitions = self.assignment()
        others = [tp for tp in partitions if tp.topic not in self._followed]
        if others:
            committed = await self._thread.seek_to_committed_of(others)
            for tp, offset in committed.items():
                self._read_offset[tp] = self._committed_offset[tp] = offset or None
        await self.assigned([tp for tp in partitions if tp.topic in self._followed])

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """What was fetched: of followed topics in chunks, the rest record by record."""
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        generation = self.app.consumer_generation_id
        for tp, found in records.items():
            for message in self._messages(tp, found):
                if not self.flow_active or self.app.consumer_generation_id != generation:
                    return
                if active is None or tp in active or tp in self._buffered_partitions:
                    yield tp, message

    def _messages(self, tp: TP, found: Sequence[Any]) -> Iterator[ConsumerMessage]:
        if tp.topic not in self._followed:
            for record in found:
                yield self._to_message(tp, record)
            return
        for start in range(0, len(found), CHUNK):
            records = found[start : start + CHUNK]
            frames = [Message(r.offset, r.timestamp, r.headers, r.value) for r in records]
            yield Chunk(tp, self.app.consumer_generation_id, records[-1], frames)

    async def seek_partition(self, tp: TopicPartition, offset: int) -> None:
        """Let the next record of a partition be the one at the offset."""
        await self._thread.seek_wait({tp: offset})

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """The first offset and the end offset of a partition."""
        return await self._thread.bounds(tp)

    def end(self, tp: TopicPartition) -> int:
        """The end offset that the last fetch told; 0 before the first one."""
        return self.highwater(tp) or 0

    def told_at(self, tp: TopicPartition) -> int | None:
        """When it told that, in milliseconds since 1970 UTC; None before the first one."""
        return self._thread.told_at(tp)


class LedgerTransport(Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = LedgerConsumer


def broker_urls(settings: KafkaSettings) -> list[str]:
    """The brokers as Faust wants them."""
    return [f"aiokafka://{address.strip()}" for address in settings.bootstrap.split(",")]
