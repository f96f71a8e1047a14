"""What clients of EMQX 4 that are in use ask, and read: facts of their public sources, written down anew.

No package index for Python has a library for this API (those of that name speak `/api/v5`, or are plugins of the
broker). So their calls are sent as they send them: methods, paths, queries, bodies and headers; and what they read is
read by its types.

- the front end of EMQ's dashboard, 4.4 (emqx/emqx-dashboard-frontend)
- the library for PHP, kain/emqx-management-api (kainonly/emqx-management-api)
- the library for Java, emqx-http-sdk (gcdd1993/emqx-java-sdk): classes with types

EMQ's exporter is in `test_emqx4.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import pytest

from ingest.mqtt.codec import DisconnectPacket, ProtocolVersion, PublishPacket
from tests.integration.dialects.live import NODE, Live
from tests.mqttkit.client import Client, quiet
from tests.stackkit.eventually import eventually_sync

NAME = "theirs/ü 1"
"""A client id that must be encoded to stand in a path."""
Shape = TypeVar("Shape")


@pytest.fixture
def device(live: Live) -> Iterator[Client]:
    """A client that they find, with a subscription."""
    with live.client(NAME, ProtocolVersion.V311, keep_alive=60) as client:
        client.subscribed("theirs/+", qos=1)
        eventually_sync(lambda: Dashboard(live).get(f"/subscriptions/{quote(NAME, safe='')}"))
        yield client


class Dashboard:
    """As the front end asks: a base URL, Basic authorization, no cache; `code` must be 0, lists come with `meta`."""

    def __init__(self, live: Live) -> None:
        self._base = f"http://127.0.0.1:{live.port('emqx4')}/api/v4/"
        self._auth = ("admin", live.password)

    def _send(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Content-Type": "application/json", "Cache-Control": "no-cache"}
        url = self._base + path.removeprefix("/")
        answer = httpx.request(method, url, auth=self._auth, headers=headers, **more)
        assert answer.status_code == 200, answer
        document = answer.json()
        assert document["code"] == 0, document
        data = document.get("data")
        return {"items": data, "meta": document["meta"]} if "meta" in document else data

    def get(self, path: str, **params: Any) -> Any:
        return self._send("GET", path, params=params)

    def post(self, path: str, body: Any) -> Any:
        return self._send("POST", path, json=body)

    def put(self, path: str) -> Any:
        return self._send("PUT", path)

    def delete(self, path: str) -> Any:
        return self._send("DELETE", path)


@pytest.mark.usefixtures("device")
def test_the_dashboards_pages_of_numbers(live: Live) -> None:
    """Overview, listeners, plugins, alarms, and the list of all calls."""
    api = Dashboard(live)
    for one in api.get("/nodes"):
        assert one["node_status"] == "Running"
        assert {"node", "version", "uptime", "otp_release", "max_fds", "load1"} <= one.keys()
        assert one["memory_used"]
        assert one["memory_total"]
        assert one["process_used"] <= one["process_available"]

    def stats() -> dict[str, int]:
        (of_node,) = api.get("/stats")
        return {name.replace(".", "_"): value for name, value in of_node["stats"].items()}

    # Nodes tell it with their next heartbeat.
    eventually_sync(lambda: stats()["connections_count"] >= 1)
    flat = stats()
    for name in ("connections", "topics", "retained", "sessions", "subscriptions", "subscriptions_shared"):
        assert flat[f"{name}_count"] <= flat[f"{name}_max"], name
    broker = api.get(f"/brokers/{NODE}")
    assert {"sysdescr", "version", "uptime", "datetime"} <= broker.keys()
    metrics = api.get(f"/nodes/{NODE}/metrics")
    assert metrics["packets.connect.received"] >= 1
    for kind in ("packets", "messages", "bytes"):
        assert {f"{kind}.received", f"{kind}.sent"} <= metrics.keys()
    for group in ("client", "session", "delivery"):
        assert any(name.startswith(f"{group}.") for name in metrics), group
    for one in api.get(f"/nodes/{NODE}/listeners"):
        assert {"protocol", "listen_on", "max_conns", "current_conns"} <= one.keys()
    for kind in ("activated", "deactivated"):
        for of_node in api.get(f"/alarms/{kind}"):
            assert isinstance(of_node["alarms"], list)
    assert {"get", "GET"} & {one["method"] for one in api.get("/")}


def test_the_dashboards_switch_of_plugins(live: Live) -> None:
    api = Dashboard(live)
    row = next(one for one in api.get(f"/nodes/{NODE}/plugins") if one["name"] == "sys")
    for operation in ("unload", "load") if row["active"] else ("load", "unload"):
        api.put(f"/nodes/{NODE}/plugins/{row['name']}/{operation}")


@pytest.mark.usefixtures("device")
def test_the_dashboards_lists(live: Live) -> None:
    """Clients, topics and subscriptions: pages, filters, the search for one; and a time in milliseconds, divided."""
    api = Dashboard(live)
    listed = api.get("/clients", _page=1, _limit=10)
    assert listed["meta"]["count"] >= 1
    now = time.time_ns() // 1_000_000
    fuzzy = {"_like_clientid": "theirs/", "ip_address": "127.0.0.1", "conn_state": "connected", "proto_name": "MQTT"}
    for path in ("/clients", f"/nodes/{NODE}/clients"):
        found = api.get(path, **fuzzy, _lte_connected_at=now // 1000 + 1, _page=1, _limit=10)
        assert [one["clientid"] for one in found["items"]] == [NAME]
        assert found["meta"] == {"page": 1, "limit": 10, "count": -1, "hasnext": False}
        assert api.get(path, **fuzzy, _gte_connected_at=now // 1000 + 3600, _page=1, _limit=10)["items"] == []
        (one,) = api.get(f"{path}/{quote(NAME, safe='')}")
        assert {"username", "ip_address", "port", "keepalive", "expiry_interval", "connected_at"} <= one.keys()
    pages = [api.get("/subscriptions", _page=page, _limit=1) for page in (1, 2)]
    assert pages[0]["meta"]["hasnext"] == bool(pages[1]["items"])
    for filters in ({"topic": "theirs/+"}, {"_match_topic": "theirs/#"}, {"clientid": NAME, "qos": 1}):
        held = api.get("/subscriptions", **filters, _page=1, _limit=10)
        assert [(one["clientid"], one["topic"], one["qos"]) for one in held["items"]] == [(NAME, "theirs/+", 1)]
    assert {"topic": "theirs/+", "node": NODE} in api.get("routes", _page=1, _limit=10_000)["items"]
    assert api.get(f"/routes/{quote('theirs/+', safe='')}") == [{"topic": "theirs/+", "node": NODE}]


def test_the_dashboards_page_of_a_client(live: Live, device: Client) -> None:
    """What there is of it, subscribing, unsubscribing, kicking."""
    api, path = Dashboard(live), f"/clients/{quote(NAME, safe='')}"
    (record,) = api.get(path)
    assert record["connected"] is True
    held = f"/nodes/{record['node']}/subscriptions/{quote(NAME, safe='')}"
    api.post("/mqtt/subscribe", {"clientid": NAME, "topic": "theirs/2/+", "qos": 2})
    assert {one["topic"] for one in api.get(held)} == {"theirs/+", "theirs/2/+"}
    api.post("/mqtt/unsubscribe", {"topic": "theirs/2/+", "clientid": NAME})
    assert {one["topic"] for one in api.get(held)} == {"theirs/+"}
    api.delete(path)
    assert device.drain() == []
    assert api.get(path) == []


class Php(Dashboard):
    """As the library for PHP asks: parts of a path joined as they are, lists of topics with commas between."""


def test_the_php_library(live: Live, device: Client) -> None:
    api = Php(live)
    api.post("/mqtt/subscribe", {"topics": "php/1,php/2", "clientid": NAME, "qos": 0})
    many = [{"topics": "php/3,php/4", "clientid": NAME, "qos": 0}, {"topics": "php/5", "clientid": "nobody", "qos": 0}]
    assert [one["code"] for one in api.post("/mqtt/subscribe_batch", many)] == [0, 112]
    message = {"topics": "php/1,php/2", "clientid": "php", "payload": "one", "encoding": "plain", "qos": 0}
    api.post("/mqtt/publish", message | {"retain": False})
    batch = [
        {"topic": "php/3", "clientid": "php", "payload": "b25l", "encoding": "base64", "qos": 0, "retain": False},
        {"topic": "php/4", "clientid": "php", "payload": "one", "encoding": "plain", "qos": 0, "retain": False},
    ]
    assert [one["code"] for one in api.post("/mqtt/publish_batch", batch)] == [0, 0]
    got = [device.take(PublishPacket) for _ in range(4)]
    assert [one.topic for one in got] == [f"php/{number}" for number in (1, 2, 3, 4)]
    assert {one.payload for one in got} == {b"one"}
    api.post("/mqtt/unsubscribe", {"topic": "php/1", "clientid": NAME})
    left = [{"topic": f"php/{number}", "clientid": NAME} for number in (2, 3, 4)]
    assert [one["code"] for one in api.post("/mqtt/unsubscribe_batch", left)] == [0, 0, 0]
    quiet(device, device)
    now = int(time.time())
    api.post("/banned", {"who": "php-banned", "as": "clientid", "by": "php", "at": now, "until": now + 60})
    assert "php-banned" in {one["who"] for one in api.get("/banned")["items"]}
    api.delete("/banned/clientid/php-banned")
    for path in ("/clients/username/nobody", f"/nodes/{NODE}/clients/username/nobody", "/subscriptions/nobody"):
        assert api.get(path) == []
    cache = f"/clients/{quote(NAME, safe='')}/acl_cache"
    assert api.get(cache) == []
    api.delete(cache)
    for path in ("/listeners", "/metrics", "/stats", "/plugins", "/alarms"):
        assert {one["node"] for one in api.get(path)} >= {NODE}, path


def written(text: str) -> datetime:
    """A time, in the one form that the library for Java reads."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


