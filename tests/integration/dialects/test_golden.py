"""Commands of each dialect on a live stack, and their answers, byte for byte as recorded (see ``goldens.py``); answers
of which the documents give an example have its members and types. Cedalo's are played by ``test_cedalo.py``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from ingest.mqtt.codec import ProtocolVersion
from tests.contract.query_api.client import Answer
from tests.integration.dialects.goldens import Step, play, recorded
from tests.integration.dialects.live import NODE, Live
from tests.integration.dialects.test_emq2 import DOCUMENT, described, shape
from tests.mqttkit.client import Client
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.services import ROOT

DOCUMENTS = Path(__file__).parent / "documents"
READS = ROOT / "tests" / "contract" / "query_api" / "golden"
SESSION, KICKED = "golden/client", "golden-kicked"
SESSION_PATH = quote(SESSION, safe="")
DIALECTS = ("emqx4", "emq2", "bifromq", "fluxmq", "cedalo")


@pytest.fixture
def session(live: Live) -> Iterator[Client]:
    """A client with a session that lasts, to which commands are."""
    with live.client(SESSION, clean=False, session_expiry_interval=600) as client:
        client.subscribed("golden/+", qos=1)
        yield client
    assert live.ask("emqx4", "DELETE", f"/api/v4/clients/{SESSION_PATH}").json()["code"] in (0, 112)


@pytest.fixture
def kicked(live: Live) -> Iterator[Client]:
    """A client that is ended by a command."""
    with live.client(KICKED, ProtocolVersion.V311) as client:
        yield client


def player(live: Live, dialect: str) -> Any:
    def send(step: Step) -> Answer:
        login = None if step.anonymous else ("admin", "")
        return live.ask(dialect, step.method, step.target, step.headers, step.text, login)

    return send


def endpoint_of(exchange: dict[str, Any], patterns: list[str]) -> str:
    """The pattern that a request is of: of several the one with the fewest names; empty for none."""
    asked = f"{exchange['request']['method']} {exchange['request']['target']}".partition("?")[0].rstrip("/")

    def matches(pattern: str) -> bool:
        parts = re.split(r"(\{\w+\})", pattern)
        regex = "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts)
        return re.fullmatch(regex, asked) is not None

    return min(filter(matches, patterns), key=lambda pattern: pattern.count("{"), default="")


def table(dialect: str) -> list[str]:
    """The endpoints of the tables in docs/api."""
    text = (ROOT / "docs" / "api" / f"{dialect}.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([A-Z]+ /\S*)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_command_of_the_tables_is_recorded_with_success(dialect: str) -> None:
    every = table(dialect)
    found = {endpoint_of(exchange, every) for exchange in recorded(dialect).values() if succeeded(exchange)}
    assert found >= {one for one in every if not one.startswith("GET")}


def succeeded(exchange: dict[str, Any]) -> bool:
    """EMQ's dialects tell failures under 200."""
    answer = exchange["answer"]
    return answer["status"] < 400 and not re.match(r'\{"(message":".*",")?code":[1-9]', answer["body"])


# EMQX 4


