"""Writing frames into a real log, folding it afresh, and reading the live tables."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar, cast

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from domain.models import TABLES, MemoryTables, ModelFold, Row, checksum, differences, read_record
from schemas.frames import FrameError
from schemas.settings import KafkaSettings, PostgresSettings
from tests.stackkit.eventually import eventually
from tests.unit.models.log import Log

T = TypeVar("T")
RawFrame = tuple[list[tuple[str, bytes]], bytes]


async def write(kafka: KafkaSettings, partition: int, frames: Iterable[RawFrame]) -> None:
    """Append records to a partition of the event topic, in order."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sent = [
            await producer.send(kafka.events_topic, value, partition=partition, headers=headers)
            for headers, value in frames
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def frames_of(log: Log) -> list[RawFrame]:
    """The records of a log made for tests."""
    return [(headers, value) for headers, value, _ in log.raw]


async def read_topic(kafka: KafkaSettings, topic: str) -> list[Any]:
    """All records of a topic, partition by partition."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        found: list[Any] = []
        for partition in partitions:
            await consumer.seek_to_beginning(partition)
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(records)
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()


async def fresh_fold(kafka: KafkaSettings, skipping: frozenset[tuple[int, int]] = frozenset()) -> MemoryTables:
    """The tables as a fold of the whole log gives them; frames that can't be read must be among those to skip."""
    tables = MemoryTables()
    folds: dict[int, ModelFold] = {}
    for message in await read_topic(kafka, kafka.events_topic):
        fold = folds.setdefault(message.partition, ModelFold(message.partition))
        if (message.partition, message.offset) in skipping:
            fold.skip(message.offset, message.timestamp, "")
            continue
        try:
            record = read_record(message.offset, message.timestamp, message.headers, message.value)
        except FrameError as error:
            raise AssertionError(f"{message.partition}/{message.offset}: {error}") from error
        fold.fold(record)
    for fold in folds.values():
        tables.apply(fold.changes())
    return tables


async def connect(postgres: PostgresSettings) -> asyncpg.Connection:
    """A connection to the read models."""
    return await asyncpg.connect(postgres.dsn.reveal(), server_settings={"search_path": postgres.schema})


async def ask(postgres: PostgresSettings, sql: str, *parameters: object) -> list[Any]:
    """The rows of a query on the read models."""
    connection = await connect(postgres)
    try:
        rows: list[Any] = await connection.fetch(sql, *parameters)
        return rows
    finally:
        await connection.close()


async def live_rows(postgres: PostgresSettings, table: str) -> list[Row]:
    """All rows of a live table that come of the event log, in the order of its columns."""
    columns = ", ".join(f'"{column}"' for column in TABLES[table].columns)
    return [tuple(row) for row in await ask(postgres, f"select {columns} from {table} where partition >= 0")]


async def assert_same(kafka: KafkaSettings, postgres: PostgresSettings, **fold: Any) -> None:
    """The live tables are what a fresh fold of the log gives, row by row."""
    expected = await fresh_fold(kafka, **fold)
    for table in TABLES:
        found = await live_rows(postgres, table)
        wrong = [difference.describe() for difference in differences(table, expected.rows(table), found)]
        assert wrong == [], table
        assert checksum(expected.rows(table)) == checksum(found)


async def until(
    condition: Callable[[], Awaitable[T]], timeout: float = 20.0, what: str | Callable[[], object] = ""
) -> T:
    """Ask until the condition gives something true, and return that."""
    return cast("T", await eventually(cast("Callable[[], Any]", condition), timeout, what))


async def applied(postgres: PostgresSettings) -> dict[int, int]:
    """The next offset of every partition."""
    return {row["partition"]: row["next"] for row in await ask(postgres, "select partition, next from applied")}


async def until_applied(postgres: PostgresSettings, ends: dict[int, int], timeout: float = 60.0) -> None:
    """Wait until these offsets are reached."""

    async def reached() -> bool:
        found = await applied(postgres)
        return all(found.get(partition, -1) >= end for partition, end in ends.items())

    await until(reached, timeout, what="the positions are not reached")
