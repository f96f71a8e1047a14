"""Searches: any combination of filters finds what it should, page by page and behind a place, and reads an index."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from projector import searches
from projector.store import open_pool
from query_api import postgres, queries, search
from query_api.errors import UnavailableError
from query_api.search import ANY, BEGINNING, END, Filters, Place
from query_api.store import Store
from schemas.settings import PostgresSettings
from tests.contract.query_api.tables import SESSION, Tables
from tests.stackkit.eventually import run_async

NamedPlace = tuple[str, Place]
SIZE = 600
NOW = 1_700_000_000_000
NEVER = 4_294_967_295


def session(number: int, random_: random.Random) -> dict[str, Any]:
    online, clean = random_.random() < 0.6, random_.random() < 0.5
    connected = NOW + random_.randrange(1_000) * 1_000
    created = connected if clean else connected - random_.randrange(2) * random_.randrange(500) * 1_000
    return {
        **SESSION,
        "tenant": random_.choice(("default", "default", "default", "other")),
        "client_id": f"{random_.choice('abc')}-{number:04}-é%_",
        "created_at": created,
        "connected_at": connected,
        "online": online,
        "disconnected_at": 0 if online else connected + 1,
        # Some sessions that are away have been over for years.
        "expiry": random_.choice((0, NEVER)) if online else random_.choice((NEVER, NEVER, 10)),
        "username": random_.choice(("", "ann", "bob", "ann-%é")),
        "address": random_.choice(("192.0.2.1", "192.0.2.2", "2001:db8::1")),
        "node": random_.choice(("n1", "n2")),
        "zone": random_.choice(("", "inner")),
        "clean_start": clean,
        "version": random_.choice((3, 4, 5)),
    }


def filters(sessions: list[dict[str, Any]], random_: random.Random) -> Filters:
    """A random combination, of values that there are."""
    one = random_.choice(sessions)
    moment = one["connected_at"]
    choices: dict[str, Any] = {
        "username": one["username"] or "ann", "address": one["address"], "online": one["online"], "node": one["node"],
        "clean_start": one["clean_start"], "versions": tuple({one["version"], 4}), "zone": one["zone"],
        "created_from": moment - 200_000, "created_to": moment, "connected_from": moment,
        "connected_to": moment + 300_000, "in_client_id": one["client_id"][:1] + "-0",
        "in_username": one["username"][1:3],
    }  # fmt: skip
    if random_.random() < 0.1:
        choices["client_id"] = one["client_id"]
    return Filters(**{name: choices[name] for name in random_.sample(sorted(choices), random_.randrange(5))})


def meets(one: dict[str, Any], f: Filters) -> bool:
    alive = one["online"] or one["expiry"] == NEVER
    exact = {
        "client_id": f.client_id, "username": f.username, "address": f.address, "online": f.online, "node": f.node,
        "clean_start": f.clean_start, "zone": f.zone,
    }  # fmt: skip
    return (
        one["tenant"] == "default"
        and alive
        and all(value is None or one[name] == value for name, value in exact.items())
        and (f.versions is None or one["version"] in f.versions)
        and f.created_from <= one["created_at"] <= f.created_to
        and f.connected_from <= one["connected_at"] <= f.connected_to
        and f.in_client_id in one["client_id"]
        and f.in_username in one["username"]
    )


@pytest.fixture(scope="module")
def sessions() -> list[dict[str, Any]]:
    random_ = random.Random(4)
    return [session(number, random_) for number in range(SIZE)]


@pytest.fixture(scope="module")
def filled(new_postgres: Callable[..., PostgresSettings], sessions: list[dict[str, Any]]) -> Tables:
    """Tables with the sessions, and the indexes."""
    tables = Tables(new_postgres(migrated=True))
    tables.sessions(*sessions)
    tables.ready()

    async def index() -> None:
        pool = await open_pool(tables.settings)
        try:
            assert await searches.make(pool)
            await pool.execute("vacuum (analyze) sessions")
        finally:
            await pool.close()

    run_async(index())
    return tables


@pytest.fixture(params=[postgres.PLANNER, postgres.PLANNER_OF_SEARCHES], ids=["generic plans", "plans for each"])
async def store(filled: Tables, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    store = Store(filled.settings, 1, request.param)
    await store.open()
    yield store
    await store.close()


async def test_any_combination_finds_what_there_is(store: Store, sessions: list[dict[str, Any]]) -> None:
    random_ = random.Random(5)
    found_some = 0
    for _ in range(70):
        wanted = filters(sessions, random_)
        expected = sorted(one["client_id"] for one in sessions if meets(one, wanted))
        limit = random_.randrange(1, 60)
        pages = [
            await search.page(store, "default", wanted, first, limit)
            for first in range(0, len(expected) + limit, limit)
        ]
        assert sorted(row["client_id"] for page in pages for row in page) == expected, wanted
        assert all(len(page) == limit for page in pages[: len(expected) // limit])
        walked = await walk(store, wanted, limit)
        assert sorted(client_id for _, client_id in walked) == expected
        assert await walk_back(store, wanted, limit) == walked[::-1]
        for column in search.BY_NAME:
            by_name = sorted(place(one, column) for one in sessions if meets(one, wanted) and one[column])
            assert await walk_by_name(store, wanted, column, "after", limit) == by_name, wanted
            assert await walk_by_name(store, wanted, column, "before", limit) == by_name[::-1]
        if wanted.username is None and wanted.address is None:
            assert await search.count(store, "default", wanted) == len(expected)
        found_some += bool(expected)
    assert found_some > 35


async def walk(store: Store, wanted: Filters, limit: int) -> list[Place]:
    """All places, page by page behind the last one; they ascend."""
    found: list[Place] = []
    while rows := await search.after(store, "default", wanted, found[-1] if found else BEGINNING, limit):
        found += [(row["created_at"], row["client_id"]) for row in rows]
    assert found == sorted(found)
    return found


async def walk_back(store: Store, wanted: Filters, limit: int) -> list[Place]:
    """The same, latest first."""
    found: list[Place] = []
    while rows := await search.before(store, "default", wanted, found[-1] if found else END, limit):
        found += [(row["created_at"], row["client_id"]) for row in rows]
    return found


async def walk_by_name(store: Store, wanted: Filters, column: str, way: search.Way, limit: int) -> list[NamedPlace]:
    """All places by username or address, page by page."""
    found: list[NamedPlace] = []
    while rows := await search.by_name(store, "default", wanted, column, found[-1] if found else None, limit, way):
        found += [place(row, column) for row in rows]
    return found


def place(row: Mapping[str, Any], column: str) -> NamedPlace:
    """By Python's order of texts, which is that of code points."""
    return row[column], (row["created_at"], row["client_id"])


