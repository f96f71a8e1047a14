"""Writes frames into a real log, as an ingest node does, for tests that need a known past."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.events import AnyEvent, Connected, Counters, Cursor, Disconnected, Published, Subscribed, Subscription
from schemas.frames import encode_events, frame_headers
from schemas.kafka_options import kafka_client_options
from schemas.positions import Position, partition_of, position
from schemas.settings import KafkaSettings


def connected(client_id: str, **changes: Any) -> Connected:
    """A ``connected`` with defaults."""
    values: dict[str, Any] = {
        "tenant": "default",
        "client_id": client_id,
        "username": "",
        "protocol": "mqtt5",
        "version": 5,
        "address": "192.0.2.7",
        "port": 50_123,
        "listener": "tcp",
        "clean_start": False,
        "expiry": 3_600,
        "keep_alive": 60,
        "receive_maximum": 65_535,
        "max_packet_size": 0,
        "topic_alias_max": 0,
        "request_response": False,
        "request_problem": True,
    }
    return Connected(**(values | changes))


def subscribed(client_id: str, epoch: Position, *filters: str, tenant: str = "default") -> Subscribed:
    """Filters granted with QoS 1."""
    return Subscribed(tenant, client_id, epoch, [], [Subscription(text, 1) for text in filters])


def disconnected(client_id: str, epoch: Position, expiry: int = 3_600) -> Disconnected:
    """The client went away in good order."""
    return Disconnected("default", client_id, epoch, 0, "", "client", expiry, False, [], Cursor([]), Counters())


def published(client_id: str, epoch: Position, topic: str, payload: bytes = b"x", **changes: Any) -> Published:
    """A QoS 1 publish."""
    values: dict[str, Any] = {"tenant": "default", "qos": 1, "retain": False, "packet_id": 1, "properties": b""}
    return Published(client_id=client_id, epoch=epoch, topic=topic, payload=payload, **(values | changes))


class LogWriter:
    """One incarnation of one node."""

    def __init__(self, kafka: KafkaSettings, node: str = "node-1", incarnation: int = 0) -> None:
        self.kafka, self.node, self.incarnation = kafka, node, incarnation
        self.appended_at = 0
        """Append time of the latest frame, in milliseconds."""
        self._sequences: dict[int, int] = defaultdict(int)
        self._producer = AIOKafkaProducer(**kafka_client_options(kafka), acks="all", enable_idempotence=True)

    async def __aenter__(self) -> LogWriter:
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    def partition(self, client_id: str, tenant: str = "default") -> int:
        """Where everything of a client goes."""
        return partition_of(tenant, client_id, self.kafka.partitions)

    async def frame(self, partition: int, events: Sequence[AnyEvent]) -> int:
        """Append one frame; returns its offset."""
        sequence = self._sequences[partition]
        self._sequences[partition] += 1
        headers = frame_headers(self.node, self.incarnation, sequence, 0, [], events)
        return await self.raw(partition, headers, encode_events(events))

    async def raw(self, partition: int, headers: list[tuple[str, bytes]], value: bytes | None) -> int:
        """Append any record; returns its offset."""
        landed = await self._producer.send_and_wait(
            self.kafka.events_topic, value, partition=partition, headers=headers
        )
        self.appended_at = int(landed.timestamp)
        return int(landed.offset)

    async def of_client(self, client_id: str, *events: AnyEvent) -> Position:
        """Append one frame of events of one client; returns the position of the first."""
        return position(await self.frame(self.partition(client_id), events), 0)

    async def connect(self, client_id: str, **changes: Any) -> Position:
        """Connect a client; returns its epoch."""
        return await self.of_client(client_id, connected(client_id, **changes))
