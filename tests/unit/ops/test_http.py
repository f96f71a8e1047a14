"""The health and metrics server, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from ops.http import Health, OpsServer, serve_ops

WELL = Health(True)


@asynccontextmanager
async def server(
    live: Health = WELL, ready: Health = WELL, registry: CollectorRegistry | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    running = await serve_ops("127.0.0.1", 0, lambda: live, lambda: ready, registry or CollectorRegistry())
    try:
        async with httpx.AsyncClient(base_url=f"http://{running.host}:{running.port}") as client:
            yield client
    finally:
        await running.close()


async def test_a_well_service_answers_200() -> None:
    async with server() as client:
        for path in ("/health/live", "/health/ready"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok", "detail": ""})


async def test_one_that_is_not_ready_answers_503_and_says_why() -> None:
    async with server(ready=Health(False, "folding the log: 12 %")) as client:
        assert (await client.get("/health/live")).status_code == 200
        answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json() == {"status": "unavailable", "detail": "folding the log: 12 %"}
        assert answer.headers["cache-control"] == "no-store"


async def test_metrics_are_those_of_the_registry() -> None:
    registry = CollectorRegistry()
    Counter("frames", "Frames appended.", registry=registry).inc(3)
    async with server(registry=registry) as client:
        answer = await client.get("/metrics")
        assert "frames_total 3.0" in answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=")


async def test_other_paths_and_methods_are_refused() -> None:
    async with server() as client:
        unknown = await client.get("/")
        assert (unknown.status_code, unknown.json()) == (404, {"error": "not found"})
        for path in ("/health/live", "/health/ready", "/metrics"):
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
                refused = await client.request(method, path)
                assert (refused.status_code, refused.headers["allow"]) == (405, "GET"), (method, path)
                assert method == "HEAD" or refused.json() == {"error": "method not allowed"}


async def test_a_taken_port_is_an_os_error() -> None:
    first: OpsServer = await serve_ops("127.0.0.1", 0, lambda: WELL, lambda: WELL, CollectorRegistry())
    try:
        with pytest.raises(OSError, match="address already in use"):
            await serve_ops("127.0.0.1", first.port, lambda: WELL, lambda: WELL, CollectorRegistry())
    finally:
        await first.close()
