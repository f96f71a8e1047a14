"""A real API process on a real Postgres, with tables filled by the tests."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from schemas.settings import KafkaSettings, PostgresSettings
from stack.local.ports import free_port
from tests.contract.query_api.client import Api
from tests.contract.query_api.tables import Tables
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import Service, new_service
from tests.stackkit.services import ROOT

StartApi = Callable[..., tuple[Api, Service]]
StartBare = Callable[..., Api]


@pytest.fixture(scope="session")
def start_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartApi]:
    """Starts API processes; kills at the end what still runs. They need no Kafka."""
    started: list[Service] = []
    folder = tmp_path_factory.mktemp("api")

    def start(postgres: PostgresSettings, wait: bool = True, **overrides: object) -> tuple[Api, Service]:
        service = new_service("api", KafkaSettings(), postgres, folder, overrides)
        started.append(service)
        service.start(wait)
        return Api(service.http_port), service

    yield start
    for service in reversed(started):
        service.kill9()


@pytest.fixture(scope="session")
def shared_tables(new_postgres: Callable[..., PostgresSettings]) -> Tables:
    """The tables that ``api`` reads."""
    tables = Tables(new_postgres(migrated=True))
    tables.ready()
    tables.applied(1)
    return tables


@pytest.fixture(scope="session")
def shared_api(shared_tables: Tables, start_api: StartApi) -> tuple[Api, Service]:
    """One process for all tests that don't break it."""
    return start_api(shared_tables.settings)


@pytest.fixture
def tables(shared_tables: Tables) -> Tables:
    """The tables that ``api`` reads, empty."""
    shared_tables.clear()
    return shared_tables


@pytest.fixture
def api(tables: Tables, shared_api: tuple[Api, Service]) -> Api:
    """The shared process, on empty tables."""
    return shared_api[0]


@pytest.fixture
def golden() -> Path:
    """The folder of recorded exchanges."""
    return Path(__file__).parent / "golden"


@pytest.fixture
def start_bare() -> Iterator[StartBare]:
    """Starts ``query_api.main.run`` alone, without what the command line waits for beforehand."""
    started: list[Popen[bytes]] = []

    def start(postgres: PostgresSettings) -> Api:
        port = free_port()
        process = Popen([sys.executable, "-m", "tests.contract.query_api.bare", str(port)], cwd=ROOT, stdin=PIPE)
        started.append(process)
        assert process.stdin is not None
        process.stdin.write(f"{postgres.dsn.reveal()}\n{postgres.schema}\n".encode())
        process.stdin.close()
        api = Api(port)
        eventually_sync(lambda: listens(port))
        return api

    yield start
    for process in started:
        process.terminate()
        assert process.wait(20) == 0


def listens(port: int) -> bool:
    """Whether someone takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
