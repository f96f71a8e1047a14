"""Appends to the log for the API: frames of one command, administration, and the bell behind a frame.

The producer is made when first needed and again after it has failed: an idempotent one may then be out of sequence.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from query_api.errors import TooLargeError, UnavailableError
from schemas.admin import AdminEvent
from schemas.events import AnyEvent, Appended
from schemas.frames import encode_events, frame_headers
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings

NAME: Final = "api"
"""The writer in the headers of frames. It is no node, so no fence is ever raised for it."""
STOP_SECONDS: Final = 2.0
FRAME_MARGIN: Final = 4_096
"""Bytes of a record beside its value."""

logger = logging.getLogger(__name__)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Landed:
    """Where something is in the log."""

    partition: int
    offset: int
    time: int
    """Append time, in milliseconds."""


class Writer:
    """One per process. What it appends is acknowledged by Kafka, or an error."""

    def __init__(self, kafka: KafkaSettings, timeout: float, max_bytes: int = 1_040_000) -> None:
        """``timeout`` bounds every append, in seconds; a value above ``max_bytes`` is refused."""
        self._kafka = kafka
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._incarnation = secrets.randbits(48)
        self._sequences = [0] * kafka.partitions
        self._stamp = 0
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._bells: set[asyncio.Task[None]] = set()

    async def frame(self, partition: int, event: AnyEvent, depends: Sequence[int], known_time: int) -> Landed:
        """Append a frame of one event, and ring the bell. Raises TooLargeError, UnavailableError.

        ``depends`` is the vector that the caller has seen; ``known_time`` the latest partition time, in milliseconds.
        """
        sequence = self._sequences[partition]
        self._sequences[partition] += 1
        self._stamp = max(time.time_ns() // 1_000_000 << 16, known_time << 16, self._stamp + 1)
        headers = frame_headers(NAME, self._incarnation, sequence, self._stamp, list(depends), [event])
        landed = await self._append(self._kafka.events_topic, partition, encode_events([event]), headers)
        self._ring(Appended(partition, landed.offset + 1))
        return landed

    async def admin(self, event: AdminEvent) -> Landed:
        """Append to the log of administration. Raises TooLargeError, UnavailableError."""
        return await self._append(self._kafka.admin_topic, 0, _encode(event))

    async def open(self) -> None:
        """Connect ahead of the first append, which would take several times as long else. Raises UnavailableError."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._started()
        except (KafkaError, OSError, TimeoutError) as error:
            raise UnavailableError(f"Kafka is away: {error!r}") from error

    async def close(self) -> None:
        """Give up the producer; what was not acknowledged was answered as an error."""
        for bell in tuple(self._bells):
            bell.cancel()
        await asyncio.gather(*self._bells, return_exceptions=True)
        await self._discard(self._producer)

    async def _append(
        self, topic: str, partition: int, value: bytes, headers: list[tuple[str, bytes]] | None = None
    ) -> Landed:
        if len(value) + FRAME_MARGIN > self._max_bytes:
            raise TooLargeError(f"the message may have at most {self._max_bytes - FRAME_MARGIN} bytes")
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._timeout):
                producer = await self._started()
                sent = await producer.send(topic, value, partition=partition, headers=headers)
                record = await asyncio.shield(sent)
        except (KafkaError, OSError, TimeoutError) as error:
            await self._discard(producer)
            raise UnavailableError(f"Kafka took no append: {error!r}") from error
        return Landed(partition, int(record.offset), int(record.timestamp or 0))

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **kafka_client_options(self._kafka),
                    client_id=f"mqledger-{NAME}",
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=0,
                    max_request_size=self._max_bytes + FRAME_MARGIN,
                    request_timeout_ms=int(self._timeout * 1000),
                    retry_backoff_ms=50,
                )
                try:
                    await producer.start()
                except BaseException:
                    await _abandon(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _discard(self, producer: AIOKafkaProducer | None) -> None:
        if producer is None:
            return
        if producer is self._producer:
            self._producer = None
        await _abandon(producer)

    def _ring(self, bell: Appended) -> None:
        task = asyncio.create_task(self._rung(bell), name="bell")
        self._bells.add(task)
        task.add_done_callback(self._bells.discard)

    async def _rung(self, bell: Appended) -> None:
        try:
            producer = await self._started()
            await producer.send_and_wait(self._kafka.nodes_topic, _encode(bell), key=NAME.encode(), partition=0)
        except (KafkaError, OSError) as error:
            # The command is in the log; nodes come across it a little later.
            logger.warning("nodes were not told of a command", extra={"error": repr(error)})


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer at once: what it was not told to have landed is not to land later."""
    sender = producer._sender.sender_task
    if sender is not None and not sender.done():
        sender.cancel()
        await asyncio.wait([sender], timeout=STOP_SECONDS)
    producer._closed = True
    await producer.client.close()
