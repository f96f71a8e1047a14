"""Changes of administration and of connections as events of the native API: looked up and live, without secrets."""

from __future__ import annotations

import json
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from query_api.native.kinds import ABOUT, ADMINISTRATION, LIFECYCLE, OF_DEPLOYMENT
from stack.local.ports import free_port
from tests.integration.dialects.live import Live
from tests.integration.dialects.native import Native
from tests.integration.dialects.streams import Stream
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import Service, new_service

SECRET = f"hidden-{uuid.uuid4().hex}"
LATER = "2099-01-01T00:00:00Z"
ABOUT_ALL = "about=sessions,administration,connections"
Change = tuple[str, str, str, Any]
"""The event that comes of it, and the request."""


@pytest.fixture
def api(live: Live) -> Native:
    """As the administrator."""
    return Native(live)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"e-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def connector(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Keeps the connections of the stack."""
    config, folder = live.api.config, tmp_path_factory.mktemp("connector")
    service = new_service("connector", config.kafka, config.postgres, folder, {"connector__longest_pause": 0.5})
    try:
        yield service.start()
    finally:
        service.kill9()


@pytest.fixture
def somebody(api: Native) -> Iterator[Callable[..., Native]]:
    """An API key of a role and a tenant, while the test runs."""
    made = []

    def make(role: str, tenant: str = "default") -> Native:
        made.append(api.ask("POST", "/api-keys", {"name": role, "role": role, "tenant": tenant}, 201))
        return Native(api.live, (made[-1]["app_id"], made[-1]["secret"]))

    yield make
    for one in made:
        api.ask("DELETE", f"/api-keys/{one['app_id']}")


def changes(name: str) -> list[Change]:
    """Of everything that there is to administer; what is made is gone in the end."""
    key = b64encode(f"-----BEGIN PRIVATE KEY----- {SECRET}".encode()).decode()
    link = {"name": name, "url": f"mqtt://127.0.0.1:{free_port()}", "username": "u", "password": SECRET, "key": key}
    return [
        ("user_set", "PUT", f"/users/{name}", {"password": SECRET}),
        ("banned", "PUT", f"/bans/clientid/{name}", {"reason": "noisy"}),
        ("account_set", "POST", "/accounts", {"name": name, "password": SECRET, "role": "viewer", "tenant": "t1"}),
        ("api_key_set", "POST", "/api-keys", {"name": "x", "app_id": f"{name}-key", "role": "viewer"}),
        ("connection_set", "PUT", f"/connections/{name}", link),
        ("plugin_set", "PATCH", "/plugins/retainer", {"active": True}),
        ("listener_set", "PATCH", "/listeners/mqtt:tcp", {"active": True}),
        ("acl_cache_cleared", "DELETE", "/acl/cache", None),
        ("user_removed", "DELETE", f"/users/{name}", None),
        ("unbanned", "DELETE", f"/bans/clientid/{name}", None),
        ("account_removed", "DELETE", f"/accounts/{name}", None),
        ("api_key_removed", "DELETE", f"/api-keys/{name}-key", None),
        ("connection_removed", "DELETE", f"/connections/{name}", None),
    ]


def make(api: Native, change: Change) -> dict[str, Any]:
    """Make a change; what came of it."""
    answer = api.send(*change[1:])
    assert answer.status in (200, 201), answer
    return answer.json()  # type: ignore[no-any-return]


def listed(api: Native, since: str, **query: Any) -> list[dict[str, Any]]:
    """The events from a moment on."""
    return api.every("/events", 5, since=since, **query)


def now(api: Native) -> str:
    """A moment of the log, before which all that is done already lies."""
    made = make(api, ("acl_cache_cleared", "DELETE", "/acl/cache", None))
    (found,) = [one for one in api.every("/events", 1_000, kind="acl_cache_cleared") if _id(one) == made["id"]]
    return found["time"]  # type: ignore[no-any-return]


