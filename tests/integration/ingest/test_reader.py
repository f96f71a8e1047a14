"""Reading pieces of the log: nothing of what was fetched beside them stays in memory."""

from __future__ import annotations

import gc

from aiokafka import AIOKafkaProducer

from ingest.log.reader import LogReader
from schemas.events import NodeLost
from schemas.frames import encode_events, frame_headers
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings
from tests.integration.ingest.kit import NODE

FRAMES = 1_500
"""More than are taken from aiokafka at once."""


async def write(kafka: KafkaSettings) -> None:
    """Append small frames to the first partition."""
    events = [NodeLost("node-2", 1)]
    producer = AIOKafkaProducer(**kafka_client_options(kafka), acks="all")
    await producer.start()
    for number in range(FRAMES):
        headers = frame_headers(NODE, 1, number, 1, [0] * kafka.partitions, list(events))
        await producer.send(kafka.events_topic, encode_events(list(events)), partition=0, headers=headers)
    await producer.stop()


async def test_what_was_fetched_and_not_taken_goes_at_once(kafka: KafkaSettings) -> None:
    """Given a long log, when single frames are read again and again, then no fetched records wait for the garbage
    collector: it counts objects, and would not come round before hundreds of megabytes."""
    await write(kafka)
    reader = LogReader(kafka, "test-reader", fetch_bytes=1_000_000)
    await reader.start()
    gc.collect()
    gc.disable()
    try:
        for at in range(12):
            assert [read.offset async for read in reader.read(0, at, at + 1)] == [at]
        left = [found for found in gc.get_objects() if type(found).__name__ == "PartitionRecords"]
        assert len(left) <= 1  # a fetch that was under way
    finally:
        gc.enable()
        await reader.stop()
