"""Fixtures for real services: Kafka and Postgres for the session, and our processes on top of them.

Every test gets a log (topic prefix) and a schema of its own, so that tests don't see each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest

from schemas.settings import KafkaSettings, PostgresSettings
from schemas.topics import topic_specs
from stack.topics import admin_client, ensure_topics
from tests.stackkit.eventually import run_async
from tests.stackkit.process import Service, Stack, new_service
from tests.stackkit.services import Services, any_services, fresh_kafka, fresh_postgres


class RunService(Protocol):
    """Starts one of our services: ``run_service("ingest", mqtt__max_inflight=4)``."""

    def __call__(
        self,
        name: str,
        *,
        kafka: KafkaSettings | None = None,
        postgres: PostgresSettings | None = None,
        wait: bool = True,
        **overrides: object,
    ) -> Service: ...


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """Kafka and Postgres: configured by environment, else containers, else the local stack."""
    with any_services() as found:
        yield found


@pytest.fixture(scope="session")
def new_kafka(services: Services) -> Iterator[Callable[..., KafkaSettings]]:
    """Makes a log of its own: settings with a fresh topic prefix, topics created; deleted at the end."""
    made: list[KafkaSettings] = []

    def make(**changes: object) -> KafkaSettings:
        settings = fresh_kafka(services, f"t{uuid.uuid4().hex[:10]}", **changes)
        run_async(ensure_topics(settings))
        made.append(settings)
        return settings

    yield make
    for settings in made:
        run_async(delete_topics(settings))


@pytest.fixture
def kafka(new_kafka: Callable[..., KafkaSettings]) -> KafkaSettings:
    """A fresh log for one test, 4 partitions."""
    return new_kafka()


@pytest.fixture(scope="session")
def new_postgres(services: Services) -> Iterator[Callable[..., PostgresSettings]]:
    """Makes settings with a fresh schema name; ``migrated=True`` also makes the tables. Dropped at the end."""
    made: list[PostgresSettings] = []

    def make(migrated: bool = False, **changes: object) -> PostgresSettings:
        settings = fresh_postgres(services, f"t{uuid.uuid4().hex[:10]}", **changes)
        made.append(settings)
        if migrated:
            from projector.migrations import migrate

            migrate(settings)
        return settings

    yield make
    for settings in made:
        run_async(drop_schema(settings))


@pytest.fixture
def postgres(new_postgres: Callable[..., PostgresSettings]) -> PostgresSettings:
    """A fresh schema for one test, without tables yet."""
    return new_postgres()


@pytest.fixture
def migrated_postgres(new_postgres: Callable[..., PostgresSettings]) -> PostgresSettings:
    """A fresh schema for one test, with its tables."""
    return new_postgres(migrated=True)


@pytest.fixture
def run_service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunService]:
    """Starts services of ours as processes on free ports; kills at the end what still runs.

    ``kafka`` and ``postgres`` default to the fixtures ``kafka`` and ``migrated_postgres`` of the test.
    """
    started: list[Service] = []

    def run(
        name: str,
        *,
        kafka: KafkaSettings | None = None,
        postgres: PostgresSettings | None = None,
        wait: bool = True,
        **overrides: object,
    ) -> Service:
        log = kafka or request.getfixturevalue("kafka")
        tables = postgres or request.getfixturevalue("migrated_postgres")
        service = new_service(name, log, tables, tmp_path, overrides)
        started.append(service)
        return service.start(wait)

    yield run
    for service in reversed(started):
        service.kill9()


@pytest.fixture
def full_stack(run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings) -> Stack:
    """Ingest, projector and API, ready, on a fresh log and fresh tables."""
    ingest = run_service("ingest", wait=False)
    projector = run_service("projector", wait=False)
    api = run_service("api", wait=False)
    for service in (ingest, projector, api):
        service.wait_ready()
    return Stack(kafka, migrated_postgres, ingest, projector, api)


async def delete_topics(settings: KafkaSettings) -> None:
    """Remove the topics of one log."""
    async with admin_client(settings) as admin:
        await admin.delete_topics([spec.name for spec in topic_specs(settings)])


async def drop_schema(settings: PostgresSettings) -> None:
    """Remove one schema and all in it."""
    connection = await asyncpg.connect(settings.dsn.reveal())
    try:
        await connection.execute(f'drop schema if exists "{settings.schema}" cascade')
    finally:
        await connection.close()
