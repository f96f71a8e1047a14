"""Writing into the topics of nodes and of administration."""

from __future__ import annotations

import msgspec
from aiokafka import AIOKafkaProducer

from schemas.admin import AdminEvent
from schemas.events import NodeEvent
from schemas.settings import KafkaSettings


async def write_node_event(kafka: KafkaSettings, event: NodeEvent) -> int:
    """Append an event to the nodes topic; its offset."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    try:
        value = msgspec.msgpack.encode(event)
        sent = await producer.send_and_wait(kafka.nodes_topic, value, partition=0)
        return int(sent.offset)
    finally:
        await producer.stop()


async def write_admin(kafka: KafkaSettings, *values: AdminEvent | bytes) -> None:
    """Append records to the administration topic, in order."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    try:
        for value in values:
            encoded = value if isinstance(value, bytes) else msgspec.msgpack.encode(value)
            await producer.send_and_wait(kafka.admin_topic, encoded, partition=0)
    finally:
        await producer.stop()
