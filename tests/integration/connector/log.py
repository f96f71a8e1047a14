"""What the connector reads and writes, for tests without an API."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.admin import AdminEvent, ConnectionSet
from schemas.commands import Order
from schemas.events import ConnectionStatus, NodeEvent
from schemas.kafka_options import kafka_client_options
from schemas.sealed import Sealer
from schemas.settings import KafkaSettings

KEY = "a key for tests that everybody knows"


def order() -> Order:
    """Of a command that nobody gave before."""
    return Order(uuid.uuid4().hex, "somebody", "127.0.0.1", "c", int(time.time() * 1000))


def connection(name: str, url: str, *, tenant: str = "default", password: bytes = b"") -> ConnectionSet:
    """A new connection, whose id is its name."""
    parts = {"password": password} if password else {}
    sealed = Sealer([KEY]).seal(parts, tenant, name)
    return ConnectionSet(order(), "add", tenant, name, name, url, "u", "", True, list(parts), sealed)


@dataclass
class Log:
    """The two topics."""

    kafka: KafkaSettings
    producer: AIOKafkaProducer
    consumer: AIOKafkaConsumer

    async def admin(self, event: AdminEvent) -> int:
        """Append; the offset."""
        record = await self.producer.send_and_wait(self.kafka.admin_topic, msgspec.msgpack.encode(event), partition=0)
        return int(record.offset)

    async def statuses(self) -> list[ConnectionStatus]:
        """All that were written so far."""
        tp = TopicPartition(self.kafka.nodes_topic, 0)
        self.consumer.assign([tp])
        await self.consumer.seek_to_beginning(tp)
        end = (await self.consumer.end_offsets([tp]))[tp]
        values: list[bytes] = []
        while await self.consumer.position(tp) < end:
            for records in (await self.consumer.getmany(timeout_ms=200)).values():
                values += [record.value for record in records]
        events = [msgspec.msgpack.decode(value, type=NodeEvent) for value in values]
        return [event for event in events if isinstance(event, ConnectionStatus)]

    async def latest(self) -> dict[str, ConnectionStatus]:
        """The last word on each connection."""
        return {status.connection_id: status for status in await self.statuses()}

    async def is_connected(self, name: str, position: int) -> bool:
        """Whether the last word on a connection, as set at a position, is that it is there."""
        status = (await self.latest()).get(name)
        return status is not None and status.connected and status.position == position


@asynccontextmanager
async def logs(kafka: KafkaSettings) -> AsyncIterator[Log]:
    """The topics, while it lasts."""
    producer = AIOKafkaProducer(**kafka_client_options(kafka))
    consumer = AIOKafkaConsumer(**kafka_client_options(kafka), enable_auto_commit=False, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    try:
        yield Log(kafka, producer, consumer)
    finally:
        await producer.stop()
        await consumer.stop()
