"""FluxMQ on a live stack: the table of docs/api/fluxmq.md walked, `curl` lines, what its dashboard asks, reload."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest

from ingest.mqtt.codec import Subscription
from tests.contract.query_api.client import Answer
from tests.integration.dialects.live import NODE, Live
from tests.integration.dialects.tables import rows
from tests.mqttkit.client import Client, will
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import Service, new_service

BASE = "/api/v1"
OPTIONAL = {"connection_name", "restart_required", "applied", "path", "old_value", "new_value", "class"}
"""Of AMQP; or of a configuration that has changed, see the test of reload."""


@pytest.fixture(scope="module")
def device(live: Live) -> Iterator[Client]:
    """A session with something in every field, and one that is away."""
    live.client("flux-away", clean=False, session_expiry_interval=600).close()
    live.shown("flux-away", connected=False)
    maxima = {"receive_maximum": 7, "topic_alias_maximum": 3}
    options: dict[str, Any] = {"session_expiry_interval": 600, "clean": False, **maxima}
    with live.client("flux/device", will=will("gone"), **options) as client:
        whole = Subscription("flux/+/events", 1, no_local=True, retain_as_published=True, retain_handling=2)
        client.subscribe(whole, identifier=9)
        client.subscribed("flux/#", qos=2)
        shown = f"{BASE}/subscriptions/{quote('flux/#', safe='')}/clients"
        eventually_sync(lambda: live.ask("fluxmq", "GET", shown).json()["clients"] != [])
        yield client


class Walk:
    """Asks, and remembers what each endpoint was asked with and what it answered."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.parameters: dict[str, set[str]] = defaultdict(set)
        self.fields: dict[str, set[str]] = defaultdict(set)
        self.statuses: dict[str, set[str]] = defaultdict(set)

    def __call__(self, endpoint: str, query: str = "", login: tuple[str, str] | None = None, **names: str) -> Answer:
        """Ask an endpoint with these names in its path."""
        method, _, path = endpoint.partition(" ")
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        answer = self._live.ask("fluxmq", method, path + (f"?{query}" if query else ""), login=login)
        self.parameters[endpoint] |= set(parse_qs(query))
        self.statuses[endpoint].add(str(answer.status))
        if answer.status == 200:
            self.fields[endpoint] |= fields(answer.json())
        return answer

    def refuses_other_methods(self, endpoint: str, **names: str) -> None:
        """405, as the dialect says it, with what is allowed."""
        _, _, path = endpoint.partition(" ")
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        answer = self._live.ask("fluxmq", "PATCH", path)
        self.statuses[endpoint].add(str(answer.status))
        assert (answer.status, answer.body) == (405, b'{"error":"method not allowed"}')
        assert answer.headers["allow"] == endpoint.partition(" ")[0]


def fields(document: dict[str, Any]) -> set[str]:
    """Names of a document, and of the objects of its lists."""
    found = set(document)
    for value in document.values():
        if isinstance(value, list):
            found |= {name for one in value for name in one}
    return found


def test_every_endpoint_parameter_field_and_status_of_the_table(live: Live, device: Client) -> None:
    walk, table = Walk(live), rows("fluxmq")
    walk_lists(walk)
    for path in ("stats", "cluster", "overview"):
        assert walk(f"GET {BASE}/{path}").status == 200
    assert walk("GET /health").body == b'{"status":"ok"}'
    walk_reload(walk, live)
    for endpoint, row in table.items():
        walk.refuses_other_methods(endpoint, client_id="flux/device", filter="flux/#")
        assert walk.statuses[endpoint] == row.codes, endpoint
        assert walk.parameters[endpoint] >= row.parameters, endpoint
        assert row.fields - OPTIONAL <= walk.fields[endpoint] <= row.fields, endpoint
    assert set(walk.statuses) == set(table)


def walk_lists(walk: Walk) -> None:
    sessions, filters = f"GET {BASE}/sessions", f"GET {BASE}/subscriptions"
    clients = f"{filters}/{{filter}}/clients"
    for endpoint, prefix, topic in ((sessions, "flux", ""), (filters, "flux", ""), (clients, "", "flux/#")):
        page = walk(endpoint, f"state=all&prefix={prefix}&limit=1", filter=topic).json()
        if token := page.get("next_page_token"):
            assert walk(endpoint, f"state=all&prefix={prefix}&limit=1&page_token={token}", filter=topic).status == 200
        assert walk(endpoint, "page_token=foreign", filter=topic).error == "invalid page_token"
        assert walk(endpoint, "limit=-1", filter=topic).error == "limit must be a non-negative integer"
        assert walk(endpoint, "state=x", filter=topic).error == "state must be one of: connected, disconnected, all"
    assert walk(sessions, "state=disconnected").status == 200
    assert walk(clients, "state=all&prefix=flux", filter="flux/#").json()["clients"] != []
    with walk._live.client("flux-second") as second:
        second.subscribed("flux/#")
        eventually_sync(lambda: "next_page_token" in walk(clients, "limit=1", filter="flux/#").json())
    one = f"{sessions}/{{client_id}}"
    assert walk(one, client_id="flux/device").json()["subscriptions"][1]["subscription_id"] == 9
    assert walk(one, client_id="flux-away").json()["state"] == "disconnected"
    assert walk(one, client_id="no such").error == "session not found"
    # The raw path: an empty filter is none.
    assert walk(clients, filter="").error == "subscription not found"