def test_golden_emqx4(live: Live, session: Client, kicked: Client) -> None:
    base = "/api/v4"

    def post(name: str, path: str, body: Any) -> Step:
        return Step(name, "POST", base + path, body)

    def delete(name: str, path: str) -> Step:
        return Step(name, "DELETE", base + path)

    def switch(name: str, path: str, running: bool) -> Step:
        return Step(name, "PUT", base + path, before=lambda: eventually_sync(lambda: runs(live) is running))

    message = {"topic": "golden/x4", "clientid": "golden-api", "payload": "hello", "qos": 1, "retain": False}
    wish = {"clientid": SESSION, "topic": "golden/x4/#", "qos": 1}
    ban = {"who": "golden-banned", "as": "clientid", "reason": "why", "by": "me", "at": 1500000000, "until": 4000000000}
    one = f"/nodes/{NODE}/plugins/emqx_retainer"
    play(
        "emqx4",
        [
            post("publish", "/mqtt/publish", message),
            post("publish-topics", "/mqtt/publish", {"topics": "golden/1,golden/2", "payload": {"a": 1}}),
            post("publish-base64", "/mqtt/publish", {"topic": "golden/3", "payload": "aGk=", "encoding": "base64"}),
            post("publish-bad-topic", "/mqtt/publish", {**message, "topic": "a/#"}),
            post("publish-bad-qos", "/mqtt/publish", {**message, "qos": 3}),
            post("publish-no-json", "/mqtt/publish", "{"),
            post("publish-batch", "/mqtt/publish_batch", [message, {**message, "topic": "#"}]),
            post("subscribe", "/mqtt/subscribe", wish),
            post("subscribe-nobody", "/mqtt/subscribe", {**wish, "clientid": "golden-nobody"}),
            post("subscribe-batch", "/mqtt/subscribe_batch", [{**wish, "topic": "golden/y"}, {**wish, "qos": 3}]),
            post("unsubscribe", "/mqtt/unsubscribe", {"clientid": SESSION, "topic": "golden/x4/#"}),
            post("unsubscribe-batch", "/mqtt/unsubscribe_batch", [{"clientid": SESSION, "topic": "golden/y"}]),
            delete("clear-acl-cache", f"/clients/{SESSION_PATH}/acl_cache"),
            delete("clear-acl-cache-of-node", f"/nodes/{NODE}/acl-cache"),
            delete("clear-acl-cache-of-all", "/acl-cache"),
            post("ban", "/banned", ban),
            post("ban-without-who", "/banned", {"as": "clientid"}),
            delete("unban", "/banned/clientid/golden-banned"),
            switch("unload", "/plugins/retainer/unload", True),
            switch("unload-again", "/plugins/retainer/unload", False),
            switch("load", "/plugins/retainer/load", False),
            switch("load-again", "/plugins/retainer/load", True),
            switch("reload", "/plugins/retainer/reload", True),
            switch("unload-of-node", f"{one}/unload", True),
            switch("load-of-node", f"{one}/load", False),
            switch("reload-of-node", f"{one}/reload", True),
            delete("kick", f"/clients/{KICKED}"),
            delete("kick-again", f"/clients/{KICKED}"),
            Step("kick-by-nobody", "DELETE", f"{base}/clients/{KICKED}", anonymous=True),
        ],
        player(live, "emqx4"),
    )
    eventually_sync(lambda: runs(live))


def runs(live: Live, module: str = "retainer") -> bool:
    """Whether a module runs, as the node last reported."""
    found = live.ask("emqx4", "GET", f"/api/v4/nodes/{NODE}/plugins").json()["data"]
    return any(one["active"] for one in found if one["name"] == module)


# EMQ 2


