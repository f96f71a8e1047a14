"""The API as a process: refusals at start, signals, workers, deaths."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from schemas.settings import KafkaSettings, PostgresSettings
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import Service, new_service


@pytest.fixture
def ready_postgres(new_postgres: Callable[..., PostgresSettings]) -> PostgresSettings:
    """Tables whose models are ready."""
    from tests.contract.query_api.tables import Tables

    settings = new_postgres(migrated=True)
    Tables(settings).ready()
    return settings


def api(postgres: PostgresSettings, folder: Path, **overrides: object) -> Service:
    """An API, started and ready."""
    return new_service("api", KafkaSettings(), postgres, folder, overrides).start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to(ready_postgres: PostgresSettings, tmp_path: Path, number: signal.Signals) -> None:
    service = api(ready_postgres, tmp_path)
    try:
        os.kill(service.pid, number)
        assert service.process is not None
        assert service.process.wait(10) == 0
        assert "Traceback" not in service.words(200)
    finally:
        service.kill9()


def test_no_worker_outlives_its_parent(ready_postgres: PostgresSettings, tmp_path: Path) -> None:
    service = api(ready_postgres, tmp_path, api__workers=2)
    workers = psutil.Process(service.pid).children(recursive=True)
    assert len(workers) == 2
    try:
        os.kill(service.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, timeout=15)
        assert alive == []
    finally:
        service.kill9()


def test_a_worker_that_dies_is_replaced(ready_postgres: PostgresSettings, tmp_path: Path) -> None:
    service = api(ready_postgres, tmp_path)
    try:
        (worker,) = psutil.Process(service.pid).children(recursive=True)
        worker.kill()
        eventually_sync(lambda: psutil.Process(service.pid).children(recursive=True) not in ([], [worker]), 15)
        service.wait_ready()
    finally:
        service.kill9()


def test_workers_share_their_metrics(ready_postgres: PostgresSettings, tmp_path: Path) -> None:
    service = api(ready_postgres, tmp_path, api__workers=2)
    try:
        for _ in range(40):
            # A connection each, so that both workers get some.
            httpx.get(f"{service.url}/api/v1/sessions", trust_env=False).raise_for_status()
        text = httpx.get(f"{service.url}/metrics", trust_env=False).text
        counted = re.search(
            r'^mqledger_api_answers_total{dialect="fluxmq",route="/api/v1/sessions",status="200"} (\S+)$',
            text,
            re.MULTILINE,
        )
        assert counted is not None
        assert float(counted[1]) == 40.0
    finally:
        service.kill9()


def test_a_refusal_is_a_sentence(ready_postgres: PostgresSettings, tmp_path: Path) -> None:
    service = new_service("api", KafkaSettings(), ready_postgres, tmp_path, {})
    service.environment["MQLEDGER_API__TLS_CERT"] = "cert.pem"
    service.start(wait=False)
    try:
        assert service.process is not None
        assert service.process.wait(20) != 0
        words = service.words(100)
        assert "tls_cert and tls_key belong together" in words
        assert "Traceback" not in words
    finally:
        service.kill9()
