"""The read models in Postgres, as a projector sees them: positions, sessions to load, changes to commit.

Every transaction begins with the conditional move of the position; that is the only lock between workers, and it
makes everything else in the transaction happen once. ``synchronous_commit`` is off: after a crash of Postgres rows
and position are equally old, and the log is read again from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from domain.commands import MOST, WINDOW_MS
from domain.models import TABLES, Changes, Row
from projector import searches, sqlfiles
from projector.errors import MovedError, NotYetError
from projector.migrations import LATEST
from schemas.settings import PostgresSettings

COPY_FROM = 2_000
"""From this number of rows on, COPY is cheaper than one array of rows."""

DATA_ERRORS = (asyncpg.DataError, asyncpg.ProgramLimitExceededError, ValueError, OverflowError)
"""What Postgres or its driver says about a value that no table can hold."""

AWAY_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)
"""How it shows that Postgres or a connection is away; InternalClientError when it breaks while a statement begins."""

SQL = sqlfiles.statements("store")

Connection = Any
"""A connection of the pool; asyncpg has no types."""


class Applied(msgspec.Struct, frozen=True):
    """The row of a partition in ``applied``."""

    next: int
    partition_time: int
    log_end: int
    goal: int
    fences: dict[str, int]
    cluster_id: str
    topic_id: str
    last_frame: str


class Quarantined(msgspec.Struct, frozen=True):
    """A frame that was put aside."""

    offset: int
    time: int
    reason: str


async def open_pool(settings: PostgresSettings) -> Any:
    """A pool of connections set up for keyed bulk work. Raises OSError or asyncpg.PostgresError."""
    return await asyncpg.create_pool(
        settings.dsn.reveal(),
        min_size=settings.pool_min,
        max_size=settings.pool_max,
        timeout=10,
        server_settings={
            "application_name": "mqledger-projector",
            "search_path": settings.schema,
            "synchronous_commit": "off",
            "jit": "off",
            "client_min_messages": "warning",
            # Every statement of ours is a lookup by key, whatever the planner may guess of staging tables.
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
            "enable_seqscan": "off",
        },
    )


class Store:
    """Statements over a pool; holds no state of its own."""

    def __init__(self, pool: Any) -> None:
        """Over a pool from :func:`open_pool`, which the caller closes."""
        self._pool = pool

    async def check_schema(self) -> None:
        """Raises :class:`NotYetError` while the tables are missing or older than this version needs."""
        if not await self._pool.fetchval("select to_regclass('migrations') is not null"):
            raise NotYetError("the read models are not there yet: run the migrations")
        found = await self._pool.fetchval(SQL["schema_version"])
        if found < LATEST:
            raise NotYetError(
                f"the read models are at migration {found}, this version needs {LATEST}: run the migrations"
            )

    async def applied(self, partition: int) -> Applied | None:
        """How far a partition is folded; None when it never was."""
        row = await self._pool.fetchrow(SQL["read_applied"], partition)
        if row is None:
            return None
        values = dict(row)
        values["fences"] = msgspec.json.decode(values["fences"], type=dict[str, int])
        return Applied(**values)

    async def begin(self, partition: int, start: int, end: int, cluster_id: str, topic_id: str) -> None:
        """Make the row of a partition that was never folded; nothing when it is there."""
        await self._pool.execute(SQL["begin_partition"], partition, start, end, end, cluster_id, topic_id)

    async def confirm(self, ends: Mapping[int, int]) -> dict[int, int]:
        """Say that the worker of these partitions lives, and where their logs end; the positions as they are."""
        rows = await self._pool.fetch(SQL["confirm"], list(ends), list(ends.values()))
        return {row["partition"]: row["next"] for row in rows}

    async def held(self, seconds: float) -> int:
        """How many partitions a worker has confirmed within the last so many seconds."""
        return int(await self._pool.fetchval(SQL["held"], seconds))

    async def make_ready(self, partitions: int) -> bool:
        """Mark the models ready if every partition has reached its goal; whether they are ready now."""
        await self._pool.execute(SQL["make_ready"], partitions)
        return bool(await self._pool.fetchval(SQL["are_ready"]))

    async def make_searches(self) -> bool:
        """Make the indexes that only searches need; False when another worker is at it."""
        return await searches.make(self._pool)

    async def load(self, keys: Iterable[tuple[str, str]]) -> tuple[list[Row], list[Row]]:
        """The rows of these sessions and of their subscriptions."""
        tenants, clients = zip(*keys, strict=True)
        async with self._pool.acquire() as connection:
            # One snapshot is not needed: nobody else writes rows of a partition while its position stands still.
            sessions = await connection.fetch(SQL["load_sessions"], tenants, clients)
            subscriptions = await connection.fetch(SQL["load_subscriptions"], tenants, clients)
        return [tuple(row) for row in sessions], [tuple(row) for row in subscriptions]

    async def commands(self, partition: int, partition_time: int) -> list[tuple[str, int]]:
        """Ids and times of the keyed commands that a fold must remember at this partition time, the oldest first."""
        rows = await self._pool.fetch(SQL["load_commands"], partition, partition_time - WINDOW_MS, MOST)
        return [(row["id"], row["time"]) for row in reversed(rows)]

    async def commit(self, changes: Changes, log_end: int, quarantined: Sequence[Quarantined] = ()) -> None:
        """Write changes and position in one transaction. Raises :class:`MovedError` when the position is elsewhere."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _move(connection, changes, log_end)
            await _write_present(connection, changes)
            await _write_history(connection, changes)
            await _write_commands(connection, changes)
            await _merge(connection, "retained", changes.retained)
            await _write_sums(connection, changes)
            for frame in quarantined:
                await connection.execute(SQL["quarantine"], changes.partition, frame.offset, frame.time, frame.reason)


