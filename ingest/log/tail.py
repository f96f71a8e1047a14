"""What a node follows beside the event log: bells in ``mq.nodes`` from their end, ``mq.admin`` from its beginning.

One consumer with one long poll. A bell says that somebody who is no node appended to a partition, which the node then
reads at once. ``mq.admin`` is folded into :class:`domain.admin.AdminState`, to its end before the node lets anyone in.

Who may do what: only the tail applies to ``admin``; watchers are told afterwards, on the event loop, in the order of
the log. They are not told of the past: what was folded at start they find in ``admin``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from domain.admin import AdminState
from domain.commands import DONE
from ingest.log.damage import Fetching
from ingest.log.poison import Poison
from ingest.log.reader import LogTruncatedError
from schemas.admin import AdminEvent
from schemas.events import Appended
from schemas.frames import FrameError
from schemas.kafka_options import kafka_client_options
from schemas.records import RecordError, read_admin_event, read_node_event
from schemas.settings import KafkaSettings

log = logging.getLogger(__name__)

Watcher = Callable[[AdminEvent], None]
"""Is told of every event of ``mq.admin`` that took effect, when it is applied."""

_POLL_MS = 1_000
_BATCH = 500
_BACKOFF = (0.1, 5.0)


class Tail:
    """Invariant: ``admin`` is the fold of ``mq.admin`` up to ``admin.next``, and that only grows."""

    def __init__(
        self, node: str, kafka: KafkaSettings, poison: Poison, catch_up: Callable[[int, int], Awaitable[None]]
    ) -> None:
        """``catch_up`` applies what there is of a partition of the event log, if an offset is not applied yet."""
        self.admin = AdminState()
        self.watchers: list[Watcher] = []
        self.moved: Callable[[], Awaitable[None]] | None = None
        """Is called when ``admin.next`` has moved, and everybody has been told."""
        self.bells = 0
        """Bells heard."""
        self._poison = poison
        self._catch_up = catch_up
        self._partitions = kafka.partitions
        self._admin = TopicPartition(kafka.admin_topic, 0)
        self._nodes = TopicPartition(kafka.nodes_topic, 0)
        self._rung: dict[int, int] = {}
        self._ring = asyncio.Event()
        self._consumer = AIOKafkaConsumer(
            **kafka_client_options(kafka),
            client_id=f"{node}-follow",
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=_POLL_MS,
            check_crcs=True,
        )
        self._fetching = Fetching(self._consumer)

    async def start(self) -> None:
        """Connect, remember where ``mq.nodes`` ends, and fold ``mq.admin`` to its end.

        Raises:
            DamagedRecordError: a record of ``mq.admin`` can't be read, and no setting lets go on without it.
            DamagedLogError: its bytes are not what was written.
            LogTruncatedError: ``mq.admin`` does not begin at its beginning.
        """
        consumer, both = self._consumer, (self._admin, self._nodes)
        await consumer.start()
        consumer.assign(both)
        consumer.pause(*both)
        ends = await consumer.end_offsets(both)
        begins = (await consumer.beginning_offsets([self._admin]))[self._admin]
        if begins:
            raise LogTruncatedError(
                f"{self._admin.topic} begins at {begins} instead of its beginning: users, access rules and bans were "
                "deleted; put a copy of Kafka's data back, or begin with new topics (kafka.topic_prefix)"
            )
        consumer.seek(self._nodes, ends[self._nodes])
        consumer.seek(self._admin, 0)
        consumer.resume(self._admin)
        at = 0
        while at < ends[self._admin]:
            for record in await self._take(self._admin):
                self._apply(record)
            at = await consumer.position(self._admin)
        self.admin.next = max(self.admin.next, at)
        consumer.resume(self._nodes)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def follow(self) -> None:
        """Apply what comes, for as long as the node lives; Kafka may go away and come back."""
        delay = _BACKOFF[0]
        while True:
            try:
                records = await self._take(self._admin, self._nodes)
                delay = _BACKOFF[0]
            except OffsetOutOfRangeError as error:
                await self._back_into_range(error)
                continue
            except KafkaError as error:
                log.warning("the nodes and admin topics cannot be read just now", extra={"error": repr(error)})
                await asyncio.sleep(delay)
                delay = min(delay * 2, _BACKOFF[1])
                continue
            before = self.admin.next
            for record in records:
                self._take_in(record)
            if self.admin.next > before and self.moved is not None:
                await self.moved()

    async def answer_bells(self) -> None:
        """Read the partitions for which bells rang, for as long as the node lives."""
        while True:
            await self._ring.wait()
            self._ring.clear()
            rung, self._rung = self._rung, {}
            for partition, offset in rung.items():
                try:
                    await self._catch_up(partition, offset)
                except KafkaError as error:
                    log.warning("a bell rang, and the log cannot be read", extra={"error": repr(error)})

    async def _take(self, *partitions: TopicPartition) -> list[Any]:
        batches = await self._fetching.getmany(*partitions, timeout_ms=_POLL_MS, max_records=_BATCH)
        return [record for records in batches.values() for record in records]

    async def _back_into_range(self, error: OffsetOutOfRangeError) -> None:
        """Heartbeats are kept for hours: who was away for longer goes on at their end. ``mq.admin`` is kept."""
        places: dict[TopicPartition, int] = error.args[0]
        if self._admin in places:
            raise LogTruncatedError(
                f"{self._admin.topic} does not have offset {places[self._admin]} any more: it has lost users, access "
                "rules and bans that this node knows; put a copy of Kafka's data back"
            ) from error
        await self._consumer.seek_to_end(self._nodes)

    def _take_in(self, record: Any) -> None:
        if record.topic == self._nodes.topic:
            self._hear(record.value)
            return
        event = self._apply(record)
        if event is not None:
            for watcher in self.watchers:
                watcher(event)

    def _apply(self, record: Any) -> AdminEvent | None:
        """Fold a record; its event if it took effect."""
        try:
            event = read_admin_event(record.value)
        except RecordError as error:
            self._poison.meet_admin(record.offset, FrameError(f"it is no event that this version knows: {error}"))
            self.admin.next = record.offset + 1
            return None
        return event if self.admin.apply(event, record.offset, record.timestamp) == DONE else None

    def _hear(self, value: bytes | None) -> None:
        """Bells are hints: one that can't be read is told of, and what it was for is found a little later."""
        try:
            event = read_node_event(value)
        except RecordError as error:
            log.warning("a record of the nodes topic cannot be read", extra={"error": str(error)})
            return
        if isinstance(event, Appended) and 0 <= event.partition < self._partitions:
            self.bells += 1
            self._rung[event.partition] = max(event.next, self._rung.get(event.partition, 0))
            self._ring.set()
