"""Lists and details of sessions: states, prefix, limit, order, errors, methods, encodings."""

from __future__ import annotations

import time

import pytest

from tests.contract.query_api.client import Api
from tests.contract.query_api.tables import AWAY, Tables

LIST = "/api/v1/sessions"
BAD_STATE = "state must be one of: connected, disconnected, all"
BAD_LIMIT = "limit must be a non-negative integer"


@pytest.fixture
def five(tables: Tables) -> None:
    """Three connected sessions and two that are away, not inserted in order."""
    tables.sessions(
        {"client_id": "b1"},
        {"client_id": "a2", **AWAY},
        {"client_id": "B"},
        {"client_id": "a1"},
        {"client_id": "é", **AWAY},
        {"client_id": "other", "tenant": "other"},
    )


ALL = ["B", "a1", "a2", "b1", "é"]


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ALL),
        ("?state=", ALL),
        ("?state=all", ALL),
        ("?state=+ALL%20", ALL),
        ("?state=connected", ["B", "a1", "b1"]),
        ("?state=Connected", ["B", "a1", "b1"]),
        ("?state=disconnected", ["a2", "é"]),
        ("?state=disconnected&state=nonsense", ["a2", "é"]),
        ("?prefix=a", ["a1", "a2"]),
        ("?prefix=+a%09", ["a1", "a2"]),
        ("?prefix=b", ["b1"]),
        ("?prefix=%C3%A9", ["é"]),
        ("?prefix=%C3", []),
        ("?prefix=c", []),
        ("?prefix=%25", []),
        ("?prefix=_", []),
        ("?prefix=a%00", []),
        ("?prefix=a&state=connected", ["a1"]),
        ("?limit=2", ["B", "a1"]),
        ("?limit=%2B2", ["B", "a1"]),
        ("?limit=+2+", ["B", "a1"]),
        ("?limit=007", ALL),
        ("?limit=2&limit=x", ["B", "a1"]),
        ("?limit=0", ALL),
        ("?limit=", ALL),
        ("?limit=-0", ALL),
        ("?limit=9223372036854775807", ALL),
        ("?limit=%zz&limit=1", ["B"]),
        ("?page_token=", ALL),
        ("?page_token=%20", ALL),
        ("?unknown=1", ALL),
        ("?STATE=connected", ALL),
    ],
)
def test_what_a_list_holds(api: Api, query: str, expected: list[str]) -> None:
    for path in (LIST, LIST + "/"):
        answer = api.get(path + query)
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert [session["client_id"] for session in answer.json()["sessions"]] == expected


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("?state=x", BAD_STATE),
        ("?state=connected%00", BAD_STATE),
        ("?state=%FF", BAD_STATE),
        ("?state=x&limit=x&page_token=x", BAD_STATE),
        ("?limit=x", BAD_LIMIT),
        ("?limit=9223372036854775808", BAD_LIMIT),
        ("?limit=" + "9" * 5000, BAD_LIMIT),
        ("?limit=-1", BAD_LIMIT),
        ("?limit=1.5", BAD_LIMIT),
        ("?limit=1_0", BAD_LIMIT),
        ("?limit=0x1", BAD_LIMIT),
        ("?limit=%D9%A3", BAD_LIMIT),
        ("?limit=1%00", BAD_LIMIT),
        ("?limit=-" + "9" * 5000, BAD_LIMIT),
        ("?limit=x&page_token=x", BAD_LIMIT),
        ("?page_token=x", "invalid page_token"),
        ("?page_token=x&at_least=x", "invalid page_token"),
        ("?page_token=a1", "invalid page_token"),
        ("?page_token=%00", "invalid page_token"),
        ("?page_token=%FF", "invalid page_token"),
        ("?page_token=" + "A" * 60_000, "invalid page_token"),
        ("?at_least=x", "invalid at_least"),
    ],
)
def test_what_is_refused_and_in_which_order(api: Api, query: str, error: str) -> None:
    answer = api.get(LIST + query)
    assert (answer.status, answer.error) == (400, error)
    assert answer.body == b'{"error":"%s"}' % error.encode()


def test_an_empty_list_is_an_empty_array(api: Api) -> None:
    assert api.get(LIST).body == b'{"sessions":[]}'
    assert api.get(LIST + "?limit=5").body == b'{"sessions":[]}'


