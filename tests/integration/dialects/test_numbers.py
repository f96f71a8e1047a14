"""Numbers of one client, which are known exactly, in every dialect that tells them: while it is connected, when it has
gone, and when a message waits for it; and numbers of two nodes, apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ingest.mqtt.codec import (
    Packet,
    PingReqPacket,
    PingRespPacket,
    ProtocolVersion,
    PublishPacket,
    PubrecPacket,
    Subscription,
)
from stack.local.ports import free_port
from tests.integration.dialects.live import NODE, Live
from tests.mqttkit.client import Client, will
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import Service, new_service

EXACT = "exact"
OTHER = "emq-2nd@127.0.0.1"
SUBSCRIPTIONS = {"exact/a": 1, "exact/+/b": 0}


class Counted(Client):
    """A client that counts what it sends and receives."""

    bytes_sent = packets_sent = writes = packets_received = 0

    def send(self, *packets: Packet) -> None:
        self.packets_sent += len(packets)
        super().send(*packets)

    def send_bytes(self, data: bytes) -> None:
        self.bytes_sent += len(data)
        self.writes += 1
        super().send_bytes(data)

    def _read(self) -> None:
        before = len(self._ready)
        super()._read()
        self.packets_received += len(self._ready) - before

    @property
    def port(self) -> int:
        """Where it connects from."""
        return int(self._socket.getsockname()[1])


@pytest.fixture(scope="module")
def publisher(live: Live) -> Iterator[Client]:
    """Publishes to the client that is counted."""
    with live.client("exact-publisher") as client:
        yield client


def counted_client(live: Live, publisher: Client) -> Counted:
    """One packet at a time in either direction, but two in one write: so each has a read or a write of its own."""
    client = Counted(
        live.at, ProtocolVersion.V5, EXACT, clean=False, keep_alive=60, username="meter", will=will("exact/gone"),
        session_expiry_interval=3600, receive_maximum=2, maximum_packet_size=200, topic_alias_maximum=3,
    )  # fmt: skip
    for topic, qos in SUBSCRIPTIONS.items():
        client.subscribe(Subscription(topic, qos, retain_as_published=True))
    client.send(PublishPacket("exact-by/0", b"0"), PingReqPacket())
    client.expect(PingRespPacket)
    client.publish("exact-by/1", b"one", qos=1)
    client.send_publish("exact-by/2", b"two", qos=2)
    client.expect(PubrecPacket)  # and no PUBREL
    publisher.publish("exact/a", b"x" * 300, qos=1)  # longer than it takes
    publisher.publish("exact/a", b"1", qos=1)
    first = client.expect_message(payload=b"1", ack=False)
    publisher.publish("exact/a", b"2", qos=1)
    client.expect_message(payload=b"2", ack=False)
    for number in (b"3", b"4", b"5"):
        publisher.publish("exact/a", number, qos=1)
    client.acknowledge(first)
    client.expect_message(payload=b"3", ack=False)
    return client


def expected_of_emqx4(live: Live, client: Counted) -> dict[str, Any]:
    """All of the document's object but times; what was sent is in :func:`counted_client`."""
    granted = live.ingest.config.ingest.mqtt
    return {
        "node": NODE, "clientid": EXACT, "username": "meter", "proto_name": "MQTT", "proto_ver": 5,
        "ip_address": "127.0.0.1", "port": client.port, "is_bridge": False, "connected": True, "zone": "external",
        "keepalive": 60, "clean_start": False, "expiry_interval": 3600, "mountpoint": "undefined",
        "subscriptions_cnt": 2, "max_subscriptions": 0, "inflight": 2, "max_inflight": 2,
        "mqueue_len": 2, "max_mqueue": granted.max_queued_messages, "mqueue_dropped": 1,
        "awaiting_rel": 1, "max_awaiting_rel": granted.receive_maximum,
        # CONNECT, two SUBSCRIBE, three PUBLISH, PINGREQ with one of them, PUBACK.
        "recv_oct": client.bytes_sent, "recv_cnt": 7, "recv_pkt": 8, "recv_msg": 3,
        # CONNACK, two SUBACK, PINGRESP, PUBACK, PUBREC, three PUBLISH.
        "send_oct": client.bytes_received, "send_cnt": 9, "send_pkt": 9, "send_msg": 3,
        "mailbox_len": 2, "heap_size": 8 * (2 + 2), "reductions": 8 + 9,
    }  # fmt: skip


