"""Writing into the nodes topic."""

from __future__ import annotations

import msgspec
from aiokafka import AIOKafkaProducer

from schemas.events import NodeEvent
from schemas.settings import KafkaSettings


async def write_node_event(kafka: KafkaSettings, event: NodeEvent) -> int:
    """Append an event to the nodes topic; its offset."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    try:
        value = msgspec.msgpack.encode(event)
        sent = await producer.send_and_wait(kafka.nodes_topic, value, key=event.node.encode(), partition=0)
        return int(sent.offset)
    finally:
        await producer.stop()
