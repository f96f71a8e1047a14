"""The native API on a live stack: every operation by its own example, effects on real clients, conditions, tenants."""

from __future__ import annotations

import json
import uuid
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from ingest.mqtt.codec import DisconnectPacket, ReasonCode
from query_api.native.examples import answers
from query_api.native.operation import Operation
from query_api.native.operations import OPERATIONS
from tests.integration.dialects import examples
from tests.integration.dialects.live import Live
from tests.integration.dialects.native import Native, filled
from tests.integration.dialects.streams import Stream
from tests.mqttkit.client import properties_of
from tests.stackkit.eventually import eventually_sync


@pytest.fixture
def api(live: Live) -> Native:
    """As the administrator."""
    return Native(live)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"n-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def tenant_key(live: Live) -> Iterator[Native]:
    """An administrator of one tenant alone."""
    made = Native(live).ask("POST", "/api-keys", {"name": "t1", "role": "administrator", "tenant": "t1"}, 201)
    yield Native(live, (made["app_id"], made["secret"]))
    Native(live).send("DELETE", f"/api-keys/{made['app_id']}")


# Every operation, by its own example

ORDER = {"POST": 0, "PUT": 1, "GET": 2, "PATCH": 3, "DELETE": 4}
LAST = ("disconnect_session", "put_ban", "get_ban", "list_bans", "delete_ban", "delete_user", "kick_session")
"""What ends the connection, or comes after that."""
APART = {"stream_events", "expire_sessions", "login", "change_password"}


def test_every_operation_does_as_its_example_says(api: Native) -> None:
    """The requests of the document, in an order in which they can succeed: made, put, looked at, changed, removed."""
    names: dict[str, str] = {"node": "emq@127.0.0.1", "listener": "mqtt:tcp"}
    told: dict[str, Any] = {}
    live = Stream(api, "?client_id=meter-17&kind=subscribed")
    with live, api.live.client("meter-17", clean=False, session_expiry_interval=3600) as client:
        client.subscribed("plant/+/on", "plant/1/#", qos=1)
        eventually_sync(lambda: api.ask("GET", "/sessions/meter-17/subscriptions")["items"])
        walked = [one for one in OPERATIONS if one.name not in APART]
        for one in sorted(walked, key=_turn):
            path = filled(one.path, {**one.example.path, **names})
            answer = api.send(one.method, path, one.example.body, None, **one.example.query)
            assert answer.status == one.status, (one.name, answer)
            told[one.name] = answer.json()
            _remember(one.name, answer.json(), names)
        told["stream_events"] = _first(live)
    told["expire_sessions"] = api.ask("POST", "/expirations", {"away": 4_294_967_295})
    told |= _of_an_account(api)
    assert {one.name for one in walked} <= api.seen
    told = {name: examples.normal(answer) for name, answer in told.items()}
    if examples.recording():
        examples.record(told)
    assert {name: _names(answer) for name, answer in told.items()} == {
        name: _names(answer) for name, answer in answers().items()
    }, "other examples than the document's: record them again"


def _of_an_account(api: Native) -> dict[str, Any]:
    """What an account is told that logs in, and changes its password."""
    api.ask("POST", "/accounts", {"name": "ops", "password": "correct horse", "role": "viewer"}, 201)
    itself = Native(api.live, ("ops", "correct horse"))
    token = itself.ask("POST", "/login", {"name": "ops", "password": "correct horse"})
    changed = itself.ask("PUT", "/me/password", {"old": "correct horse", "new": "battery staple"})
    api.ask("DELETE", "/accounts/ops")
    return {"login": token, "change_password": changed}


def _first(live: Stream) -> str:
    """The first event of a stream, as it comes."""
    kind, data = live.event()
    text = json.dumps(examples.normal(data), separators=(",", ":"), ensure_ascii=False)
    return f"id: {examples.TOKEN}\nevent: {kind}\ndata: {text}\n\n"