TIMES = ("created_at", "connected_at", "disconnected_at")


def emqx4(live: Live) -> tuple[dict[str, Any], dict[str, str]]:
    """The client without its times, and these."""
    (found,) = live.ask("emqx4", "GET", f"/api/v4/clients/{EXACT}").json()["data"]
    return {n: v for n, v in found.items() if n not in TIMES}, {n: v for n, v in found.items() if n in TIMES}


def emq2(live: Live, kind: str) -> dict[str, Any]:
    (found,) = live.ask("emq2", "GET", f"/api/v2/{kind}/{EXACT}").json()["result"]["objects"]
    assert isinstance(found, dict)
    return found


def fluxmq(live: Live) -> dict[str, Any]:
    found = live.ask("fluxmq", "GET", f"/api/v1/sessions/{EXACT}").json()
    assert isinstance(found, dict)
    return found


def shows(live: Live, expected: dict[str, Any]) -> None:
    """EMQX shows exactly this, once it is measured."""
    eventually_sync(lambda: emqx4(live)[0] == expected, what=lambda: difference(emqx4(live)[0], expected))


def difference(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """What there is instead of what should be, by name."""
    names = found.keys() | expected.keys()
    return {n: (found.get(n), expected.get(n)) for n in names if found.get(n) != expected.get(n)}


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def test_every_number_of_a_client_is_exact(live: Live, publisher: Client) -> None:
    begun = datetime.now(UTC).replace(microsecond=0)
    client = counted_client(live, publisher)
    assert (client.packets_sent, client.writes, client.packets_received) == (8, 7, 9)
    connected = expected_of_emqx4(live, client)
    shows(live, connected)
    told = emqx4(live)[1]
    assert set(told) == {"created_at", "connected_at"}
    assert begun <= moment(told["created_at"]) == moment(told["connected_at"]) <= datetime.now(UTC)
    in_emq2(live, client, told)
    in_fluxmq(live, 2)
    client.close()
    live.shown(EXACT, connected=False)
    shows(live, connected | {"connected": False})
    told = emqx4(live)[1]
    assert moment(told["connected_at"]) <= moment(told["disconnected_at"]) <= datetime.now(UTC)
    publisher.publish("exact/a", b"6", qos=1)
    shows(live, connected | {"connected": False, "mqueue_len": 3, "mailbox_len": 3, "heap_size": 8 * (2 + 3)})
    session = emq2(live, "sessions")
    assert (session["message_queue"], session["message_dropped"], session["awaiting_rel"]) == (3, 1, 1)
    in_fluxmq(live, 3, connected=False)
    assert live.ask("emqx4", "DELETE", f"/api/v4/clients/{EXACT}").json() == {"code": 0}


def in_emq2(live: Live, client: Counted, told: dict[str, str]) -> None:
    assert emq2(live, "clients") == {
        "client_id": EXACT, "username": "meter", "ipaddress": "127.0.0.1", "port": client.port, "clean_sess": False,
        "proto_ver": 5, "keepalive": 60, "connected_at": told["connected_at"],
    }  # fmt: skip
    assert emq2(live, "sessions") == {
        "client_id": EXACT, "clean_sess": False, "max_inflight": 2, "inflight_queue": 2, "message_queue": 2,
        "message_dropped": 1, "awaiting_rel": 1, "awaiting_ack": 2, "awaiting_comp": "undefined",
        "created_at": told["created_at"],
    }  # fmt: skip


def in_fluxmq(live: Live, queued: int, *, connected: bool = True) -> None:
    found = fluxmq(live)
    connected_at = datetime.fromisoformat(found.pop("connected_at"))
    if not connected:
        assert datetime.fromisoformat(found.pop("disconnected_at")) >= connected_at
    more = {"no_local": False, "retain_as_published": True, "retain_handling": 0, "consumer_group": EXACT}
    assert found == {
        "client_id": EXACT, "state": "connected" if connected else "disconnected", "connected": connected,
        "protocol": "mqtt5", "version": 5, "clean_start": False, "expiry_interval": 3600, "receive_maximum": 2,
        "max_packet_size": 200, "topic_alias_max": 3, "request_response": False, "request_problem": True,
        "has_will": True, "subscription_count": 2, "inflight_count": 2, "offline_queue_depth": queued,
        "subscriptions": [{"filter": f, "qos": SUBSCRIPTIONS[f], **more} for f in sorted(SUBSCRIPTIONS)],
    }  # fmt: skip


# Two nodes


@contextmanager
def second_node(live: Live, folder: Path) -> Iterator[Service]:
    """Another ingest node of the same log; what it has told is forgotten afterwards."""
    config = live.ingest.config
    settings: dict[str, object] = {"ingest__node": OTHER, "log__heartbeat_interval": 0.3, "mqtt__port": free_port()}
    service = new_service("ingest", config.kafka, live.api.config.postgres, folder, settings)
    try:
        yield service.start()
        service.stop()
        eventually_sync(lambda: status_of_other(live) == "Stopped")
    finally:
        service.kill9()
        forget(live)


def status_of_other(live: Live) -> str:
    found = live.ask("emqx4", "GET", "/api/v4/nodes").json()["data"]
    return next((one["node_status"] for one in found if one["node"] == OTHER), "")


def forget(live: Live) -> None:
    """No row of the second node is left for other tests."""
    settings = live.api.config.postgres

    async def run() -> None:
        connection = await asyncpg.connect(settings.dsn.reveal())
        try:
            await connection.execute(f'delete from "{settings.schema}".nodes where node = $1', OTHER)
        finally:
            await connection.close()

    asyncio.run(run())


def by_node(live: Live, dialect: str, path: str) -> dict[str, Any]:
    """What a list tells of each node."""
    document = live.ask(dialect, "GET", path).json()
    found = document["data"] if dialect == "emqx4" else document["result"]
    return found if isinstance(found, dict) else {one.get("node", one.get("name")): one for one in found}


class Told:
    """Numbers of the nodes in both of EMQ's dialects: connections, sessions, subscriptions, sockets."""

    def __init__(self, live: Live, node: str) -> None:
        x_node, x_stats = by_node(live, "emqx4", "/api/v4/nodes")[node], self._x_stats(live, node)
        monitored = by_node(live, "emq2", "/api/v2/monitoring/nodes")[node]
        stats = by_node(live, "emq2", "/api/v2/monitoring/stats")[node]
        self.connected = {
            x_node["connections"], x_node["process_used"], x_stats["connections.count"], x_stats["channels.count"],
            monitored["clients"], stats["clients/count"],
        }  # fmt: skip
        self.sessions = {x_stats["sessions.count"], stats["sessions/count"]}
        self.subscriptions = {
            x_stats["subscriptions.count"], x_stats["suboptions.count"], x_stats["subscribers.count"],
            stats["subscribers/count"], stats["subscriptions/count"],
        }  # fmt: skip
        (x_listener,) = by_node(live, "emqx4", "/api/v4/listeners")[node]["listeners"]
        (listener,) = by_node(live, "emq2", "/api/v2/monitoring/listeners")[node]
        self.sockets = {x_listener["current_conns"], listener["current_clients"]}

    @staticmethod
    def _x_stats(live: Live, node: str) -> dict[str, int]:
        every: dict[str, int] = by_node(live, "emqx4", "/api/v4/stats")[node]["stats"]
        assert live.ask("emqx4", "GET", f"/api/v4/nodes/{node}/stats").json()["data"].keys() == every.keys()
        return every

    def one(self) -> tuple[int, int, int, int]:
        """The numbers; all that tell the same thing must agree."""
        values = [self.connected, self.sessions, self.subscriptions, self.sockets]
        assert [len(one) for one in values] == [1] * 4, values
        connected, sessions, subscriptions, sockets = (min(one) for one in values)
        return connected, sessions, subscriptions, sockets


def clients_of(live: Live, node: str) -> list[set[str]]:
    """Ids of the clients of a node that are ours, in both dialects, by list and one by one."""
    names = ("two-a", "two-b", "two-c")
    listed = live.ask("emqx4", "GET", f"/api/v4/nodes/{node}/clients?_like_clientid=two-").json()["data"]
    page = live.ask("emq2", "GET", f"/api/v2/nodes/{node}/clients?page_size=10000").json()["result"]
    found = [{one["clientid"] for one in listed}, {one["client_id"] for one in page["objects"]} & set(names)]
    x4 = {name: live.ask("emqx4", "GET", f"/api/v4/nodes/{node}/clients/{name}").json()["data"] for name in names}
    e2 = {name: live.ask("emq2", "GET", f"/api/v2/nodes/{node}/clients/{name}").json()["result"] for name in names}
    return [*found, {name for name, one in x4.items() if one}, {name for name, one in e2.items() if one["objects"]}]


def heard_of(live: Live, node: str) -> None:
    """Wait for a heartbeat that knows all that has been until now."""
    now = datetime.now(UTC)

    def heard() -> bool:
        answer = live.ask("fluxmq", "GET", f"/api/mqledger/v1/nodes/{node}")
        told = answer.json().get("reported_at") if answer.status == 200 else None
        return told is not None and datetime.fromisoformat(told) > now

    eventually_sync(heard)


def test_numbers_of_two_nodes_are_apart(live: Live, tmp_path: Path) -> None:
    heard_of(live, NODE)
    before = Told(live, NODE).one()
    with second_node(live, tmp_path) as other:
        at = ("127.0.0.1", other.mqtt_port)
        with live.client("two-a") as a, live.client("two-b"), Client(at, ProtocolVersion.V5, "two-c") as c:
            live.shown("two-c")
            heard_of(live, OTHER)
            a.subscribed("two/a", "two/b")
            c.subscribed("two/c")
            more = (2, 2, 2, 2)
            here = tuple(sum(pair) for pair in zip(before, more, strict=True))
            eventually_sync(
                lambda: (Told(live, NODE).one(), Told(live, OTHER).one()) == (here, (1, 1, 1, 1)),
                what=lambda: (vars(Told(live, NODE)), vars(Told(live, OTHER)), here),
            )
            assert clients_of(live, NODE) == [{"two-a", "two-b"}] * 4
            assert clients_of(live, OTHER) == [{"two-c"}] * 4
            both = {NODE: "Running", OTHER: "Running"}
            for dialect, path in (
                ("emqx4", "nodes"), ("emqx4", "brokers"), ("emq2", "management/nodes"), ("emq2", "monitoring/nodes"),
            ):  # fmt: skip
                base = {"emqx4": "/api/v4", "emq2": "/api/v2"}[dialect]
                found = by_node(live, dialect, f"{base}/{path}")
                assert {name: one["node_status"] for name, one in found.items()} == both
            cluster = live.ask("fluxmq", "GET", "/api/v1/cluster").json()
            assert (cluster["cluster_mode"], cluster["is_leader"]) == (True, False)
            assert {one["id"]: (one["healthy"], one["leader"]) for one in cluster["nodes"]} == {
                NODE: (True, False), OTHER: (True, False),
            }  # fmt: skip
            ports = {name: ask_port(live, name) for name in both}
            assert ports == {NODE: live.ingest.mqtt_port, OTHER: other.mqtt_port}


def ask_port(live: Live, node: str) -> int:
    (one,) = live.ask("emqx4", "GET", f"/api/v4/nodes/{node}/listeners").json()["data"]
    return int(one["listen_on"].rpartition(":")[2])
