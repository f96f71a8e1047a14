"""A live stream does not keep the process: it ends when that is told to stop."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from pathlib import Path

from schemas.settings import KafkaSettings, PostgresSettings
from tests.contract.query_api.tables import Tables
from tests.stackkit.process import new_service

PATIENCE = 8.0
"""Below the ten seconds after which the server would kill its workers."""


def test_a_stream_ends_when_the_process_is_told_to_stop(
    kafka: KafkaSettings, new_postgres: Callable[..., PostgresSettings], tmp_path: Path
) -> None:
    tables = Tables(new_postgres(migrated=True))
    tables.ready()
    tables.applied(1)
    service = new_service("api", kafka, tables.settings, tmp_path, {"access__anonymous": "loopback-operate"}).start()
    connection = http.client.HTTPConnection("127.0.0.1", service.http_port, timeout=20)
    try:
        connection.request("GET", "/api/mqledger/v1/events/stream")
        response = connection.getresponse()
        assert response.status == 200, response.read()
        assert response.readline() == b": alive\n"
        started = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - started < PATIENCE
        assert response.read().startswith(b"id: ")
        assert "Killing" not in service.words(100)
    finally:
        connection.close()
        service.kill9()