async def test_long_pages_come_in_parts(store: Store, sessions: list[dict[str, Any]]) -> None:
    parts = [rows async for rows in search.pages(store, "default", ANY, 0, 10_000)]
    whole = [row["client_id"] for row in await search.page(store, "default", ANY, 0, 10_000)]
    assert [row["client_id"] for rows in parts for row in rows] == whole
    assert len(whole) == sum(meets(one, ANY) for one in sessions)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_what_no_text_can_be_finds_nobody(store: Store, text: str) -> None:
    for wanted in (Filters(client_id=text), Filters(username=text), Filters(in_client_id=text), Filters(node=text)):
        assert await search.page(store, "default", wanted, 0, 10) == []
        assert await search.after(store, "default", wanted, BEGINNING, 10) == []


QUERIES = [name for name in queries.load() if name.startswith("search_")]


@pytest.mark.parametrize("name", [name for name in QUERIES if "search_client" not in name])
async def test_filters_read_an_index_alone(store: Store, filled: Tables, name: str) -> None:
    """Whatever the statistics say: no scan of the table, and none of an index by key that looks up its rows."""
    assert store._pool is not None
    of_kinds = INDEX[name.partition("/")[0]] == "sessions_by_kind"
    arguments = (
        "default",
        None,
        *(("", None) if of_kinds else ("ann", "192.0.2.1")),
        True,
        "n1",
        True,
        [4],
        "",
        0,
        NOW,
        0,
        NOW,
        "a",
        "b",
        *(END if name.endswith("/before") else BEGINNING),
        0,
        10,
        *(["ann"] if name.partition("/")[0] in search.BY_NAME.values() else []),
    )
    async with store._pool.acquire() as connection:
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain {queries.load()[name]}", *arguments))
    assert "Seq Scan on sessions" not in plan
    lookups = [line for line in plan.splitlines() if " Index Scan using" in line and " on sessions" in line]
    assert all("sessions_pkey" in line for line in lookups)
    back = "Backward " if name.endswith("/before") else ""
    assert f"Index Only Scan {back}using {INDEX[name.partition('/')[0]]}" in plan
    assert "Sort" not in plan or name.startswith("search_ages"), "which sorts no more than a page of each kind"


