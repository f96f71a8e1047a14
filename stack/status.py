"""``mqledger status``: the health of everything, how far the projector is, and versions."""

from __future__ import annotations

import asyncio
import platform
from dataclasses import dataclass
from importlib.metadata import version

from ingest.log.topic_check import find_topics
from ops.health import Health
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings, PostgresSettings
from stack.config import Config
from stack.errors import StackError
from stack.services import SERVICES, ask_all, endpoint
from stack.topics import admin_client
from stack.wait import kafka_answer, log_in

ASK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the read models are behind one partition of the log, in frames."""

    partition: int
    applied: int
    end: int

    @property
    def frames(self) -> int:
        """Frames not folded yet."""
        return max(0, self.end - self.applied)


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of one part."""

    name: str
    live: Health
    ready: Health
    where: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything ``mqledger status`` shows."""

    lines: tuple[Line, ...]
    lags: tuple[Lag, ...]
    lag_problem: str

    @property
    def well(self) -> bool:
        """Whether every part is ready and the lag is known."""
        return all(line.ready.ok for line in self.lines) and not self.lag_problem


async def status(config: Config) -> Status:
    """Ask every part at once; one that does not answer is a line that says so."""
    live, ready, kafka, postgres = await asyncio.gather(
        ask_all(config, "/health/live"),
        ask_all(config, "/health/ready"),
        _kafka(config.kafka),
        _postgres(config.postgres),
    )
    ours = [Line(name, live[name], ready[name], endpoint(name, config).url, version("mqledger")) for name in SERVICES]
    lags, problem = await _lags(config) if kafka.ready.ok and postgres.ready.ok else ((), "Kafka or Postgres is away")
    return Status((*ours, kafka, postgres), lags, problem)


def runtime() -> str:
    """The versions below everything."""
    return f"mqledger {version('mqledger')}, Python {platform.python_version()}"


async def _kafka(settings: KafkaSettings) -> Line:
    missing = await _bounded(kafka_answer(settings))
    health = Health(not missing, missing)
    return Line("kafka", health, health, settings.bootstrap)


async def _postgres(settings: PostgresSettings) -> Line:
    import asyncpg

    try:
        connection = await log_in(settings, ASK_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, StackError) as error:
        health = Health(False, str(error) or "no answer")
        return Line("postgres", health, health, f"schema {settings.schema}")
    try:
        told = str(await connection.fetchval("show server_version"))
    finally:
        await connection.close(timeout=ASK_SECONDS)
    return Line("postgres", Health(True), Health(True), f"schema {settings.schema}", told)


async def _lags(config: Config) -> tuple[tuple[Lag, ...], str]:
    """The positions that the read models have, beside the ends of the log."""
    applied = await _applied(config.postgres)
    if applied is None:
        return (), f"schema {config.postgres.schema} has no positions yet; run `mqledger migrate`"
    ends = await _ends(config.kafka)
    if not ends:
        return (), f"topic {config.kafka.events_topic} does not exist yet; run `mqledger topics`"
    return tuple(Lag(partition, applied.get(partition, 0), end) for partition, end in sorted(ends.items())), ""


async def _applied(settings: PostgresSettings) -> dict[int, int] | None:
    import asyncpg

    connection = await log_in(settings, ASK_SECONDS)
    try:
        rows = await connection.fetch(f'select partition, next from "{settings.schema}".applied')  # noqa: S608
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close(timeout=ASK_SECONDS)
    return {row["partition"]: row["next"] for row in rows}


async def _ends(settings: KafkaSettings) -> dict[int, int]:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    topic = settings.events_topic
    async with admin_client(settings) as admin:
        found = (await find_topics(admin, [topic])).get(topic)
    if found is None:
        return {}
    consumer = AIOKafkaConsumer(**kafka_client_options(settings))
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(found.partitions)])
    finally:
        await consumer.stop()
    return {at.partition: end for at, end in ends.items()}


async def _bounded(asking: object) -> str:
    assert asyncio.iscoroutine(asking)
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return str(await asking)
    except (OSError, TimeoutError) as error:
        return str(error) or "no answer"
