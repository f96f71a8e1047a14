"""Where a log ends now."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings


async def log_ends(kafka: KafkaSettings) -> dict[int, int]:
    """The end of the event log, by partition."""
    consumer = AIOKafkaConsumer(**kafka_client_options(kafka), isolation_level="read_committed")
    await consumer.start()
    try:
        partitions = [TopicPartition(kafka.events_topic, number) for number in range(kafka.partitions)]
        return {one.partition: end for one, end in (await consumer.end_offsets(partitions)).items()}
    finally:
        await consumer.stop()
