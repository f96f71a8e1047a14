"""Lists of the native API by filters and orders, page by page, on tables filled by the test."""

from __future__ import annotations

from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.contract.query_api.client import Api
from tests.contract.query_api.tables import AWAY, Tables

BASE = "/api/mqledger/v1"
SESSIONS = [
    {"client_id": "a", "username": "bob", "address": "192.0.2.2", "created_at": 3_000, "node": "n1"},
    {"client_id": "b", "username": "ann", "address": "192.0.2.1", "created_at": 4_000, "node": "n1"},
    {"client_id": "c", "username": "", "address": "192.0.2.1", "created_at": 2_000, "node": "n2", **AWAY},
    {"client_id": "d", "username": "ann", "address": "192.0.2.10", "created_at": 1_000, "node": "n2"},
    {"client_id": "é", "username": "ann", "address": "192.0.2.2", "created_at": 4_000, "node": "n2", "zone": "z"},
]
HELD = [
    ("a", "plant/+/on", 1), ("a", "$share/g/plant/1/on", 2), ("b", "plant/1/on", 0), ("c", "plant/1/on", 2),
    ("b", "$share/h/plant/1/on", 1), ("d", "other/x", 1), ("d", "plant", 1), ("é", "+/1/on", 0), ("é", "plant/1/on", 1),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _filled(tables: Tables) -> None:
    tables.sessions(*SESSIONS, {"client_id": "a", "tenant": "other"})
    tables.subscriptions(
        *({"client_id": client_id, "filter": held, "qos": qos} for client_id, held, qos in HELD),
        {"client_id": "a", "filter": "plant/1/on", "tenant": "other"},
    )


def every(api: Api, path: str, **query: Any) -> list[dict[str, Any]]:
    """The items of all pages of two."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = api.get(f"{BASE}{path}?{urlencode({**query, 'limit': 2, 'cursor': cursor})}")
        assert answer.status == 200, answer
        page = answer.json()
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = page["next"]


COLUMNS: dict[str, tuple[str, ...]] = {
    "client_id": ("client_id",),
    "created_at": ("created_at", "client_id"),
    "username": ("username", "created_at", "client_id"),
    "address": ("address", "created_at", "client_id"),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_sessions_in_any_order(api: Api, column: str) -> None:
    for state, zone in product(("all", "connected", "disconnected"), (None, "z")):
        given: dict[str, Any] = (
            {"state": state} if column == "client_id" or zone is None else {"state": state, "zone": zone}
        )
        wanted = [
            str(one["client_id"])
            for one in sorted(SESSIONS, key=lambda one: tuple(one[name] for name in COLUMNS[column]))
            if state in ("all", "connected" if one.get("online", True) else "disconnected")
            and one.get("zone", "") in ("", given.get("zone", "z"))
            and ("zone" not in given or one.get("zone"))
            and (column != "username" or one["username"])
        ]
        assert [one["client_id"] for one in every(api, "/sessions", sort=column, **given)] == wanted
        assert [one["client_id"] for one in every(api, "/sessions", sort=f"-{column}", **given)] == wanted[::-1]


def test_what_orders_do_not_go_with(api: Api) -> None:
    assert [one["client_id"] for one in every(api, "/sessions", sort="-client_id", prefix="é")] == ["é"]
    assert [one["client_id"] for one in every(api, "/sessions", sort="-username", username="ann")] == ["é", "b", "d"]
    assert [one["client_id"] for one in every(api, "/sessions", sort="address", address="192.0.2.1")] == ["c", "b"]
    moment = "2026-01-02T03:04:05Z"
    for given in (
        {"sort": "-client_id", "as_of": moment}, {"sort": "username", "prefix": "a"},
        {"sort": "-client_id", "zone": "z"},
        {"sort": "node"}, {"sort": "-"},
    ):  # fmt: skip
        assert api.get(f"{BASE}/sessions?{urlencode(given)}").status == 400, given
    cursor = api.get(f"{BASE}/sessions?sort=username&limit=1").json()["next"]
    assert api.get(f"{BASE}/sessions?sort=-username&limit=1&cursor={cursor}").status == 400


STATE = {str(one["client_id"]): "connected" if one.get("online", True) else "disconnected" for one in SESSIONS}
NODE = {str(one["client_id"]): one["node"] for one in SESSIONS}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, lambda *_: True),
        ({"qos": 1}, lambda _, __, qos: qos == 1),
        ({"node": "n2"}, lambda client_id, *_: NODE[client_id] == "n2"),
        ({"node": "n2", "qos": 1}, lambda client_id, _, qos: NODE[client_id] == "n2" and qos == 1),
        ({"state": "disconnected"}, lambda client_id, *_: STATE[client_id] == "disconnected"),
        ({"state": "connected"}, lambda client_id, *_: STATE[client_id] == "connected"),
        ({"client_id": "é"}, lambda client_id, *_: client_id == "é"),
        ({"client_id": "a", "prefix": "plant/"}, lambda client_id, held, _: (client_id, held) == ("a", "plant/+/on")),
        ({"client_id": "a", "filter": "plant/+/on"}, lambda *one: one == ("a", "plant/+/on", 1)),
        ({"client_id": "nobody"}, lambda *_: False),
        ({"prefix": "plant/"}, lambda _, held, __: held.startswith("plant/")),
        ({"filter": "plant/1/on", "qos": 2}, lambda _, held, qos: (held, qos) == ("plant/1/on", 2)),
        ({"group": "g"}, lambda _, held, __: held.startswith("$share/g/")),
        ({"group": "g", "prefix": "$share/"}, lambda _, held, __: held.startswith("$share/g/")),
        ({"group": "g", "filter": "$share/g/plant/1/on"}, lambda _, held, __: held == "$share/g/plant/1/on"),
        ({"group": "g", "prefix": "plant"}, lambda *_: False),
        ({"group": "g", "filter": "plant/1/on"}, lambda *_: False),
        ({"match": "plant/#"}, lambda _, held, __: held.startswith(("plant", "$share/g/plant", "$share/h/plant"))),
        ({"match": "plant/+/on", "group": "h"}, lambda _, held, __: held == "$share/h/plant/1/on"),
        ({"match": "+/1/on", "client_id": "é"}, lambda client_id, *_: client_id == "é"),
        ({"match": "plant/1/on", "state": "disconnected"}, lambda client_id, *_: client_id == "c"),
    ],
)  # fmt: skip
def test_subscriptions_by_filters(api: Api, given: dict[str, Any], wanted: Any) -> None:
    expected = sorted((held, client_id, qos) for client_id, held, qos in HELD if wanted(client_id, held, qos))
    found = every(api, "/subscriptions", **given)
    assert [(one["filter"], one["client_id"], one["qos"]) for one in found] == expected


@pytest.mark.parametrize(
    "given", [{"match": "a/#/b"}, {"match": "/".join("a" * 200)}, {"group": "a/b"}, {"qos": 3}, {"state": "away"}]
)
def test_what_no_subscription_can_be_is_refused(api: Api, given: dict[str, Any]) -> None:
    assert api.get(f"{BASE}/subscriptions?{urlencode(given)}").status == 400
