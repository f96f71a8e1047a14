"""The node's records in the nodes topic: the beginning of an incarnation, heartbeats."""

from __future__ import annotations

import asyncio
import time

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.events import Event, Heartbeat
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings

_encoder = msgspec.msgpack.Encoder()


class Herald:
    """A producer of its own, so that a heartbeat that fails never touches the journal."""

    def __init__(self, node: str, kafka: KafkaSettings) -> None:
        self._node = node.encode()
        self._topic = kafka.nodes_topic
        self._producer = AIOKafkaProducer(
            **kafka_client_options(kafka),
            client_id=f"{node}-herald",
            acks="all",
            linger_ms=0,
            request_timeout_ms=5_000,
        )
        self._beating: asyncio.Future[object] | None = None
        self._beating_since = 0.0
        self.missed = 0
        """Heartbeats that did not reach the log."""

    @property
    def waiting(self) -> float:
        """Seconds for which a heartbeat has been under way; 0 when none is."""
        if self._beating is None or self._beating.done():
            return 0.0
        return time.monotonic() - self._beating_since

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect, bounded: a heartbeat that waits is not worth waiting for."""
        try:
            await asyncio.wait_for(self._producer.stop(), 2)
        except TimeoutError:
            self.missed += 1

    async def announce(self, event: Event) -> int:
        """Write an event of the node and return its offset. Raises KafkaError."""
        record = await self._producer.send_and_wait(self._topic, _encoder.encode(event), key=self._node, partition=0)
        return int(record.offset)

    async def idle(self) -> None:
        """Return when no heartbeat is under way any more."""
        if self._beating is not None and not self._beating.done():
            await asyncio.wait([self._beating])

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Write a heartbeat, unless the last one is still under way. Returns without waiting for the log."""
        if self._beating is not None:
            if not self._beating.done():
                self.missed += 1
                return
            if isinstance(self._beating.exception(), KafkaError):
                self.missed += 1
        self._beating_since = time.monotonic()
        self._beating = await self._producer.send(self._topic, _encoder.encode(heartbeat), key=self._node, partition=0)
