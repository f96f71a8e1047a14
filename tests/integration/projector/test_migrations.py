"""Migrations lead to the schema file, once, whoever runs them, and refuse what they do not know."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from domain.models import TABLES
from projector import sqlfiles
from projector.migrations import LATEST, MigrationError, known_migrations, migrate
from schemas.settings import PostgresSettings, Secret
from tests.integration.projector.kit import ask
from tests.stackkit.eventually import run_async

NewPostgres = Callable[..., PostgresSettings]

COLUMNS = """
select table_name, column_name, ordinal_position, data_type, collation_name, is_nullable, column_default
from information_schema.columns where table_schema = current_schema() order by 1, 3
"""
INDEXES = """
select tablename, replace(indexdef, current_schema() || '.', '') from pg_indexes
where schemaname = current_schema() order by 1, 2
"""
CONSTRAINTS = """
select rel.relname, con.contype::text, pg_get_constraintdef(con.oid) from pg_constraint con
join pg_class rel on rel.oid = con.conrelid where con.connamespace = current_schema()::regnamespace order by 1, 2, 3
"""
OPTIONS = """
select relname, relkind::text, reloptions from pg_class where relnamespace = current_schema()::regnamespace order by 1
"""
MODELS = "select name, version, state from model order by name"


def catalogue(postgres: PostgresSettings) -> list[list[tuple[object, ...]]]:
    """Everything that makes the tables what they are."""
    queries = (COLUMNS, INDEXES, CONSTRAINTS, OPTIONS, MODELS)
    return [[tuple(row) for row in run_async(ask(postgres, sql))] for sql in queries]


async def create_from_schema_file(postgres: PostgresSettings) -> None:
    connection = await asyncpg.connect(postgres.dsn.reveal(), server_settings={"search_path": postgres.schema})
    try:
        await connection.execute(f'create schema "{postgres.schema}"')
        await connection.execute(sqlfiles.read("schema"))
    finally:
        await connection.close()


def test_migrations_lead_to_the_schema_file(new_postgres: NewPostgres) -> None:
    migrated, direct = new_postgres(migrated=True), new_postgres()
    run_async(create_from_schema_file(direct))
    assert catalogue(migrated) == catalogue(direct)


def test_the_folds_know_the_columns(migrated_postgres: PostgresSettings) -> None:
    for table in TABLES.values():
        sql = f"select column_name from ({COLUMNS}) where table_name = $1 order by ordinal_position"
        assert tuple(row[0] for row in run_async(ask(migrated_postgres, sql, table.name))) == table.columns


def test_a_second_run_does_nothing(new_postgres: NewPostgres) -> None:
    postgres = new_postgres()
    assert migrate(postgres) == [f"{m.version:04}_{m.name}" for m in known_migrations()]
    assert migrate(postgres) == []


def test_several_at_once_run_each_migration_once(new_postgres: NewPostgres) -> None:
    postgres = new_postgres()
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(migrate, [postgres] * 4))
    assert sorted(name for names in ran for name in names) == [f"{m.version:04}_{m.name}" for m in known_migrations()]


def test_newer_tables_are_refused(new_postgres: NewPostgres) -> None:
    postgres = new_postgres(migrated=True)
    run_async(ask(postgres, "insert into migrations (version, name, checksum) values ($1, 'later', '')", LATEST + 1))
    with pytest.raises(MigrationError, match="run a newer version"):
        migrate(postgres)


def test_a_changed_migration_is_refused(new_postgres: NewPostgres) -> None:
    postgres = new_postgres(migrated=True)
    run_async(ask(postgres, "update migrations set checksum = 'other' where version = 1"))
    with pytest.raises(MigrationError, match="differs from the one that ran"):
        migrate(postgres)


@pytest.fixture
def missing_database(new_postgres: NewPostgres) -> Iterator[PostgresSettings]:
    """Settings that name a database that is not there; dropped at the end."""
    postgres = new_postgres()
    name = f"d{uuid.uuid4().hex[:10]}"
    dsn = urlunsplit(urlsplit(postgres.dsn.reveal())._replace(path=f"/{name}"))
    yield replace(postgres, dsn=Secret(dsn))

    async def drop() -> None:
        connection = await asyncpg.connect(postgres.dsn.reveal())
        try:
            await connection.execute(f"drop database if exists {name}")
        finally:
            await connection.close()

    asyncio.run(drop())


def test_a_missing_database_is_created(missing_database: PostgresSettings) -> None:
    assert migrate(missing_database)


def test_a_schema_name_may_need_quotes(new_postgres: NewPostgres) -> None:
    postgres = new_postgres()
    odd = replace(postgres, schema=f"{postgres.schema}-Ä b")
    try:
        assert migrate(odd)
        assert migrate(odd) == []
    finally:
        run_async(ask(postgres, f'drop schema if exists "{odd.schema}" cascade'))
