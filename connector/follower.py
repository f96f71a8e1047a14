"""Follows ``mq.admin`` as a member of a Kafka group: who has its one partition acts, the others stand by.

Who gets it folds the log from its beginning, and then keeps the connections as it says. Nothing is committed. A member
that dies is missed after SESSION_MS; one that stops says so. Assignments are sticky: a connector that joins takes
nothing away from the one that acts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from connector.links import STOPPED, Links
from domain.admin import AdminState
from ops.health import Health
from schemas.admin import ConnectionRemoved, ConnectionSet, PluginSet
from schemas.kafka_options import kafka_client_options
from schemas.records import RecordError, read_admin_event
from schemas.settings import KafkaSettings

logger = logging.getLogger(__name__)

SESSION_MS: Final = 6_000
"""The least that Kafka grants by default."""
HEARTBEAT_MS: Final = 1_500
REBALANCE_MS: Final = 10_000
POLL_MS: Final = 500
CONCERN: Final = (ConnectionSet, ConnectionRemoved, PluginSet)
"""What the connector has to fold; the others change nothing of these."""


class DamagedRecordError(RuntimeError):
    """A record of ``mq.admin`` can't be read; the text says which and why."""


class Leading:
    """A fold that has begun: ``state`` is that of all records below ``next``; from ``goal`` on it is acted on."""

    def __init__(self, goal: int) -> None:
        self.state = AdminState()
        self.next = 0
        self.goal = goal
        self.acted = -1
        """The state acted on last, by ``next``."""

    def apply(self, record: Any) -> None:
        """Fold a record. Raises DamagedRecordError."""
        if record.offset < self.next:
            return
        try:
            event = read_admin_event(record.value)
        except RecordError as error:
            raise DamagedRecordError(
                f"record {record.offset} of the log of administration is no event that this version knows: {error}; "
                "use the version that wrote it"
            ) from error
        if isinstance(event, CONCERN):
            self.state.apply(event, record.offset, record.timestamp)
        self.next = record.offset + 1


class Follower(ConsumerRebalanceListener):  # type: ignore[misc]
    """Owned by one task, :meth:`run`; aiokafka calls the listener's methods on the same event loop."""

    def __init__(self, kafka: KafkaSettings, group: str, name: str, links: Links) -> None:
        """Nothing is connected yet."""
        self._admin = TopicPartition(kafka.admin_topic, 0)
        self._links = links
        self._leading: Leading | None = None
        self._joined = False
        self._consumer = AIOKafkaConsumer(
            **kafka_client_options(kafka),
            client_id=name,
            group_id=f"{kafka.topic_prefix}-{group}",
            partition_assignment_strategy=[StickyPartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            metadata_max_age_ms=10_000,
        )

    @property
    def leading(self) -> bool:
        """Whether this connector is the one that acts."""
        return self._leading is not None

    @property
    def next(self) -> int:
        """Offset of the next record of ``mq.admin`` to fold; 0 while standing by."""
        return self._leading.next if self._leading is not None else 0

    def ready(self) -> Health:
        """Whether it acts as the log says, or stands by."""
        if not self._joined:
            return Health(False, "joining the group of connectors")
        if self._leading is None:
            return Health(True, "standing by: another connector acts")
        if self._leading.acted < 0:
            return Health(False, f"folding the log of administration: {self._leading.next} of {self._leading.goal}")
        states = self._links.states()
        return Health(True, f"acting: {states['connected']} of {states.total()} connections are up")

    async def run(self) -> None:
        """Join the group and follow until cancelled. Raises DamagedRecordError, KafkaError."""
        self._consumer.subscribe([self._admin.topic], listener=self)
        await self._consumer.start()
        while True:
            leading = self._leading
            if leading is None:
                await self._links.stop()
            batches = await self._consumer.getmany(timeout_ms=POLL_MS)
            if leading is not self._leading:
                self._rewind()  # what was fetched may be of another assignment
            if leading is None or leading is not self._leading:
                continue
            for record in batches.get(self._admin, ()):
                leading.apply(record)
            if leading.next >= leading.goal and leading.next != leading.acted:
                leading.acted = leading.next
                await self._links.follow(leading.state)

    async def stop(self) -> None:
        """End all connections in good order and leave the group, so that another can act at once."""
        acted, self._leading = self._leading, None
        await self._links.stop(STOPPED if acted is not None else "")

    async def leave(self) -> None:
        """Leave the group; what was reported before is in the log by now."""
        await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group assigns anew; mostly to the same member again, so nothing ends yet."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """The group has assigned: act from here on, go on, or stand by."""
        self._joined = True
        if self._admin not in set(assigned):
            if self._leading is not None:
                logger.warning("another connector acts from here on")
                self._leading = None
            return
        if self._leading is None:
            ends = await self._consumer.end_offsets([self._admin])
            self._leading = Leading(ends[self._admin])
            logger.info("this connector acts: folding %d records", self._leading.goal)
        self._rewind()

    def _rewind(self) -> None:
        if self._leading is not None:
            self._consumer.seek(self._admin, self._leading.next)
