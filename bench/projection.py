"""How fast the projector folds the log into Postgres, and how soon an event shows: ``python -m bench.projection``.

The projector is the real process with its real command; Kafka and Postgres are those of the local stack. Cold
catch-up: the log is written first, then the projector starts on empty tables; the clock runs from the moment it has
taken its positions until the last frame is committed. Fold alone: the same frames through the same folds in this
process, without Kafka and Postgres: the limit. Visible: one event per frame at a steady pace; from handing it to the
Kafka producer to the notification that comes with the commit.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import asyncpg
import click
from aiokafka import AIOKafkaProducer

from bench import children
from bench.load.links import Address
from bench.projection_history import Frame, History
from bench.report import Report, publish
from bench.target import _local, _once, answers_200, free_port
from domain.models import MemoryTables, ModelFold, checksum, read_record
from projector.main import GC_THRESHOLDS
from schemas.settings import KafkaSettings

PARTITIONS = 8
SECONDS = 120.0
COLUMNS = ("case", "events per frame", "events/s", "fold alone, events/s", "bar")


@dataclass(frozen=True, slots=True)
class Mix:
    """One kind of history."""

    name: str
    publishes: float
    per_frame: int
    events: int
    bar: int


MIXES = (
    Mix("90 % publishes", 0.9, 200, 1_600_000, 120_000),
    Mix("90 % publishes", 0.9, 20, 1_200_000, 120_000),
    Mix("lifecycle only", 0.0, 200, 400_000, 50_000),
    Mix("lifecycle only", 0.0, 20, 400_000, 50_000),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one round happens: a topic prefix and a schema of its own."""

    folder: Path
    environment: dict[str, str]
    name: str
    port: int

    @property
    def kafka(self) -> KafkaSettings:
        """The log."""
        return KafkaSettings(bootstrap=self.environment["MQLEDGER_KAFKA__BOOTSTRAP"], topic_prefix=self.name)

    async def connect(self) -> asyncpg.Connection:
        """A connection to the read models."""
        dsn = self.environment["MQLEDGER_POSTGRES__DSN"]
        return await asyncpg.connect(dsn, server_settings={"search_path": self.name})

    @contextmanager
    def projector(self) -> Iterator[None]:
        """The projector as a process."""
        log = self.folder / f"{self.name}.log"
        with children.running([sys.executable, "-m", "stack.cli", "projector"], log, self.environment) as process:
            children.wait_until(
                "projector live",
                lambda: answers_200_or_not_yet(self.port),
                process,
                log,
                seconds=SECONDS,
            )
            yield


def answers_200_or_not_yet(port: int) -> bool:
    """Whether the projector's process is up."""
    return answers_200(Address("127.0.0.1", port), "/health/live")


def place(folder: Path, environment: dict[str, str], name: str) -> Place:
    """A fresh log and fresh tables."""
    port = free_port()
    own = {
        **environment,
        "MQLEDGER_KAFKA__TOPIC_PREFIX": name,
        "MQLEDGER_KAFKA__PARTITIONS": str(PARTITIONS),
        "MQLEDGER_POSTGRES__SCHEMA": name,
        "MQLEDGER_PROJECTOR__APP_ID": name,
        "MQLEDGER_PROJECTOR__HTTP_PORT": str(port),
    }
    for command in ("topics", "migrate"):
        _once(command, folder, own)
    return Place(folder, own, name, port)


