"""EMQX 4 on a live stack: the document's examples, the table of docs/api/emqx4.md walked, effects on real clients."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import asyncpg
import httpx
import pytest

from ingest.mqtt.codec import DisconnectPacket, ProtocolVersion, PubackPacket, PublishPacket
from stack.local.ports import free_port
from tests.contract.query_api.client import Answer
from tests.integration.dialects.live import NODE, Live
from tests.integration.dialects.tables import Row, rows
from tests.mqttkit.client import Client
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.services import ROOT

BASE = "/api/v4"
CLIENT = "emqx_c_1"
DOWN, LOST = "down@127.0.0.1", "lost@127.0.0.1"
TEXT = "text/plain; charset=utf-8"
EXAMPLE: dict[str, Any] = {
    "recv_cnt": 45, "send_pkt": 44, "clean_start": True, "expiry_interval": 0, "proto_ver": 4, "recv_msg": 0,
    "connected_at": "2021-03-18 02:15:57", "recv_oct": 164, "is_bridge": False, "connected": True,
    "max_awaiting_rel": 100, "heap_size": 610, "mqueue_dropped": 0, "recv_pkt": 2, "ip_address": "127.0.0.1",
    "max_subscriptions": 0, "created_at": "2021-03-18 02:15:57", "awaiting_rel": 0, "mountpoint": "undefined",
    "node": "emqx@10.12.50.91", "proto_name": "MQTT", "mailbox_len": 0, "send_msg": 2, "clientid": "emqx_c_1",
    "mqueue_len": 0, "inflight": 0, "max_mqueue": 1000, "subscriptions_cnt": 4, "keepalive": 60, "reductions": 35471,
    "zone": "external", "send_cnt": 44, "username": "test", "send_oct": 159, "port": 3107, "max_inflight": 32,
}  # fmt: skip
"""The object of the document's responses."""


@pytest.fixture(scope="module")
def device(live: Live) -> Iterator[Client]:
    """The client of the document's examples, with its four subscriptions."""
    with live.client(CLIENT, ProtocolVersion.V311, keep_alive=60) as client:
        client.subscribed("t/1", "t/2", "t/+", "other", qos=1)
        eventually_sync(lambda: len(ask(live, "GET", f"/subscriptions/{CLIENT}")["data"]) == 4)
        yield client


def send(live: Live, method: str, path: str, body: Any = None) -> Answer:
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    return live.ask("emqx4", method, BASE + path, body=text)