def _id(event: dict[str, Any]) -> str:
    return event["data"]["order"]["id"]  # type: ignore[no-any-return]


def test_every_change_is_live_and_listed_and_tells_no_secret(api: Native, name: str) -> None:
    """Whoever comes back after every event misses none and gets none twice."""
    made, streamed, texts, since = [], [], [], now(api)
    with Stream(api, "?about=administration") as stream:
        last = stream.last
    for change in changes(name):
        before, after = (make(api, change), make(api, ("acl_cache_cleared", "DELETE", "/acl/cache", None)))
        made += [(change[0], before.get("id")), ("acl_cache_cleared", after["id"])]
        texts += [json.dumps(before)] if "secret" not in before else []
        for _ in range(2):
            with Stream(api, "?about=administration", last) as stream:
                kind, event = stream.event()
                assert kind == event["kind"]
                streamed.append(event)
                last = stream.last
    assert [one["kind"] for one in streamed] == [kind for kind, _ in made]
    named = [(_id(one), of) for one, (_, of) in zip(streamed, made, strict=True) if of]
    assert [told for told, _ in named] == [of for _, of in named]
    assert all(one["client_id"] is None and one["position"].startswith("-1/") for one in streamed)
    found = [one for one in listed(api, since, about="administration") if one in streamed]
    assert found == streamed
    assert {one["data"]["order"]["actor"] for one in found} == {"admin"}
    texts += [json.dumps(streamed), json.dumps(listed(api, "2020-01-01T00:00:00Z", about="administration"))]
    for secret in (SECRET, b64encode(SECRET.encode()).decode()[:20], "$argon2", "PRIVATE KEY"):
        assert not [text for text in texts if secret in text]
    hidden = {kind: streamed[at]["data"] for at, (kind, _) in enumerate(made)}
    assert hidden["user_set"]["password"] == hidden["account_set"]["password"] == "***"
    assert hidden["api_key_set"]["secret"] == hidden["connection_set"]["sealed"] == "***"
    assert hidden["connection_set"]["parts"] == ["key", "password"]
    told = api.ask("GET", f"/commands/{_id(streamed[0])}")
    assert (told["verb"], told["outcome"]) == ("user_set", "done")


def test_what_happens_to_sessions_is_told_beside_it(api: Native, name: str) -> None:
    """From three topics, in one stream that breaks off after every event."""
    since = now(api)
    streamed: list[dict[str, Any]] = []
    kinds = "kind=connected,disconnected,banned,unbanned"
    ban: Change = ("banned", "PUT", f"/bans/username/{name}", {})
    with Stream(api, f"?{kinds}&{ABOUT_ALL}") as stream:
        last = stream.last
    with api.live.client(name):
        make(api, ban)
    make(api, ("unbanned", "DELETE", f"/bans/username/{name}", None))
    while len(streamed) < 4:
        with Stream(api, f"?{kinds}&{ABOUT_ALL}", last) as stream:
            event = stream.event()[1]
            last = stream.last
        if name in (event["client_id"], event["data"].get("who")):
            streamed.append(event)
    assert {one["kind"] for one in streamed} == {"connected", "disconnected", "banned", "unbanned"}
    both = [one for one in listed(api, since, kind="banned,unbanned,connected,disconnected") if one in streamed]
    assert sorted(one["position"] for one in both) == sorted(one["position"] for one in streamed)
    assert [one["time"] for one in both] == sorted(one["time"] for one in both)
    assert {one["kind"] for one in listed(api, since, client_id=name, about="administration")} == set()
    of_client = listed(api, since, client_id=name, kind="connected,banned", about="sessions")
    assert [one["kind"] for one in of_client] == ["connected", "disconnected"]