async def _move(connection: Connection, changes: Changes, log_end: int) -> None:
    moved = await connection.fetchrow(
        SQL["move"],
        changes.partition,
        changes.first,
        changes.next,
        changes.partition_time,
        log_end,
        msgspec.json.encode(changes.fences).decode(),
        changes.last_frame,
    )
    if moved is None:
        raise MovedError(f"partition {changes.partition} is no longer at {changes.first}")


async def _write_present(connection: Connection, changes: Changes) -> None:
    if changes.sessions_gone:
        await connection.execute(SQL["sessions_gone"], *_columns(changes.sessions_gone))
    if changes.subscriptions_gone:
        await connection.execute(SQL["subscriptions_gone"], *_columns(changes.subscriptions_gone))
    if changes.counters_gone:
        await connection.execute(SQL["counters_gone"], *_columns(changes.counters_gone))
    await _insert(connection, "sessions", changes.sessions_new, "sessions_new")
    await _merge(connection, "sessions", changes.sessions_changed)
    await _insert(connection, "subscriptions", changes.subscriptions_new, "subscriptions_new")
    await _merge(connection, "subscriptions", changes.subscriptions_changed)
    await _merge(connection, "session_counters", changes.counters)


async def _write_history(connection: Connection, changes: Changes) -> None:
    await _insert(connection, "sessions_history", changes.sessions_history, "sessions_history")
    await _insert(connection, "subscriptions_history", changes.subscriptions_history, "subscriptions_history")


async def _write_commands(connection: Connection, changes: Changes) -> None:
    """In the order that :mod:`domain.models.commands` asks for."""
    if changes.commands:
        await connection.execute(SQL["commands"], changes.commands)
    if changes.commands_late:
        await connection.execute(SQL["commands_late"], changes.commands_late)
    if changes.commands_done:
        partition = changes.partition
        await connection.executemany(
            SQL["command_done"], [(one[0], partition, *one[1:]) for one in changes.commands_done]
        )


async def _insert(connection: Connection, table: str, rows: list[Row], few: str) -> None:
    """Rows whose keys are not in the table."""
    if len(rows) >= COPY_FROM:
        await connection.copy_records_to_table(table, records=rows, columns=TABLES[table].columns)
    elif rows:
        await connection.execute(SQL[few], rows)


async def _merge(connection: Connection, table: str, rows: list[Row]) -> None:
    """Rows whose keys may be in the table."""
    if len(rows) >= COPY_FROM:
        await connection.execute(SQL[f"stage_{table}"])
        await connection.copy_records_to_table(f"{table}_stage", records=rows, columns=TABLES[table].columns)
        await connection.execute(SQL[f"{table}_staged"])
    elif rows:
        await connection.execute(SQL[f"{table}_changed"], rows)


async def _write_sums(connection: Connection, changes: Changes) -> None:
    partition = changes.partition
    if changes.totals:
        await connection.execute(SQL["totals"], partition, *_columns(changes.totals), list(changes.totals.values()))
    if changes.metrics:
        await connection.execute(SQL["metrics"], partition, *_columns(changes.metrics), list(changes.metrics.values()))
    if changes.routes:
        await connection.execute(SQL["routes"], partition, *_columns(changes.routes), list(changes.routes.values()))
        fell = [key for key, number in changes.routes.items() if number < 0]
        if fell:
            await connection.execute(SQL["routes_gone"], partition, *_columns(fell))
    if changes.lost:
        await connection.execute(SQL["nodes_lost"], list(changes.lost), list(changes.lost.values()))


def _columns(keys: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return list(zip(*keys, strict=True))