INDEX = {
    "search_kinds": "sessions_by_kind",
    "search_ages": "sessions_by_kind",
    "search_kinds_only": "sessions_by_kind",
    "search_count": "sessions_by_kind",
    "search_username": "sessions_by_username",
    "search_address": "sessions_by_address",
    "search_usernames": "sessions_by_username",
    "search_addresses": "sessions_by_address",
}


PLANS = {
    "search_ages/after": "Index Only Scan using sessions_by_kind",
    "search_ages/before": "Index Only Scan Backward using sessions_by_kind",
    "search_usernames/after": "Index Only Scan using sessions_by_username",
    "search_usernames/before": "Index Only Scan Backward using sessions_by_username",
    "search_addresses/after": "Index Only Scan using sessions_by_address",
    "search_addresses/before": "Index Only Scan Backward using sessions_by_address",
    "whole_sessions_before/all": "Index Scan Backward using sessions_pkey",
    "subscriptions_by_filter/all": "Index Scan using subscriptions_by_filter",
    "subscriptions_by_filter/connected": "Index Scan using subscriptions_by_filter",
    "subscriptions_by_client/all": "Index Scan using subscriptions_pkey",
}


@pytest.mark.parametrize("name", PLANS)
async def test_pages_behind_a_place_walk_an_index_in_its_order(filled: Tables, name: str) -> None:
    """With the plan that is made once for all arguments; of kinds, a page of each is sorted."""
    store = Store(filled.settings, 1)
    await store.open()
    assert store._pool is not None
    query = queries.load()[name]
    nothing = ", ".join(["null"] * max(map(int, re.findall(r"\$(\d+)", query))))
    async with store._pool.acquire() as connection:
        await connection.execute(f"prepare asked as {query}")
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain execute asked({nothing})"))
    await store.close()
    assert PLANS[name] in plan
    assert "Seq Scan on s" not in plan
    assert plan.count("Sort Key") == name.startswith("search_ages")


def test_every_query_says_that_a_model_loads(new_postgres: Callable[..., PostgresSettings]) -> None:
    tables = Tables(new_postgres(migrated=True))

    async def ask() -> None:
        store = Store(tables.settings, 1)
        await store.open()
        try:
            for wanted in (ANY, Filters(username="x"), Filters(address="192.0.2.9"), Filters(client_id="x")):
                with pytest.raises(UnavailableError):
                    await search.page(store, "default", wanted, 0, 10)
                with pytest.raises(UnavailableError):
                    await search.after(store, "default", wanted, BEGINNING, 10)
                with pytest.raises(UnavailableError):
                    await search.before(store, "default", wanted, END, 10)
                for column in search.BY_NAME:
                    with pytest.raises(UnavailableError):
                        await search.by_name(store, "default", wanted, column, None, 10, "before")
        finally:
            await store.close()

    run_async(ask())
