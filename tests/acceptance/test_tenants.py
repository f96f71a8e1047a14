"""Bar: one tenant reading or touching another's anything, by header, id, token, filter, wildcard or cursor: impossible.

Two tenants. Everything of the first has ``crimson`` in its name or content, so that whatever leaks shows. The second
has the most that a tenant can have, an administrator's key, and tries each way in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from ingest.mqtt.codec import ConnackPacket, ProtocolVersion, PublishPacket
from query_api.native.operation import Operation
from query_api.native.operations import OPERATIONS
from schemas.settings import KafkaSettings, PostgresSettings
from tests.acceptance.product import Product
from tests.mqttkit.client import Client, quiet, will
from tests.mqttkit.link import Link, connect_packet
from tests.stackkit.eventually import eventually_sync

NATIVE = "/api/mqledger/v1"
MARK = "crimson"
DEVICE = "crimson-device"
AWAY = "crimson-away"
TOPIC = "crimson/topic"
QUEUE = f"{NATIVE}/sessions/{AWAY}/queue/messages"
USER = "crimson-user"
PASSWORD = "a password of crimson"
V5 = ProtocolVersion.V5

PARTS = {
    "client_id": DEVICE,
    "username": USER,
    "kind": "clientid",
    "who": "crimson-banned",
    "topic": quote(TOPIC, safe=""),
    "connection_id": "crimson-link",
}
"""What the paths of operations name; ids that the product gives are filled in by the fixture."""


@dataclass
class World:
    """A product with the two tenants in it."""

    product: Product
    root: httpx.Client
    red: httpx.Client
    blue: httpx.Client
    parts: dict[str, str]
    secrets: list[str]


@pytest.fixture(scope="module")
def world(
    new_kafka: Callable[..., KafkaSettings],
    new_postgres: Callable[..., PostgresSettings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("tenants")
    first = folder / "first"
    product = Product(
        new_kafka(),
        new_postgres(migrated=True),
        folder,
        mqtt__authentication="required",
        mqtt__tenant_from="username",
        access__anonymous="none",
        access__first_secret_file=str(first),
        log__counters_interval=0.5,
    )
    try:
        product.start()
        eventually_sync(first.exists, 30)
        root = _client(product, "admin", first.read_text())
        product.api.authorization = root.get("/health/live").request.headers["authorization"]
        red, blue = _key(product, root, "red"), _key(product, root, "blue")
        with closing(root), closing(red), closing(blue):
            parts, secrets = _furnish(red, root)
            secrets += [first.read_text(), *(_secret_of(one) for one in (red, blue))]
            yield World(product, root, red, blue, parts, secrets)
    finally:
        product.end()


def _client(product: Product, name: str, secret: str) -> httpx.Client:
    return httpx.Client(base_url=product.service.url, auth=(name, secret), timeout=20.0, trust_env=False)


def _key(product: Product, root: httpx.Client, tenant: str) -> httpx.Client:
    """The API key of an administrator of one tenant; it is in its own words who it is."""
    made = _done(root.post(f"{NATIVE}/api-keys", json={"name": tenant, "role": "administrator", "tenant": tenant}))
    client = _client(product, made["app_id"], made["secret"])
    client.headers["x-test-secret"] = made["secret"]
    assert _done(client.get(f"{NATIVE}/me"))["acts_on"] == tenant
    return client


def _secret_of(client: httpx.Client) -> str:
    return client.headers["x-test-secret"]


def _done(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 201), f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    return answer.json()


def _furnish(red: httpx.Client, root: httpx.Client) -> tuple[dict[str, str], list[str]]:
    """Everything that a tenant can have."""
    _done(red.post(f"{NATIVE}/users", json={"username": USER, "password": PASSWORD}))
    rule = _done(red.post(f"{NATIVE}/acl/rules", json={"allow": True, "topic": "crimson/#", "username": USER}))
    _done(red.put(f"{NATIVE}/bans/clientid/crimson-banned", json={"reason": "crimson"}))
    sent = {"topic": TOPIC, "payload": "crimson payload", "retain": True, "qos": 1}
    command = red.post(f"{NATIVE}/messages", json=sent, headers={"idempotency-key": "k-1"})
    _done(command)
    blue = {"username": "navy", "password": "a password of navy"}
    _done(root.post(f"{NATIVE}/users", json=blue, headers={"mqledger-tenant": "blue"}))
    parts = {**PARTS, "rule": rule["id"], "id": command.json()["id"]}
    return parts, [PASSWORD, "a password of navy"]


def _device(world: World, tenant: str, client_id: str, **options: Any) -> Client:
    name, password = (USER, PASSWORD) if tenant == "red" else ("navy", "a password of navy")
    address = world.product.address
    given = {"username": f"{tenant}/{name}", "password": password.encode(), **options}
    return Client(address, V5, client_id, **given)


@pytest.fixture(scope="module")
def device(world: World) -> Iterator[Client]:
    """A connected client of the first tenant, and one that is away with a queue."""
    with _device(world, "red", AWAY, clean=False, session_expiry_interval=3_600) as away:
        away.subscribed(TOPIC, qos=1, retain_handling=2)
    world.product.settle()
    for _ in range(2):
        _done(world.red.post(f"{NATIVE}/messages", json={"topic": TOPIC, "payload": "crimson queued", "qos": 1}))
    held = _done(world.red.get(QUEUE))["items"]
    assert [one["topic"] for one in held] == [TOPIC, TOPIC]
    world.parts["position"] = quote(held[0]["position"], safe="")
    with _device(world, "red", DEVICE, clean=False, session_expiry_interval=3_600) as client:
        client.subscribed("crimson/#", qos=1, retain_handling=2)
        world.product.settle()
        yield client


def _path(operation: Operation, parts: dict[str, str]) -> str | None:
    try:
        return NATIVE + operation.path.format(**parts)
    except KeyError:
        return None


def _shows_nothing(answer: httpx.Response, about: str) -> None:
    assert answer.status_code < 500, f"{about}: {answer.status_code} {answer.text}"
    shown = answer.text.replace(str(answer.url), "")
    problem = json.loads(shown).get("instance", "") if "problem+json" in answer.headers["content-type"] else ""
    assert MARK not in (shown.replace(problem, "") if problem else shown).lower(), f"{about}: {answer.text}"
    assert MARK not in str(dict(answer.headers)).lower().replace(str(answer.url.path).lower(), ""), about


READS = [operation for operation in OPERATIONS if operation.method == "GET" and "stream" not in operation.path]
WRITES = [operation for operation in OPERATIONS if operation.method != "GET"]


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("operation", READS, ids=lambda o: f"{o.method} {o.path}")
def test_no_read_of_the_native_api_shows_another_tenant(world: World, operation: Operation) -> None:
    path = _path(operation, world.parts) or NATIVE + operation.path
    for headers, query in (
        ({}, {}),
        ({"mqledger-tenant": "red"}, {}),
        ({}, {"tenant": "red"}),
        ({"mqledger-tenant": "*"}, {}),
        ({"mqledger-tenant": "blue", "tenant_id": "red"}, {"tenant": "red"}),
    ):
        answer = world.blue.get(path, headers=headers, params=query)
        _shows_nothing(answer, f"GET {path} {headers} {query}")
        if "red" in (headers.get("mqledger-tenant"), query.get("tenant")):
            assert answer.status_code in (400, 403, 404), answer.text


def _events(client: httpx.Client, tenant: str) -> str:
    """All events of a tenant of all kinds, on pages of a few."""
    query: dict[str, Any] = {"about": "sessions,administration,connections", "limit": 7}
    pages = [_done(client.get(f"{NATIVE}/events", params=query, headers={"mqledger-tenant": tenant}))]
    while pages[-1]["next"] is not None:
        query["cursor"] = pages[-1]["next"]
        pages.append(_done(client.get(f"{NATIVE}/events", params=query, headers={"mqledger-tenant": tenant})))
    return json.dumps([one for page in pages for one in page["items"]])


@pytest.mark.usefixtures("device")
def test_no_change_of_another_tenant_is_an_event(world: World) -> None:
    """Of its users, rules, bans, messages; nor of accounts and keys, though they are for one of the tenants."""
    red, blue = _events(world.red, "red"), _events(world.blue, "blue")
    assert {"user_set", "acl_added", "banned", "connected"} <= {one["kind"] for one in json.loads(red)}
    assert MARK in red
    assert "navy" in blue
    assert MARK not in blue.lower()
    assert not {"api_key_set", "account_set"} & {one["kind"] for one in json.loads(red) + json.loads(blue)}
    assert {"api_key_set", "account_set"} <= {one["kind"] for one in json.loads(_events(world.root, "blue"))}
    for kind in ("user_set", "banned", "acl_added"):
        _shows_nothing(world.blue.get(f"{NATIVE}/events", params={"kind": kind}), f"events of {kind}")
    token = world.red.get(f"{NATIVE}/events", params={"about": "administration", "limit": 1}).json()["next"]
    page = world.blue.get(f"{NATIVE}/events", params={"about": "administration", "limit": 1, "cursor": token})
    assert page.status_code == 400, page.text


@pytest.mark.parametrize("operation", WRITES, ids=lambda o: f"{o.method} {o.path}")
def test_no_write_of_the_native_api_touches_another_tenant(world: World, device: Client, operation: Operation) -> None:
    before = _belongings(world)
    path = _path(operation, world.parts) or NATIVE + operation.path
    body = {**operation.example.body} if operation.example.body else None
    for headers in ({"mqledger-tenant": "red"}, {"mqledger-tenant": "*"}):
        answer = world.blue.request(operation.method, path, json=body, headers=headers)
        assert answer.status_code in (400, 401, 403, 404, 405, 415, 422), f"{operation.method} {path}: {answer.text}"
    if not operation.everywhere and operation.path != "/expirations":
        answer = world.blue.request(operation.method, path, json=body)
        _shows_nothing_of_ids(answer)
    assert _belongings(world) == before
    device.ping()


def _shows_nothing_of_ids(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    assert PASSWORD not in answer.text


def _belongings(world: World) -> dict[str, Any]:
    """What the first tenant has, without what moves by itself."""
    users = [one["username"] for one in _done(world.red.get(f"{NATIVE}/users"))["items"]]
    rules = [one["id"] for one in _done(world.red.get(f"{NATIVE}/acl/rules"))["items"]]
    bans = [one["who"] for one in _done(world.red.get(f"{NATIVE}/bans"))["items"]]
    subscriptions = {(s["client_id"], s["filter"]) for s in _done(world.red.get(f"{NATIVE}/subscriptions"))["items"]}
    state = _done(world.red.get(f"{NATIVE}/sessions/{DEVICE}"))["session"]["connected"]
    return {"users": users, "rules": rules, "bans": bans, "subscriptions": subscriptions, "state": state}


DIALECT_READS = (
    "/api/v1/sessions",
    f"/api/v1/sessions/{DEVICE}",
    "/api/v1/sessions?prefix=crim",
    "/api/v1/subscriptions",
    "/api/v1/stats",
    "/api/v4/clients",
    "/api/v4/clients?_like_clientid=rims",
    f"/api/v4/clients?clientid={DEVICE}",
    f"/api/v4/clients/{DEVICE}",
    f"/api/v4/clients/username/{USER}",
    "/api/v4/nodes/node-1/clients",
    "/api/v4/subscriptions",
    f"/api/v4/subscriptions/{DEVICE}",
    "/api/v4/subscriptions?_match_topic=crimson/topic",
    "/api/v4/routes",
    f"/api/v4/routes/{quote('crimson/#', safe='')}",
    "/api/v4/banned",
    f"/api/v4/clients/{DEVICE}/acl_cache",
    "/api/v2/nodes/node-1/clients",
    f"/api/v2/clients/{DEVICE}",
    f"/api/v2/sessions/{DEVICE}",
    "/api/v2/nodes/node-1/sessions",
    f"/api/v2/subscriptions/{DEVICE}",
    "/api/v2/nodes/node-1/subscriptions",
    "/api/v2/routes",
    "/api/v2/routes/crimson%2Ftopic",
    "/api/v2/users",
    "/api/connections",
)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("path", DIALECT_READS)
def test_no_read_of_a_dialect_shows_another_tenant(world: World, path: str) -> None:
    for headers in ({}, {"mqledger-tenant": "red"}, {"tenant_id": "red"}):
        _shows_nothing(world.blue.get(path, headers=headers), f"GET {path} {headers}")
    assert MARK in world.red.get(path).text.lower() or path in BLIND, "it would show nothing to anybody"


BLIND = ("/api/v1/stats", f"/api/v4/clients/{DEVICE}/acl_cache", "/api/v4/banned", "/api/v2/users", "/api/connections")
"""Paths of numbers, and of what the first tenant has nothing of."""


def test_a_tenant_named_in_bifromqs_headers_must_be_ones_own(world: World, device: Client) -> None:
    base = {"tenant_id": "red", "client_type": "test"}
    session = {**base, "user_id": USER, "client_id": DEVICE}
    asked = (
        ("GET", "/session", session),
        ("DELETE", "/session", {**base, "expiry_seconds": "0"}),
        ("DELETE", "/kill", session),
        ("PUT", "/sub", {**session, "topic_filter": "navy", "sub_qos": "1"}),
        ("DELETE", "/unsub", {**session, "topic_filter": "crimson/#"}),
        ("POST", "/pub", {**base, "topic": TOPIC, "qos": "1"}),
        ("POST", "/retain", {**base, "topic": TOPIC, "qos": "1"}),
    )
    before = _belongings(world)
    for method, path, headers in asked:
        answer = world.blue.request(method, path, headers=headers, content=b"")
        assert 400 <= answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text}"
        assert MARK not in answer.text
    assert _belongings(world) == before
    device.ping()


def test_tokens_and_keys_of_another_tenant_open_nothing(world: World, device: Client) -> None:
    page = _done(world.red.get(f"{NATIVE}/sessions", params={"limit": 1}))
    token = page["next"]
    assert token, "two sessions, one to a page"
    for path in (f"{NATIVE}/sessions", f"{NATIVE}/subscriptions"):
        answer = world.blue.get(path, params={"limit": 1, "cursor": token})
        assert answer.status_code in (400, 422), answer.text
    old = world.red.get("/api/v1/sessions", params={"limit": 1}).json()["next_page_token"]
    assert world.blue.get("/api/v1/sessions", params={"limit": 1, "page_token": old}).status_code == 400
    assert world.blue.get(f"{NATIVE}/commands/{world.parts['id']}").status_code == 404
    # A queue of the first tenant, and one of a session of the same name, with a cursor and a place of the other's.
    with _device(world, "blue", AWAY, clean=False, session_expiry_interval=3_600):
        world.product.settle()
        queued = _done(world.red.get(QUEUE, params={"limit": 1}))["next"]
        assert world.blue.get(QUEUE, params={"limit": 1, "cursor": queued}).status_code == 400
        assert _done(world.blue.get(QUEUE))["items"] == []
        assert _done(world.red.get(f"{QUEUE}/{world.parts['position']}"))["message"]["topic"] == TOPIC
        assert world.blue.get(f"{QUEUE}/{world.parts['position']}").status_code == 404
    # The same idempotency key is another tenant's own.
    sent = {"topic": "navy", "payload": "x"}
    made = _done(world.blue.post(f"{NATIVE}/messages", json=sent, headers={"idempotency-key": "k-1"}))
    assert made["id"] != world.parts["id"]
    device.ping()


def test_devices_of_tenants_do_not_meet(world: World, device: Client) -> None:
    """Client ids, wildcards, retained messages, wills, `$SYS`: a tenant's devices see its own alone."""
    with _device(world, "blue", DEVICE, will=will(TOPIC, b"navy will")) as twin:
        twin.subscribed("#", "+/#", "crimson/#", "$SYS/#", "/red/#", "red/#", qos=1, retain_handling=2)
        twin.subscribed("crimson/+", qos=1)
        with _device(world, "red", "crimson-other") as other:
            other.publish(TOPIC, b"crimson live", qos=1, retain=True)
        device.expect_message(TOPIC, b"crimson live")
        twin.publish(TOPIC, b"navy", qos=1, retain=True)
        # Several filters of it match, and nothing else comes before what it sent itself.
        twin.expect_message(TOPIC, b"navy")
        with _device(world, "blue", "navy-publisher") as publisher:
            quiet(twin, publisher)
        twin.reset()
    with _device(world, "red", "crimson-last") as last:
        quiet(device, last)
    with _device(world, "red", "crimson-late") as late:
        late.subscribed(TOPIC, qos=1)
        assert late.expect(PublishPacket).payload == b"crimson live"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("red/navy", "a password of navy"),
        ("red/crimson-user", "a password of navy"),
        ("crimson-user", PASSWORD),
        ("red//crimson-user", PASSWORD),
        ("/red/crimson-user", PASSWORD),
        ("blue/../red/crimson-user", PASSWORD),
        ("blue/red/crimson-user", PASSWORD),
        ("RED/crimson-user", PASSWORD),
        ("red/", PASSWORD),
        ("red", PASSWORD),
        ("*/crimson-user", PASSWORD),
    ],
)
def test_a_tenant_is_entered_with_its_own_password_only(world: World, username: str, password: str) -> None:
    with Link(world.product.address, V5) as link:
        link.send(connect_packet(V5, "intruder", username=username, password=password.encode()))
        assert link.expect(ConnackPacket).reason_code in (0x85, 0x86, 0x87)