class JavaClient(msgspec.Struct):
    """A client, whose members have these types."""

    node: str
    clientid: str
    username: str
    proto_name: str
    proto_ver: int
    ip_address: str
    port: int
    is_bridge: bool
    connected_at: str
    connected: bool
    zone: str
    keepalive: int
    clean_start: bool
    expiry_interval: int
    created_at: str
    subscriptions_cnt: int
    max_subscriptions: int
    inflight: int
    max_inflight: int
    mqueue_len: int
    max_mqueue: int
    mqueue_dropped: int
    awaiting_rel: int
    max_awaiting_rel: int
    recv_oct: int
    recv_cnt: int
    recv_pkt: int
    recv_msg: int
    send_oct: int
    send_cnt: int
    send_pkt: int
    send_msg: int
    mailbox_len: int
    heap_size: int
    reductions: int
    mountpoint: str


class JavaNode(msgspec.Struct):
    node: str
    node_status: str
    version: str
    uptime: str
    otp_release: str
    process_used: int
    process_available: int
    memory_used: str
    memory_total: str
    max_fds: int
    connections: int
    load1: str
    load5: str
    load15: str


class JavaBroker(msgspec.Struct):
    node: str
    node_status: str
    version: str
    uptime: str
    sysdescr: str
    otp_release: str
    datetime: str


