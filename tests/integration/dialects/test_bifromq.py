"""BifroMQ on a live stack: the table of docs/api/bifromq.md walked, effects on real clients, request ids, tenants."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest

from ingest.mqtt.codec import DisconnectPacket, ProtocolVersion, PublishPacket
from tests.contract.query_api.client import Answer
from tests.integration.dialects.live import NODE, Live
from tests.integration.dialects.tables import rows
from tests.mqttkit.client import Client, properties_of, quiet
from tests.stackkit.eventually import eventually_sync

TENANT = {"tenant_id": "default"}
MESSAGE = {**TENANT, "topic": "bifro/a", "qos": "1", "client_type": "tester"}
LONG = "x" * 65_536
WORDS = ("OK", "NO_MATCH", "RETAINED", "CLEARED", "EXISTS", "NO_SUB")
numbers = itertools.count(1)


class Walk:
    """Asks, and remembers which headers each endpoint was asked with, and what it answered."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.headers: dict[str, set[str]] = defaultdict(set)
        self.answers: dict[str, set[str]] = defaultdict(set)
        self.words: dict[str, set[str]] = defaultdict(set)

    def __call__(self, endpoint: str, headers: dict[str, str], body: bytes = b"", **more: str | None) -> Answer:
        """Ask an endpoint with these headers; one that is None is left out."""
        said = {name: value for name, value in (headers | more).items() if value is not None}
        method, _, path = endpoint.partition(" ")
        answer = self._live.ask("bifromq", method, path, said, body or None)
        self.headers[endpoint] |= {name if not name.startswith("client_meta_") else "client_meta_*" for name in said}
        self.answers[endpoint].add(str(answer.status))
        self.words[endpoint].add(answer.body.decode())
        assert int(answer.headers["req_id"]) == int(said.get("req_id", answer.headers["req_id"]))
        assert ("content-type" in answer.headers) == (method == "GET" and answer.status == 200)
        return answer


def told(answer: Answer) -> tuple[int, str]:
    """Status and word."""
    return answer.status, answer.body.decode()


def target(client_id: str, user_id: str = "") -> dict[str, str]:
    """The headers that name a session."""
    return {**TENANT, "user_id": user_id, "client_id": client_id}


def test_every_endpoint_header_status_and_word_of_the_table(live: Live) -> None:
    walk, table = Walk(live), rows("bifromq")
    with live.client("bifro-walk", clean=False, session_expiry_interval=600) as client:
        walk_messages(walk, client)
        walk_subscriptions(walk, live)
        walk_sessions(walk, live)
    assert set(walk.answers) == set(table)
    for endpoint, row in table.items():
        assert walk.headers[endpoint] == row.parameters, endpoint
        assert walk.answers[endpoint] == row.codes, endpoint
        if row.fields & set(WORDS):
            assert walk.words[endpoint] >= row.fields, endpoint


def missing(walk: Walk, endpoint: str, good: dict[str, str], *required: str) -> None:
    """Without a tenant there is no word; without another header its name."""
    assert told(walk(endpoint, good, tenant_id=None)) == (400, "")
    assert told(walk(endpoint, good, tenant_id="")) == (400, "")
    for name in required:
        less = {one: value for one, value in good.items() if one != name}
        assert told(walk(endpoint, less)) == (400, f"header not found: {name}")


