"""Two products: one that nobody breaks, and a Kafka and Postgres of our own with which anything may be done."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from projector.migrations import migrate
from schemas.settings import KafkaSettings, PostgresSettings
from stack.topics import ensure_topics
from tests.acceptance.product import Product
from tests.acceptance.victims import OwnPostgres
from tests.faults.broker.breakable import BreakableKafka
from tests.stackkit.eventually import run_async
from tests.stackkit.services import Services, fresh_kafka, fresh_postgres, local_stack

COUNTERS_INTERVAL = 0.5
"""Seconds between reports of queue depths, 10 by default: nobody wants to wait."""


@pytest.fixture(scope="package")
def product(
    new_kafka: Callable[..., KafkaSettings],
    new_postgres: Callable[..., PostgresSettings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Product]:
    """Ingest, projector and API on a log that the tests of this folder share; nobody breaks it."""
    folder = tmp_path_factory.mktemp("product")
    made = Product(new_kafka(), new_postgres(migrated=True), folder, log__counters_interval=COUNTERS_INTERVAL)
    try:
        made.start()
        yield made
    finally:
        made.end()


@pytest.fixture(scope="package")
def own_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A Kafka and a Postgres that nobody else uses, so that they may be killed."""
    with local_stack(tmp_path_factory.mktemp("own")) as services:
        yield services


@pytest.fixture
def breakable_product(own_services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Ingest, projector and API, ready, on a log and tables of their own in the Kafka and Postgres of our own."""
    with new_product(own_services, tmp_path_factory.mktemp("breakable")) as made:
        yield made


@pytest.fixture(scope="module")
def hardy_product(own_services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The same for tests that leave it well and without sessions."""
    with new_product(own_services, tmp_path_factory.mktemp("hardy")) as made:
        yield made


@contextmanager
def new_product(services: Services, folder: Path, **overrides: object) -> Iterator[Product]:
    """A product on a fresh log and fresh tables, killed at the end; ``overrides`` are settings."""
    BreakableKafka(services).wait_until_back()
    OwnPostgres(services).wait_until_back()
    name = f"a{uuid.uuid4().hex[:10]}"
    kafka, postgres = fresh_kafka(services, name), fresh_postgres(services, name)
    run_async(ensure_topics(kafka))
    migrate(postgres)
    made = Product(kafka, postgres, folder, **overrides)
    try:
        made.start()
        yield made
    finally:
        made.end()