def test_who_asks_for_nothing_in_particular_gets_what_happens_to_sessions(api: Native, name: str) -> None:
    with Stream(api) as stream:
        make(api, ("banned", "PUT", f"/bans/username/{name}", {}))
        make(api, ("unbanned", "DELETE", f"/bans/username/{name}", None))
        with api.live.client(name):
            while (event := stream.event()[1])["client_id"] != name:
                assert event["kind"] in LIFECYCLE
    assert {one["kind"] for one in listed(api, "2020-01-01T00:00:00Z")} <= LIFECYCLE
    with Stream(api) as stream:
        of_sessions = stream.last
    headers = {"Last-Event-ID": of_sessions}
    assert api.send("GET", "/events/stream", None, headers, about="administration").status == 400


def test_how_connections_are_is_live_and_listed(api: Native, connector: Service, name: str) -> None:
    here, nowhere = f"mqtt://127.0.0.1:{api.live.ingest.mqtt_port}", f"mqtt://127.0.0.1:{free_port()}"
    path, login = f"/connections/{name}", {"username": "u", "password": SECRET}
    with Stream(api, "?about=connections") as stream:
        api.ask("PUT", path, {"name": name, "url": here, **login})
        first = until(stream, name, lambda told: told["connected"] is True)
        last = stream.last
    api.ask("PUT", path, {"name": name, "url": nowhere, **login})
    eventually_sync(lambda: (api.ask("GET", path)["error"] or {}).get("code") == "ECONNREFUSED", 20, connector.words)
    with Stream(api, "?about=connections", last) as stream:
        second = until(stream, name, lambda told: told["error"] is not None and told["error"]["code"] == "ECONNREFUSED")
    found = [one for one in api.every("/events", 3, about="connections") if one["data"]["connection_id"] == name]
    assert in_order(found) == in_order(first + second)
    assert [one["kind"] for one in found].count("connection_set") == 2
    assert SECRET not in json.dumps(found)
    statuses = [one for one in found if one["kind"] == "connection_status"]
    assert all(one["position"].startswith("-2/") and one["client_id"] is None for one in statuses)
    everyones = api.every("/events", 2, kind="connection_status")
    assert {one["kind"] for one in everyones} == {"connection_status"}
    assert [one for one in everyones if one in statuses] == statuses
    assert api.every("/events", 10, kind="connection_status", until="2020-01-01T00:00:00Z") == []
    api.ask("DELETE", path)


