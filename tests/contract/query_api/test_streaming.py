"""Lists without a limit: valid JSON in bounded memory, of one snapshot; nothing held for who has gone."""

from __future__ import annotations

import json
import socket
import time

import psutil
import pytest

from tests.contract.query_api.client import Api
from tests.contract.query_api.conftest import StartApi
from tests.contract.query_api.tables import SESSION, Tables
from tests.stackkit.eventually import eventually_sync, run_async
from tests.stackkit.process import Service

MANY = 200_000
MOST_GROWTH = 48 * 1024 * 1024


def resident(service: Service) -> int:
    """Bytes of memory of a service's processes."""
    parent = psutil.Process(service.pid)
    return sum(process.memory_info().rss for process in (parent, *parent.children(recursive=True)))


def fill(tables: Tables, count: int) -> None:
    """That many sessions, made in Postgres."""
    columns = {**SESSION, "client_id": None}
    values = ", ".join("'device-' || lpad(n::text, 7, '0')" if v is None else literal(v) for v in columns.values())
    tables.execute(
        f"insert into sessions ({', '.join(columns)}) select {values} from generate_series(1, {count}) n",
        "analyze sessions",
    )


def literal(value: object) -> str:
    """A value in SQL."""
    return f"'{value}'" if isinstance(value, str) else str(value)


WAITING = (
    "from pg_stat_activity where application_name = 'mqledger-api' and state = 'idle in transaction' "
    "and query like '%sessions/all%' and datname = current_database()"
)
"""Streams whose next rows nobody has asked for yet, since the client takes nothing."""


def waiting(tables: Tables, what: str = "count(*)") -> int:
    """How many streams wait for their client; with ``what``, a sum over them."""

    async def count() -> int:
        connection = await tables.connect()
        try:
            return await connection.fetchval(f"select {what} {WAITING}")  # type: ignore[no-any-return]
        finally:
            await connection.close()

    return run_async(count())  # type: ignore[no-any-return]


def kill_waiting(tables: Tables) -> int:
    """End the connections of those streams; gives how many."""
    return waiting(tables, "count(*) filter (where pg_terminate_backend(pid))")


@pytest.mark.slow
def test_everything_in_bounded_memory(api: Api, tables: Tables, shared_api: tuple[Api, Service]) -> None:
    fill(tables, MANY)
    service = shared_api[1]
    api.sessions(limit=1000)
    before = resident(service)
    highest, taken = before, bytearray()
    with socket.create_connection(("127.0.0.1", api.port), timeout=60) as client:
        client.sendall(b"GET /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        looked = 0
        while part := client.recv(1 << 16):
            taken += part
            if len(taken) - looked > 4 << 20:
                looked, highest = len(taken), max(highest, resident(service))
    head, _, body = bytes(taken).partition(b"\r\n\r\n")
    assert b"200 OK" in head.splitlines()[0]
    assert b"transfer-encoding: chunked" in head.lower()
    sessions = json.loads(unchunked(body))["sessions"]
    assert len(sessions) == MANY
    assert [s["client_id"] for s in sessions[:2]] == ["device-0000001", "device-0000002"]
    assert highest - before < MOST_GROWTH, f"grew by {(highest - before) >> 20} MiB"


def unchunked(body: bytes) -> bytes:
    """The body of a chunked message."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


@pytest.mark.parametrize("limit", [1001, 1499, 1500, 1501, 2000, 2500, 2501])
def test_long_pages_are_streamed_with_their_token(api: Api, tables: Tables, limit: int) -> None:
    fill(tables, 2500)
    page = api.sessions(limit=limit).json()
    assert len(page["sessions"]) == min(limit, 2500)
    assert ("next_page_token" in page) == (limit < 2500)
    if limit < 2500:
        assert len(api.sessions(page_token=page["next_page_token"]).json()["sessions"]) == 2500 - limit


def test_all_subscriptions_are_streamed_too(api: Api, tables: Tables) -> None:
    fill(tables, 1200)
    tables.subscriptions(*({"client_id": f"device-{n:07}", "filter": f"f/{n}"} for n in range(1, 1201)))
    assert len(api.get("/api/v1/subscriptions").json()["subscriptions"]) == 1200


def test_a_client_that_goes_away_holds_nothing(api: Api, tables: Tables) -> None:
    fill(tables, 60_000)
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as client:
        client.sendall(b"GET /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(100)
        eventually_sync(lambda: waiting(tables) == 1, 10, "no stream waits")
    eventually_sync(lambda: waiting(tables) == 0, 10, "a transaction is still open")


def test_a_client_that_takes_nothing_is_cut_off(tables: Tables, start_api: StartApi) -> None:
    fill(tables, 60_000)
    api, _ = start_api(tables.settings, api__stall_timeout=0.5, api__max_streams=1)
    api.checked = False
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as client:
        client.sendall(b"GET /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(100)
        # The only stream is taken: the next one is told to come again, within bounded time.
        begun = time.monotonic()
        second = api.sessions()
        assert (second.status, second.headers.get("retry-after")) in ((503, "1"), (200, None))
        assert time.monotonic() - begun < 5
        eventually_sync(lambda: waiting(tables) == 0, 10, "a transaction is still open")
    assert len(api.ids()) == 60_000


def test_a_failure_on_the_way_does_not_look_like_the_end(api: Api, tables: Tables) -> None:
    fill(tables, 60_000)
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as client:
        client.sendall(b"GET /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        taken = client.recv(100)
        eventually_sync(lambda: kill_waiting(tables) == 1, 10, "no stream waits")
        while part := client.recv(1 << 16):
            taken += part
    assert not taken.endswith(b"0\r\n\r\n")
    assert len(api.ids(limit=2)) == 2
