"""A log whose bytes have changed on the disk: who reads it says where, in a sentence."""

from __future__ import annotations

import pytest

from schemas.settings import KafkaSettings, PostgresSettings
from stack.last_words import last_words
from stack.supervise import tail
from tests.conftest import RunService
from tests.integration.replay.cli import Cli
from tests.integration.replay.logwriter import LogWriter, connected
from tests.stackkit.services import Services

FRAMES = 5
SIZE_OF_BATCH = 8
"""Where the length of a batch is told, behind its first offset (format 2)."""


async def test_a_batch_with_a_wrong_checksum_is_named(
    kafka: KafkaSettings, services: Services, migrated_postgres: PostgresSettings, run_service: RunService
) -> None:
    if services.data is None:
        pytest.skip("only a local stack has files of ours to damage")
    async with LogWriter(kafka) as log:
        for i in range(FRAMES):
            await log.frame(2, [connected(f"client-{i}")])
    segment = services.data / "kafka" / "log" / f"{kafka.events_topic}-2" / "00000000000000000000.log"
    written = bytearray(segment.read_bytes())
    written[-3] ^= 0xFF  # in the last batch
    with segment.open("r+b") as file:
        file.write(written)

    place = f"he log of partition 2 of {kafka.events_topic} is damaged at offset {FRAMES - 1}"
    cli = Cli(kafka)
    for command in ("events", "replay"):
        result = cli.run(command)
        assert result.code == 1
        assert result.err.startswith(f"mqledger: T{place}")
        assert "put back a copy of Kafka's folder" in result.err
        assert len(result.err.splitlines()) == 1

    ingest = run_service("ingest", postgres=migrated_postgres, wait=False)
    assert ingest.process is not None
    assert ingest.process.wait(60) == 1
    assert last_words(tail(ingest.log)).startswith(f"the node gives up: t{place}")
    assert "Traceback" not in ingest.words()


async def test_what_kafka_itself_can_not_read_is_named(
    kafka: KafkaSettings, services: Services, migrated_postgres: PostgresSettings, run_service: RunService
) -> None:
    """The broker answers that a batch is damaged, and would answer so for ever."""
    if services.data is None:
        pytest.skip("only a local stack has files of ours to damage")
    async with LogWriter(kafka) as log:
        for i in range(FRAMES):
            await log.frame(2, [connected(f"client-{i}")])
    segment = services.data / "kafka" / "log" / f"{kafka.events_topic}-2" / "00000000000000000000.log"
    with segment.open("r+b") as file:
        file.seek(SIZE_OF_BATCH)
        file.write(b"\0\0\0\1")

    ingest = run_service("ingest", postgres=migrated_postgres, wait=False)
    assert ingest.process is not None
    assert ingest.process.wait(60) == 1
    said = last_words(tail(ingest.log))
    place = f"the log of partition 2 of {kafka.events_topic} is damaged at offset 0 (Kafka itself can't read it)"
    assert said.startswith(f"the node gives up: {place}: put back a copy of Kafka's folder"), said
    assert "Traceback" not in ingest.words()
