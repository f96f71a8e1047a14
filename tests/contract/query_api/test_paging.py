"""Pages: all of it exactly once, whatever comes and goes meanwhile; tokens of this list only."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.contract.query_api.client import Api
from tests.contract.query_api.tables import AWAY, SESSION, Tables
from tests.stackkit.eventually import run_async


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("state", ["all", "connected", "disconnected"])
def test_pages_make_the_whole(api: Api, tables: Tables, limit: int, state: str) -> None:
    names = ["a", "a\x01", "a ", "a  ", "ab", "B", "é", "\U0001f600", "z", "a/1", "a/2"]
    tables.sessions(*({"client_id": name, **(AWAY if n % 2 else {})} for n, name in enumerate(names)))
    whole = api.ids(state=state)
    assert whole == sorted(whole, key=str.encode)
    pages = list(api.walk(state=state, limit=limit))
    assert [client_id for page in pages for client_id in page] == whole
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


def test_the_limit_may_change_on_the_way(api: Api, tables: Tables) -> None:
    tables.sessions(*({"client_id": f"c{n}"} for n in range(9)))
    token = api.sessions(limit=4).json()["next_page_token"]
    assert api.ids(limit=0, page_token=token) == [f"c{n}" for n in range(4, 9)]


def test_a_token_outlives_its_session(api: Api, tables: Tables) -> None:
    tables.sessions(*({"client_id": f"c{n}"} for n in range(5)))
    token = api.sessions(limit=2).json()["next_page_token"]
    tables.execute("delete from sessions where client_id in ('c1', 'c2')")
    assert api.ids(limit=2, page_token=token) == ["c3", "c4"]


def test_tokens_say_nothing_and_are_of_one_list(api: Api, tables: Tables) -> None:
    tables.sessions(*({"client_id": f"c{n}"} for n in range(5)))
    tables.subscriptions(*({"client_id": f"c{n}", "filter": f"c{n}"} for n in range(5)))
    token = api.sessions(limit=1, prefix="c", state="connected").json()["next_page_token"]
    assert api.ids(page_token=token, prefix=" c ", state="CONNECTED ") == ["c1", "c2", "c3", "c4"]
    foreign = [
        {"prefix": "c"},
        {"state": "connected"},
        {"prefix": "c1", "state": "connected"},
        {"prefix": "c", "state": "disconnected"},
    ]
    for filters in foreign:
        answer = api.sessions(page_token=token, **filters)
        assert (answer.status, answer.error) == (400, "invalid page_token")
    answer = api.get(f"/api/v1/subscriptions?prefix=c&state=connected&page_token={token}")
    assert (answer.status, answer.error) == (400, "invalid page_token")


def test_an_altered_token_is_refused(api: Api, tables: Tables) -> None:
    tables.sessions(*({"client_id": f"c{n}"} for n in range(3)))
    token = api.sessions(limit=1).json()["next_page_token"]
    for place in range(0, len(token), 3):
        altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert api.sessions(page_token=altered).status == 400


def test_a_position_is_no_page_token(api: Api) -> None:
    position = api.sessions().headers["mqledger-position"]
    assert api.sessions(page_token=position).error == "invalid page_token"


@pytest.mark.parametrize("state", ["all", "connected"])
def test_a_walk_while_sessions_come_and_go(api: Api, tables: Tables, state: str) -> None:
    stay = {f"stay-{n:04}-{n * 7919 % 1000:03}" for n in range(400)}
    tables.sessions(*({"client_id": client_id} for client_id in stay))
    walks = run_async(walk_under_churn(api, tables, state))
    assert len(walks) >= 3
    for seen in walks:
        assert len(seen) == len(set(seen)), "twice"
        assert seen == sorted(seen, key=str.encode)
        assert stay <= set(seen), "missed"
    assert any(set(seen) - stay for seen in walks), "nothing came and went"


async def walk_under_churn(api: Api, tables: Tables, state: str) -> list[list[str]]:
    """The client ids of some walks while others are inserted, deleted and updated around them."""
    done = asyncio.Event()

    async def churn() -> None:
        connection = await tables.connect()
        chance = random.Random(1)
        columns = ", ".join(SESSION)
        values = ", ".join(f"${n + 1}" for n in range(len(SESSION)))
        insert = f"insert into sessions ({columns}) values ({values}) on conflict do nothing"
        try:
            while not done.is_set():
                guests = [f"stay-{chance.randrange(400):04}-guest-{chance.randrange(9)}" for _ in range(20)]
                for guest in guests:
                    await connection.execute(insert, *{**SESSION, "client_id": guest}.values())
                # Sessions that stay get new row versions, in other places of the heap.
                await connection.execute(
                    "update sessions set keep_alive = keep_alive + 1 where client_id like 'stay-%5'"
                )
                await connection.execute("delete from sessions where client_id = any($1)", guests[::2])
        finally:
            await connection.close()

    def walks() -> list[list[str]]:
        return [[one for page in api.walk(limit=7, state=state) for one in page] for _ in range(3)]

    churning = asyncio.create_task(churn())
    try:
        return await asyncio.to_thread(walks)
    finally:
        done.set()
        await churning
