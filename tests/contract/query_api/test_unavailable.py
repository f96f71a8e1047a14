"""What nobody can know is 503 and never an empty list, in bounded time; and it mends by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from projector.migrations import migrate
from schemas.settings import PostgresSettings
from tests.contract.query_api.client import Answer, Api
from tests.contract.query_api.conftest import StartApi, StartBare
from tests.contract.query_api.proxy import Proxy, proxied
from tests.contract.query_api.tables import Tables
from tests.stackkit.eventually import eventually_sync, run_async
from tests.stackkit.process import Service

ASKED = ["/api/v1/sessions", "/api/v1/sessions?limit=5", "/api/v1/sessions?prefix=%00", "/api/v1/sessions/a",
         "/api/v1/sessions/%00", "/api/v1/subscriptions", "/api/v1/subscriptions/a/clients", "/api/v1/stats",
         "/api/v1/cluster", "/api/v1/overview"]  # fmt: skip
BROKEN = b'{"error":"broker not available"}'


def is_unavailable(answer: Answer) -> bool:
    """Whether an answer is the 503 of the dialect."""
    return (answer.status, answer.body, answer.headers.get("retry-after")) == (503, BROKEN, "1")


@pytest.mark.parametrize("target", ASKED)
def test_a_loading_model(api: Api, tables: Tables, target: str) -> None:
    tables.sessions({"client_id": "a"})
    tables.ready("loading")
    try:
        # At once, not when the watch has noticed: the query itself looks.
        assert is_unavailable(api.get(target))
        eventually_sync(lambda: api.get("/health/ready").status == 503)
        assert "loading" in api.get("/health/ready").json()["detail"]
        assert api.get("/health/live").status == 200
        assert api.get("/health").status == 200
    finally:
        tables.ready()
    assert api.get(target).status != 503
    eventually_sync(lambda: api.get("/health/ready").status == 200)


@pytest.mark.parametrize(
    ("model", "targets"),
    [
        ("sessions", ASKED),
        (
            "subscriptions",
            [target for target in ASKED if "sessions?" not in target and not target.endswith("sessions")],
        ),
        ("metrics", ASKED[-3:]),
        ("nodes", ASKED[-3:]),
    ],
)
def test_each_answer_needs_its_own_models_only(api: Api, tables: Tables, model: str, targets: list[str]) -> None:
    tables.execute(f"update model set state = 'loading' where name = '{model}'")
    try:
        assert [target for target in ASKED if is_unavailable(api.get(target))] == targets
        tables.execute(f"delete from model where name = '{model}'")
        assert [target for target in ASKED if is_unavailable(api.get(target))] == targets
    finally:
        tables.execute(
            f"insert into model (name, version, state) values ('{model}', 1, 'ready') "
            "on conflict (name) do update set state = 'ready'"
        )


def test_tables_that_come_later(new_postgres: Callable[..., PostgresSettings], start_bare: StartBare) -> None:
    settings = new_postgres()
    api = start_bare(settings)
    assert all(is_unavailable(api.get(target)) for target in ASKED)
    migrate(settings)
    tables = Tables(settings)
    assert all(is_unavailable(api.get(target)) for target in ASKED)
    tables.ready()
    eventually_sync(lambda: api.get("/health/ready").status == 200)
    assert api.sessions().json() == {"sessions": []}


def test_tables_that_are_replaced_under_way(new_postgres: Callable[..., PostgresSettings], start_api: StartApi) -> None:
    """A rebuilt model comes by renaming schemas in one transaction."""
    settings, rebuilt = new_postgres(migrated=True), new_postgres(migrated=True)
    for made in (settings, rebuilt):
        Tables(made).ready()
    Tables(settings).sessions({"client_id": "old"})
    Tables(rebuilt).sessions({"client_id": "new"})
    api, _ = start_api(settings)
    assert api.ids() == api.ids(limit=9) == ["old"]
    Tables(settings).execute(
        f'begin; alter schema "{settings.schema}" rename to "{settings.schema}_old"; '
        f'alter schema "{rebuilt.schema}" rename to "{settings.schema}"; commit'
    )
    assert api.ids() == api.ids(limit=9) == ["new"]
    Tables(settings).execute(f'drop schema "{settings.schema}_old" cascade')
    assert api.ids() == api.ids(limit=9) == ["new"]


@pytest.fixture(scope="module")
def behind_proxy(shared_tables: Tables, start_api: StartApi) -> Iterator[tuple[Api, Proxy, Service]]:
    """An API whose Postgres can go away."""
    with proxied(shared_tables.settings) as (proxy, settings):
        api, service = start_api(settings)
        yield api, proxy, service
        service.kill9()


@pytest.mark.parametrize("target", ASKED)
def test_postgres_goes_and_comes(behind_proxy: tuple[Api, Proxy, Service], target: str) -> None:
    api, proxy, _ = behind_proxy
    eventually_sync(lambda: api.get("/health/ready").status == 200)
    before = api.get(target).status
    assert before in (200, 404)
    proxy.cut()
    try:
        assert is_unavailable(api.get(target))
        assert api.get("/health/live").status == 200
        eventually_sync(lambda: api.get("/health/ready").status == 503)
    finally:
        proxy.mend()
    eventually_sync(lambda: api.get(target).status == before)


def test_postgres_hangs(behind_proxy: tuple[Api, Proxy, Service]) -> None:
    api, proxy, _ = behind_proxy
    eventually_sync(lambda: api.get("/health/ready").status == 200)
    proxy.freeze()
    try:
        slowest = 0.0
        for target in ASKED:
            begun = time.monotonic()
            assert is_unavailable(api.get(target)), target
            slowest = max(slowest, time.monotonic() - begun)
        # statement_timeout is 1.5 s here, and a second more for Postgres to say so itself.
        assert slowest < 5
        eventually_sync(lambda: api.get("/health/ready").status == 503)
        begun = time.monotonic()
        assert is_unavailable(api.sessions())
        assert time.monotonic() - begun < 1
    finally:
        proxy.mend()
    eventually_sync(lambda: api.sessions(limit=3).status == 200)
    assert all(api.get(target).status in (200, 404) for target in ASKED)


def test_a_slow_query_is_given_up(tables: Tables, behind_proxy: tuple[Api, Proxy, Service]) -> None:
    """A lock stands for anything that takes too long."""
    api, _, _ = behind_proxy
    eventually_sync(lambda: api.get("/health/ready").status == 200)

    async def ask_while_locked() -> tuple[Answer, float]:
        connection = await tables.connect()
        try:
            async with connection.transaction():
                await connection.execute("lock table sessions in access exclusive mode")
                begun = time.monotonic()
                answer = await asyncio.to_thread(api.sessions, limit=3)
                return answer, time.monotonic() - begun
        finally:
            await connection.close()

    answer, seconds = run_async(ask_while_locked())
    assert is_unavailable(answer)
    assert seconds < 4
    assert api.sessions(limit=3).status == 200


def test_a_fault_of_ours_says_nothing_about_itself(tables: Tables, start_api: StartApi) -> None:
    """A column of another type stands for a bug."""
    api, service = start_api(tables.settings)
    tables.sessions({"client_id": "a"})
    tables.execute("alter table sessions alter connected_at type text")
    try:
        answer = api.sessions(limit=3)
        assert (answer.status, answer.body) == (500, b'{"error":"internal error"}')
        correlation = answer.headers["x-correlation-id"]
        eventually_sync(lambda: correlation in service.words())
    finally:
        tables.execute("alter table sessions alter connected_at type bigint using connected_at::bigint")
    assert api.sessions(limit=3).status == 200