class JavaListener(msgspec.Struct):
    protocol: str
    listen_on: str
    acceptors: int
    max_conns: int
    current_conns: int
    shutdown_count: list[dict[str, Any]]


class JavaListeners(msgspec.Struct):
    node: str
    listeners: list[JavaListener]


class JavaAlarm(msgspec.Struct):
    name: str
    message: str
    details: dict[str, Any]
    activated: bool
    activate_at: int | None = None
    deactivate_at: int | str | None = None


class JavaAlarms(msgspec.Struct):
    node: str
    alarms: list[JavaAlarm]


class JavaMetrics(msgspec.Struct):
    node: str
    metrics: dict[str, int]


class JavaStats(msgspec.Struct):
    node: str
    stats: dict[str, int]


def test_the_java_library(live: Live, device: Client) -> None:
    """Its classes hold what is answered: a member of another type would be an error there."""
    api = Dashboard(live)

    def read(path: str, shape: type[Shape]) -> Shape:
        return msgspec.convert(api.get(path), shape)

    found = msgspec.convert(api.get("/clients", _like_clientid="theirs/")["items"], list[JavaClient])
    assert [one.clientid for one in found] == [NAME]
    for one in found:
        assert written(one.created_at) <= written(one.connected_at)
    (same,) = read(f"/clients/{quote(NAME, safe='')}", list[JavaClient])
    assert (same.username, same.proto_ver, same.connected) == ("undefined", 4, True)
    (node,) = read("/nodes", list[JavaNode])
    assert float(node.load1) >= 0
    (broker,) = read("/brokers", list[JavaBroker])
    assert written(broker.datetime).year >= 2024
    assert read(f"/brokers/{NODE}", JavaBroker).node == node.node == NODE
    assert read("/listeners", list[JavaListeners])[0].listeners == read(f"/nodes/{NODE}/listeners", list[JavaListener])
    assert read("/alarms", list[JavaAlarms])
    assert read("/metrics", list[JavaMetrics])[0].metrics["messages.received"] >= 0
    assert "connections.count" in read("/stats", list[JavaStats])[0].stats
    api.delete(f"/clients/{quote(NAME, safe='')}")
    assert not [one for one in device.drain() if not isinstance(one, DisconnectPacket)]