def walk_messages(walk: Walk, client: Client) -> None:
    pub, retain = "POST /pub", "POST /retain"
    client.subscribed("bifro/a", qos=1)
    more = {"expiry_seconds": "60", "client_meta_clientid": "sensor", "req_id": str(next(numbers))}
    assert told(walk(pub, MESSAGE | more, b"payload")) == (200, "OK")
    message = client.take(PublishPacket)
    assert (message.payload, message.qos, properties_of(message).message_expiry_interval) == (b"payload", 1, 60)
    assert told(walk(pub, MESSAGE, topic="bifro/nobody")) == (200, "NO_MATCH")
    for topic, status in (("a/+", 400), ("#", 400), (LONG, 403)):
        assert told(walk(pub, MESSAGE, topic=topic)) == (status, "Unaccepted Topic")
        assert told(walk(retain, MESSAGE, topic=topic)) == (400, "")
    assert told(walk(pub, MESSAGE, qos="3")) == (400, "Invalid QoS")
    assert told(walk(retain, MESSAGE, qos="3")) == (400, "")
    for endpoint in (pub, retain):
        missing(walk, endpoint, MESSAGE, "topic", "qos", "client_type")
        assert told(walk(endpoint, MESSAGE, qos="one")) == (400, 'For input string: "one"')
        assert told(walk(endpoint, MESSAGE, expiry_seconds="0")) == (400, "Invalid expiry seconds")
        assert told(walk(endpoint, MESSAGE, expiry_seconds="soon")) == (400, 'For input string: "soon"')
    assert told(walk(retain, MESSAGE | more, b"kept", req_id=str(next(numbers)))) == (200, "RETAINED")
    quiet(client, client)
    assert told(walk(retain, MESSAGE)) == (200, "CLEARED")
    switched(walk, retain)


def switched(walk: Walk, retain: str) -> None:
    """Where nothing is retained, retaining is not allowed."""
    live = walk._live
    switch = "/api/v2/nodes/plugins/retainer"
    assert live.ask("emq2", "PUT", switch, body='{"active":false}').json() == {"code": 0, "result": []}
    try:
        eventually_sync(lambda: walk(retain, MESSAGE, b"x").status == 401)
        assert "www-authenticate" not in walk(retain, MESSAGE, b"x").headers
    finally:
        assert live.ask("emq2", "PUT", switch, body='{"active":true}').json() == {"code": 0, "result": []}
    eventually_sync(lambda: walk(retain, MESSAGE).status == 200)


def walk_subscriptions(walk: Walk, live: Live) -> None:
    sub, unsub = "PUT /sub", "DELETE /unsub"
    wish = {**target("bifro-walk"), "topic_filter": "bifro/+/s", "sub_qos": "1"}
    less = {name: value for name, value in wish.items() if name != "sub_qos"}
    assert told(walk(sub, wish, req_id=str(next(numbers)))) == (200, "OK")
    assert told(walk(sub, wish)) == (200, "EXISTS")
    assert told(walk(sub, wish, sub_qos="3")) == (400, "Invalid sub qos: 3")
    assert told(walk(sub, wish, sub_qos="x")) == (400, 'For input string: "x"')
    for endpoint, good in ((sub, wish), (unsub, less)):
        missing(walk, endpoint, good, "user_id", "client_id", "topic_filter")
        assert told(walk(endpoint, good, topic_filter="a#")) == (400, "TOPIC_FILTER_INVALID")
        assert told(walk(endpoint, good, client_id="no such")) == (404, "")
        assert told(walk(endpoint, good, user_id="somebody else")) == (404, "")
    missing(walk, sub, wish, "sub_qos")
    assert told(walk(unsub, less, req_id=str(next(numbers)))) == (200, "OK")
    assert told(walk(unsub, less)) == (200, "NO_SUB")
    refused(walk, sub, wish, live)


def refused(walk: Walk, sub: str, wish: dict[str, str], live: Live) -> None:
    """By an access rule."""
    rule = b'{"allow":false,"action":"subscribe","topic":"bifro/secret"}'
    json = {"Content-Type": "application/json"}
    answer = live.ask("fluxmq", "POST", "/api/mqledger/v1/acl/rules", json, rule)
    assert answer.status == 201, answer
    forbidden = walk(sub, wish, topic_filter="bifro/secret")
    assert told(forbidden) == (401, "")
    assert "www-authenticate" not in forbidden.headers


