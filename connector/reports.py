"""Statuses of connections on their way into the log.

While Kafka is away the latest of each connection waits. All of them are written again now and then, since the topic
forgets, and a read model that is made anew has nothing else to tell it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.events import ConnectionStatus
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings

logger = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 3_600.0
"""How often everything is written again; ``mq.nodes`` keeps a day."""
RETRY_SECONDS: Final = 0.5
STOP_SECONDS: Final = 3.0

_encoder = msgspec.msgpack.Encoder()


class Reports:
    """Writes statuses to ``mq.nodes``, in the order in which they came about for each connection."""

    def __init__(self, kafka: KafkaSettings, name: str, statuses: Callable[[], Iterable[ConnectionStatus]]) -> None:
        """``statuses``: all that are known now."""
        self._topic = kafka.nodes_topic
        self._statuses = statuses
        self._producer = AIOKafkaProducer(
            **kafka_client_options(kafka),
            client_id=f"{name}-reports",
            acks="all",
            linger_ms=0,
            request_timeout_ms=5_000,
        )
        self._waiting: dict[tuple[str, str], ConnectionStatus] = {}
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self.written = 0
        self.failed = 0

    def __call__(self, status: ConnectionStatus) -> None:
        """Have a status written."""
        self._waiting[status.tenant, status.connection_id] = status
        self._idle.clear()
        self._changed.set()

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        await self._producer.start()

    async def run(self) -> None:
        """Write what comes until cancelled; while Kafka is away, try again."""
        due = time.monotonic() + AGAIN_SECONDS
        while True:
            await self._write_all()
            if not self._waiting:
                self._idle.set()
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._changed.wait()
            except TimeoutError:
                due = time.monotonic() + AGAIN_SECONDS
                for status in self._statuses():
                    self._waiting.setdefault((status.tenant, status.connection_id), status)
            self._changed.clear()

    async def flushed(self) -> None:
        """Wait until nothing waits, at most STOP_SECONDS."""
        if not self._waiting:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("%d statuses did not reach the log", len(self._waiting))

    async def stop(self) -> None:
        """Disconnect, bounded."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._producer.stop()
        except TimeoutError:
            logger.warning("the producer did not stop in time")

    async def _write_all(self) -> None:
        while self._waiting:
            key, status = next(iter(self._waiting.items()))
            try:
                await self._producer.send_and_wait(self._topic, _encoder.encode(status), partition=0)
            except KafkaError as error:
                self.failed += 1
                logger.warning("a status did not reach the log; trying again: %r", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self.written += 1
            if self._waiting.get(key) is status:
                del self._waiting[key]