def make(mix: Mix) -> list[list[Frame]]:
    """The frames of a mix by partition."""
    clients = max(1_000, mix.events // PARTITIONS // (10 if mix.publishes else 4))
    histories = (History(number, clients, mix.publishes, mix.per_frame) for number in range(PARTITIONS))
    return [list(history.frames(mix.events // PARTITIONS)) for history in histories]


async def write(kafka: KafkaSettings, log: list[list[Frame]]) -> None:
    """Append all frames, each partition in its order."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", max_batch_size=1 << 19)
    await producer.start()
    try:
        for partition, frames in enumerate(log):
            sent = [
                await producer.send(kafka.events_topic, frame.value, partition=partition, headers=frame.headers)
                for frame in frames
            ]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


def fold_alone(log: list[list[Frame]]) -> tuple[float, MemoryTables]:
    """Events per second of the folds alone, and the tables."""
    tables = MemoryTables()
    events, spent = 0, 0.0
    gc.collect()
    for partition, frames in enumerate(log):
        fold = ModelFold(partition)
        begin = time.perf_counter()
        for offset, frame in enumerate(frames):
            fold.fold(read_record(offset, 1, frame.headers, frame.value))
            events += frame.events
        changes = fold.changes()
        spent += time.perf_counter() - begin
        tables.apply(changes)
    return events / spent, tables


async def catch_up(where: Place, log: list[list[Frame]]) -> float:
    """Seconds from the first position taken to the last frame committed."""
    ends = {partition: len(frames) for partition, frames in enumerate(log)}
    connection = await where.connect()
    try:
        async with asyncio.timeout(SECONDS):
            with where.projector():
                while not await connection.fetchval("select count(*) from applied"):
                    await asyncio.sleep(0.01)
                begin = time.perf_counter()
                while dict(await connection.fetch("select partition, next from applied")) != ends:
                    await asyncio.sleep(0.02)
                return time.perf_counter() - begin
    finally:
        await connection.close()


async def same_sessions(where: Place, tables: MemoryTables) -> bool:
    """Whether the tables of sessions and subscriptions hold what the fold in memory holds, times aside."""
    connection = await where.connect()
    try:
        found = await connection.fetch("select tenant, client_id, epoch, online, subscription_count from sessions")
    finally:
        await connection.close()
    wanted = [(row[0], row[1], row[5], row[8], row[32]) for row in tables.rows("sessions")]
    return checksum(tuple(row) for row in found) == checksum(wanted)


async def visible(where: Place, rate: float, seconds: float) -> list[float]:
    """Milliseconds from handing a frame to the producer to the notification, one event each, at a steady rate."""
    kafka = where.kafka
    history = [History(number, int(rate * seconds) + 1, 0.0, 1) for number in range(PARTITIONS)]
    waiting: dict[tuple[int, int], float] = {}
    taken: list[float] = []

    def heard(_connection: object, _pid: int, _channel: str, payload: str) -> None:
        now = time.perf_counter()
        partition, _, following = payload.partition(":")
        shown = [key for key in waiting if key[0] == int(partition) and key[1] < int(following)]
        taken.extend((now - waiting.pop(key)) * 1000 for key in shown)

    connection = await where.connect()
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    await connection.add_listener(f"{where.name}_applied", heard)
    try:
        with where.projector():
            while await connection.fetchval("select count(*) from model where state = 'ready'") == 0:
                await asyncio.sleep(0.05)
            begin = time.perf_counter()
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
                partition = number % PARTITIONS
                frame = history[partition].frame(1)
                waiting[partition, number // PARTITIONS] = time.perf_counter()
                await producer.send(kafka.events_topic, frame.value, partition=partition, headers=frame.headers)
            async with asyncio.timeout(SECONDS):
                while waiting:
                    await asyncio.sleep(0.01)
    finally:
        await producer.stop()
        await connection.close()
    return taken


@click.command()
@click.option("--scale", default=1.0, help="Multiplies the number of events.")
@click.option("--seconds", default=10.0, help="Length of the latency round.")
def main(scale: float, seconds: float) -> None:
    """Measure, print a table, write bench/results/projection.json."""
    children.leave_in_order()
    gc.set_threshold(*GC_THRESHOLDS)
    rows: list[list[str | int | float | None]] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mqledger-bench-") as name:
        folder = Path(name)
        with _local(folder) as (environment, _):
            for number, mix in enumerate(MIXES):
                log = make(Mix(mix.name, mix.publishes, mix.per_frame, int(mix.events * scale), mix.bar))
                where = place(folder, environment, f"bench{os.getpid()}_{number}")
                asyncio.run(write(where.kafka, log))
                limit, tables = fold_alone(log)
                spent = asyncio.run(catch_up(where, log))
                if not asyncio.run(same_sessions(where, tables)):
                    raise click.ClickException(f"{mix.name}: the tables differ from the fold in memory")
                _once("replay", folder, where.environment, "--verify", "--no-progress")
                total = sum(frame.events for frames in log for frame in frames)
                rows.append([mix.name, mix.per_frame, round(total / spent), round(limit), f"at least {mix.bar:,}"])
                click.echo(f"{mix.name}, {mix.per_frame} per frame: {total / spent:,.0f} events/s", err=True)
            where = place(folder, environment, f"bench{os.getpid()}_v")
            taken = sorted(asyncio.run(visible(where, 100.0, seconds)))
    cuts = quantiles(taken, n=100)
    notes.append(
        f"Send to visible at 100 events/s, {len(taken)} events: p50 {cuts[49]:.1f} ms, p90 {cuts[89]:.1f} ms, "
        f"p99 {cuts[98]:.1f} ms, most {taken[-1]:.1f} ms."
    )
    notes.append("Kafka, Postgres, the projector and this process share the machine.")
    publish(
        Report(
            name="projection",
            title="Projector: cold catch-up into Postgres",
            columns=COLUMNS,
            rows=rows,
            notes=notes,
            options={"scale": scale, "seconds": seconds, "partitions": PARTITIONS},
            raw={"visible_ms": taken},
        )
    )


if __name__ == "__main__":
    main()
