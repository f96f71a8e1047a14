"""Every filter of a list keeps who meets it and leaves out who does not; pages are parts of the whole list."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from ingest.mqtt.codec import Subscription
from tests.integration.dialects.live import NODE, Live
from tests.integration.dialects.tables import rows
from tests.mqttkit.client import Client
from tests.stackkit.eventually import eventually_sync

KNOWN, USER = "filter-known-1", "filter-ann-1"
HELD = {"filter/a/x": 1, "filter/b": 2}
OTHERS = ("filter-away", "filter-plain")
PAGING = {"_page", "_limit"}
SIZE = 2


@dataclass(frozen=True)
class Known:
    """The client that is looked for, and the seconds of its times: connected at least a second after it began."""

    client: Client
    created: int
    connected: int

    @property
    def filters(self) -> dict[str, tuple[str, str]]:
        """Of EMQX 4: a value that it meets, and one that it does not."""
        created, connected = self.created, self.connected
        return {
            "clientid": (KNOWN, OTHERS[0]),
            "username": (USER, "filter-ann"),
            "zone": ("external", "internal"),
            "ip_address": ("127.0.0.1", "127.0.0.2"),
            "conn_state": ("connected", "disconnected"),
            "clean_start": ("false", "true"),
            "proto_name": ("MQTT", "MQIsdp"),
            "proto_ver": ("5", "4"),
            "_like_clientid": ("r-known", "r-Known"),
            "_like_username": ("ann-1", "ann-2"),
            "_gte_created_at": (str(created), str(created + 1)),
            "_lte_created_at": (str(created), str(created - 1)),
            "_gte_connected_at": (str(connected), str(connected + 1)),
            "_lte_connected_at": (str(connected), str(created)),
        }


@pytest.fixture(scope="module")
def known(live: Live) -> Iterator[Known]:
    """It, one that is away, and one without a session that lasts."""
    lasting: dict[str, Any] = {"clean": False, "session_expiry_interval": 600}
    live.client(OTHERS[0], **lasting).close()
    live.shown(OTHERS[0], connected=False)
    live.client(KNOWN, username=USER, **lasting).close()
    live.shown(KNOWN, connected=False)
    eventually_sync(lambda: int(time.time()) > times_of(live)[0])
    with live.client(OTHERS[1]) as other, live.client(KNOWN, username=USER, **lasting) as client:
        other.subscribed("filter/a/x")
        for topic, qos in HELD.items():
            client.subscribe(Subscription(topic, qos))
        eventually_sync(lambda: len(emqx4(live, f"/subscriptions/{KNOWN}")["data"]) == len(HELD))
        created, connected = times_of(live)
        assert created < connected
        yield Known(client, created, connected)


def times_of(live: Live) -> tuple[int, int]:
    """Seconds since 1970 when the known client's session and its connection began."""
    (found,) = emqx4(live, f"/clients/{KNOWN}")["data"]
    created, connected = (
        datetime.strptime(found[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
        for name in ("created_at", "connected_at")
    )
    return int(created), int(connected)


@pytest.fixture(scope="module")
def crowd(live: Live, known: Known) -> Iterator[None]:
    """Enough clients, subscriptions, routes and bans for pages."""
    names = [f"page-{number}" for number in range(SIZE)]
    with ExitStack() as stack:
        for name in names:
            client = stack.enter_context(live.client(name))
            client.subscribed(f"{name}/a", f"{name}/b")
            body = json.dumps({"who": name, "as": "username"})
            assert live.ask("emqx4", "POST", "/api/v4/banned", body=body).json()["code"] == 0
        body = json.dumps({"who": "192.0.2.1", "as": "peerhost"})
        assert live.ask("emqx4", "POST", "/api/v4/banned", body=body).json()["code"] == 0
        eventually_sync(lambda: len(emqx4(live, "/banned")["data"]) > SIZE)
        eventually_sync(lambda: len(emqx4(live, f"/subscriptions/{names[-1]}")["data"]) == 2)
        yield
    for target in (*(f"username/{name}" for name in names), "peerhost/192.0.2.1"):
        assert live.ask("emqx4", "DELETE", f"/api/v4/banned/{target}").json()["code"] == 0


# EMQX 4


def emqx4(live: Live, path: str, **query: str) -> dict[str, Any]:
    """The document of an answer with code 0."""
    document = live.ask("emqx4", "GET", f"/api/v4{path}" + (f"?{urlencode(query)}" if query else "")).json()
    assert document["code"] == 0, document
    assert isinstance(document, dict)
    return document


def ids(live: Live, path: str, **query: str) -> list[str]:
    document = emqx4(live, path, **query)
    assert document["meta"]["count"] == -1
    return [one["clientid"] for one in document["data"]]


@pytest.mark.parametrize("path", ["/clients", f"/nodes/{NODE}/clients"])
def test_each_filter_of_clients(live: Live, known: Known, path: str) -> None:
    endpoint = "GET /api/v4" + path.replace(NODE, "{node}")
    assert set(known.filters) == rows("emqx4")[endpoint].parameters - PAGING
    kept = {name: value for name, (value, _) in known.filters.items()}
    for name, (keeps, leaves_out) in known.filters.items():
        assert KNOWN in ids(live, path, **{name: keeps}), name
        assert KNOWN not in ids(live, path, **{name: leaves_out}), name
        # All must hold.
        assert ids(live, path, **{**kept, name: leaves_out}) == [], name
    assert ids(live, path, **kept) == [KNOWN]


def test_filters_of_clients_by_value(live: Live, known: Known) -> None:
    """Who is found, of those that are known."""

    def found(**query: str) -> set[str]:
        return set(ids(live, "/clients", _like_clientid="filter-", **query))

    assert found() == {KNOWN, *OTHERS}
    assert found(conn_state="disconnected") == {OTHERS[0]}
    assert found(conn_state="connected", clean_start="true") == {OTHERS[1]}
    assert found(_gte_connected_at=str(known.connected), clean_start="false") == {KNOWN}
    assert found(_lte_created_at=str(known.created)) == {KNOWN, OTHERS[0]}
    for name, value in (("conn_state", "idle"), ("clean_start", "1"), ("proto_name", "CoAP"), ("proto_ver", "9")):
        assert found(**{name: value}) == set(), name
    assert found(nothing="x") == {KNOWN, *OTHERS}


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("path", ["/subscriptions", f"/nodes/{NODE}/subscriptions"])
def test_each_filter_of_subscriptions(live: Live, path: str) -> None:
    long, short = HELD
    filters = {
        "clientid": (KNOWN, OTHERS[1], {long, short}),
        "topic": (long, "filter/a", {long}),
        "qos": ("2", "0", {short}),
        "_match_topic": ("filter/+", "filter", {short}),
        # Nobody's subscription is shared here: tests/contract/query_api/emqx4 has rows that are.
        "share": ("", "filter", {long, short}),
    }
    assert set(filters) == rows("emqx4")["GET /api/v4" + path.replace(NODE, "{node}")].parameters - PAGING

    def held(**query: str) -> set[str]:
        document = emqx4(live, path, **query)
        assert document["meta"]["count"] == -1
        return {one["topic"] for one in document["data"] if one["clientid"] == KNOWN}

    for name, (keeps, leaves_out, expected) in filters.items():
        assert held(**{name: keeps}) == expected, name
        assert held(**{name: leaves_out}) == set(), name
    assert held(_match_topic="filter/#", qos="1", topic=long) == {long}
    assert held(_match_topic="filter/#", qos="1", topic=short) == set()


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("name", [endpoint for endpoint, row in rows("emqx4").items() if row.parameters >= PAGING])
def test_pages_of_emqx4(live: Live, name: str) -> None:
    path = name.removeprefix("GET /api/v4").replace("{node}", NODE)
    whole = emqx4(live, path)
    everything, count = whole["data"], len(whole["data"])
    assert count > SIZE
    assert whole["meta"] == {"page": 1, "limit": 10_000, "hasnext": False, "count": count}
    seen: list[Any] = []
    for page in range(1, -(-count // SIZE) + 1):
        document = emqx4(live, path, _page=str(page), _limit=str(SIZE))
        assert document["meta"] == {"page": page, "limit": SIZE, "hasnext": page * SIZE < count, "count": count}
        assert len(document["data"]) == min(SIZE, count - len(seen))
        seen += document["data"]
    assert names_of(seen) == names_of(everything)
    beyond = emqx4(live, path, _page="1000", _limit=str(SIZE))
    assert (beyond["data"], beyond["meta"]["hasnext"]) == ([], False)
    for low in (0, -3):
        first = emqx4(live, path, _page=str(low), _limit="1")
        assert (names_of(first["data"]), first["meta"]["page"]) == (names_of(everything[:1]), low)
    assert emqx4(live, path, _limit="0")["data"] == []


def names_of(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What tells the objects of a list apart; counters may have moved."""
    names = ("clientid", "client_id", "topic", "as", "who", "node")
    return [tuple(one.get(name) for name in names) for one in found]


# EMQ 2


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("name", [endpoint for endpoint, row in rows("emq2").items() if "curr_page" in row.parameters])
def test_pages_of_emq2(live: Live, name: str) -> None:
    path = name.removeprefix("GET ").replace("{node}", NODE)

    def ask(**query: object) -> dict[str, Any]:
        document = live.ask("emq2", "GET", f"{path}?{urlencode(query)}").json()
        assert document["code"] == 0
        found: dict[str, Any] = document["result"]
        return found

    def told(page: dict[str, Any]) -> tuple[int, ...]:
        return tuple(page[name] for name in ("current_page", "page_size", "total_num", "total_page"))

    everything = ask(page_size=100_000)["objects"]
    count = len(everything)
    assert count > SIZE
    assert told(ask()) == (1, 20, count, -(-count // 20))
    seen: list[Any] = []
    pages = -(-count // SIZE)
    for number in range(1, pages + 1):
        page = ask(curr_page=number, page_size=SIZE)
        assert told(page) == (number, SIZE, count, pages)
        assert len(page["objects"]) == min(SIZE, count - len(seen))
        seen += page["objects"]
    assert names_of(seen) == names_of(everything)
    assert (ask(curr_page=1000)["objects"], told(ask(curr_page=1000, page_size=SIZE))[3]) == ([], pages)
    low = ask(curr_page=0, page_size=1)
    assert (names_of(low["objects"]), low["current_page"]) == (names_of(everything[:1]), 0)


# FluxMQ

LISTS = {
    "/sessions": ("sessions", "client_id", KNOWN, "connected", "filter-known"),
    "/subscriptions": ("subscriptions", "filter", "filter/a/x", "connected", "filter/a"),
    f"/subscriptions/{quote('filter/a/x', safe='')}/clients": (
        "clients", "client_id", KNOWN, "connected", "filter-known",
    ),
}  # fmt: skip
"""The list, the name of its objects, who is looked for, the state that it is in, and how its name begins."""


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("path", LISTS)
def test_parameters_of_fluxmq(live: Live, path: str) -> None:
    endpoint = "GET /api/v1" + path.replace(quote("filter/a/x", safe=""), "{filter}")
    assert rows("fluxmq")[endpoint].parameters == {"state", "prefix", "limit", "page_token"}
    member, name, wanted, state, prefix = LISTS[path]

    def ask(**query: object) -> dict[str, Any]:
        answer = live.ask("fluxmq", "GET", f"/api/v1{path}?{urlencode(query)}")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json()
        return found

    def found(**query: object) -> list[str]:
        return [one[name] for one in ask(**query)[member]]

    assert wanted in found(state=state)
    assert wanted in found(state=f" {state.upper()} ")
    assert wanted not in found(state="disconnected")
    every = found(state="all")
    assert every == sorted(every, key=str.encode)
    assert wanted in every
    assert found(state="all", prefix=prefix) == [wanted]
    assert found(state="all", prefix=prefix.title()) == []
    assert found(state="all", prefix="filter") == [one for one in every if one.startswith("filter")]
    assert found(state="all", limit=0) == found(state="all", limit=2**63 - 1) == every
    pages, token = [], ""
    while True:
        page = ask(state="all", limit=1, page_token=token)
        pages.append([one[name] for one in page[member]])
        if "next_page_token" not in page:
            break
        token = page["next_page_token"]
    assert pages == [[one] for one in every]
    for wrong in ("99999999999999999999", "9223372036854775808", "-1", "1.0", "x"):
        answer = live.ask("fluxmq", "GET", f"/api/v1{path}?limit={wrong}")
        assert (answer.status, answer.error) == (400, "limit must be a non-negative integer"), wrong


@pytest.mark.usefixtures("known")
def test_states_of_fluxmq(live: Live) -> None:
    """Sessions are of any state unless one is asked for, and subscriptions those of connected clients."""

    def sessions(query: str) -> set[str]:
        found = live.ask("fluxmq", "GET", f"/api/v1/sessions?prefix=filter{query}").json()["sessions"]
        return {one["client_id"] for one in found}

    assert sessions("") == sessions("&state=") == sessions("&state=all") == {KNOWN, *OTHERS}
    assert sessions("&state=connected") == {KNOWN, OTHERS[1]}
    assert sessions("&state=disconnected") == {OTHERS[0]}