def until(stream: Stream, name: str, told: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The events of one connection until it has been set, and a status of it is as it should be. Topics are read side
    by side, so that either may come first."""
    found: list[dict[str, Any]] = []
    while not (
        any(one["kind"] == "connection_set" for one in found)
        and any(told(one["data"]) for one in found if one["kind"] == "connection_status")
    ):
        event = stream.event()[1]
        found += [event] if event["data"]["connection_id"] == name else []
    return found


def in_order(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By their places in the log."""
    return sorted(events, key=lambda event: event["position"].partition("/")[0] + event["position"].rjust(40))


def test_a_tenant_sees_its_own_alone(
    api: Native, connector: Service, somebody: Callable[..., Native], name: str
) -> None:
    """By kind, word, parameter, header, cursor and id of a stream."""
    other, everything = somebody("administrator", "t1"), {"about": "sessions,administration,connections"}
    own = f"own-{name}"
    link = {"name": name, "url": f"mqtt://127.0.0.1:{free_port()}"}
    with Stream(other, f"?{ABOUT_ALL}") as stream:
        for change in changes(name):
            make(api, change)
        make(api, ("", "PUT", f"/connections/{name}", link))
        status = ("connection_status", name)
        eventually_sync(lambda: status in seen(api.every("/events", 100, about="connections"), "connection_id"))
        make(other, ("user_set", "PUT", f"/users/{own}", {"password": SECRET}))
        make(other, ("connection_set", "PUT", f"/connections/{own}", link))
        while (event := stream.event()[1])["kind"] != "connection_status":
            assert own in json.dumps(event)
        assert event["data"]["connection_id"] == own
        last = stream.last
    texts = [json.dumps(other.every("/events", 100, **everything))]
    texts += [json.dumps(other.every("/events", 100, kind=kind)) for kind in sorted(ADMINISTRATION - OF_DEPLOYMENT)]
    texts.append(json.dumps(other.every("/events", 100, kind="connection_status")))
    assert own in texts[0]
    for text in texts:
        assert name not in text.replace(own, "").replace(f'"name": "{name}"', "")
        assert not OF_DEPLOYMENT & {one["kind"] for one in json.loads(text)}
        assert SECRET not in text
    for kind in sorted(OF_DEPLOYMENT):
        assert other.problem("GET", "/events", kind=kind) == (403, "forbidden")
        assert other.send("GET", "/events/stream", kind=kind).status == 403
    assert other.problem("GET", "/events", tenant="default", **everything) == (403, "forbidden")
    tenant = {"Mqledger-Tenant": "default"}
    assert other.problem("GET", "/events", None, tenant, **everything) == (403, "forbidden")
    cursor = api.ask("GET", "/events", limit=1, about=everything["about"])["next"]
    assert other.problem("GET", "/events", limit=1, cursor=cursor, **everything) == (400, "invalid-request")
    assert api.send("GET", "/events/stream", None, {"Last-Event-ID": last}, **everything).status == 400
    assert own in json.dumps(api.every("/events", 100, tenant="t1", about="administration"))
    for who, one in ((api, name), (other, own)):
        make(who, ("", "DELETE", f"/connections/{one}", None))
    make(other, ("", "DELETE", f"/users/{own}", None))


def seen(events: list[dict[str, Any]], field: str) -> set[tuple[str, str]]:
    """Kinds, each with a field."""
    return {(one["kind"], one["data"].get(field, "")) for one in events}


def test_events_are_for_those_who_may_read_what_changes(
    api: Native, somebody: Callable[..., Native], name: str
) -> None:
    roles = {role: somebody(role) for role in ("viewer", "operator", "connection_manager", "administrator")}
    may = {
        "connected": {"operator", "administrator"},
        "banned": {"operator", "administrator"},
        "acl_cache_cleared": {"operator", "administrator"},
        "user_set": {"administrator"},
        "acl_added": {"administrator"},
        "connection_set": {"connection_manager", "administrator"},
        "connection_status": set(roles),
        "account_set": set(),
        "plugin_set": set(),
    }
    for kind, those in may.items():
        for path in ("/events", "/events/stream"):
            refused = {role for role, one in roles.items() if path == "/events" or role not in those}
            got = {role: roles[role].send("GET", path, kind=kind).status for role in refused}
            assert got == {role: 200 if role in those else 403 for role in refused}, (kind, path)
    assert roles["viewer"].problem("GET", "/events") == (403, "forbidden")
    assert roles["viewer"].problem("GET", "/events", about="administration") == (403, "forbidden")
    assert roles["viewer"].problem("GET", "/events", kind="connection_status,connected") == (403, "forbidden")
    assert Native(api.live, None).problem("GET", "/events", kind="user_set") == (401, "unauthorized")
    kinds = {one["kind"] for one in roles["operator"].every("/events", 100, about="administration")}
    assert kinds <= {"banned", "unbanned", "acl_cache_cleared"}
    # A cursor is of those who may read as much.
    for change in changes(name):
        if change[0] in ABOUT["connections"]:
            make(api, change)
    query: dict[str, Any] = {"about": "connections", "limit": 1, "until": LATER}
    wide = roles["connection_manager"].ask("GET", "/events", **query)
    assert ABOUT["connections"] >= {one["kind"] for one in wide["items"]}
    assert wide["next"]
    assert roles["connection_manager"].ask("GET", "/events", **query, cursor=wide["next"])["items"]
    assert roles["viewer"].problem("GET", "/events", **query, cursor=wide["next"]) == (400, "invalid-request")
