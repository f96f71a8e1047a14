"""The indexes of searches are made beside everything else, once, and anew when one was left half made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from projector import searches
from projector.store import open_pool
from schemas.settings import PostgresSettings

VALID = """select c.relname, i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid
    where c.relnamespace = current_schema()::regnamespace and c.relname = any($1::text[])"""


@pytest.fixture
def tables(new_postgres: Callable[..., PostgresSettings]) -> PostgresSettings:
    return new_postgres(migrated=True)


async def test_made_once_and_mended(tables: PostgresSettings) -> None:
    pool = await open_pool(tables)
    try:
        assert await searches.make(pool)
        whole = {(name, True) for name in searches.INDEXES}
        assert {tuple(row) for row in await pool.fetch(VALID, list(searches.INDEXES))} == whole
        await pool.execute("update pg_index set indisvalid = false where indexrelid = 'sessions_by_kind'::regclass")
        assert await searches.make(pool)
        assert {tuple(row) for row in await pool.fetch(VALID, list(searches.INDEXES))} == whole
    finally:
        await pool.close()


async def test_left_to_who_is_at_it(tables: PostgresSettings) -> None:
    pool = await open_pool(tables)
    try:
        async with pool.acquire() as other:
            await other.execute("select pg_advisory_lock($1, hashtext(current_schema()))", searches._LOCK)
            assert not await searches.make(pool)
        assert await pool.fetch(VALID, list(searches.INDEXES)) == []
    finally:
        await pool.close()
