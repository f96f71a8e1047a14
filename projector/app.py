"""The Faust app of a projector worker: agents as thin shells, over frames, administration and heartbeats."""

from __future__ import annotations

import asyncio
import logging
import math
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

import faust
from aiokafka import TopicPartition
from faust.types import TP

from domain.models.admin import ADMIN
from projector.admin_lane import AdminLane
from projector.admin_store import AdminStore
from projector.backoff import Backoff
from projector.dead_letters import DeadLetterTopic
from projector.follower import Follower
from projector.kafka_log import LogIdentity
from projector.lane import Lane
from projector.lanes import Lanes
from projector.metadata import identify_topic
from projector.nodes import statement
from projector.poison import Poison
from projector.probe import LaneProbe, Metrics
from projector.settings import ProjectorSettings
from projector.store import AWAY_ERRORS, DATA_ERRORS, Store
from projector.transport import LedgerConsumer, LedgerTransport, broker_urls
from schemas.records import RecordError, read_node_event

logger = logging.getLogger(__name__)

BUFFER = 16
"""Chunks of frames between Faust's fetcher and the agent; lanes have the large buffers."""


class ConsumerLog:
    """A topic through the app's consumer."""

    def __init__(self, app: ProjectorApp, topic: str, partitions: int) -> None:
        self._app = app
        self._topic = topic
        self._partitions = partitions

    @property
    def _consumer(self) -> LedgerConsumer:
        return cast(LedgerConsumer, self._app.consumer)

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, 0 if partition == ADMIN else partition)

    async def identity(self) -> LogIdentity:
        """See EventLog."""
        return await identify_topic(self._app.kafka, self._topic, self._partitions)

    async def bounds(self, partition: int) -> tuple[int, int]:
        """See EventLog."""
        return await self._consumer.bounds(self._tp(partition))

    async def seek(self, partition: int, offset: int) -> None:
        """See EventLog."""
        await self._consumer.seek_partition(self._tp(partition), offset)

    def end(self, partition: int) -> int:
        """See EventLog."""
        return self._consumer.end(self._tp(partition))

    def silent(self, partition: int) -> float:
        """See EventLog."""
        told = self._consumer.told_at(self._tp(partition))
        return math.inf if told is None else time.time() - told / 1000


class ProjectorApp(faust.App):
    """A Faust app that knows its lanes."""

    def __init__(self, settings: ProjectorSettings, pool: Any, metrics: Metrics) -> None:
        """Everything that the lanes need is made here; nothing runs yet."""
        self.kafka = settings.kafka
        self.store = Store(pool)
        self.pool = pool
        self.lanes = Lanes(self._lane_maker(settings, metrics), self.store, settings.kafka.partitions)
        super().__init__(
            settings.app_id,
            broker=broker_urls(settings.kafka),
            store="memory://",
            datadir=settings.data_dir or tempfile.mkdtemp(prefix="mqledger-projector-"),
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            autodiscover=False,
            stream_wait_empty=False,
            stream_buffer_maxsize=BUFFER,
            broker_max_poll_records=None,
            broker_max_poll_interval=24 * 3600.0,
            # How long the partitions of a worker that was killed wait. Kafka's default least (the broker's
            # group.min.session.timeout.ms); a worker that is merely slow must not lose its partitions over less.
            broker_session_timeout=6.0,
            broker_heartbeat_interval=1.5,
            broker_request_timeout=30.0,
            broker_commit_interval=5.0,
            stream_processing_timeout=24 * 3600.0,
            broker_commit_livelock_soft_timeout=24 * 3600.0,
        )

    def _lane_maker(
        self, settings: ProjectorSettings, metrics: Metrics
    ) -> Callable[[int, Callable[[], None]], Follower]:
        poison, dead = Poison(settings), DeadLetterTopic(settings)
        kafka = settings.kafka

        def new_lane(partition: int, goal_reached: Callable[[], None]) -> Follower:
            if partition == ADMIN:
                return AdminLane(
                    store=AdminStore(self.pool),
                    log=ConsumerLog(self, kafka.admin_topic, 1),
                    poison=poison,
                    probe=LaneProbe("admin", metrics),
                    goal_reached=goal_reached,
                )
            return Lane(
                partition,
                store=self.store,
                log=ConsumerLog(self, kafka.events_topic, kafka.partitions),
                dead_letters=dead,
                poison=poison,
                probe=LaneProbe(partition, metrics),
                batch_events=settings.batch_events,
                held_sessions=settings.held_sessions,
                goal_reached=goal_reached,
            )

        return new_lane

    def _new_transport(self) -> LedgerTransport:
        return LedgerTransport(self.conf.broker_consumer, self)

    async def lanes_assigned(self, partitions: Iterable[TP]) -> None:
        """Called by the consumer where Faust would seek to its commits."""
        admin = self.kafka.admin_topic
        await self.lanes.assign([ADMIN if tp.topic == admin else tp.partition for tp in partitions])


def build(settings: ProjectorSettings, pool: Any, metrics: Metrics) -> ProjectorApp:
    """The app of a worker over a pool of Postgres connections (:func:`projector.store.open_pool`)."""
    app = ProjectorApp(settings, pool, metrics)
    raw: dict[str, Any] = {"key_type": bytes, "key_serializer": "raw", "value_type": bytes, "value_serializer": "raw"}
    # Positions of followed topics are kept in Postgres: there is nothing to acknowledge.
    events = app.topic(settings.kafka.events_topic, acks=False, **raw)
    admin = app.topic(settings.kafka.admin_topic, acks=False, **raw)
    nodes = app.topic(settings.kafka.nodes_topic, **raw)

    @app.agent(events, name="frames")
    async def frames(stream: Any) -> None:
        async for event in stream.events():
            await app.lanes.put(event.message.partition, event.message.frames)

    @app.agent(admin, name="administration")
    async def administration(stream: Any) -> None:
        async for event in stream.events():
            await app.lanes.put(ADMIN, event.message.frames)

    @app.agent(nodes, name="heartbeats")
    async def heartbeats(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            await _fold_heartbeat(app, message.offset, round(message.timestamp * 1000), message.value)

    return app


async def _fold_heartbeat(app: ProjectorApp, offset: int, time: int, value: bytes | None) -> None:
    try:
        change = statement(read_node_event(value), offset, time)
    except RecordError as error:
        # Nothing is proven by heartbeats: one that can't be read is reported, and the next one comes in seconds.
        logger.warning("record %d of %s can't be read: %s", offset, app.kafka.nodes_topic, error)
        return
    if change is None:
        return
    sql, parameters = change
    backoff = Backoff()
    while True:
        try:
            await app.pool.execute(sql, *parameters)
            return
        except DATA_ERRORS as error:
            logger.warning("record %d of %s fits no table: %s", offset, app.kafka.nodes_topic, error)
            return
        except AWAY_ERRORS as error:
            logger.warning("a heartbeat waits for Postgres: %s: %s", type(error).__name__, error)
            await asyncio.sleep(backoff.next())