def test_golden_emq2(live: Live, session: Client, kicked: Client) -> None:
    base = "/api/v2"

    def step(name: str, method: str, path: str, body: Any = None) -> Step:
        return Step(name, method, base + path, body)

    def switch(name: str, path: str, active: bool, running: bool) -> Step:
        ready = lambda: eventually_sync(lambda: runs(live, "sys") is running)  # noqa: E731 - as short as the rest
        return Step(name, "PUT", base + path, {"active": active}, before=ready)

    message = {"topic": "golden/emq2", "payload": "hello", "qos": 1, "retain": False, "client_id": "golden-api"}
    wish = {"topic": "golden/emq2/#", "qos": 1, "client_id": SESSION}
    user = {"username": "golden-user", "password": "golden password", "tags": "viewer"}
    new = {"password": "another password", "oldpassword": "golden password"}
    path, of_node, of_all = "/users/golden-user", f"/nodes/{NODE}/plugins/sys", "/nodes/plugins/sys"
    play(
        "emq2",
        [
            step("nodes", "GET", "/management/nodes"),
            step("node", "GET", f"/management/nodes/{NODE}"),
            step("publish", "POST", "/mqtt/publish", message),
            step("publish-bad-topic", "POST", "/mqtt/publish", {**message, "topic": "a/#"}),
            step("publish-no-json", "POST", "/mqtt/publish", "{"),
            step("publish-no-payload", "POST", "/mqtt/publish", {"topic": "golden/emq2"}),
            step("subscribe", "POST", "/mqtt/subscribe", wish),
            step("subscribe-nobody", "POST", "/mqtt/subscribe", {**wish, "client_id": "golden-nobody"}),
            step("unsubscribe", "POST", "/mqtt/unsubscribe", {"topic": "golden/emq2/#", "client_id": SESSION}),
            step("clean-acl-cache", "PUT", f"/clients/{SESSION_PATH}/clean_acl_cache", {"topic": "test"}),
            switch("stop", of_node, active=False, running=True),
            switch("stop-again", of_node, active=False, running=False),
            switch("start", of_node, active=True, running=False),
            switch("start-again", of_all, active=True, running=True),
            switch("stop-everywhere", of_all, active=False, running=True),
            switch("start-everywhere", of_all, active=True, running=False),
            step("add-user", "POST", "/users", user),
            step("add-user-again", "POST", "/users", user),
            step("change-user", "PUT", path, {"tags": "operator"}),
            step("login", "POST", "/auth", {"username": "golden-user", "password": "golden password"}),
            step("login-wrong", "POST", "/auth", {"username": "golden-user", "password": "wrong"}),
            step("change-password", "PUT", "/change_pwd/golden-user", new),
            step("change-password-again", "PUT", "/change_pwd/golden-user", new),
            step("remove-user", "DELETE", path),
            step("remove-user-again", "DELETE", path),
            step("remove-admin", "DELETE", "/users/admin"),
            step("kick", "DELETE", f"/clients/{KICKED}"),
            step("kick-again", "DELETE", f"/clients/{KICKED}"),
            Step("kick-by-nobody", "DELETE", f"{base}/clients/{KICKED}", anonymous=True),
        ],
        player(live, "emq2"),
    )
    eventually_sync(lambda: runs(live, "sys"))


# BifroMQ


def test_golden_bifromq(live: Live, session: Client) -> None:
    tenant = {"tenant_id": "default"}
    message = {**tenant, "topic": "golden/bifro", "qos": "1", "client_type": "tester"}
    who = {**tenant, "user_id": "", "client_id": SESSION}
    wish = {**who, "topic_filter": "golden/bifro/#", "sub_qos": "1"}
    less = {name: value for name, value in wish.items() if name != "sub_qos"}
    ids = iter(range(9_000, 10_000))

    def step(name: str, method: str, path: str, headers: dict[str, str], body: str | None = None) -> Step:
        return Step(name, method, path, body, {**headers, "req_id": str(next(ids))})

    kill = {**who, "client_type": "janitor", "client_meta_why": "spring"}
    play(
        "bifromq",
        [
            step("pub", "POST", "/pub", {**message, "expiry_seconds": "60", "client_meta_clientid": "sensor"}, "hello"),
            step("pub-no-match", "POST", "/pub", {**message, "topic": "golden/of/nobody"}, "hello"),
            step("pub-wildcard", "POST", "/pub", {**message, "topic": "golden/#"}, "hello"),
            step("pub-bad-qos", "POST", "/pub", {**message, "qos": "3"}, "hello"),
            step("retain", "POST", "/retain", message, "kept"),
            step("retain-clears", "POST", "/retain", message),
            step("sub", "PUT", "/sub", wish),
            step("sub-exists", "PUT", "/sub", wish),
            step("sub-bad-filter", "PUT", "/sub", {**wish, "topic_filter": "a#"}),
            step("sub-nobody", "PUT", "/sub", {**wish, "client_id": "golden-nobody"}),
            step("unsub", "DELETE", "/unsub", less),
            step("unsub-no-sub", "DELETE", "/unsub", less),
            step("unsub-nobody", "DELETE", "/unsub", {**less, "client_id": "golden-nobody"}),
            step("kill", "DELETE", "/kill", kill),
            step("kill-again", "DELETE", "/kill", kill),
            step("kill-no-user", "DELETE", "/kill", {n: v for n, v in kill.items() if n != "user_id"}),
            step("expire", "DELETE", "/session", {**tenant, "expiry_seconds": "4000000"}),
            step("expire-all-of-a-tenant", "DELETE", "/session", {"tenant_id": "golden", "expiry_seconds": "0"}),
            step("expire-no-tenant", "DELETE", "/session", {}),
            Step("pub-by-nobody", "POST", "/pub", "hello", {**message, "req_id": "8999"}, anonymous=True),
        ],
        player(live, "bifromq"),
    )


