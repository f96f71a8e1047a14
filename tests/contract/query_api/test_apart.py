"""Lists that may read an index through wait on connections of their own: other pages are answered meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.contract.query_api.client import Api
from tests.contract.query_api.conftest import StartApi
from tests.contract.query_api.tables import Tables
from tests.stackkit.eventually import eventually

NATIVE = "/api/mqledger/v1"
POOL = 2
"""Connections for what is no search; half as many for each kind of search."""
AT_ONCE = 2 * POOL
WAITING = "select count(*) from pg_locks where relation = $1::regclass and not granted"


@pytest.fixture(scope="module")
def small(shared_tables: Tables, start_api: StartApi) -> Iterator[Api]:
    """An API with as few connections as can be."""
    api, service = start_api(replace(shared_tables.settings, pool_max=POOL), api__max_streams=1)
    yield api
    service.kill9()


@asynccontextmanager
async def locked(tables: Tables, table: str) -> AsyncIterator[None]:
    """Whoever reads the table waits."""
    connection = await tables.connect()
    try:
        async with connection.transaction():
            await connection.execute(f"lock table {table} in access exclusive mode")
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("session_counters", f"{NATIVE}/sessions?contains=a"),
        ("session_counters", f"{NATIVE}/sessions?sort=username&node=rare"),
        ("sessions_history", f"{NATIVE}/sessions?as_of=2026-01-02T03:04:05Z"),
        *(
            ("subscriptions", f"{NATIVE}/subscriptions?{given}")
            for given in ("qos=1", "node=rare", "match=a", "state=connected")
        ),
        ("subscriptions", "/api/v4/subscriptions?qos=1"),
        ("session_counters", "/api/v4/clients?_like_clientid=a"),
    ],
)
async def test_what_skips_holds_nobody_up(small: Api, tables: Tables, table: str, path: str) -> None:
    tables.sessions({"client_id": "a"})
    with ThreadPoolExecutor(AT_ONCE) as threads:
        async with locked(tables, table):
            connection = await tables.connect()
            asked = [threads.submit(small.get, path) for _ in range(AT_ONCE)]
            try:
                await eventually(lambda: connection.fetchval(WAITING, table))
                for _ in range(POOL):
                    page = small.get(f"{NATIVE}/sessions?limit=5")
                    assert page.status == 200, page
                    assert [one["client_id"] for one in page.json()["items"]] == ["a"]
                assert await connection.fetchval(WAITING, table) == POOL // 2, "no more than are its own"
            finally:
                await connection.close()
        assert {one.result().status for one in asked} <= {200, 503}