def _names(answer: Any) -> list[str]:
    return sorted(answer) if isinstance(answer, dict) else []


def _turn(one: Operation) -> tuple[int, int]:
    return LAST.index(one.name) if one.name in LAST else -1, ORDER[one.method]


def _remember(operation: str, answer: Any, names: dict[str, str]) -> None:
    if operation == "add_rule":
        names["rule"] = answer["id"]
        names["id"] = answer["id"]
    if operation == "add_api_key":
        names["app_id"] = answer["app_id"]
    if operation == "list_queue":
        names["position"] = answer["items"][0]["position"]


def test_examples_are_of_their_types(api: Native) -> None:
    import jsonschema

    for path, methods in api.document["paths"].items():
        for method, described in methods.items():
            for where in [described.get("requestBody"), *described["responses"].values()]:
                for content in (where or {}).get("content", {}).values():
                    if "example" in content:
                        schema = {**content["schema"], "components": api.document["components"]}
                        jsonschema.validate(content["example"], schema)
            assert described["summary"], (method, path)


# Effects


def test_a_kicked_client_is_told_so_and_its_session_is_gone(api: Native, name: str) -> None:
    with api.live.client(name, clean=False, session_expiry_interval=3600) as client:
        told = api.ask("DELETE", f"/sessions/{name}", reason="enough")
        assert (told["state"], told["outcome"]) == ("done", "done")
        (goodbye,) = [packet for packet in client.drain() if isinstance(packet, DisconnectPacket)]
        assert goodbye.reason_code == ReasonCode.ADMINISTRATIVE_ACTION
    assert api.problem("GET", f"/sessions/{name}", at_least=told["position"]) == (404, "not-found")
    shown = api.ask("GET", f"/commands/{told['id']}")
    assert (shown["verb"], shown["client_id"], shown["actor"], shown["outcome"]) == ("kick", name, "admin", "done")
    assert api.problem("DELETE", f"/sessions/{name}") == (404, "not-found")


def test_a_disconnected_client_keeps_its_session(api: Native, name: str) -> None:
    with api.live.client(name, clean=False, session_expiry_interval=3600) as client:
        told = api.ask("POST", f"/sessions/{name}/disconnect", {"reason": "maintenance"})
        assert any(isinstance(packet, DisconnectPacket) for packet in client.drain())
    found = api.ask("GET", f"/sessions/{name}", at_least=told["position"])["session"]
    assert found["connected"] is False
    assert found["disconnected_at"] is not None
    assert api.problem("POST", f"/sessions/{name}/disconnect", {}) == (409, "not-connected")


def test_subscribing_and_unsubscribing_on_behalf(api: Native, name: str) -> None:
    with api.live.client(name) as client:
        wanted = {"subscriptions": [{"filter": f"{name}/+", "qos": 1}, {"filter": f"{name}/#", "qos": 2}]}
        told = api.ask("POST", f"/sessions/{name}/subscriptions", wanted)
        assert told["codes"] == [1, 2]
        held = api.every(f"/sessions/{name}/subscriptions", at_least=told["position"])
        assert [one["filter"] for one in held] == [f"{name}/#", f"{name}/+"]
        told = api.ask("POST", f"/sessions/{name}/unsubscribe", {"filters": [f"{name}/#", "nobody/has/it"]})
        assert told["codes"] == [0, 17]
        sent = {"topic": f"{name}/x", "base64": "AP8=", "qos": 1, "report": True}
        assert api.ask("POST", "/messages", sent)["count"] == 1
        client.expect_message(topic=f"{name}/x", payload=b"\x00\xff")


