"""The live read models in Postgres, as of one moment: a repeatable-read snapshot that stays open while it is used."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from domain.models import TABLES, Row
from schemas.settings import PostgresSettings
from stack.errors import StackError

CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class AppliedRow:
    """How far a partition is folded in the live tables."""

    next: int
    partition_time: int
    fences: dict[str, int]
    cluster_id: str
    topic_id: str
    last_frame: str


@asynccontextmanager
async def live_tables(settings: PostgresSettings) -> AsyncIterator[LiveTables]:
    """The tables in one snapshot. Raises :class:`StackError` when they cannot be had."""
    try:
        connection = await asyncpg.connect(
            settings.dsn.reveal(),
            timeout=10,
            server_settings={"search_path": settings.schema, "application_name": "mqledger-replay"},
        )
    except (OSError, asyncpg.PostgresError) as error:
        raise StackError(
            f"Postgres can't be reached ({type(error).__name__}: {error}); start it, or set postgres.dsn."
        ) from error
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield LiveTables(connection)
    except asyncpg.UndefinedTableError as error:
        raise StackError(
            f"There are no read models in the schema {settings.schema} ({error}); run `mqledger migrate`, "
            "or set postgres.schema."
        ) from error
    except asyncpg.PostgresError as error:
        raise StackError(f"Postgres failed: {type(error).__name__}: {error}.") from error
    finally:
        await connection.close()


class LiveTables:
    """Reads the tables; every reading sees the same moment."""

    def __init__(self, connection: Any) -> None:
        """Over a connection in a repeatable-read transaction."""
        self._connection = connection

    async def applied(self) -> dict[int, AppliedRow]:
        """How far each partition is folded; partitions that never were are absent."""
        rows = await self._connection.fetch(
            "select partition, next, partition_time, fences, cluster_id, topic_id, last_frame from applied"
        )
        return {
            row["partition"]: AppliedRow(
                row["next"],
                row["partition_time"],
                json.loads(row["fences"]),
                row["cluster_id"],
                row["topic_id"],
                row["last_frame"],
            )
            for row in rows
        }

    async def put_aside(self) -> set[tuple[int, int]]:
        """(partition, offset) of the frames that the projector stepped over."""
        rows = await self._connection.fetch('select partition, "offset" from quarantined')
        return {(row[0], row[1]) for row in rows}

    async def rows(self, table: str) -> AsyncIterator[list[Row]]:
        """All rows of a table that come of the event log, in the order of its columns, by the chunk."""
        columns = ", ".join(f'"{column}"' for column in TABLES[table].columns)
        statement = f"select {columns} from {table} where partition >= 0"  # noqa: S608 - names from our own TABLES
        cursor = await self._connection.cursor(statement)
        while chunk := await cursor.fetch(CHUNK):
            yield [tuple(row) for row in chunk]
