"""Makes the indexes of searches once the read models are ready, beside everything else that goes on."""

from __future__ import annotations

import logging
from typing import Any, Final

import asyncpg

from projector import sqlfiles

INDEXES: Final = sqlfiles.statements("searches")
"""What makes each index, by its name."""

logger = logging.getLogger(__name__)

_LOCK: Final = 0x6D71736C
"""Advisory lock of the one who makes them ("mqsl")."""
_UNUSABLE: Final = """
    select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
    where not i.indisvalid and c.relnamespace = current_schema()::regnamespace and c.relname = any($1::text[])"""


async def make(pool: Any) -> bool:
    """Make what is missing, and anew what was left half made; False when another worker is at it.

    Reads and writes of the tables go on meanwhile. Raises OSError or asyncpg.PostgresError.
    """
    async with pool.acquire() as connection:
        if not await connection.fetchval("select pg_try_advisory_lock($1, hashtext(current_schema()))", _LOCK):
            # Not waited for: a statement that waits is one for which `create index concurrently` waits.
            return False
        try:
            for row in await connection.fetch(_UNUSABLE, list(INDEXES)):
                await connection.execute(f"drop index concurrently {row['relname']}", timeout=None)
            for statement in INDEXES.values():
                await connection.execute(statement, timeout=None)
            # Before the first search: without statistics the planner might not take them.
            await connection.execute("analyze sessions", timeout=None)
            return True
        except asyncpg.InsufficientPrivilegeError as error:
            # Who owns the tables can make them; asking again would change nothing.
            logger.warning("the indexes of searches are not ours to make, searches will be slow: %s", error)
            return True
        finally:
            await connection.execute("select pg_advisory_unlock($1, hashtext(current_schema()))", _LOCK)