def test_a_retained_message_is_shown_and_cleared(api: Native, name: str) -> None:
    says = {
        "message_expiry": 600,
        "content_type": "text/plain",
        "user_properties": [{"name": "a", "value": "b"}],
        "payload_is_text": True,
    }
    kept = {"topic": name, "payload": "kept", "retain": True, "report": True, "properties": says}
    position = api.ask("POST", "/messages", kept)["position"]
    (found,) = api.every("/retained", prefix=name, at_least=position)
    assert (found["size"], found["properties"]) == (4, says)
    assert found["expires_at"] > found["published_at"]
    assert api.ask("GET", f"/retained/{name}")["base64"] == "a2VwdA=="
    with api.live.client(name) as client:
        client.subscribed(name)
        message = client.expect_message(topic=name, payload=b"kept")
        assert properties_of(message).content_type == "text/plain"
        assert properties_of(message).user_properties == (("a", "b"),)
        key = {"Idempotency-Key": name}
        first = api.send("DELETE", f"/retained/{name}", None, key)
        position = first.json()["position"]
    assert api.problem("GET", f"/retained/{name}", at_least=position) == (404, "not-found")
    assert api.problem("DELETE", f"/retained/{name}") == (404, "not-found")
    assert api.send("DELETE", f"/retained/{name}", None, key).json()["id"] == first.json()["id"]
    with api.live.client(name) as client:
        client.subscribed(name)
        api.ask("POST", "/messages", {"topic": name, "payload": "after"})
        assert client.expect_message(topic=name).payload == b"after"


def test_what_was_retained_a_moment_ago_can_be_cleared(api: Native, name: str) -> None:
    for _ in range(10):
        api.ask("POST", "/messages", {"topic": name, "payload": "kept", "retain": True})
        api.ask("DELETE", f"/retained/{name}")
    with api.live.client(name) as client:
        client.subscribed(name)
        api.ask("POST", "/messages", {"topic": name, "payload": "after"})
        assert client.expect_message(topic=name).payload == b"after"


def test_sessions_end_that_have_been_away_for_long(api: Native, tenant_key: Native) -> None:
    assert tenant_key.ask("POST", "/expirations", {"away": 0})["count"] == 0


# Requests that say when they count


