"""EMQ 2 on a live stack: the document's examples, the table of docs/api/emq2.md walked, effects on real clients."""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest

from ingest.mqtt.codec import DisconnectPacket, ProtocolVersion, PublishPacket
from stack.local.ports import free_port
from tests.contract.query_api.client import Answer
from tests.contract.query_api.conftest import listens
from tests.farkit.certificates import self_signed
from tests.integration.dialects.live import NODE, Live
from tests.integration.dialects.tables import rows
from tests.mqttkit.client import Client, quiet
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import new_service

DOCUMENT = json.loads((Path(__file__).parent / "documents" / "emq2.json").read_text(encoding="utf-8"))
BASE = "/api/v2"
CLIENT = "C_1492145414740"
PAGE = {"current_page", "page_size", "total_num", "total_page", "objects"}
OTHER_NAMES = {"{node_name}": "{node}", "{clientid}": "{client_id}", "{cliet_id}": "{client_id}"}


@pytest.fixture(scope="module")
def device(live: Live) -> Iterator[Client]:
    """The client of the document's examples, with its subscriptions."""
    with live.client(CLIENT, ProtocolVersion.V311, clean=False) as client:
        client.subscribed(f"$client/{CLIENT}", "topic", qos=1)
        eventually_sync(lambda: len(ask(live, "GET", f"/subscriptions/{CLIENT}")["result"]["objects"]) == 2)
        yield client


def send(live: Live, method: str, path: str, body: Any = None) -> Answer:
    """A request below the base; a body that is no text is sent as JSON."""
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    return live.ask("emq2", method, BASE + path, body=text)