@pytest.mark.usefixtures("device")
def test_no_secret_is_anywhere(world: World, tmp_path: Path) -> None:
    """Bar: secrets in logs, events, responses, `mqledger status`: none."""
    world.product.settle()
    product = world.product
    told = {
        "events": product.command("events", "--format", "json").out,
        "admin": product.command("events", "--admin", "--format", "json").out,
        **{service.name: service.log.read_text(errors="replace") for service in product.services},
        **{path: world.root.get(NATIVE + path).text for path in ("/users", "/accounts", "/api-keys", "/commands")},
        **{f"events of {tenant}": _events(world.root, tenant) for tenant in ("default", "red", "blue")},
        "config": product.command("config", "show").out,
    }
    for where, text in told.items():
        for secret in world.secrets:
            assert secret not in text, f"{where} tells a secret"
        assert "$argon2" not in text, f"{where} tells a hash"


def test_a_name_that_says_another_tenant_is_refused(world: World) -> None:
    """Nobody could log in with it: clients who say it are of that tenant."""
    given = {"username": "red/ann", "password": PASSWORD}
    for answer in (
        world.root.post(f"{NATIVE}/users", json=given),
        world.root.put(f"{NATIVE}/users/red%2Fann", json={"password": PASSWORD}),
    ):
        assert answer.status_code == 409, answer.text
        assert answer.json()["detail"].startswith("Nobody could be this user: clients who say `red/ann` are `ann` of")
    _done(world.blue.post(f"{NATIVE}/users", json=given))
    with Client(world.product.address, V5, "c", username="blue/red/ann", password=PASSWORD.encode()):
        _done(world.blue.delete(f"{NATIVE}/users/red%2Fann"))