def test_an_answer_that_is_known_is_not_sent_again(api: Native, name: str) -> None:
    api.ask("PUT", f"/users/{name}", {"password": "correct horse"})
    first = api.send("GET", f"/users/{name}")
    tag = first.headers["etag"]
    again = api.send("GET", f"/users/{name}", headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert api.send("GET", f"/users/{name}", headers={"If-None-Match": '"other"'}).status == 200
    api.ask("DELETE", f"/users/{name}")


def test_changes_insist_on_what_they_know(api: Native, name: str) -> None:
    path, user = f"/users/{name}", {"password": "correct horse"}
    assert api.problem("PUT", path, user, {"If-Match": "*"}) == (412, "precondition-failed")
    assert api.send("PUT", path, user, {"If-None-Match": "*"}).status == 200
    assert api.problem("PUT", path, user, {"If-None-Match": "*"}) == (412, "precondition-failed")
    tag = api.send("GET", path).headers["etag"]
    assert api.problem("DELETE", path, headers={"If-Match": '"other"'}) == (412, "precondition-failed")
    assert api.send("PUT", path, {**user, "superuser": True}, {"If-Match": tag}).status == 200
    assert api.problem("DELETE", path, headers={"If-Match": tag}) == (412, "precondition-failed")
    assert api.send("DELETE", path, headers={"If-Match": "*"}).status == 200


def test_a_repetition_under_the_same_key_gives_the_first_outcome(api: Native, name: str) -> None:
    key = {"Idempotency-Key": name}
    rule = {"allow": False, "topic": "x/#"}
    first, second = (api.send("POST", "/acl/rules", rule, key) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert first.headers["location"] == second.headers["location"]
    assert api.problem("POST", "/acl/rules", {**rule, "allow": True}, key) == (409, "conflict")
    assert len([one for one in api.every("/acl/rules", 5) if one["id"] == first.json()["id"]]) == 1
    api.ask("DELETE", f"/acl/rules/{first.json()['id']}")


def test_another_password_under_the_same_key_is_another_command(api: Native, name: str) -> None:
    user = {"username": name, "password": "correct horse"}
    account = {"name": name, "password": "correct horse", "role": "viewer"}
    for path, body in (("/users", user), ("/accounts", account)):
        key = {"Idempotency-Key": name + path.replace("/", "-")}
        first, second = (api.send("POST", path, body, key) for _ in range(2))
        assert (first.status, second.status, first.json()["id"]) == (201, 201, second.json()["id"])
        assert api.problem("POST", path, {**body, "password": "battery staple"}, key) == (409, "conflict")
    key = {"Idempotency-Key": f"{name}-change"}
    assert api.send("PATCH", f"/accounts/{name}", {"password": "another horse"}, key).status == 200
    assert api.problem("PATCH", f"/accounts/{name}", {"password": "yet another"}, key) == (409, "conflict")


def test_accounts_and_keys_share_their_names(api: Native, name: str) -> None:
    account, key = {"name": name, "password": "correct horse", "role": "viewer"}, {"name": "x", "role": "viewer"}
    api.ask("POST", "/accounts", account, 201)
    assert api.problem("POST", "/api-keys", {**key, "app_id": name}) == (409, "exists")
    api.ask("POST", "/api-keys", {**key, "app_id": f"{name}-key"}, 201)
    assert api.problem("POST", "/accounts", {**account, "name": f"{name}-key"}) == (409, "exists")
    assert api.problem("POST", "/accounts", {**account, "name": "loopback"}) == (422, "invalid-body")
    assert api.problem("POST", "/api-keys", {**key, "app_id": "loopback"}) == (422, "invalid-body")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "expected"),
    [
        ("GET", "/nowhere", None, {}, (404, "not-found")),
        ("GET", "/sessions/a/b", None, {}, (404, "not-found")),
        ("PUT", "/users", None, {}, (405, "method-not-allowed")),
        ("GET", "/users", None, {"Accept": "text/html"}, (406, "not-acceptable")),
        ("GET", "/users?strange=1", None, {}, (400, "invalid-request")),
        ("GET", "/users?limit=0", None, {}, (400, "invalid-request")),
        ("GET", "/users?limit=1.5", None, {}, (400, "invalid-request")),
        ("GET", "/users?cursor=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None, {}, (400, "invalid-request")),
        ("GET", "/users?at_least=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None, {}, (400, "invalid-request")),
        ("GET", "/sessions/%00", None, {}, (404, "not-found")),
        ("GET", "/sessions/%ff", None, {}, (404, "not-found")),
        ("GET", "/sessions/%zz", None, {}, (404, "not-found")),
        ("POST", "/users", "{", {}, (400, "malformed-json")),
        ("POST", "/users", "", {}, (400, "no-body")),
        ("POST", "/users", "[" * 100_000, {}, (400, "malformed-json")),
        ("POST", "/users", "{}", {"Content-Type": "text/plain"}, (415, "unsupported-media-type")),
        ("POST", "/users", {"username": "a"}, {}, (422, "invalid-body")),
        ("POST", "/users", {"username": "a", "password": "b", "more": 1}, {}, (422, "invalid-body")),
        ("POST", "/messages", {"topic": "a/#"}, {}, (422, "invalid-body")),
        ("GET", "/sessions?as_of=2026-02-30T00:00:00Z", None, {}, (400, "invalid-request")),
        ("GET", "/commands?client_id=%00", None, {}, (400, "invalid-request")),
        ("GET", "/commands?client_id=%ff", None, {}, (400, "invalid-request")),
        ("GET", "/commands?actor=%00", None, {}, (400, "invalid-request")),
        ("GET", "/commands?actor=%ff", None, {}, (400, "invalid-request")),
        ("GET", "/sessions?zone=%00", None, {}, (400, "invalid-request")),
        ("GET", "/sessions?zone=%ff", None, {}, (400, "invalid-request")),
        ("GET", "/users?prefix=%00", None, {}, (400, "invalid-request")),
        ("GET", "/users?prefix=%ff", None, {}, (400, "invalid-request")),
    ],
)  # fmt: skip
def test_bad_requests_are_told_what_is_wrong(
    api: Native, method: str, path: str, body: Any, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    assert api.problem(method, path, body, headers) == expected


def test_a_message_may_be_as_long_as_clients_may_send(api: Native, name: str) -> None:
    payload = bytes(range(256)) * 1_000
    with api.live.client(name) as client:
        client.subscribed(name, qos=1)
        api.ask("POST", "/messages", {"topic": name, "base64": b64encode(payload).decode(), "qos": 1})
        assert client.expect_message(topic=name).payload == payload


def test_a_body_that_is_too_long_is_refused_before_it_is_sent(api: Native) -> None:
    headers = {"Content-Length": "2000000", "Content-Type": "application/json"}
    assert api.problem("POST", "/users", None, headers) == (413, "too-large")


def test_what_is_not_allowed_says_what_is(api: Native) -> None:
    answer = api.send("PATCH", "/users")
    assert {word.strip() for word in answer.headers["allow"].split(",")} == {"GET", "POST"}


# Accounts


def test_a_login_is_a_token_until_the_account_changes(api: Native, name: str) -> None:
    api.ask("POST", "/accounts", {"name": name, "password": "correct horse", "role": "viewer"}, 201)
    nobody = Native(api.live, None)
    assert nobody.problem("POST", "/login", {"name": name, "password": "wrong"}) == (401, "unauthorized")
    token = nobody.ask("POST", "/login", {"name": name, "password": "correct horse"})["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert nobody.send("GET", "/me", headers=bearer).json()["name"] == name
    itself = Native(api.live, (name, "correct horse"))
    passwords = {"old": "wrong", "new": "battery staple"}
    assert itself.problem("PUT", "/me/password", passwords) == (401, "unauthorized")
    itself.ask("PUT", "/me/password", {**passwords, "old": "correct horse"})
    assert itself.send("GET", "/me").status == 401
    assert nobody.send("GET", "/me", headers=bearer).status == 401
    api.ask("DELETE", f"/accounts/{name}")


# Lists


def test_pages_hold_everything_once(api: Native, name: str) -> None:
    wanted = sorted(f"{name}/{number}" for number in range(5))
    for username in wanted:
        api.ask("POST", "/users", {"username": username, "password": "correct horse"}, 201)
    assert [one["username"] for one in api.every("/users", 2, prefix=name)] == wanted
    cursor = api.ask("GET", "/users", limit=2, prefix=name)["next"]
    assert api.problem("GET", "/users", cursor=cursor) == (400, "invalid-request")
    assert api.problem("GET", "/bans", cursor=cursor) == (400, "invalid-request")
    for username in wanted:
        api.ask("DELETE", filled("/users/{username}", {"username": username}))


def test_sessions_by_filters_and_fields(api: Native, name: str) -> None:
    with api.live.client(f"{name}-1"), api.live.client(f"{name}-2", clean=False, session_expiry_interval=60):
        by_id = api.every("/sessions", prefix=name, fields="address,version")
        assert [one["client_id"] for one in by_id] == [f"{name}-1", f"{name}-2"]
        assert set(by_id[0]) == {"client_id", "address", "version"}
        by_age = api.every("/sessions", contains=name, sort="created_at")
        assert [one["client_id"] for one in by_age] == [f"{name}-1", f"{name}-2"]
        only = api.every("/sessions", contains=name, clean_start="false", state="connected")
        assert [one["client_id"] for one in only] == [f"{name}-2"]
        assert api.every("/sessions", contains=name, address="10.9.8.7") == []
        assert api.problem("GET", "/sessions", contains=name, prefix=name) == (400, "invalid-request")


def test_the_past_is_still_there(api: Native, name: str) -> None:
    with api.live.client(name) as client:
        client.subscribed(f"{name}/x")
        found = eventually_sync(lambda: api.ask("GET", f"/sessions/{name}")["subscriptions"])
        then = found[0]["since"]
    eventually_sync(lambda: api.send("GET", f"/sessions/{name}").status == 404)
    past = api.ask("GET", f"/sessions/{name}", as_of=then)
    assert past["session"]["connected"] is True
    assert [one["filter"] for one in past["subscriptions"]] == [f"{name}/x"]
    assert [one["client_id"] for one in api.every("/sessions", prefix=name, as_of=then)] == [name]
    assert api.send("GET", f"/sessions/{name}", as_of="2020-01-01T00:00:00Z").status == 404


# Events


def test_events_are_looked_up_in_the_log(api: Native, name: str) -> None:
    with api.live.client(name) as client:
        client.subscribed(f"{name}/x")
        client.publish(f"{name}/x", b"secret words", qos=1)
    events = api.every("/events", 2, client_id=name)
    assert [one["kind"] for one in events] == ["connected", "subscribed", "disconnected"]
    (published,) = api.every("/events", 10, client_id=name, kind="published")
    assert published["data"]["payload_bytes"] == 12
    assert "secret words" not in json.dumps(published)
    assert api.every("/events", 10, client_id=name, until="2020-01-01T00:00:00Z") == []
    assert api.every("/events", 10, client_id=name, since="2099-01-01T00:00:00Z") == []
    assert [one["kind"] for one in api.every("/events", 10, client_id=name, kind="connected,refused")] == ["connected"]


def refused(api: Native, last: str) -> int:
    """The status of a stream that may not go on there."""
    return api.send("GET", "/events/stream", headers={"Last-Event-ID": last}).status


def test_live_events_go_on_where_they_broke_off(api: Native, name: str) -> None:
    with Stream(api, f"?client_id={name}") as stream:
        with api.live.client(name):
            assert stream.event()[0] == "connected"
        last = stream.last
    with Stream(api, f"?client_id={name}", last) as stream:
        kind, event = stream.event()
        assert (kind, event["client_id"]) == ("disconnected", name)
        again = stream.last
    with api.live.client(name), Stream(api, f"?client_id={name}", again) as stream:
        assert stream.event()[0] == "connected"
    assert refused(api, "x" * 30) == 400


def test_a_stream_ends_with_the_account(api: Native, name: str) -> None:
    api.ask("POST", "/accounts", {"name": name, "password": "correct horse", "role": "operator"}, 201)
    with Stream(Native(api.live, (name, "correct horse"))) as stream:
        api.ask("DELETE", f"/accounts/{name}")
        while stream.block():
            continue
        assert stream.response.read() == b""


# Who may


def test_nobody_may_more_than_the_role_says(api: Native) -> None:
    anyone = Native(api.live, None)
    assert anyone.ask("GET", "/me")["name"] == "loopback"
    assert anyone.send("GET", "/sessions").status == 200
    for method, path in [("DELETE", "/sessions/x"), ("GET", "/users"), ("GET", "/accounts"), ("DELETE", "/acl/cache")]:
        assert anyone.problem(method, path) == (401, "unauthorized")
    stranger = Native(api.live, ("admin", "wrong"))
    answer = stranger.send("GET", "/me")
    assert answer.status == 401
    assert "Basic" in answer.headers["www-authenticate"]


def test_a_tenant_is_alone(api: Native, tenant_key: Native, name: str) -> None:
    """By parameter, header, id, cursor, position, stream: nothing of another tenant is seen or touched."""
    other = tenant_key
    assert other.ask("GET", "/me")["acts_on"] == "t1"
    api.ask("POST", "/users", {"username": name, "password": "correct horse"}, 201)
    api.ask("POST", "/users", {"username": name + "2", "password": "correct horse"}, 201)
    rule = api.ask("POST", "/acl/rules", {"allow": True, "topic": name}, 201)["id"]
    with api.live.client(name):
        assert other.problem("GET", "/users", tenant="default") == (403, "forbidden")
        assert other.problem("GET", "/sessions", headers={"Mqledger-Tenant": "default"}) == (403, "forbidden")
        assert other.problem("GET", "/sessions", tenant="*") == (400, "invalid-request")
        for path in ("/sessions", "/users", "/acl/rules", "/bans", "/subscriptions", "/routes", "/commands"):
            assert name not in json.dumps(other.every(path, 100))
        assert other.every("/events", 100, client_id=name) == []
        for path in (f"/sessions/{name}", f"/users/{name}", f"/acl/rules/{rule}", f"/commands/{rule}"):
            assert other.problem("GET", path) == (404, "not-found")
        for path in (f"/sessions/{name}", f"/users/{name}", f"/acl/rules/{rule}"):
            assert other.problem("DELETE", path) == (404, "not-found")
        for path in ("/nodes", "/listeners", "/plugins", "/accounts", "/api-keys"):
            assert other.problem("GET", path) == (403, "forbidden")
        cursor = api.ask("GET", "/users", limit=1, prefix=name)["next"]
        assert other.problem("GET", "/users", prefix=name, cursor=cursor) == (400, "invalid-request")
        assert other.ask("GET", "/stats")["sessions"] == 0
        assert other.ask("GET", "/metrics")["nodes"] == {}
        with Stream(api, f"?client_id={name}") as stream:
            assert refused(other, stream.last) == 400
        assert other.ask("POST", "/messages", {"topic": "a", "report": True})["count"] == 0
    for path in (f"/users/{name}", f"/users/{name}2", f"/acl/rules/{rule}"):
        api.ask("DELETE", path)


def test_no_answer_holds_a_secret(api: Native, name: str) -> None:
    password = f"pass-{uuid.uuid4().hex}"
    api.ask("POST", "/users", {"username": name, "password": password}, 201)
    api.ask("POST", "/accounts", {"name": name, "password": password, "role": "viewer"}, 201)
    made = api.ask("POST", "/api-keys", {"name": name, "role": "viewer"}, 201)
    texts = [json.dumps(api.every(path, 100)) for path in ("/users", "/accounts", "/api-keys", "/commands")]
    texts += [api.live.api.log.read_text(), api.live.ingest.log.read_text()]
    for secret in (password, made["secret"], "argon2"):
        assert not [text for text in texts if secret in text]
    assert Native(api.live, (made["app_id"], made["secret"])).ask("GET", "/me")["role"] == "viewer"
    for path in (f"/users/{name}", f"/accounts/{name}", f"/api-keys/{made['app_id']}"):
        api.ask("DELETE", path)
    assert Native(api.live, (made["app_id"], made["secret"])).send("GET", "/me").status == 401


def test_a_switched_listener_is_shown_as_such(api: Native) -> None:
    api.ask("PATCH", "/listeners/mqtt:tcp", {"active": False})
    try:
        assert [one["active"] for one in api.ask("GET", "/listeners")["items"]] == [False]
    finally:
        api.ask("PATCH", "/listeners/mqtt:tcp", {"active": True})
    assert api.problem("PATCH", "/listeners/nothing", {"active": True}) == (404, "not-found")
    assert api.problem("PATCH", "/plugins/nothing", {"active": True}) == (404, "not-found")

    assert api.ask("GET", "/plugins")["items"]


@pytest.mark.parametrize("day", ["2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "0000-00-00T00:00:00Z"])
def test_a_day_that_is_none_is_refused(api: Native, day: str) -> None:
    key = {"name": "x", "role": "viewer", "expires": day}
    assert api.problem("POST", "/api-keys", key) == (422, "invalid-body")