def walk_sessions(walk: Walk, live: Live) -> None:
    session, kill = "GET /session", "DELETE /kill"
    with live.client("bifro-killed", clean=False, session_expiry_interval=600, keep_alive=30) as client:
        known = walk(session, target("bifro-killed"), req_id=str(next(numbers)))
        assert known.json()["tenantId"] == "default"
        wish = {**target("bifro-killed"), "client_type": "janitor"}
        for endpoint in (session, kill):
            missing(walk, endpoint, wish if endpoint == kill else target("bifro-killed"), "user_id", "client_id")
        missing(walk, kill, wish, "client_type")
        assert told(walk(kill, wish, user_id="somebody else")) == (404, "")
        assert told(walk(kill, wish, client_meta_why="spring", req_id=str(next(numbers)))) == (200, "")
        said = client.expect(DisconnectPacket)
        assert said.reason_code == 0x98
        assert "janitor (why=spring)" in (said.properties.reason_string or "")
    assert told(walk(kill, wish)) == (404, "")
    live.shown("bifro-killed", connected=False)
    metadata = walk(session, target("bifro-killed")).json()["metadata"]
    assert (metadata["connected"], metadata["sessionType"], metadata["keepAlive"]) == ("false", "p", "30")
    assert told(walk(session, target("bifro-killed", "somebody else"))) == (404, "")
    expire = "DELETE /session"
    assert told(walk(expire, TENANT, req_id=str(next(numbers)))) == (200, "")
    assert walk(session, target("bifro-killed")).status == 200
    assert told(walk(expire, TENANT, expiry_seconds="x")) == (400, 'For input string: "x"')
    assert told(walk(expire, TENANT, expiry_seconds="-1")) == (400, "Invalid expiry seconds")
    missing(walk, expire, TENANT)
    with live.client("bifro-stays", clean=False, session_expiry_interval=600):

        def gone() -> bool:
            assert told(walk(expire, TENANT, expiry_seconds="1")) == (200, "")
            return walk(session, target("bifro-killed")).status == 404

        # Once it has been away for a second.
        eventually_sync(gone)
        assert walk(session, target("bifro-stays")).status == 200


def test_the_session_as_json(live: Live) -> None:
    with live.client("bifro-json", ProtocolVersion.V311, clean=True):
        answer = live.ask("bifromq", "GET", "/session", target("bifro-json"))
        assert answer.headers["content-type"] == "application/json"
        assert answer.body.startswith(
            b'{\n  "tenantId": "default",\n  "type": "MQTT",\n  "metadata": {\n    "ver": "4"'
        )
        document = answer.json()
        metadata = document["metadata"]
        assert list(metadata)[:7] == ["ver", "userId", "clientId", "channelId", "address", "broker", "sessionType"]
        assert (metadata["clientId"], metadata["broker"], metadata["sessionType"]) == ("bifro-json", NODE, "t")
        assert metadata["address"].startswith("127.0.0.1:")
        assert all(isinstance(value, str) for value in metadata.values())


def test_a_request_under_its_id_is_one_command(live: Live) -> None:
    with live.client("bifro-once") as client:
        client.subscribed("bifro/once", qos=1)
        said = MESSAGE | {"topic": "bifro/once", "req_id": "-4711"}

        def publish(body: bytes, **more: str) -> str:
            answer = live.ask("bifromq", "POST", "/pub", said | more, body)
            assert (answer.status, answer.headers["req_id"]) == (200, more.get("req_id", "-4711"))
            return answer.body.decode()

        assert [publish(b"one") for _ in range(3)] == ["OK"] * 3
        assert publish(b"two") == "OK"
        assert publish(b"one", req_id="4712") == "OK"
        assert publish(b"one", topic="bifro/other") == "NO_MATCH"
        got = [client.take(PublishPacket).payload for _ in range(3)]
        assert got == [b"one", b"two", b"one"]
        quiet(client, client)


