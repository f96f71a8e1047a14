"""What ``mq.admin`` says, in Postgres: the position, and changes to commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from domain.models import Row
from domain.models.admin import ADMIN, ADMIN_TABLES, AdminChanges
from projector import sqlfiles
from projector.errors import MovedError
from projector.store import SQL as STORE_SQL
from projector.store import Connection, Quarantined

SQL = sqlfiles.statements("admin")


class AdminApplied(msgspec.Struct, frozen=True):
    """The row of ``admin_applied``."""

    next: int
    cluster_id: str
    topic_id: str
    goal: int


class AdminStore:
    """Statements over a pool; holds no state of its own."""

    def __init__(self, pool: Any) -> None:
        """Over a pool from :func:`projector.store.open_pool`, which the caller closes."""
        self._pool = pool

    async def applied(self) -> AdminApplied | None:
        """How far the log is folded; None when it never was."""
        row = await self._pool.fetchrow(SQL["read_admin_applied"])
        return None if row is None else AdminApplied(**dict(row))

    async def begin(self, start: int, end: int, cluster_id: str, topic_id: str) -> None:
        """Make the row of a log that was never folded; nothing when it is there."""
        await self._pool.execute(SQL["begin_admin"], start, end, cluster_id, topic_id)

    async def put_aside(self) -> set[int]:
        """Offsets of records that were stepped over."""
        return {row[0] for row in await self._pool.fetch(SQL["admin_put_aside"])}

    async def commit(self, changes: AdminChanges, log_end: int, quarantined: Sequence[Quarantined] = ()) -> None:
        """Write changes and position in one transaction. Raises :class:`MovedError` when the position is elsewhere."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _move(connection, changes, log_end)
            for table in ADMIN_TABLES:
                await _write(connection, table, changes.rows.get(table, []), changes.gone.get(table, []))
            if changes.commands:
                await connection.execute(STORE_SQL["commands"], changes.commands)
            if changes.commands_late:
                await connection.execute(STORE_SQL["commands_late"], changes.commands_late)
            for record in quarantined:
                await connection.execute(STORE_SQL["quarantine"], ADMIN, record.offset, record.time, record.reason)


async def _move(connection: Connection, changes: AdminChanges, log_end: int) -> None:
    moved = await connection.fetchrow(SQL["move_admin"], changes.first, changes.next, changes.partition_time, log_end)
    if moved is None:
        raise MovedError(f"the administration is no longer at {changes.first}")


async def _write(connection: Connection, table: str, rows: list[Row], gone: list[Row]) -> None:
    key_of = ADMIN_TABLES[table].key
    places = [ADMIN_TABLES[table].columns.index(name) for name in key_of]
    keys = [*gone, *(tuple(row[place] for place in places) for row in rows)]
    if keys:
        await connection.execute(SQL[f"{table}_gone"], *zip(*keys, strict=True))
    if rows:
        await connection.execute(SQL[table], rows)
    if gone and table == "connections":
        await connection.execute(SQL["status_gone"], *zip(*gone, strict=True))