# FluxMQ


def test_golden_fluxmq(live: Live) -> None:
    reload = "/api/v1/reload"
    play(
        "fluxmq",
        [
            Step("reload", "POST", reload),
            Step("reload-by-nobody", "POST", reload, anonymous=True),
            Step("reload-is-no-get", "GET", reload),
        ],
        player(live, "fluxmq"),
    )


# What the documents say of the answers


def body_of(dialect: str, name: str) -> Any:
    (found,) = (one for file, one in recorded(dialect).items() if file.partition("-")[2] == name)
    return json.loads(found["answer"]["body"])


def read(dialect: str, name: str) -> Any:
    """The body of a recorded read of ``tests/contract``."""
    exchange = json.loads((READS / dialect / f"{name}.json").read_text(encoding="utf-8"))
    return json.loads(exchange["answer"]["body"])


def example(name: str) -> Any:
    return json.loads((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))


def types(value: dict[str, Any]) -> dict[str, Any]:
    """Members and types."""
    return {name: type(part) for name, part in value.items()}


def test_emqx4_answers_as_the_documents_examples() -> None:
    assert body_of("emqx4", "kick") == {"code": 0}
    document = example("emqx4")
    (wanted,) = document["data"]
    for name in ("clients", "client"):
        found = read("emqx4", name)
        assert {types(one).items() >= types(wanted).items() for one in found["data"]} == {True}, name
        assert types(found) == {n: t for n, t in types(document).items() if n in found}
    assert types(read("emqx4", "clients")["meta"]) == types(document["meta"])


def test_fluxmq_answers_as_the_documents_example() -> None:
    """Members in the order of the example; a list has no subscriptions, and MQTT no name of a connection."""
    (wanted,) = example("fluxmq")["sessions"]
    for found in (*read("", "sessions-page")["sessions"], read("", "session-detail")):
        assert list(found) == [name for name in wanted if name in found]
        assert set(wanted) - set(found) <= {"connection_name", "connected_at", "disconnected_at", "subscriptions"}
        assert types(found).items() <= types(wanted).items()
    one, *_ = read("", "session-detail")["subscriptions"][::-1]
    assert types(one) == {n: t for n, t in types(wanted["subscriptions"][0]).items() if n in one}


ACCOUNTS = "GET /api/v2/users"
"""Not on record: there are those of other tests. Its shape is asserted in ``test_emq2.py``."""


@pytest.mark.parametrize("entry", [one for one in DOCUMENT if described(one) != ACCOUNTS], ids=described)
def test_emq2_answers_as_the_documents_examples(entry: dict[str, Any]) -> None:
    reads = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((READS / "emq2").glob("*.json"))]
    exchanges = [one for one in (*recorded("emq2").values(), *reads) if succeeded(one)]
    every = [described(one) for one in DOCUMENT] + table("emq2")
    mine = [one for one in exchanges if endpoint_of(one, every) == described(entry)]
    shapes = [shape(json.loads(one["answer"]["body"])) for one in mine]
    # Of those who answer to nothing that is there, the lists are empty.
    assert shape(entry["response"]) in [by_node(one) for one in shapes]
    for exchange in mine:
        assert exchange["answer"]["headers"]["content-type"] == "application/json"
        if entry["body"]:
            assert set(json.loads(exchange["request"]["body"])) >= set(entry["body"])


def by_node(value: Any) -> Any:
    """Nodes of the recorded rows have other names than that of the document."""
    match value:
        case {"code": code, "result": {"node-1": one}}:
            return {"code": code, "result": {NODE: one}}
        case _:
            return value


@pytest.mark.parametrize("name", ["create", "list", "delete"])
def test_cedalo_answers_as_the_document(name: str) -> None:
    """The document's schema of a connection, closed: nothing is shown that it does not have."""
    schema, connections = example("cedalo-connection"), body_of("cedalo", name)
    assert connections
    for connection in connections:
        jsonschema.validate(connection, schema)
    assert set(example("cedalo")) <= set(schema["properties"])
    told = body_of("cedalo", "create-unreachable")
    assert types(told) == {"code": str, "message": str, "successful": bool}
