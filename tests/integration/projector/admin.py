"""The log of the administration folded afresh, and the live tables of it."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.models import TABLES
from domain.models.admin import ADMIN_TABLES, AdminChanges, AdminFold
from schemas.admin import AdminEvent
from schemas.settings import KafkaSettings, PostgresSettings
from tests.integration.projector.kit import ask, read_topic, until


async def admin_rows(postgres: PostgresSettings, table: str) -> list[tuple[Any, ...]]:
    columns = ", ".join((ADMIN_TABLES | TABLES)[table].columns)
    where = " where partition < 0" if table == "commands" else ""
    return sorted(tuple(row) for row in await ask(postgres, f"select {columns} from {table}{where}"))


async def fresh_admin_fold(kafka: KafkaSettings, skipping: frozenset[int] = frozenset()) -> AdminChanges:
    """The tables as a fold of the whole log gives them."""
    fold = AdminFold()
    for record in await read_topic(kafka, kafka.admin_topic):
        if record.offset in skipping:
            fold.skip(record.offset, record.timestamp)
        else:
            fold.apply(msgspec.msgpack.decode(record.value, type=AdminEvent), record.offset, record.timestamp)
    return fold.changes()


async def assert_admin_same(
    kafka: KafkaSettings, postgres: PostgresSettings, skipping: frozenset[int] = frozenset()
) -> None:
    expected = await fresh_admin_fold(kafka, skipping)
    for table in ADMIN_TABLES:
        assert await admin_rows(postgres, table) == sorted(expected.rows.get(table, [])), table
    found = await admin_rows(postgres, "commands")
    assert found == sorted([*expected.commands, *expected.commands_late])


async def until_admin_applied(postgres: PostgresSettings, end: int) -> None:
    async def reached() -> bool:
        rows = await ask(postgres, "select next from admin_applied")
        return bool(rows) and rows[0]["next"] >= end

    await until(reached)
