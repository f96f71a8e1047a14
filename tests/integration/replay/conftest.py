"""A known past in a real log, and the program that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from schemas.events import NodeStarted, Released
from schemas.positions import Position
from schemas.settings import KafkaSettings
from tests.integration.replay.cli import Cli
from tests.integration.replay.logwriter import LogWriter, disconnected, published, subscribed
from tests.stackkit.eventually import run_async

CLIENTS = tuple(f"sensor-{i}" for i in range(6))


@dataclass(frozen=True)
class Past:
    """What is in the log."""

    cli: Cli
    kafka: KafkaSettings
    epochs: dict[str, Position]
    partition: dict[str, int]
    before: int
    """A millisecond by the broker's clock, after all connects and before everything else."""


@pytest.fixture
def cli(kafka: KafkaSettings) -> Cli:
    """The program, pointed at the test's own log."""
    return Cli(kafka)


@pytest.fixture(scope="session")
def past(new_kafka: Callable[..., KafkaSettings]) -> Past:
    """Six clients of two users that connect, subscribe and publish; half of them go away; nothing is ever added."""
    found: Past = run_async(_write_past(new_kafka()))
    return found


async def _write_past(kafka: KafkaSettings) -> Past:
    epochs: dict[str, Position] = {}
    async with LogWriter(kafka, "node-1", 5) as log:
        for partition in range(kafka.partitions):
            await log.frame(partition, [NodeStarted("node-1", 5, -1, "0.1.0", [])])
        for i, client in enumerate(CLIENTS):
            epochs[client] = await log.connect(client, username="ada" if i % 2 else "bob")
        before = await _moment_between(log)
        for i, client in enumerate(CLIENTS):
            epoch = epochs[client]
            await log.of_client(
                client,
                subscribed(client, epoch, f"site/{i}/#", "cmd/+"),
                published(client, epoch, f"site/{i}/temp", b"21.%d" % i),
                published(client, epoch, f"site/{i}/raw", b"\xff\x00", qos=2, retain=True),
                Released("default", client, epoch, 1),
            )
            if i % 2:
                await log.of_client(client, disconnected(client, epoch))
        return Past(Cli(kafka), kafka, epochs, {c: log.partition(c) for c in CLIENTS}, before)


async def _moment_between(log: LogWriter) -> int:
    """Append empty frames until the broker's clock has moved on by two milliseconds; the one in between."""
    await log.frame(0, [])
    first = log.appended_at
    while log.appended_at < first + 2:
        await log.frame(0, [])
    return first + 1