def test_metadata_of_the_caller_are_in_the_log(live: Live) -> None:
    meta = {"client_meta_role": "janitor", "client_meta_site": "größe".encode().decode("latin-1")}
    with live.client("bifro-meta", clean=False, session_expiry_interval=600):
        wish = target("bifro-meta") | {"topic_filter": "bifro/meta", "sub_qos": "0", "client_type": "t"} | meta
        message = MESSAGE | {"topic": "bifro/meta", "client_meta_clientid": "bifro-meta"} | meta
        for method, path, said in (
            ("POST", "/pub", message),
            ("POST", "/retain", message),
            ("PUT", "/sub", wish),
            ("DELETE", "/unsub", wish),
            ("DELETE", "/kill", wish),
        ):
            assert live.ask("bifromq", method, path, said).status == 200, path
    assert live.ask("bifromq", "DELETE", "/session", TENANT | meta | {"expiry_seconds": "4000000"}).status == 200
    kinds = ("publish", "subscribe", "unsubscribe", "kick", "expire")
    for kind in kinds:
        scope = "" if kind == "expire" else "client_id=bifro-meta&"
        events = live.ask("fluxmq", "GET", f"/api/mqledger/v1/events?{scope}kind={kind}&limit=1000").json()["items"]
        told_of = [event["data"]["order"]["meta"] for event in events]
        assert any((one.get("role"), one.get("site")) == ("janitor", "größe") for one in told_of), kind
    listed = live.ask("fluxmq", "GET", "/api/mqledger/v1/commands?client_id=bifro-meta").json()["items"]
    assert {one["verb"] for one in listed} == {"publish", "retain", "subscribe", "unsubscribe", "kick"}
    shown = live.ask("fluxmq", "GET", f"/api/mqledger/v1/commands/{listed[0]['id']}").json()["meta"]
    assert (shown["role"], shown["site"]) == ("janitor", "größe")
    assert all(one["meta"]["role"] == "janitor" for one in listed)
    too_much = {f"client_meta_{i}": "x" for i in range(33)}
    assert told(live.ask("bifromq", "POST", "/pub", MESSAGE | too_much)) == (400, "too much in client_meta_*")


@pytest.mark.parametrize("req_id", ["", "x", "1.5", "9223372036854775808"])
def test_an_id_that_is_none_is_replaced(live: Live, req_id: str) -> None:
    answer = live.ask("bifromq", "GET", "/session", target("no such") | {"req_id": req_id})
    assert answer.status == 404
    assert 0 <= int(answer.headers["req_id"]) < 2**63


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/pub"), ("POST", "/session"), ("HEAD", "/session"), ("PUT", "/unsub"), ("GET", "/cluster")],
)
def test_unknown_paths_and_methods_are_400_without_a_body(live: Live, method: str, path: str) -> None:
    for login in (("admin", ""), None):
        answer = live.ask("bifromq", method, path, TENANT, login=login)
        assert told(answer) == (400, "")


def test_a_body_that_is_too_long(live: Live) -> None:
    assert told(live.ask("bifromq", "POST", "/pub", MESSAGE, b"x" * 262_145)) == (413, "")
    assert told(live.ask("bifromq", "POST", "/pub", MESSAGE | {"topic": "bifro/long"}, b"x" * 200_000))[0] == 200


def test_without_credentials_only_reading(live: Live) -> None:
    assert live.ask("bifromq", "GET", "/session", target("no such"), login=None).status == 404
    answer = live.ask("bifromq", "POST", "/pub", MESSAGE, b"x", login=None)
    assert told(answer) == (401, "")
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert live.ask("bifromq", "GET", "/session", target("no such"), login=("admin", "wrong")).status == 401


def test_tenants_do_not_see_each_other(live: Live) -> None:
    with live.client("bifro-mine") as client:
        client.subscribed("bifro/tenants", qos=1)
        acme = {"tenant_id": "acme"}
        said = MESSAGE | acme | {"topic": "bifro/tenants"}
        assert told(live.ask("bifromq", "POST", "/pub", said, b"theirs")) == (200, "NO_MATCH")
        there = target("bifro-mine") | acme
        assert live.ask("bifromq", "GET", "/session", there).status == 404
        assert live.ask("bifromq", "DELETE", "/kill", there | {"client_type": "x"}).status == 404
        wish = there | {"topic_filter": "#", "sub_qos": "0"}
        assert live.ask("bifromq", "PUT", "/sub", wish).status == 404
        assert live.ask("bifromq", "DELETE", "/unsub", wish).status == 404
        assert told(live.ask("bifromq", "DELETE", "/session", acme | {"expiry_seconds": "0"})) == (200, "")
        quiet(client, client)


def test_names_are_utf_8(live: Live) -> None:
    with live.client("bifro-ü") as client:
        client.subscribed("größe/#")
        said = {name: value.encode().decode("latin-1") for name, value in (MESSAGE | {"topic": "größe/é"}).items()}
        assert told(live.ask("bifromq", "POST", "/pub", said, b"x")) == (200, "OK")
        assert client.take(PublishPacket).topic == "größe/é"
