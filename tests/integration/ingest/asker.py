"""Asks as an API process does: commands into partitions of the event log with a bell, events into ``mq.admin``."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
from aiokafka import AIOKafkaProducer

from ingest.log.reader import LogReader
from schemas.admin import AdminEvent
from schemas.events import AnyEvent, Appended, CommandDone, Order, Publish
from schemas.frames import encode_events, frame_headers
from schemas.kafka_options import kafka_client_options
from schemas.positions import offset_of, partition_of, position
from schemas.settings import KafkaSettings
from tests.stackkit.eventually import eventually, run_async

_encoder = msgspec.msgpack.Encoder()


def order(name: str = "", *, actor: str = "ann", not_after: int = 0, keyed: bool = False) -> Order:
    """What an account of the name ``actor`` asks; the id is made up unless it is given."""
    return Order(
        name or secrets.token_hex(8), actor, "127.0.0.1", "test", time.time_ns() // 1_000_000, not_after, keyed
    )


class Asker:
    """A producer of a process that is no node."""

    def __init__(self, kafka: KafkaSettings, producer: AIOKafkaProducer) -> None:
        self._kafka = kafka
        self._producer = producer
        self._incarnation = secrets.randbits(48)
        self._sequence = 0

    async def command(self, *events: AnyEvent, bell: bool = True, partition: int | None = None) -> int:
        """Append commands in one frame to the partition of the first; the position of the first."""
        if partition is None:
            partition = partition_of(events[0].tenant, events[0].client_id, self._kafka.partitions)  # type: ignore[union-attr]
        self._sequence += 1
        stamp = time.time_ns() // 1_000_000 << 16
        headers = frame_headers("api-test", self._incarnation, self._sequence, stamp, [], list(events))
        offset = await self._send(self._kafka.events_topic, encode_events(events), partition, headers)
        if bell:
            await self._send(self._kafka.nodes_topic, _encoder.encode(Appended(partition, offset + 1)))
        return position(offset, 0)

    async def everywhere(self, event: AnyEvent) -> None:
        """Append a command to every partition."""
        for partition in range(self._kafka.partitions):
            await self.command(event, partition=partition)

    async def admin(self, event: AdminEvent) -> int:
        """Append an event to ``mq.admin``; its offset."""
        return await self._send(self._kafka.admin_topic, _encoder.encode(event))

    async def raw_admin(self, value: bytes) -> int:
        """Append anything to ``mq.admin``; its offset."""
        return await self._send(self._kafka.admin_topic, value)

    async def _send(self, topic: str, value: bytes, partition: int = 0, headers: Any = None) -> int:
        record = await self._producer.send_and_wait(topic, value, partition=partition, headers=headers)
        return int(record.offset)


def ask(kafka: KafkaSettings, event: AnyEvent, *, everywhere: bool = False) -> None:
    """Append a command, from a test without an event loop; one for a session is done on return."""

    async def append() -> None:
        async with asking(kafka) as asker:
            if everywhere:
                await asker.everywhere(event)
                return
            at = await asker.command(event)
        if not isinstance(event, Publish):
            await outcome(kafka, event, at)

    run_async(append())


async def outcome(kafka: KafkaSettings, event: AnyEvent, at: int) -> CommandDone:
    """What came of a command for a session that was appended at a position."""
    partition = partition_of(event.tenant, event.client_id, kafka.partitions)  # type: ignore[union-attr]
    reader = LogReader(kafka, "test-outcome")
    await reader.start()

    async def find() -> CommandDone | None:
        end = (await reader.ends())[partition]
        async for read in reader.read(partition, offset_of(at), end):
            for found in read.events():
                if isinstance(found, CommandDone) and found.id == event.order.id:  # type: ignore[union-attr]
                    return found
        return None

    try:
        return cast("CommandDone", await eventually(cast("Callable[[], Any]", find), 30))
    finally:
        await reader.stop()


def administer(kafka: KafkaSettings, event: AdminEvent) -> None:
    """Append an event to ``mq.admin``, likewise."""

    async def append() -> None:
        async with asking(kafka) as asker:
            await asker.admin(event)

    run_async(append())


@asynccontextmanager
async def asking(kafka: KafkaSettings) -> AsyncIterator[Asker]:
    """An asker that is connected."""
    producer = AIOKafkaProducer(**kafka_client_options(kafka), acks="all", linger_ms=0)
    await producer.start()
    try:
        yield Asker(kafka, producer)
    finally:
        await producer.stop()