def walk_reload(walk: Walk, live: Live) -> None:
    reload = f"POST {BASE}/reload"
    assert walk(reload, login=("admin", "")).json()["version"] == 1
    assert walk(reload).status == 401
    account = json.dumps({"username": "flux-op", "password": "secret password", "tags": "operator"})
    assert live.ask("emq2", "POST", "/api/v2/users", body=account).json()["code"] == 0
    assert walk(reload, login=("flux-op", "secret password")).status == 403
    # A configuration that can't be: see the test of reload.
    walk.statuses[reload].add("400")


@pytest.mark.parametrize(
    "line",
    [
        'curl -X GET "http://localhost:8082/api/v1/sessions"',
        'curl -X GET "http://localhost:8082/api/v1/sessions/string"',
    ],
)
def test_the_curl_lines_of_the_document(live: Live, line: str) -> None:
    with live.client("string"):
        here = line.replace("localhost:8082", f"localhost:{live.port('fluxmq')}").replace('"', "")
        done = subprocess.run(here.split(), capture_output=True, check=True, timeout=30)
        assert "error" not in json.loads(done.stdout)


def test_what_the_dashboard_asks(live: Live, device: Client) -> None:
    """Its server reads these paths and fields (ui/app/api of the original's repository), without credentials."""

    def ask(target: str) -> Any:
        answer = live.ask("fluxmq", "GET", target, login=None)
        assert answer.status == 200, answer
        return answer.json()

    overview = ask(f"{BASE}/overview")
    mqtt = overview["stats"]["by_protocol"]["mqtt"]
    assert (overview["node_id"], overview["is_leader"], overview["cluster_mode"]) == (NODE, True, False)
    assert overview["sessions"]["connected"] >= 1
    assert overview["sessions"]["total"] > overview["sessions"]["connected"]
    for part, names in (("connections", ("current", "total", "disconnections")), ("messages", ("received", "sent"))):
        assert all(isinstance(overview["stats"][part][name], int) for name in names)
    assert mqtt["subscriptions"]["active"] >= 2
    assert {"publish_received", "publish_sent"} <= set(mqtt["messages"])
    (node,) = overview["cluster"]["nodes"]
    assert (node["id"], node["leader"], node["healthy"]) == (NODE, True, True)
    assert ask(f"{BASE}/stats")["uptime_seconds"] > 0
    every = ask(f"{BASE}/sessions?limit=0")
    assert {"flux/device", "flux-away"} <= {one["client_id"] for one in every["sessions"]}
    assert "next_page_token" not in every
    assert ask(f"{BASE}/sessions/{quote('flux/device', safe='')}")["has_will"] is True
    filters = ask(f"{BASE}/subscriptions?limit=0")["subscriptions"]
    assert {"filter": "flux/#", "subscriber_count": 1, "max_qos": 2} in filters
    clients = ask(f"{BASE}/subscriptions/{quote('flux/#', safe='')}/clients?limit=0")
    assert clients == {"filter": "flux/#", "clients": [{"client_id": "flux/device", "qos": 2}]}


def test_reload(live: Live, tmp_path: Path) -> None:
    """A second API on the same tables, with a file of its own: what can be applied is, by every worker."""
    file = tmp_path / "mqledger.toml"
    file.write_text("[api]\nmax_wait = 3.0\n", encoding="utf-8")
    service = second_api(live, file)
    again = replace(live, api=service)
    try:
        service.start()
        with live.client("flux-reload"):
            reloaded(again, file)
    finally:
        service.kill9()


def second_api(live: Live, file: Path) -> Service:
    config = live.api.config
    service = new_service("api", config.kafka, config.postgres, file.parent, {})
    for name in ("MAX_WAIT", "TENANT", "TOKEN_KEYS", "WORKERS"):
        del service.environment[f"MQLEDGER_API__{name}"]
    service.environment["MQLEDGER_CONFIG"] = str(file)
    return service


def reloaded(live: Live, file: Path) -> None:
    def reload() -> Any:
        answer = live.ask("fluxmq", "POST", f"{BASE}/reload")
        assert answer.status == 200, answer
        return answer.json()

    def ids() -> list[str]:
        return [one["client_id"] for one in live.ask("fluxmq", "GET", f"{BASE}/sessions").json()["sessions"]]

    assert set(reload()) == {"version", "duration"}
    assert "flux-reload" in ids()
    keys = "a-secret-of-enough-characters"
    file.write_text(
        f'[api]\nmax_wait = 4.0\ntenant = "acme"\ntoken_keys = "{keys}"\n[stack]\nwait = 9\n', encoding="utf-8"
    )
    found = reload()
    assert found["version"] == 2
    changes = {one["path"]: (one["old_value"], one["new_value"], one["class"]) for one in found["applied"]}
    assert changes == {
        "max_wait": (3.0, 4.0, 1),
        "tenant": ("default", "acme", 1),
        "token_keys": ("Secret(unset)", "Secret(***)", 1),
    }
    # Requests go on; once the workers are new, lists are those of the other tenant.
    eventually_sync(lambda: ids() == [])
    assert reload()["version"] == 2
    file.write_text("[api]\nmax_wait = -1\n", encoding="utf-8")
    refused = live.ask("fluxmq", "POST", f"{BASE}/reload")
    assert refused.status == 400
    assert refused.error.startswith("reload failed: ")
    file.write_text("[api]\nworkers = 2\n", encoding="utf-8")
    found = reload()
    assert [(one["path"], one["class"]) for one in found["restart_required"]] == [("workers", 0)]
    eventually_sync(lambda: "flux-reload" in ids())
