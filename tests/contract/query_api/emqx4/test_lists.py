"""Lists over HTTP: long ones, walks by number, times in a zone; and what a caller of one tenant is told."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from schemas.settings import PostgresSettings
from tests.contract.query_api.client import Answer, Api
from tests.contract.query_api.conftest import StartApi
from tests.contract.query_api.tables import AWAY, Tables

BASE = "/api/v4"
SECRET = "correct horse battery"
MANY = 2_345
THEIRS = ("secret/#", "$share/g/secret/x", "$share/gg/secret/x")


@pytest.fixture(scope="module")
def filled(new_postgres: Callable[..., PostgresSettings], start_api: StartApi) -> Api:
    """Many sessions of a tenant, one of another, and an operator of each."""
    tables = Tables(new_postgres(migrated=True))
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(SECRET)
    rest = {"role": "operator", "password": hashed, "tags": "", "position": 0, "changed_at": 0, "changed_by": ""}
    tables.insert("accounts", [{"name": tenant, "tenant": tenant, **rest} for tenant in ("default", "acme")])
    tables.execute("insert into admin_applied (partition, next, log_end) values (0, 8, 8)")
    tables.sessions(
        *({"client_id": f"c-{n:05}", "created_at": n, **(AWAY if n % 3 else {})} for n in range(MANY)),
        {"client_id": "theirs", "tenant": "acme", "username": "x"},
    )
    tables.subscriptions(
        *({"client_id": f"c-{n:05}", "filter": "a/#"} for n in range(1_500)),
        *({"client_id": "theirs", "filter": one, "tenant": "acme"} for one in THEIRS),
    )
    route = {"partition": 0, "node": "node-1", "sessions": 1}
    tables.insert("routes", [{**route, "tenant": "acme", "filter": "secret/#"}])
    rows = [("default", "sessions", MANY), ("default", "subscriptions", 1_500), ("acme", "sessions", 1)]
    tables.insert("totals", [{"partition": 0, "tenant": t, "name": n, "value": v} for t, n, v in rows])
    ban = {"kind": "clientid", "by": "", "reason": "", "at": 1, "until": 0, "position": 0}
    tables.insert("bans", [{**ban, "tenant": "acme", "who": "them", "changed_at": 0, "changed_by": ""}])
    tables.ready()
    tables.applied(1)
    api, _ = start_api(tables.settings, dialects__time_zone="Europe/Berlin")
    return api


def ask(api: Api, path: str, tenant: str = "default", method: str = "GET", **headers: str) -> Answer:
    login = b64encode(f"{tenant}:{SECRET}".encode()).decode()
    return api.request(method, BASE + path, {"Authorization": f"Basic {login}", **headers})


def ids(answer: Answer) -> list[str]:
    return [one["clientid"] for one in answer.json()["data"]]


@pytest.mark.parametrize("limit", [400, 2_000])
def test_a_walk_by_number_sees_everybody_once(filled: Api, limit: int) -> None:
    seen: list[str] = []
    for page in range(1, MANY // limit + 2):
        answer = ask(filled, f"/clients?_page={page}&_limit={limit}")
        more = len(seen) + limit < MANY
        assert answer.json()["meta"] == {"page": page, "limit": limit, "hasnext": more, "count": MANY}
        seen += ids(answer)
    assert sorted(seen) == [f"c-{n:05}" for n in range(MANY)]


def test_everybody_at_once(filled: Api) -> None:
    whole = ask(filled, "/clients")
    assert len(ids(whole)) == MANY
    assert whole.json()["meta"]["hasnext"] is False
    online = ask(filled, "/clients?conn_state=connected&_limit=1000000")
    assert len(ids(online)) == len(range(0, MANY, 3))
    assert len(ask(filled, "/subscriptions").json()["data"]) == 1_500
    assert ask(filled, "/subscriptions?_limit=1400").json()["meta"]["hasnext"] is True


def test_times_are_those_of_the_configured_zone(filled: Api) -> None:
    (client,) = ask(filled, "/clients/c-00000").json()["data"]
    assert client["created_at"] == "1970-01-01 01:00:00"


@pytest.mark.parametrize(
    "path",
    [
        "/clients", "/clients/c-00001", "/clients?clientid=c-00001", "/clients?_like_clientid=c-", "/clients/username/",
        "/subscriptions", "/subscriptions/c-00001", "/subscriptions?topic=a/%23", "/subscriptions?_match_topic=%23",
        "/clients?_page=2&_limit=1", "/banned",
    ],
)  # fmt: skip
def test_a_tenant_sees_nothing_of_another(filled: Api, path: str) -> None:
    """Neither names nor counts; and by no header."""
    for tenant, foreign in (("acme", b"c-0"), ("default", b"them"), ("default", b"theirs"), ("default", b"secret")):
        answer = ask(filled, path, tenant)
        assert foreign not in answer.body
    assert (ask(filled, "/clients", "acme").json()["meta"]["count"], ids(ask(filled, "/clients", "acme"))) == (
        1,
        ["theirs"],
    )
    assert ask(filled, path, "acme", **{"mqledger-tenant": "default"}).status == 403


def test_shared_subscriptions_are_found_by_their_group(filled: Api) -> None:
    def found(query: str) -> list[str]:
        return [one["topic"] for one in ask(filled, f"/subscriptions?{query}", "acme").json()["data"]]

    assert found("share=g") == ["$share/g/secret/x"]
    assert found("share=x") == []
    assert found("_match_topic=secret/x") == list(THEIRS[1:])
    assert found("topic=$share/gg/secret/x") == [THEIRS[2]]


def test_routes_and_numbers_are_those_of_the_tenant(filled: Api) -> None:
    assert ask(filled, "/routes").json()["data"] == []
    assert [one["topic"] for one in ask(filled, "/routes", "acme").json()["data"]] == ["secret/#"]
    assert ask(filled, "/routes/secret%2F%23").json()["data"] == []


@pytest.mark.parametrize("path", ["/plugins/retainer/unload", "/plugins/retainer/load", "/plugins/retainer/reload"])
def test_an_operator_switches_no_modules(filled: Api, path: str) -> None:
    answer = ask(filled, path, method="PUT")
    assert (answer.status, answer.body) == (403, b"Forbidden")


HOSTILE: list[Any] = [
    "/clients?_page=99999999999999999", "/clients?_page=-5&_limit=1", "/clients?_limit=-1", "/clients?proto_ver=999999",
    "/clients?_gte_created_at=-99999999999999", "/clients?_lte_created_at=999999999999999999", "/clients?=&&&a",
    "/clients?clientid=%FF%00", "/clients?username=' or 1=1 --", "/clients?_like_clientid=%25", "/clients?zone=%F0%9F",
    "/subscriptions?qos=9", "/subscriptions?share=%00", "/subscriptions?_match_topic=(((",
    "/subscriptions?_match_topic=%2B%2B",
    "/routes?_page=999999999999999", "/nodes/%F0/clients", "/clients/" + "x" * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path[:40])
def test_hostile_requests_get_an_answer_of_the_dialect(filled: Api, path: str) -> None:
    answer = ask(filled, path.replace(" ", "%20"))
    assert answer.status in (200, 400, 404)
    if answer.status == 200:
        assert answer.json()["code"] in (0, 108, 115)