METHODS = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X"]
PATHS = [LIST, LIST + "/", LIST + "/b1", LIST + "/a/b", "/api/v1/subscriptions", "/api/v1/subscriptions/a/clients",
         "/api/v1/stats", "/api/v1/cluster", "/api/v1/overview", "/health", "/health/live", "/health/ready",
         "/metrics", "/schema/openapi.json"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_only_get_is_known(api: Api, method: str, path: str) -> None:
    answer = api.request(method, path + "?state=nonsense", body=b"x" if method == "POST" else b"")
    assert (answer.status, answer.body) == (405, b'{"error":"method not allowed"}')
    assert answer.headers["allow"] == "GET"
    assert answer.headers["mqledger-applied"] == "0:1"


@pytest.mark.parametrize("path", PATHS)
def test_head_is_not_known_either(api: Api, path: str) -> None:
    answer = api.request("HEAD", path)
    assert (answer.status, answer.body) == (405, b"")
    assert answer.headers["content-length"] == str(len(b'{"error":"method not allowed"}'))


def short(value: object) -> str:
    """A name for a case."""
    return repr(value)[:40]


STRANGE_IDS = ["a/b", "/", "//", "a+b", "a b", "é€😀", "%", "%2F", "a?b#c&d=e", "..", ".", "a/../b", "x" * 5000,
               "'; --", "\\", '"', "\x01", "\x7f", " trailing ", "a:b", "{client_id}", "clients"]  # fmt: skip


@pytest.mark.parametrize("client_id", STRANGE_IDS, ids=short)
def test_any_client_id_can_be_asked_for(api: Api, tables: Tables, client_id: str) -> None:
    assert api.session(client_id).status == 404
    tables.sessions({"client_id": client_id}, {"client_id": client_id + "!"})
    answer = api.session(client_id)
    assert answer.status == 200
    assert answer.json()["client_id"] == client_id
    assert list(api.walk(limit=1)) == [[client_id], [client_id + "!"]]


def test_a_plus_in_a_path_is_a_plus(api: Api, tables: Tables) -> None:
    tables.sessions({"client_id": "a+b"})
    assert api.get(LIST + "/a+b").status == 200
    assert api.get(LIST + "/a%20b").status == 404


@pytest.mark.parametrize(
    "segment",
    [
        "missing",
        "%00",
        "a%00b",
        "%FF",
        "%C3",
        "%C0%80",
        "%ED%A0%80",
        "%",
        "%zz",
        "%2",
        "a/b",
        "b1/",
        "/b1",
        "b1/x",
        "x" * 60_000,
    ],
)
@pytest.mark.usefixtures("five")
def test_what_is_not_a_session(api: Api, segment: str) -> None:
    answer = api.get(f"{LIST}/{segment}")
    assert (answer.status, answer.body) == (404, b'{"error":"session not found"}')


def test_a_detail_is_of_the_own_tenant(api: Api, tables: Tables) -> None:
    tables.sessions({"client_id": "other", "tenant": "other"})
    assert api.session("other").status == 404


def test_a_session_whose_time_is_up_is_over(api: Api, tables: Tables) -> None:
    now = int(time.time() * 1000)
    tables.sessions(
        {"client_id": "over", "online": False, "disconnected_at": now - 61_000, "expiry": 60},
        {"client_id": "not yet", "online": False, "disconnected_at": now - 1_000, "expiry": 600},
        {"client_id": "never", "online": False, "disconnected_at": 1, "expiry": 4_294_967_295},
        {"client_id": "online", "expiry": 0},
    )
    tables.subscriptions(*({"client_id": client_id, "filter": "a"} for client_id in ("over", "never")))
    assert api.ids() == ["never", "not yet", "online"]
    assert api.ids(state="disconnected", limit=9) == ["never", "not yet"]
    assert api.session("over").status == 404
    assert api.get("/api/v1/subscriptions?state=all").json()["subscriptions"][0]["subscriber_count"] == 1


def test_counters_of_an_earlier_session_do_not_count(api: Api, tables: Tables) -> None:
    tables.sessions({"client_id": "a", "created": 10, "epoch": 20}, {"client_id": "b", "created": 10, "epoch": 20})
    tables.counters(
        {"client_id": "a", "epoch": 15, "inflight": 3, "queued": 4},
        {"client_id": "b", "epoch": 5, "inflight": 3, "queued": 4},
    )
    shown = {session["client_id"]: session for session in api.sessions().json()["sessions"]}
    assert (shown["a"]["inflight_count"], shown["a"]["offline_queue_depth"]) == (3, 4)
    assert (shown["b"]["inflight_count"], shown["b"]["offline_queue_depth"]) == (0, 0)


def test_subscriptions_are_sorted_and_of_this_client_alone(api: Api, tables: Tables) -> None:
    tables.sessions({"client_id": "a", "subscription_count": 3}, {"client_id": "a:b"})
    tables.subscriptions(
        *({"client_id": "a", "filter": topic_filter} for topic_filter in ("b", "a/+", "B", "é")),
        {"client_id": "a:b", "filter": "other"},
    )
    held = api.session("a").json()["subscriptions"]
    assert [subscription["filter"] for subscription in held] == ["B", "a/+", "b", "é"]
    assert all("subscriptions" not in session for session in api.sessions().json()["sessions"])


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/api/v1/session", "/api/v1/sessionsx", "/metrics/x", "/x%00", "/%FF"]
)
def test_unknown_paths(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status, answer.body) == (404, b'{"error":"not found"}')
