"""Ports of dialects inside the workers of the API: one service, their own answers, TLS, an end in order."""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from schemas.settings import KafkaSettings, PostgresSettings
from stack.local.ports import free_port
from tests.contract.query_api.tables import Tables
from tests.farkit.certificates import authority, signed_by
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import Service, new_service

NAMES = ("emqx4", "bifromq", "emq2", "cedalo")


@pytest.fixture(scope="module")
def tables(new_postgres: Callable[..., PostgresSettings]) -> Tables:
    """Tables whose models are ready."""
    tables = Tables(new_postgres(migrated=True))
    tables.ready()
    tables.applied(1)
    return tables


def own_ports() -> dict[str, int]:
    return {name: free_port() for name in NAMES}


def get(port: int, path: str, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, bytes]:
    """Status and body."""
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def started(tables: Tables, folder: Path, ports: dict[str, int], **overrides: object) -> Service:
    changes = {f"dialects__{name}_port": port for name, port in ports.items()} | overrides
    return new_service("api", KafkaSettings(), tables.settings, folder, changes).start()


@pytest.mark.parametrize("workers", [1, 2])
def test_each_dialect_answers_on_its_port_in_its_words(tables: Tables, tmp_path: Path, workers: int) -> None:
    ports = own_ports()
    api = started(tables, tmp_path, ports, api__workers=workers)
    try:
        for _ in range(8):  # whichever worker takes it
            assert get(api.http_port, "/nowhere") == (404, b'{"error":"not found"}')
            assert get(ports["bifromq"], "/nowhere")[0] == 400, "this dialect knows no 404"
            assert get(ports["emq2"], "/nowhere") == (404, b""), "nor does this one say anything"
            assert get(ports["emq2"], "/api/v1/sessions")[0] == 404, "what is another's is not here"
            assert get(api.http_port, "/api/v2/management/nodes")[0] == 404
        assert api.stop(timeout=12) == 0
        assert "Traceback" not in api.words(200)
        for port in (api.http_port, *ports.values()):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
    finally:
        api.kill9()


def test_a_request_that_runs_is_finished_and_one_that_idles_is_cut(tables: Tables, tmp_path: Path) -> None:
    ports = own_ports()
    api = started(tables, tmp_path, ports)
    try:
        with socket.create_connection(("127.0.0.1", ports["emq2"])) as idle:
            idle.sendall(b"GET /api/v2/management/nodes HTTP/1.1\r\nHost: localhost\r\n")
            begun = time.monotonic()
            assert api.process is not None
            api.process.send_signal(signal.SIGTERM)
            assert api.process.wait(12) == 0
            assert time.monotonic() - begun < 10
            assert idle.recv(1) == b""
    finally:
        api.kill9()


def test_together_on_one_port_the_path_decides(tables: Tables, tmp_path: Path) -> None:
    api = started(tables, tmp_path, dict.fromkeys(NAMES, 0), dialects__off="bifromq")
    try:
        assert get(api.http_port, "/api/v2/nowhere") == (404, b"")
        assert get(api.http_port, "//api/v2/nowhere")[0] == 404
        assert get(api.http_port, "/api/v1/sessions")[0] == 200
        assert get(api.http_port, "/session", tenant_id="default")[0] == 404, "off"
    finally:
        api.kill9()


def test_tls_on_every_port(tables: Tables, tmp_path: Path) -> None:
    issuer = authority()
    own = signed_by(issuer)
    (tmp_path / "cert.pem").write_bytes(own.cert)
    (tmp_path / "key.pem").write_bytes(own.key)
    ports = own_ports()
    api = started(
        tables, tmp_path, ports, api__tls_cert=str(tmp_path / "cert.pem"), api__tls_key=str(tmp_path / "key.pem")
    )
    try:
        context = ssl.create_default_context(cadata=issuer.cert.decode())
        assert get(api.http_port, "/api/v1/sessions", context)[0] == 200
        for name in ("bifromq", "emq2"):
            assert get(ports[name], "/nowhere", context)[0] in (400, 404)
    finally:
        api.kill9()


def test_headers_without_end_and_bodies_too_long_are_cut(tables: Tables, tmp_path: Path) -> None:
    ports = own_ports()
    api = started(tables, tmp_path, ports)
    try:
        (worker,) = psutil.Process(api.pid).children(recursive=True)
        before = worker.memory_info().rss
        for line in (b"GET / HTTP/1.1\r\nX-Long: ", b"GET /", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000):
            assert cut(ports["emq2"], line, b"a" * 65_536)
        assert worker.memory_info().rss - before < 64 * 1024 * 1024
        eventually_sync(lambda: get(ports["emq2"], "/nowhere")[0] == 404)
    finally:
        api.kill9()


def cut(port: int, first: bytes, more: bytes) -> bool:
    """Whether a request that goes on and on is ended by the other side before 8 MB."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(first)
            for _ in range(128):
                connection.sendall(more)
        except (BrokenPipeError, ConnectionResetError):
            return True
    return False
