"""Brings the read-model tables to the present version: numbered SQL files, once each, under a lock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from projector import sqlfiles
from schemas.settings import PostgresSettings

_LOCK = 0x6D716C65
"""Advisory lock of the database that migrations hold ("mqle")."""


class MigrationError(Exception):
    """The tables can't be brought to this version; the text says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return sha256(self.sql.encode()).hexdigest()


def known_migrations() -> list[Migration]:
    """The migrations of this version, in order."""
    found = []
    for file in (sqlfiles.folder() / "migrations").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)


LATEST = max(migration.version for migration in known_migrations())
"""The version of the tables that this code writes."""


def migrate(postgres: PostgresSettings) -> list[str]:
    """Run what has not run yet, each in its own transaction; the names of what ran.

    The database and the schema are created when they are missing and the login may do so. Several processes may
    call this at once.

    Raises:
        MigrationError: the tables are newer than this version, a file that ran was changed, or rights are missing.
        OSError, asyncpg.PostgresError: Postgres can't be reached or refuses.
    """
    return asyncio.run(_migrate(postgres))


async def _migrate(postgres: PostgresSettings) -> list[str]:
    connection = await _connect(postgres)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await _create_schema(connection, postgres.schema)
        await connection.execute("select set_config('search_path', quote_ident($1), false)", postgres.schema)
        done = await _done(connection)
        _check(done)
        return [await _run(connection, migration) for migration in known_migrations() if migration.version not in done]
    finally:
        await connection.close()


async def _connect(postgres: PostgresSettings) -> Any:
    dsn = postgres.dsn.reveal()
    try:
        return await asyncpg.connect(dsn, timeout=10)
    except asyncpg.InvalidCatalogNameError:
        await _create_database(dsn)
        return await asyncpg.connect(dsn, timeout=10)


async def _create_database(dsn: str) -> None:
    parts = urlsplit(dsn)
    name = parts.path.lstrip("/")
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")), timeout=10)
    try:
        quoted = await connection.fetchval("select quote_ident($1)", name)
        await connection.execute(f"create database {quoted}")
    except asyncpg.DuplicateDatabaseError:
        pass  # another process was faster
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            f"The database {name} does not exist and this login may not create it; create it, or grant CREATEDB."
        ) from error
    finally:
        await connection.close()


async def _create_schema(connection: Any, schema: str) -> None:
    if await connection.fetchval("select 1 from pg_namespace where nspname = $1", schema):
        return
    quoted = await connection.fetchval("select quote_ident($1)", schema)
    try:
        await connection.execute(f"create schema {quoted}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            f"The schema {schema} does not exist and this login may not create it; create it, or grant CREATE."
        ) from error


async def _done(connection: Any) -> dict[int, str]:
    if not await connection.fetchval("select to_regclass('migrations') is not null"):
        return {}
    return {row["version"]: row["checksum"] for row in await connection.fetch("select * from migrations")}


def _check(done: dict[int, str]) -> None:
    known = {migration.version: migration for migration in known_migrations()}
    newer = sorted(done.keys() - known.keys())
    if newer:
        raise MigrationError(
            f"The read models are at migration {newer[-1]}, this version knows up to {LATEST}: run a newer version."
        )
    for version, checksum in done.items():
        if known[version].checksum != checksum:
            raise MigrationError(
                f"Migration {version} ({known[version].name}) differs from the one that ran here; "
                "restore the released file and put changes into a new one."
            )


async def _run(connection: Any, migration: Migration) -> str:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into migrations (version, name, checksum) values ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.checksum,
        )
    return f"{migration.version:04}_{migration.name}"