def ask(live: Live, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """The document of an answer, which must be 200."""
    answer = send(live, method, path, body)
    assert answer.status == 200, answer
    document = answer.json()
    assert isinstance(document, dict)
    return document


# The document


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("path", ["/clients?_page=1&_limit=10000&clientid=emqx_c_1", f"/clients/{CLIENT}"])
def test_a_client_has_the_fields_of_the_documents_example(live: Live, path: str) -> None:
    answer = send(live, "GET", path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    document = answer.json()
    assert document["code"] == 0
    (client,) = document["data"]
    assert {name: type(value) for name, value in client.items()} == {k: type(v) for k, v in EXAMPLE.items()}
    same = {
        "clientid", "proto_ver", "proto_name", "connected", "clean_start", "expiry_interval", "ip_address", "is_bridge",
        "keepalive", "mountpoint", "subscriptions_cnt", "zone", "max_subscriptions", "mqueue_len",
    }  # fmt: skip
    assert {name: client[name] for name in same} == {name: EXAMPLE[name] for name in same}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", client["connected_at"])


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize(
    "line",
    [
        '$ curl -u app_id:app_secret -X GET {api}/clients?_page=1&_limit=10"',
        "$ curl -u app_id:app_ssecret -X GET {api}/clients/emqx_c_1",
        "$ curl -u app_id:app_secret -X DELETE {api}/clients/emqx_c_2",
    ],
)
def test_the_curl_lines_of_the_document(live: Live, line: str) -> None:
    """But for host and secret as they stand; of the first, the quote that begins nothing."""
    here = re.sub("app_id:app_s+ecret", f"admin:{live.password}", line).replace('"', "").removeprefix("$ ")
    here = here.replace("{api}", f"http://127.0.0.1:{live.port('emqx4')}{BASE}")
    arguments = shlex.split(here.replace("&", "'&'"))
    done = subprocess.run([*arguments, "-s"], capture_output=True, check=True, timeout=30)
    assert json.loads(done.stdout)["code"] in (0, 112)


# The table


class Walk:
    """Asks, and remembers what each endpoint was asked with and what it answered."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.parameters: dict[str, set[str]] = defaultdict(set)
        self.fields: dict[str, set[str]] = defaultdict(set)
        self.codes: dict[str, set[str]] = defaultdict(set)

    def __call__(self, endpoint: str, body: Any = None, query: str = "", **names: str) -> Any:
        """Ask an endpoint with these names in its path; the data, None when there are none, or what is not 0."""
        method, _, path = endpoint.partition(" ")
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", quote(value, safe="@"))
        assert "{" not in path, path
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        answer = self._live.ask("emqx4", method, path + (f"?{query}" if query else ""), body=text)
        given = body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else body
        self.parameters[endpoint] |= set(parse_qs(query)) | (set(given) if isinstance(given, dict) else set())
        if answer.status != 200:
            assert answer.body in (b"Not found.", b"Bad Request")
            self.codes[endpoint].add(str(answer.status))
            return answer.status
        document = answer.json()
        self.codes[endpoint].add(str(document["code"]))
        if document["code"]:
            assert set(document) == {"code", "message"}
            return document["code"]
        assert set(document.get("meta", ())) in (set(), {"page", "limit", "hasnext", "count"})
        data = document.get("data")
        first = data[0] if isinstance(data, list) and data else data
        self.fields[endpoint] |= set(first) if isinstance(first, dict) else set()
        return data


@contextmanager
def another_node(live: Live) -> Iterator[None]:
    """Two nodes of the past in the read models."""
    settings = live.api.config.postgres

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(
            settings.dsn.reveal(), server_settings={"search_path": f'"{settings.schema}"'}
        )
        try:
            await connection.execute(statement, DOWN, LOST)
        finally:
            await connection.close()

    asyncio.run(run("insert into nodes (node, incarnation, status) values ($1, 1, 'stopped'), ($2, 1, 'lost')"))
    try:
        yield
    finally:
        asyncio.run(run("delete from nodes where node in ($1, $2)"))


@pytest.mark.usefixtures("device")
def test_every_endpoint_parameter_field_and_code_of_the_table(live: Live) -> None:
    walk, table = Walk(live), rows("emqx4")
    walk_lists(walk, table)
    walk_messages(walk)
    walk_modules(walk)
    walk_bans(walk)
    walk_changes(walk, live)
    with another_node(live):
        walk_nodes(walk, table)
    assert set(walk.codes) == set(table)
    client = {found for found in rows_of_fields() if found != "disconnected_at"}
    assert client == set(EXAMPLE)
    for endpoint, row in table.items():
        assert walk.codes[endpoint] == row.codes, endpoint
        assert walk.parameters[endpoint] >= row.parameters, endpoint
        if row.fields:
            assert walk.fields[endpoint] == row.fields, endpoint


def rows_of_fields() -> list[str]:
    """The fields of a client that docs/api/emqx4.md tells."""
    text = (ROOT / "docs" / "api" / "emqx4.md").read_text(encoding="utf-8")
    _, _, part = text.partition("## Fields of a client")
    return re.findall(r"^\| `(\w+)` \|", part.partition("## Codes")[0], re.MULTILINE)


NAMES = {"node": NODE, "clientid": CLIENT, "username": "nobody's", "topic": "t/1", "as": "clientid", "who": "x"}
GOOD = {
    "_page": "1", "_limit": "100", "clientid": CLIENT, "username": "x", "zone": "external", "ip_address": "127.0.0.1",
    "conn_state": "connected", "clean_start": "true", "proto_name": "MQTT", "proto_ver": "4", "_like_clientid": "c_",
    "_like_username": "x", "_gte_created_at": "1", "_lte_created_at": "9999999999", "_gte_connected_at": "1",
    "_lte_connected_at": "9999999999", "topic": "t/1", "qos": "1", "share": "g", "_match_topic": "t/#",
}  # fmt: skip


def walk_lists(walk: Walk, table: dict[str, Row]) -> None:
    """Every GET, and each of its parameters by itself."""
    for endpoint, row in table.items():
        if not endpoint.startswith("GET"):
            continue
        walk(endpoint, **NAMES)
        for name in row.parameters:
            assert isinstance(walk(endpoint, query=f"{name}={quote(GOOD[name])}", **NAMES), list), name
        if "108" in row.codes:
            assert walk(endpoint, query="_page=x", **NAMES) == 108
            assert walk(endpoint, query="_limit=x", **NAMES) == 108
        if "400" in row.codes:
            assert walk(endpoint, query="clientid=%zz", **NAMES) == 400
        if "115" in row.codes:
            assert walk(endpoint, query="_match_topic=a/%23/b", **NAMES) == 115
    for name in ("proto_ver", "ip_address", "_gte_created_at", "_lte_created_at", "_gte_connected_at"):
        assert walk(f"GET {BASE}/clients", query=f"{name}=x") == 108
    assert walk(f"GET {BASE}/clients/{{clientid}}/acl_cache", clientid="no such") == 112
    assert walk(f"GET {BASE}/clients/{{clientid}}", clientid="no such") == []


def walk_nodes(walk: Walk, table: dict[str, Row]) -> None:
    """A node that there is not, and one that does not run."""
    names = {**NAMES, "plugin": "retainer"}
    for endpoint in table:
        if "{node}" in endpoint:
            assert walk(endpoint, **{**names, "node": "nobody"}) == 404, endpoint
            assert walk(endpoint, **{**names, "node": DOWN}) == 101, endpoint
    told = {one["node"]: one["node_status"] for one in walk(f"GET {BASE}/nodes")}
    assert told == {NODE: "Running", DOWN: "Stopped", LOST: "Stopped"}
    for path in ("alarms", "alarms/activated"):
        assert walk(f"GET {BASE}/nodes/{{node}}/{path}", node=NODE)[0]["details"] == {"node": LOST}


def walk_messages(walk: Walk) -> None:
    publish, subscribe, unsubscribe = (f"POST {BASE}/mqtt/{name}" for name in ("publish", "subscribe", "unsubscribe"))
    whole = {"topic": "a", "clientid": "x", "payload": "p", "encoding": "plain", "qos": 1, "retain": False}
    assert walk(publish, whole) is None
    assert walk(publish, {"topics": "a,b", "payload": {"json": 1}}) is None
    assert walk(publish, {"topic": "a", "payload": "aGk=", "encoding": "base64"}) is None
    mine = {"clientid": CLIENT, "topic": "walk", "qos": 1}
    assert walk(subscribe, mine) is None
    assert walk(subscribe, {"clientid": CLIENT, "topics": "walk/1,walk/2"}) is None
    assert walk(unsubscribe, {"clientid": CLIENT, "topic": "walk"}) is None
    assert walk(unsubscribe, {"clientid": CLIENT, "topics": "walk/1,walk/2"}) is None
    for endpoint in (publish, subscribe, unsubscribe):
        assert walk(endpoint, "{") == walk(endpoint, "[]") == 400
        assert walk(endpoint, {**mine, "clientid": 1}) == 108
        assert walk(endpoint, {**mine, "topic": "a/#/b"}) == walk(endpoint, {"clientid": CLIENT}) == 115
    for endpoint in (publish, subscribe):
        assert walk(endpoint, {**mine, "qos": 3}) == walk(endpoint, {**mine, "qos": True}) == 116
    assert walk(publish, {"topic": "a", "payload": "?", "encoding": "base64"}) == 108
    for endpoint in (subscribe, unsubscribe):
        assert walk(endpoint, {**mine, "clientid": "no such"}) == 112
    for endpoint in (publish, subscribe, unsubscribe):
        batch = f"{endpoint}_batch"
        found = walk(batch, [mine, {**mine, "topic": "#/"}])
        assert [one["code"] for one in found] == [0, 115]
        assert walk(batch, mine) == walk(batch, "[1]") == 400
        assert walk(batch, [mine] * 1001) == 108


def walk_modules(walk: Walk) -> None:
    def running() -> bool:
        found = walk(f"GET {BASE}/nodes/{{node}}/plugins", node=NODE)
        return any(one["active"] for one in found if one["name"] == "retainer")

    for path in (f"{BASE}/plugins/{{plugin}}", f"{BASE}/nodes/{{node}}/plugins/{{plugin}}"):
        verbs = {name: f"PUT {path}/{name}" for name in ("load", "unload", "reload")}
        for endpoint in verbs.values():
            assert walk(endpoint, node=NODE, plugin="nothing") == 102
        names = {"node": NODE, "plugin": "emqx_retainer"}
        assert walk(verbs["load"], **names) == 110
        assert walk(verbs["unload"], **names) is None
        eventually_sync(lambda: not running())
        assert walk(verbs["unload"], **names) == 111
        assert walk(verbs["load"], **names) is None
        eventually_sync(running)
        assert walk(verbs["reload"], **names) is None
        eventually_sync(running)


def walk_bans(walk: Walk) -> None:
    endpoint = f"POST {BASE}/banned"
    whole = {"who": "x", "as": "clientid", "reason": "why", "by": "me", "at": 1_600_000_000, "until": 4_000_000_000}
    assert walk(endpoint, whole) == whole
    assert walk(endpoint, "{") == 400
    assert walk(endpoint, {"who": "x"}) == 107
    assert walk(endpoint, {**whole, "as": "nothing"}) == walk(endpoint, {**whole, "until": "x"}) == 108
    assert walk(endpoint, {"who": "x y", "as": "peerhost"}) == 108
    eventually_sync(lambda: walk(f"GET {BASE}/banned") == [whole])
    removal = f"DELETE {BASE}/banned/{{as}}/{{who}}"
    assert walk(removal, **{"as": "nothing", "who": "x"}) == 108
    assert walk(removal, **{"as": "clientid", "who": "x"}) is None
    eventually_sync(lambda: walk(f"GET {BASE}/banned") == [])


def walk_changes(walk: Walk, live: Live) -> None:
    """Subscribing beyond what is allowed, caches, and the end of a client."""
    kick, cache = f"DELETE {BASE}/clients/{{clientid}}", f"DELETE {BASE}/clients/{{clientid}}/acl_cache"
    with live.client("victim", ProtocolVersion.V5, clean=False, session_expiry_interval=600) as victim:
        assert walk(cache, clientid="victim") is None
        assert walk(f"DELETE {BASE}/acl-cache") is None
        assert walk(f"DELETE {BASE}/nodes/{{node}}/acl-cache", node=NODE) is None
        refused = {"clientid": "victim", "topic": "/".join(["x"] * 300), "qos": 0}
        assert walk(f"POST {BASE}/mqtt/subscribe", refused) == 102
        assert walk(kick, clientid="victim") is None
        assert victim.expect(DisconnectPacket).reason_code == 0x98
    assert walk(kick, clientid="victim") == walk(cache, clientid="victim") == 112


# Effects


def test_messages_and_subscriptions_reach_clients(live: Live, device: Client) -> None:
    assert ask(live, "POST", "/mqtt/subscribe", {"clientid": CLIENT, "topic": "by/api/+", "qos": 1}) == {"code": 0}
    assert ask(live, "POST", "/mqtt/publish", {"topic": "by/api/x", "payload": "hi", "qos": 1}) == {"code": 0}
    got = device.take(PublishPacket)
    assert (got.topic, got.payload) == ("by/api/x", b"hi")
    found = ask(live, "GET", "/subscriptions?topic=by/api/%2B")["data"]
    assert found == [{"node": NODE, "topic": "by/api/+", "clientid": CLIENT, "qos": 1}]
    matched = ask(live, "GET", "/subscriptions?_match_topic=by/%2B/%2B")
    assert [one["topic"] for one in matched["data"]] == ["by/api/+"]
    assert matched["meta"]["count"] == -1
    assert ask(live, "POST", "/mqtt/unsubscribe", {"clientid": CLIENT, "topic": "by/api/+"}) == {"code": 0}
    assert ask(live, "GET", "/subscriptions?topic=by/api/%2B")["data"] == []


def test_a_banned_client_is_not_let_in(live: Live) -> None:
    who = {"who": "banned-one", "as": "clientid"}
    told = ask(live, "POST", "/banned", who)["data"]
    assert told["until"] - told["at"] == 300
    assert told["by"] == "admin"
    with pytest.raises(AssertionError, match="BANNED"):
        Client(live.at, ProtocolVersion.V5, "banned-one")
    assert ask(live, "DELETE", "/banned/clientid/banned-one") == {"code": 0}
    with live.client("banned-one"):
        assert ask(live, "GET", "/clients/banned-one")["data"][0]["connected"]


def test_a_ban_begins_and_ends_within_the_calendar(live: Live) -> None:
    who = {"who": "banned-later", "as": "clientid"}
    assert ask(live, "POST", "/banned", {**who, "until": 999_999_999_999})["code"] == 108
    assert ask(live, "POST", "/banned", {**who, "at": 253_402_300_800})["code"] == 108
    assert ask(live, "POST", "/banned", {**who, "at": 32_503_680_000})["data"]["until"] == 32_503_680_300
    assert live.ask("fluxmq", "GET", "/api/mqledger/v1/bans/clientid/banned-later").json()["until"].startswith("3000-")
    assert ask(live, "POST", "/banned", {**who, "until": 253_402_300_799})["data"]["until"] == 253_402_300_799
    assert ask(live, "DELETE", "/banned/clientid/banned-later") == {"code": 0}


def test_metrics_count_what_nobody_has_subscribed_to(live: Live) -> None:
    def metrics() -> dict[str, int]:
        found: dict[str, int] = ask(live, "GET", f"/nodes/{NODE}/metrics")["data"]
        return found

    before = metrics()
    with live.client("unheard") as client:
        client.subscribed("unheard/by/others", qos=1)
        client.publish("unheard/by/all", b"", qos=1)
        client.publish("unheard/by/others", b"", qos=1)
        client.expect_message(topic="unheard/by/others")
        client.send(PubackPacket(777))
        names = ("messages.dropped", "messages.dropped.no_subscribers", "messages.acked", "packets.puback.missed")

        def counted() -> bool:
            now = metrics()
            return [now[name] - before[name] for name in names] == [1, 1, 1, 1]

        eventually_sync(counted)


# A client of theirs


@pytest.mark.skipif(shutil.which("emqx-exporter") is None, reason="emqx-exporter, EMQ's own, is not installed")
def test_the_exporter_of_the_originals_makers_reads_it(live: Live, tmp_path: Path) -> None:
    port, config = free_port(), tmp_path / "exporter.yaml"
    target = f"127.0.0.1:{live.port('emqx4')}"
    config.write_text(f"metrics: {{target: '{target}', api_key: admin, api_secret: '{live.password}'}}")
    command = ["emqx-exporter", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as exporter:
        try:
            told = eventually_sync(lambda: scraped(port))
        finally:
            exporter.terminate()
    assert "emqx_cluster_status 2\n" in told
    assert f'emqx_cluster_node_max_fds{{node="{NODE.partition("@")[2]}"}}' in told
    for collector in ("cluster", "rule"):
        assert f'emqx_scrape_collector_success{{collector="{collector}"}} 1\n' in told


def scraped(port: int) -> str:
    """What an exporter tells; empty while it does not listen."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.HTTPError:
        return ""


# The words of the server


@pytest.mark.parametrize("path", ["/nothing", "/clients/a/b", "/clients/%00", "/clients/%zz"])
def test_unknown_paths(live: Live, path: str) -> None:
    answer = send(live, "GET", path)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (404, b"Not found.", TEXT)


@pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS", "PUT"])
def test_unknown_methods(live: Live, method: str) -> None:
    assert (send(live, method, "/clients").status, send(live, method, "/clients").body) == (404, b"Not found.")


def test_who_asks_comes_first(live: Live) -> None:
    for path in ("/clients", "/nothing"):
        answer = live.ask("emqx4", "GET", BASE + path, login=("admin", "public"))
        assert (answer.status, answer.body) == (401, b"UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == 'Basic Realm="minirest-server"'
    assert live.ask("emqx4", "DELETE", f"{BASE}/clients/x", login=None).status == 401
    assert live.ask("emqx4", "GET", "/status", login=None).body.endswith(b" is started\nemqx is running")


@pytest.mark.usefixtures("device")
def test_slashes(live: Live) -> None:
    same = [f"/clients/{CLIENT}", f"//clients//{CLIENT}//", f"/clients/{CLIENT.replace('_', '%5F')}"]
    assert [ask(live, "GET", path)["data"][0]["clientid"] for path in same] == [CLIENT] * 3
    with live.client("a/b+c d"):
        assert ask(live, "GET", "/clients/a%2Fb+c%20d")["data"][0]["clientid"] == "a/b+c d"
