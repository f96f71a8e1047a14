"""Every answer says how fresh it is, and a read can wait for a position."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from query_api.freshness import Position
from query_api.tokens import Tokens
from schemas.settings import PostgresSettings, Secret
from tests.contract.query_api.client import Answer, Api
from tests.contract.query_api.conftest import StartApi
from tests.contract.query_api.tables import SESSION, Tables
from tests.stackkit.eventually import eventually_sync, run_async

KEY = "k" * 32
TOKENS = Tokens([KEY.encode()])


@pytest.fixture(scope="module")
def waiting(new_postgres: Callable[..., PostgresSettings], start_api: StartApi) -> tuple[Api, Tables]:
    """An API with a known key that waits at most two seconds."""
    tables = Tables(new_postgres(migrated=True))
    tables.ready()
    tables.applied(1)
    api, _ = start_api(tables.settings, api__token_keys=Secret(KEY), api__max_wait=2.0)
    return api, tables


def position(log: str = "topic", **vector: int) -> str:
    """A token for partitions named p0, p1, ..."""
    return Position(log, {int(name[1:]): offset for name, offset in vector.items()}).seal(TOKENS)


def answers(api: Api) -> list[Answer]:
    """One answer of every kind."""
    targets = ["/api/v1/sessions", "/api/v1/sessions?limit=1", "/api/v1/sessions/x", "/api/v1/sessions?limit=x",
               "/api/v1/subscriptions", "/api/v1/subscriptions/x/clients", "/api/v1/stats", "/api/v1/overview",
               "/health", "/nothing"]  # fmt: skip
    return [*map(api.get, targets), api.request("POST", "/api/v1/sessions"), api.request("X", "/api/v1/sessions/x")]


def applied(api: Api, text: str) -> Callable[[], bool]:
    """Whether answers say this vector."""
    return lambda: api.get("/health").headers["mqledger-applied"] == text


def test_headers(waiting: tuple[Api, Tables]) -> None:
    api, tables = waiting
    tables.applied(10, 20)
    eventually_sync(applied(api, "0:10,1:20"))
    whole = time.time()
    tables.applied(10, 20, log_end=20)
    eventually_sync(lambda: api.get("/health").headers["mqledger-lag-frames"] == "10")
    for answer in answers(api):
        assert answer.headers["mqledger-applied"] == "0:10,1:20"
        assert answer.headers["mqledger-position"] == position(p0=10, p1=20)
        assert answer.headers["mqledger-lag-frames"] == "10"
        # It was whole a little before that was seen: by a notification, at the latest at the next look.
        assert 0 <= int(answer.headers["mqledger-lag-ms"]) <= (time.time() - whole + 2) * 1000
    tables.applied(20, 20)
    eventually_sync(applied(api, "0:20,1:20"))
    for answer in answers(api):
        assert (answer.headers["mqledger-lag-frames"], answer.headers["mqledger-lag-ms"]) == ("0", "0")
        assert int(answer.headers["mqledger-confirmed-ms"]) < 5_000


def test_a_projector_that_says_nothing_any_more_is_lag(waiting: tuple[Api, Tables]) -> None:
    api, tables = waiting
    tables.applied(20, 20)
    tables.execute("update applied set updated_at = now() - interval '7 s' where partition = 1")
    eventually_sync(lambda: "mqledger-lag-frames" not in api.get("/health").headers)
    for answer in answers(api):
        silent = int(answer.headers["mqledger-confirmed-ms"])
        assert silent >= 7_000
        assert 0 <= int(answer.headers["mqledger-lag-ms"]) - silent < 100
        assert "mqledger-lag-frames" not in answer.headers
    metrics = api.get("/metrics").body.decode()
    assert "mqledger_api_lag_frames" not in metrics
    for name in ("lag", "confirmed"):
        shown = re.search(rf"^mqledger_api_{name}_seconds (\S+)$", metrics, re.MULTILINE)
        assert shown is not None
        assert float(shown[1]) >= 7
    tables.applied(20, 20)
    eventually_sync(lambda: api.get("/health").headers.get("mqledger-lag-frames") == "0")
    assert api.get("/health").headers["mqledger-lag-ms"] == "0"


def test_the_age_is_that_of_the_last_frame_folded_and_unknown_before_the_first(
    tables: Tables, start_api: StartApi
) -> None:
    fresh, _ = start_api(tables.settings)
    try:
        tables.applied(0, log_end=7, partition_time=0)
        eventually_sync(lambda: fresh.get("/health").headers.get("mqledger-lag-frames") == "7")
        assert "mqledger-lag-ms" not in fresh.get("/health").headers
        assert "mqledger_api_lag_seconds" not in fresh.get("/metrics").body.decode()
        tables.applied(5, log_end=7, partition_time=1_566_656_300_000)
        eventually_sync(lambda: fresh.get("/health").headers.get("mqledger-lag-frames") == "2")
        age = int(time.time() * 1000) - 1_566_656_300_000
        assert abs(int(fresh.get("/health").headers["mqledger-lag-ms"]) - age) < 10_000
    finally:
        tables.applied(1)


@pytest.mark.parametrize("way", ["parameter", "header"])
def test_what_is_there_is_not_waited_for(waiting: tuple[Api, Tables], way: str) -> None:
    api, tables = waiting
    tables.applied(30, 30)
    eventually_sync(applied(api, "0:30,1:30"))
    begun = time.monotonic()
    for token in (position(), position(p0=30), position(p0=1, p1=30)):
        assert ask(api, token, way).status == 200
    assert time.monotonic() - begun < 1


def ask(api: Api, token: str, way: str = "parameter") -> Answer:
    """Ask for the list as of a position."""
    if way == "header":
        return api.request("GET", "/api/v1/sessions", {"Mqledger-At-Least": token})
    return api.sessions(at_least=token)


@pytest.mark.parametrize(("way", "offset"), [("parameter", 40), ("header", 45)])
def test_waiting_until_it_is_there(waiting: tuple[Api, Tables], way: str, offset: int) -> None:
    api, tables = waiting
    tables.applied(offset, 40)
    with ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        asked = pool.submit(ask, api, position(p0=offset + 1), way)
        time.sleep(0.3)  # not a wait for something: the answer must not come in this time
        assert not asked.done()
        tables.applied(offset + 1, 40)
        answer = asked.result(5)
    assert answer.status == 200
    assert answer.headers["mqledger-applied"] == f"0:{offset + 1},1:40"
    assert time.monotonic() - begun < 1.9


@pytest.mark.parametrize("target", ["/api/v1/sessions", "/api/v1/sessions/x", "/api/v1/subscriptions", "/api/v1/stats"])
def test_too_late(waiting: tuple[Api, Tables], target: str) -> None:
    api, tables = waiting
    tables.applied(50, 50)
    begun = time.monotonic()
    answer = api.get(f"{target}?at_least={position(p1=51)}")
    assert (answer.status, answer.error, answer.headers["retry-after"]) == (503, "position not reached in time", "1")
    assert 1.9 < time.monotonic() - begun < 3.5


@pytest.mark.parametrize(
    "token",
    ["x", "%00", "A" * 200, position(p0=1)[:-1], TOKENS.seal("page", (), b"x"), position("another log", p0=1),
     Position("topic", {0: 1}).seal(Tokens([b"x" * 32]))],
)  # fmt: skip
@pytest.mark.parametrize("target", ["/api/v1/sessions", "/api/v1/sessions/x", "/api/v1/overview"])
def test_what_is_no_position(waiting: tuple[Api, Tables], target: str, token: str) -> None:
    api, _ = waiting
    answer = api.get(f"{target}?at_least={token}")
    assert (answer.status, answer.error) == (400, "invalid at_least")


def test_reading_your_own_writes_under_load(waiting: tuple[Api, Tables]) -> None:
    """Each session is visible to a read that asks for the position of its transaction, however many come."""
    api, tables = waiting
    tables.applied(60, 60)
    run_async(write_and_read(api, tables))


async def write_and_read(api: Api, tables: Tables) -> None:
    """Insert a session and advance in one transaction, a hundred times, each read by a waiting reader."""
    writer = await tables.connect()
    columns = ", ".join(SESSION)
    values = ", ".join(f"${n + 1}" for n in range(len(SESSION)))
    try:
        for n in range(100):
            client_id, offset = f"written-{n}", 61 + n
            reading = asyncio.create_task(
                asyncio.to_thread(api.get, f"/api/v1/sessions/{client_id}?at_least={position(p0=offset)}")
            )
            async with writer.transaction():
                await writer.execute(
                    f"insert into sessions ({columns}) values ({values})", *{**SESSION, "client_id": client_id}.values()
                )
                await writer.execute(
                    "update applied set next = $1, log_end = $1, updated_at = now() where partition = 0", offset
                )
                await writer.execute("select pg_notify($1, '')", f"{tables.settings.schema}_applied")
            answer = await reading
            assert answer.status == 200
            assert int(answer.headers["mqledger-applied"].split(",")[0].partition(":")[2]) >= offset
    finally:
        await writer.close()


def test_an_answer_never_claims_more_than_it_holds(waiting: tuple[Api, Tables]) -> None:
    """Sessions n < next are in the tables in every snapshot; so they are in every answer that says `next`."""
    api, tables = waiting
    tables.applied(0, 0)
    eventually_sync(applied(api, "0:0,1:0"))
    run_async(claims(api, tables))


async def claims(api: Api, tables: Tables) -> None:
    """Read while a writer adds one session per transaction."""
    done = asyncio.Event()

    async def write() -> None:
        writer = await tables.connect()
        columns, values = ", ".join(SESSION), ", ".join(f"${n + 1}" for n in range(len(SESSION)))
        try:
            n = 0
            while not done.is_set():
                async with writer.transaction():
                    row = {**SESSION, "client_id": f"claimed-{n:06}"}
                    await writer.execute(f"insert into sessions ({columns}) values ({values})", *row.values())
                    n += 1
                    await writer.execute("update applied set next = $1, log_end = $1 where partition = 0", n)
                    await writer.execute("select pg_notify($1, '')", f"{tables.settings.schema}_applied")
        finally:
            await writer.close()

    def read() -> None:
        for _ in range(60):
            answer = api.sessions(prefix="claimed-", limit=100_000)
            said = int(answer.headers["mqledger-applied"].split(",")[0].partition(":")[2])
            assert len(answer.json()["sessions"]) >= said

    writing = asyncio.create_task(write())
    try:
        await asyncio.to_thread(read)
    finally:
        done.set()
        await writing


def test_replicas_share_keys_kept_in_postgres(tables: Tables, api: Api, start_api: StartApi) -> None:
    tables.sessions({"client_id": "a"}, {"client_id": "b"})
    other, _ = start_api(tables.settings)
    token = api.sessions(limit=1).json()["next_page_token"]
    assert other.ids(page_token=token) == ["b"]
    here = api.sessions().headers["mqledger-position"]
    assert other.sessions(at_least=here).status == 200


def test_configured_keys_rotate(tables: Tables, start_api: StartApi) -> None:
    tables.sessions({"client_id": "a"}, {"client_id": "b"})
    old, new = "o" * 32, "n" * 32
    before, _ = start_api(tables.settings, api__token_keys=Secret(old))
    during, _ = start_api(tables.settings, api__token_keys=Secret(f"{new},{old}"))
    after, _ = start_api(tables.settings, api__token_keys=Secret(new))
    token = before.sessions(limit=1).json()["next_page_token"]
    assert during.ids(page_token=token) == ["b"]
    assert after.sessions(page_token=token).status == 400
    assert after.ids(page_token=during.sessions(limit=1).json()["next_page_token"]) == ["b"]