def ask(live: Live, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """The document of an answer, which must be 200."""
    answer = send(live, method, path, body)
    assert answer.status == 200, answer
    document = answer.json()
    assert isinstance(document, dict)
    return document


def code(live: Live, method: str, path: str, body: Any = None) -> int:
    """The code of an answer, which has a message or a result."""
    return int(ask(live, method, path, body)["code"])


# The document


def described(entry: dict[str, Any]) -> str:
    text = entry["definition"].partition("?")[0].removesuffix("/")
    for theirs, ours in OTHER_NAMES.items():
        text = text.replace(theirs, ours)
    return str(text)


@pytest.mark.parametrize("entry", [one for one in DOCUMENT if one["definition"].startswith("GET")], ids=described)
def test_answers_have_the_shape_of_the_documents_examples(live: Live, device: Client, entry: dict[str, Any]) -> None:
    example = (entry["example"] or entry["definition"]).partition(" ")[2].replace("{node_name}", NODE)
    answer = live.ask("emq2", "GET", example)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert shape(answer.json()) == shape(entry["response"])


def shape(document: Any) -> Any:
    """Names and types. Of a list, those of its first element; of what the document leaves ``undefined``, nothing."""
    match document:
        case {"shutdown_count": _, **rest}:
            return {**shape(rest), "shutdown_count": None}
        case {"awaiting_ack": _, **rest}:
            return dict.fromkeys(("awaiting_ack", *rest)) | {"client_id": str}
        case dict():
            return {name: shape(value) for name, value in document.items()}
        case list():
            return [shape(one) for one in document[:1]]
        case _:
            return type(document)


def test_the_curl_line_of_the_document(live: Live, device: Client, tmp_path: Path) -> None:
    """Against a second API on the same tables, which speaks TLS."""
    certified, port = self_signed("localhost"), free_port()
    files = {"api__tls_cert": tmp_path / "cert.pem", "api__tls_key": tmp_path / "key.pem"}
    for file, pem in zip(files.values(), (certified.cert, certified.key), strict=True):
        file.write_bytes(pem)
    config = live.api.config
    paths = {name: str(file) for name, file in files.items()}
    service = new_service("api", config.kafka, config.postgres, tmp_path, {"dialects__emq2_port": port, **paths})
    line = f"curl -v --basic -u admin:{live.password} -k https://localhost:8080/api/v2/nodes/emq@127.0.0.1/clients"
    try:
        service.start(wait=False)
        eventually_sync(lambda: listens(port), timeout=30)
        here = line.replace(":8080/", f":{port}/")
        done = subprocess.run(here.split(), capture_output=True, check=True, timeout=30)
        assert CLIENT in {one["client_id"] for one in json.loads(done.stdout)["result"]["objects"]}
    finally:
        service.kill9()


# The table


class Walk:
    """Asks, and remembers what each endpoint was asked with and what it answered."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.parameters: dict[str, set[str]] = defaultdict(set)
        self.fields: dict[str, set[str]] = defaultdict(set)
        self.codes: dict[str, set[str]] = defaultdict(set)

    def __call__(self, endpoint: str, body: Any = None, query: str = "", **names: str) -> Any:
        """Ask an endpoint with these names in its path; the result, or the code."""
        method, _, path = endpoint.partition(" ")
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", quote(value, safe="@"))
        assert "{" not in path
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        answer = self._live.ask("emq2", method, path + (f"?{query}" if query else ""), body=text)
        self.parameters[endpoint] |= set(parse_qs(query)) | (set(body) if isinstance(body, dict) else set())
        if answer.status != 200:
            assert answer.body == b""
            self.codes[endpoint].add(str(answer.status))
            return answer.status
        document = answer.json()
        self.codes[endpoint].add(str(document["code"]))
        if document["code"]:
            assert set(document) <= {"code", "message"}
            return document["code"]
        self.fields[endpoint] |= fields(document["result"])
        return document["result"]


def fields(result: Any) -> set[str]:
    """Names of the fields of a result: of a page those of its objects, by node those of a node."""
    if isinstance(result, list):
        return fields(result[0]) if result else set()
    if not isinstance(result, dict):
        return set()
    if "objects" in result:
        assert set(result) in (PAGE, {"objects"})
        return fields(result["objects"]) | (set() if "current_page" in result else {"objects"})
    return fields(result[NODE]) if NODE in result else set(result)


def test_every_endpoint_parameter_field_and_code_of_the_table(live: Live, device: Client) -> None:
    walk, table = Walk(live), rows("emq2")
    walk_nodes(walk)
    walk_sessions(walk)
    walk_messages(walk)
    walk_plugins(walk)
    walk_users(walk)
    walk_changes(walk, live)
    status = table.pop("GET /status")
    assert status.codes == {"200"}
    assert live.ask("emq2", "GET", "/status", login=None).body.endswith(b"\nemqttd is running")
    assert set(walk.codes) == set(table)
    for endpoint, row in table.items():
        assert walk.codes[endpoint] == row.codes, endpoint
        assert walk.parameters[endpoint] >= row.parameters, endpoint
        if row.fields:
            assert walk.fields[endpoint] == row.fields, endpoint
    assert {described(one) for one in DOCUMENT} <= set(table)


def walk_nodes(walk: Walk) -> None:
    for path in ("management/nodes", "monitoring/nodes", "monitoring/metrics", "monitoring/stats"):
        assert walk(f"GET {BASE}/{path}")
        assert walk(f"GET {BASE}/{path}/{{node}}", node=NODE)
        assert walk(f"GET {BASE}/{path}/{{node}}", node="nobody") == 404
    assert walk(f"GET {BASE}/monitoring/listeners")[NODE][0]["protocol"] == "mqtt:tcp"
    # Known with the next heartbeat.
    eventually_sync(lambda: walk(f"GET {BASE}/monitoring/listeners/{{node}}", node=NODE)[0]["current_clients"] >= 1)
    assert walk(f"GET {BASE}/monitoring/listeners/{{node}}", node="nobody") == 404


def walk_sessions(walk: Walk) -> None:
    for kind in ("clients", "sessions", "subscriptions"):
        of_node = f"GET {BASE}/nodes/{{node}}/{kind}"
        assert walk(of_node, node=NODE, query="curr_page=1&page_size=1000")["objects"]
        assert walk(of_node, node="nobody") == 404
        one = f"{of_node}/{{client_id}}"
        assert walk(one, node=NODE, client_id=CLIENT)["objects"][0]["client_id"] == CLIENT
        assert walk(one, node="nobody", client_id=CLIENT) == 404
        assert walk(f"GET {BASE}/{kind}/{{client_id}}", client_id=CLIENT)["objects"]
        assert walk(f"GET {BASE}/{kind}/{{client_id}}", client_id="no such") == {"objects": []}
    assert walk(f"GET {BASE}/node/{{node}}/sessions", node=NODE, query="curr_page=1&page_size=20")["objects"]
    assert walk(f"GET {BASE}/node/{{node}}/sessions", node="nobody") == 404
    assert walk(f"GET {BASE}/routes", query="curr_page=1&page_size=1000")["objects"]
    assert walk(f"GET {BASE}/routes", query="page_size=0") == 404
    assert walk(f"GET {BASE}/routes/{{topic}}", topic=f"$client/{CLIENT}")["objects"]


def bad_bodies(walk: Walk, endpoint: str, good: dict[str, Any], required: str, wrong: Any, **names: str) -> None:
    """109, 107 and 108, in this order."""
    assert walk(endpoint, "{", **names) == 109
    assert walk(endpoint, "[]", **names) == 109
    assert walk(endpoint, {name: value for name, value in good.items() if name != required}, **names) == 107
    assert walk(endpoint, {**good, required: wrong}, **names) == 108


def walk_messages(walk: Walk) -> None:
    publish, subscribe = f"POST {BASE}/mqtt/publish", f"POST {BASE}/mqtt/subscribe"
    message = {"topic": "test", "payload": "hello", "qos": 1, "retain": False, "client_id": CLIENT}
    assert walk(publish, message) == []
    assert walk(publish, {**message, "topic": "a/+"}) == 102
    bad_bodies(walk, publish, message, "payload", 7)
    wish = {"topic": "wish/#", "qos": 1, "client_id": CLIENT}
    for endpoint in (subscribe, f"POST {BASE}/mqtt/unsubscribe"):
        assert walk(endpoint, wish) == []
        assert walk(endpoint, {**wish, "client_id": "no such"}) == 102
        bad_bodies(walk, endpoint, wish, "topic", None)


def walk_plugins(walk: Walk) -> None:
    assert {one["name"] for one in walk(f"GET {BASE}/nodes/{{node}}/plugins", node=NODE)} >= {"retainer", "sys", "acl"}
    assert walk(f"GET {BASE}/nodes/{{node}}/plugins", node="nobody") == 404
    of_node, of_all = f"PUT {BASE}/nodes/{{node}}/plugins/{{name}}", f"PUT {BASE}/nodes/plugins/{{name}}"
    assert walk(of_node, {"active": False}, node="nobody", name="sys") == 404
    for endpoint, names in ((of_node, {"node": NODE, "name": "sys"}), (of_all, {"name": "sys"})):
        assert walk(endpoint, {"active": True}, **names) == 110
        assert walk(endpoint, {"active": False}, **names) == []
        until(walk, endpoint, active=False, code=111, **names)
        assert walk(endpoint, {"active": True}, **names) == []
        assert walk(endpoint, {"active": True}, **{**names, "name": "emq_coap"}) == 102
        bad_bodies(walk, endpoint, {"active": True}, "active", 1, **names)
        until(walk, endpoint, active=True, code=110, **names)


def until(walk: Walk, endpoint: str, *, active: bool, code: int, **names: str) -> None:
    """What is switched is in force at once; that it runs, or does not, is known with the next heartbeat."""
    eventually_sync(lambda: walk(endpoint, {"active": active}, **names) == code)


def walk_users(walk: Walk) -> None:
    users, user = f"{BASE}/users", f"{BASE}/users/{{username}}"
    ann = {"username": "ann", "password": "password", "tags": "user"}
    assert walk(f"POST {users}", ann) == []
    assert walk(f"POST {users}", ann) == 113
    assert walk(f"POST {users}", {**ann, "password": ""}) == 104
    for wrong in ({"password": "seven77"}, {"password": "x" * 257}, {"username": "a b"}, {"username": "loopback"}):
        assert walk(f"POST {users}", {**ann, **wrong}) == 108
    bad_bodies(walk, f"POST {users}", ann, "tags", [])
    assert {"username": "ann", "tags": "user"} in walk(f"GET {users}")
    assert walk(f"GET {user}", username="ann") == {"username": "ann", "tags": "user"}
    assert walk(f"GET {user}", username="no such") == []
    login, change = f"POST {BASE}/auth", f"PUT {BASE}/change_pwd/{{username}}"
    right = {"username": "ann", "password": "password"}
    assert walk(login, right) == []
    assert walk(login, {**right, "password": "wrong"}) == 103
    assert walk(login, {**right, "username": "no such"}) == 103
    assert walk(login, {**right, "username": ""}) == 104
    bad_bodies(walk, login, right, "password", 1)
    new = {"password": "newpassword", "oldpassword": "password"}
    assert walk(change, new, username="ann") == []
    assert walk(change, new, username="ann") == 114
    assert walk(change, {"new_pwd": "third password", "old_pwd": "newpassword"}, username="ann") == []
    assert walk(change, new, username="no such") == 105
    assert walk(change, {**new, "password": ""}, username="ann") == 104
    assert walk(change, {**new, "password": "seven77"}, username="ann") == 108
    bad_bodies(walk, change, new, "password", 1, username="ann")
    assert walk(login, {"username": "ann", "password": "third password"}) == []
    assert walk(f"PUT {user}", {"tags": "viewer"}, username="ann") == []
    assert walk(f"PUT {user}", {"tags": "viewer"}, username="no such") == 105
    assert walk(f"PUT {user}", {"tags": "viewer"}, username="admin") == 106
    bad_bodies(walk, f"PUT {user}", {"tags": "viewer"}, "tags", 1, username="ann")
    assert walk(f"DELETE {user}", username="ann") == []
    assert walk(f"DELETE {user}", username="ann") == 105
    assert walk(f"DELETE {user}", username="admin") == 106


def walk_changes(walk: Walk, live: Live) -> None:
    cache, kick = f"PUT {BASE}/clients/{{client_id}}/clean_acl_cache", f"DELETE {BASE}/clients/{{client_id}}"
    with live.client("emq2/kicked") as client:
        assert walk(cache, {"topic": "test"}, client_id="emq2/kicked") == []
        bad_bodies(walk, cache, {"topic": "test"}, "topic", 1, client_id="emq2/kicked")
        assert walk(kick, client_id="emq2/kicked") == []
        assert client.expect(DisconnectPacket).reason_code == 0x98
    assert walk(cache, {"topic": "test"}, client_id="emq2/kicked") == 112
    assert walk(kick, client_id="emq2/kicked") == 112


# Effects and values


def test_values_are_true(live: Live, device: Client) -> None:
    (client,) = ask(live, "GET", f"/clients/{CLIENT}")["result"]["objects"]
    assert client["username"] == "undefined"
    assert (client["ipaddress"], client["proto_ver"], client["clean_sess"]) == ("127.0.0.1", 4, False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", client["connected_at"])
    (session,) = ask(live, "GET", f"/sessions/{CLIENT}")["result"]["objects"]
    assert (session["max_inflight"], session["inflight_queue"], session["awaiting_comp"]) == (256, 0, "undefined")
    node = ask(live, "GET", f"/monitoring/nodes/{NODE}")["result"]
    assert re.fullmatch(r"\d+\.\d\d[KMG]", node["memory_used"])
    assert node["clients"] >= 1
    assert re.fullmatch(r"(\d+ \w+, )*\d+ seconds", ask(live, "GET", f"/management/nodes/{NODE}")["result"]["uptime"])


def test_counters_rise(live: Live, device: Client) -> None:
    def metrics() -> dict[str, int]:
        found: dict[str, int] = ask(live, "GET", f"/monitoring/metrics/{NODE}")["result"]
        return found

    before = metrics()
    device.publish("emq2/counted", b"1", qos=1)
    device.publish("emq2/counted", b"2", qos=2)

    def risen() -> bool:
        after = metrics()
        return all(
            after[name] - before[name] == 1
            for name in ("messages/qos1/received", "messages/qos2/received", "packets/pubrel/received")
        )

    eventually_sync(risen)


def test_pages(live: Live, device: Client) -> None:
    names = [f"emq2-page-{number}" for number in range(5)]
    for name in names:
        live.client(name, clean=False, session_expiry_interval=600).close()
        live.shown(name, connected=False)
    every = ask(live, "GET", f"/nodes/{NODE}/sessions?page_size=100000")["result"]
    assert every["total_num"] == len(every["objects"])
    ids = [one["client_id"] for one in every["objects"]]
    assert ids == sorted(ids)
    walked: list[str] = []
    for number in range(1, -(-len(ids) // 2) + 1):
        page = ask(live, "GET", f"/nodes/{NODE}/sessions?curr_page={number}&page_size=2")["result"]
        assert (page["current_page"], page["page_size"], page["total_page"]) == (number, 2, -(-len(ids) // 2))
        walked += [one["client_id"] for one in page["objects"]]
    assert walked == ids
    assert ask(live, "GET", f"/nodes/{NODE}/sessions?curr_page=-3&page_size=1")["result"]["current_page"] == -3
    assert ask(live, "GET", f"/nodes/{NODE}/sessions?curr_page=999999")["result"]["objects"] == []
    for bad in ("curr_page=abc", "page_size=0", "page_size=-1", "page_size=", "curr_page=1.5", f"curr_page={'9' * 40}"):
        assert send(live, "GET", f"/nodes/{NODE}/sessions?{bad}").status == 404, bad


def test_disconnecting_keeps_a_persistent_session(live: Live) -> None:
    with live.client("emq2-kept", clean=False, session_expiry_interval=600) as client:
        assert ask(live, "DELETE", "/clients/emq2-kept") == {"code": 0, "result": []}
        assert client.expect(DisconnectPacket).reason_code == 0x98
    assert send(live, "DELETE", "/clients/emq2-kept").json() == {"code": 112}
    live.shown("emq2-kept", connected=False)
    assert ask(live, "GET", "/clients/emq2-kept")["result"] == {"objects": []}
    assert len(ask(live, "GET", "/sessions/emq2-kept")["result"]["objects"]) == 1


def test_messages_and_subscriptions_reach_clients(live: Live) -> None:
    with live.client("emq2-reader") as client:
        wish = {"topic": "emq2/+/x", "client_id": "emq2-reader", "qos": 1}
        assert code(live, "POST", "/mqtt/subscribe", wish) == 0
        assert code(live, "POST", "/mqtt/publish", {"topic": "emq2/a/x", "payload": "é", "qos": 1}) == 0
        message = client.take(PublishPacket)
        assert (message.payload, message.qos, message.retain) == ("é".encode(), 1, False)
        assert code(live, "POST", "/mqtt/unsubscribe", {"topic": "emq2/+/x", "client_id": "emq2-reader"}) == 0
        kept = {"topic": "emq2/kept", "payload": "kept", "retain": True}
        assert code(live, "POST", "/mqtt/publish", kept) == 0
        client.subscribed("emq2/kept")
        assert client.take(PublishPacket).payload == b"kept"


@pytest.mark.parametrize("topic", ["", "a/#", "+", "a\x00b", "x" * 4097])
def test_topics_that_can_not_be(live: Live, topic: str) -> None:
    document = ask(live, "POST", "/mqtt/publish", {"topic": topic, "payload": ""})
    assert document["code"] == 102
    assert document["message"].startswith("validate topic: ")


@pytest.mark.parametrize("qos", [3, -1, True, "1", 1.5])
def test_bad_qos_is_a_bad_type(live: Live, qos: object) -> None:
    assert code(live, "POST", "/mqtt/publish", {"topic": "t", "payload": "", "qos": qos}) == 108


def test_a_retainer_that_is_stopped_retains_nothing(live: Live) -> None:
    assert code(live, "PUT", f"/nodes/{NODE}/plugins/emq_retainer", {"active": False}) == 0
    try:
        assert code(live, "POST", "/mqtt/publish", {"topic": "emq2/off", "payload": "lost", "retain": True}) == 0
        with live.client("emq2-off") as client:
            client.subscribed("emq2/off")
            quiet(client, client)
    finally:
        assert code(live, "PUT", f"/nodes/{NODE}/plugins/emq_retainer", {"active": True}) == 0


# Who asks


def test_without_the_right_credentials(live: Live) -> None:
    for path in ("/management/nodes", "/no/such/path"):
        answer = live.ask("emq2", "GET", BASE + path, login=("admin", "public"))
        assert (answer.status, answer.body) == (401, b"")
        assert answer.headers["www-authenticate"] == 'Basic Realm="emqx control center"'
    assert live.ask("emq2", "DELETE", f"{BASE}/clients/x", login=None).status == 401
    assert live.ask("emq2", "GET", f"{BASE}/management/nodes", login=None).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nope"), ("POST", "/clients/x"), ("HEAD", "/routes"), ("OPTIONS", "/users"), ("GET", "")],
)
def test_unknown_paths_and_methods_are_404_without_a_body(live: Live, method: str, path: str) -> None:
    answer = send(live, method, path)
    assert (answer.status, answer.body) == (404, b"")


def test_tags_that_name_a_role_give_it_and_others_do_not_administer(live: Live) -> None:
    users = {"emq2-op": "user", "emq2-view": "viewer", "emq2-admin": "team,administrator"}
    for name, tags in users.items():
        assert code(live, "POST", "/users", {"username": name, "password": "secret password", "tags": tags}) == 0

    def status(name: str, method: str, path: str, body: str | None = None) -> int:
        return live.ask("emq2", method, BASE + path, body=body, login=(name, "secret password")).status

    for name in users:
        assert status(name, "GET", "/management/nodes") == 200
        assert status(name, "DELETE", "/clients/no-such") == (403 if name == "emq2-view" else 200)
        assert status(name, "GET", "/users") == (200 if name == "emq2-admin" else 403)
        switch = status(name, "PUT", "/nodes/plugins/nothing", '{"active":true}')
        assert switch == (200 if name == "emq2-admin" else 403)
    assert code(live, "PUT", "/users/emq2-admin", {"tags": "another team"}) == 0
    assert status("emq2-admin", "GET", "/users") == 200
    assert code(live, "PUT", "/users/emq2-admin", {"tags": "viewer"}) == 0
    assert status("emq2-admin", "GET", "/users") == 403
    own = '{"oldpassword":"secret password","password":"another one"}'
    assert status("emq2-view", "PUT", "/change_pwd/emq2-op", own) == 403
    assert status("emq2-view", "PUT", "/change_pwd/emq2-view", own) == 200
    assert status("emq2-view", "GET", "/management/nodes") == 401
