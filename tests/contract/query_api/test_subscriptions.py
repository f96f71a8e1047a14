"""Topic filters and their clients: shapes, states (connected unless said otherwise), pages, paths."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from tests.contract.query_api.client import Answer, Api
from tests.contract.query_api.tables import AWAY, Tables

LIST = "/api/v1/subscriptions"


@pytest.fixture
def held(tables: Tables) -> None:
    """Filters held by two connected clients, one that is away, and one of another tenant."""
    tables.sessions(
        {"client_id": "a"}, {"client_id": "b"}, {"client_id": "c", **AWAY}, {"client_id": "a", "tenant": "other"}
    )
    tables.subscriptions(
        {"client_id": "a", "filter": "devices/+/events", "qos": 1},
        {"client_id": "b", "filter": "devices/+/events", "qos": 2},
        {"client_id": "c", "filter": "devices/+/events", "qos": 0},
        {"client_id": "c", "filter": "alarms/#", "qos": 1},
        {"client_id": "b", "filter": "#", "qos": 0},
        {"client_id": "a", "filter": "secret", "tenant": "other"},
    )


def filters(answer: Answer) -> list[tuple[str, int, int]]:
    """The rows of a list."""
    assert answer.status == 200, answer
    return [tuple(row.values()) for row in answer.json()["subscriptions"]]


def clients(api: Api, topic_filter: str, **parameters: object) -> Answer:
    """The clients of a filter."""
    return api.get(f"{LIST}/{quote(topic_filter, safe='')}/clients?{urlencode(parameters)}")


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [("#", 1, 0), ("devices/+/events", 2, 2)]),
        ("?state=connected", [("#", 1, 0), ("devices/+/events", 2, 2)]),
        ("?state=all", [("#", 1, 0), ("alarms/#", 1, 1), ("devices/+/events", 3, 2)]),
        ("?state=disconnected", [("alarms/#", 1, 1), ("devices/+/events", 1, 0)]),
        ("?prefix=devices/", [("devices/+/events", 2, 2)]),
        ("?prefix=%00", []),
        ("?state=all&limit=2", [("#", 1, 0), ("alarms/#", 1, 1)]),
    ],
)
def test_filters(api: Api, query: str, expected: list[tuple[str, int, int]]) -> None:
    for path in (LIST, LIST + "/"):
        assert filters(api.get(path + query)) == expected


@pytest.mark.usefixtures("held")
def test_filters_page_by_page(api: Api) -> None:
    first = api.get(LIST + "?state=all&limit=2").json()
    second = api.get(f"{LIST}?state=all&limit=2&page_token={first['next_page_token']}").json()
    assert [row["filter"] for row in first["subscriptions"] + second["subscriptions"]] == [
        "#",
        "alarms/#",
        "devices/+/events",
    ]
    assert "next_page_token" not in second


@pytest.mark.usefixtures("held")
def test_shapes(api: Api) -> None:
    assert api.get(LIST + "?prefix=d").body == (
        b'{"subscriptions":[{"filter":"devices/+/events","subscriber_count":2,"max_qos":2}]}'
    )
    assert clients(api, "devices/+/events").body == (
        b'{"filter":"devices/+/events","clients":[{"client_id":"a","qos":1},{"client_id":"b","qos":2}]}'
    )


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["a", "b"]),
        ({"state": "all"}, ["a", "b", "c"]),
        ({"state": "disconnected"}, ["c"]),
        ({"state": "all", "prefix": "b"}, ["b"]),
        ({"state": "all", "limit": "1"}, ["a"]),
    ],
)
def test_clients(api: Api, parameters: dict[str, str], expected: list[str]) -> None:
    answer = clients(api, "devices/+/events", **parameters)
    assert [client["client_id"] for client in answer.json()["clients"]] == expected
    assert answer.json().get("next_page_token", "") == "" or parameters.get("limit")


def test_a_filter_that_nobody_holds_has_no_clients(api: Api) -> None:
    assert clients(api, 'no"body').body == b'{"filter":"no\\"body","clients":[]}'


@pytest.mark.usefixtures("held")
def test_clients_page_by_page_and_tokens_are_of_one_filter(api: Api) -> None:
    token = clients(api, "devices/+/events", limit=1).json()["next_page_token"]
    assert clients(api, "devices/+/events", limit=5, page_token=token).json()["clients"] == [
        {"client_id": "b", "qos": 2}
    ]
    other = clients(api, "alarms/#", page_token=token)
    assert (other.status, other.error) == (400, "invalid page_token")


@pytest.mark.parametrize(
    "path",
    ["/x", "/x/y/clients", "//clients", "/clients", "/%zz/clients", "/%00/clients", "/%FF/clients", "/x/clients/"],
)
def test_what_is_not_a_filter(api: Api, path: str) -> None:
    answer = api.get(LIST + path)
    assert (answer.status, answer.error) == (404, "subscription not found")


@pytest.mark.parametrize("path", ["", "/x/clients"])
def test_the_same_checks_as_for_sessions(api: Api, path: str) -> None:
    assert api.get(LIST + path + "?state=x&limit=x").error.startswith("state")
    assert api.get(LIST + path + "?limit=x&page_token=x").error.startswith("limit")
    assert api.get(LIST + path + "?page_token=x").error == "invalid page_token"
