"""A service in this process, and the log as it is in Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from ingest.log.journal import Journal
from ingest.log.reader import LogReader, Read
from ingest.node.node import Node
from ingest.node.payloads import Payloads
from ingest.service import IngestService
from ingest.settings import IngestSettings, MqttSettings
from schemas.events import AnyEvent, Published
from schemas.frames import encode_events, frame_headers
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings

NODE = "node-1"


def settings(kafka: KafkaSettings) -> IngestSettings:
    """A node on a free port."""
    return IngestSettings(node=NODE, kafka=kafka, mqtt=MqttSettings(port=0, receive_maximum=65_535))


@asynccontextmanager
async def running(
    kafka: KafkaSettings, kind: type[IngestService] = IngestService
) -> AsyncIterator[tuple[IngestService, int]]:
    """A service that listens, and its port; it is stopped in good order."""
    service = kind(settings(kafka))
    try:
        await service.start()
        assert service.address is not None
        yield service, service.address[1]
    finally:
        await service.stop()


async def frames(kafka: KafkaSettings) -> list[Read]:
    """Every frame of the log, partition by partition."""
    reader = LogReader(kafka, "test-reader")
    await reader.start()
    try:
        ends = await reader.ends()
        return [read for p, end in enumerate(ends) if end async for read in reader.read(p, 0, end)]
    finally:
        await reader.stop()


async def write_frame(
    kafka: KafkaSettings, partition: int, node: str, incarnation: int, sequence: int, events: list[AnyEvent]
) -> int:
    """Append a frame as if another process had; its offset."""
    producer = AIOKafkaProducer(**kafka_client_options(kafka), acks="all")
    await producer.start()
    try:
        record = await producer.send_and_wait(
            kafka.events_topic,
            encode_events(events),
            partition=partition,
            headers=frame_headers(node, incarnation, sequence, 1, [0] * kafka.partitions, events),
        )
        return int(record.offset)
    finally:
        await producer.stop()


class Seen:
    """What a fold of the log takes as published, in the order of each client."""

    def __init__(self) -> None:
        self.payloads: dict[str, list[bytes]] = {}


class Folder(Node):
    """A node that notes the publishes that count."""

    def __init__(self, wanted: IngestSettings, reader: LogReader) -> None:
        super().__init__(wanted, Payloads(reader, 1))
        self.seen = Seen()

    def _published(self, event: Published, *rest: Any) -> bool:
        valid = super()._published(event, *rest)
        if valid:
            self.seen.payloads.setdefault(event.client_id, []).append(event.payload)
        return valid


async def fold(kafka: KafkaSettings) -> tuple[Node, Seen]:
    """A node that has folded the log, and the publishes that counted."""
    wanted = settings(kafka)
    reader = LogReader(kafka, "test-fold")
    node = Folder(wanted, reader)
    journal = Journal(NODE, kafka, wanted.log, reader, node.apply, _must_not_fail)
    await reader.start()
    try:
        async for read in reader.merged(await reader.beginnings(), await reader.ends(), lambda _: None):
            journal.apply_read(read)
    finally:
        await reader.stop()
    return node, node.seen


def _must_not_fail(error: BaseException) -> None:
    raise AssertionError("a fold appends nothing") from error
