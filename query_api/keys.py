"""Where the keys of tokens come from: the settings, else a table of the API's own in Postgres.

Read models belong to the projector; the API keeps its keys in a schema of its own, ``<schema>_api``.
"""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import Final

import asyncpg

from query_api import postgres, queries
from query_api.settings import ApiSettings
from query_api.tokens import parse_keys

KEY_BYTES: Final = 32
_LOCK: Final = 0x6D716C656467  # "mqledg": the number of our advisory lock


async def token_keys(settings: ApiSettings) -> list[bytes]:
    """The keys, newest first; the first replica makes one. Raises one of postgres.AWAY or NOT_MIGRATED."""
    configured = parse_keys(settings.token_keys)
    if configured:
        return configured
    schema = f"{settings.postgres.schema}_api"
    connection = await postgres.connect(settings.postgres, schema, "keys")
    try:
        return await _kept_keys(connection, schema)
    finally:
        await connection.close(timeout=postgres.CONNECT_SECONDS)


async def _kept_keys(connection: asyncpg.Connection, schema: str) -> list[bytes]:
    texts = queries.load()
    async with connection.transaction():
        # `create if not exists` of two replicas at once can fail; one after the other it can't.
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        if await connection.fetchval("select to_regclass('api_keys')") is None:
            await connection.execute(f"create schema if not exists {postgres.schema_path(schema)}")
            await connection.execute((files("query_api") / "sql" / "tokens.sql").read_text(encoding="utf-8"))
        keys = await connection.fetch(texts["keys"])
        if not keys:
            await connection.execute(texts["add_key"], secrets.token_bytes(KEY_BYTES))
            keys = await connection.fetch(texts["keys"])
    return [row["key"] for row in keys]
