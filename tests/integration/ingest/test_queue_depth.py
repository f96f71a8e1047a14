"""That a session's queue has begun, or has ended, is in the log long before its turn to be measured."""

from __future__ import annotations

from dataclasses import replace

from ingest.service import IngestService
from schemas.events import Measured
from schemas.settings import KafkaSettings
from tests.integration.ingest.client import connected
from tests.integration.ingest.kit import frames, settings
from tests.integration.ingest.test_journal import publish_many
from tests.stackkit.eventually import eventually


async def test_the_first_message_of_a_queue_and_its_end_are_reported_at_once(kafka: KafkaSettings) -> None:
    """Given counters that are reported every ten minutes, when messages come for a session that is away, and when it
    takes them, then both are in the log within seconds."""
    wanted = settings(kafka)
    service = IngestService(replace(wanted, log=replace(wanted.log, counters_interval=600.0)))
    await service.start()
    try:
        assert service.address is not None
        port = service.address[1]
        async with connected(port, "reader") as reader:
            await reader.subscribe("t")
        async with connected(port, "writer") as writer:
            await publish_many(writer, "writer", 5)
            await until_reported(kafka, queued=True)
        async with connected(port, "reader") as reader:
            assert len(await reader.messages(5)) == 5
            await until_reported(kafka, queued=False)
    finally:
        await service.stop()


async def until_reported(kafka: KafkaSettings, queued: bool) -> None:
    """Wait until the latest measurement of the reader says that it has a queue, or none."""

    async def said() -> bool:
        depths = [
            row.counters.queued
            for read in await frames(kafka)
            for _, event in read.frame.events()
            if isinstance(event, Measured)
            for row in event.clients
            if row.client_id == "reader"
        ]
        return bool(depths) and bool(depths[-1]) == queued

    await eventually(said, timeout=5)  # type: ignore[arg-type] # mypy does not see through T | Awaitable[T]
