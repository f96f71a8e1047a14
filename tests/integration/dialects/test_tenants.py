"""An administrator of one tenant in the dialects that show lists: nothing of another tenant, by any name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.dialects.live import NODE, Live
from tests.mqttkit.client import Client, quiet
from tests.stackkit.eventually import eventually_sync

BLUE = ("blue-admin", "a secret of blue")


@pytest.fixture(scope="module")
def red(live: Live) -> Iterator[Client]:
    """A client of another tenant, with a subscription, and the account that must not see it."""
    account = {"name": BLUE[0], "password": BLUE[1], "role": "administrator", "tenant": "blue"}
    said = {"Content-Type": "application/json"}
    assert live.ask("fluxmq", "POST", "/api/mqledger/v1/accounts", said, json.dumps(account)).status == 201
    with live.client("crimson") as client:
        client.subscribed("crimson/#")
        yield client


def emq2(live: Live, method: str, path: str, body: str | None = None) -> Any:
    answer = live.ask("emq2", method, f"/api/v2{path}", body=body, login=BLUE)
    assert b"crimson" not in answer.body, answer
    return answer.json() if answer.status == 200 else answer.status


def test_emq_2(live: Live, red: Client) -> None:
    for kind in ("clients", "sessions", "subscriptions"):
        page = emq2(live, "GET", f"/nodes/{NODE}/{kind}")["result"]
        assert (page["total_num"], page["objects"]) == (0, [])
        assert emq2(live, "GET", f"/{kind}/crimson")["result"] == {"objects": []}
        assert emq2(live, "GET", f"/nodes/{NODE}/{kind}/crimson")["result"] == {"objects": []}
    assert emq2(live, "GET", "/routes")["result"]["total_num"] == 0
    assert emq2(live, "GET", f"/routes/{quote('crimson/#', safe='')}")["result"] == {"objects": []}
    assert emq2(live, "GET", f"/monitoring/nodes/{NODE}")["result"]["clients"] == 0
    for numbers in ("metrics", "stats"):
        assert set(emq2(live, "GET", f"/monitoring/{numbers}/{NODE}")["result"].values()) == {0}
    assert emq2(live, "GET", f"/monitoring/listeners/{NODE}")["result"][0]["current_clients"] == 0
    named = live.ask("emq2", "GET", f"/api/v2/nodes/{NODE}/clients", {"Mqledger-Tenant": "default"}, login=BLUE)
    assert named.status == 403


def test_emq_2_changes(live: Live, red: Client) -> None:
    assert emq2(live, "DELETE", "/clients/crimson") == {"code": 112}
    assert emq2(live, "PUT", "/clients/crimson/clean_acl_cache", '{"topic":"t"}') == {"code": 112}
    wish = '{"topic":"#","client_id":"crim' + 'son"}'
    for path in ("/mqtt/subscribe", "/mqtt/unsubscribe"):
        answer = live.ask("emq2", "POST", f"/api/v2{path}", body=wish, login=BLUE)
        assert answer.json() == {"code": 102, "message": "Clientid: crimson not found"}
    assert emq2(live, "POST", "/mqtt/publish", '{"topic":"crimson/x","payload":"x"}')["code"] == 0
    quiet(red, red)
    assert emq2(live, "PUT", "/nodes/plugins/retainer", '{"active":false}') == 403
    assert emq2(live, "GET", "/users") == 403
    assert emq2(live, "POST", "/users", '{"username":"x","password":"x","tags":"administrator"}') == 403
    assert emq2(live, "PUT", "/users/blue-admin", '{"tags":"administrator"}') == 403
    assert emq2(live, "DELETE", "/users/admin") == 403
    assert emq2(live, "PUT", "/change_pwd/admin", '{"password":"x","oldpassword":"x"}') == 403


def test_bifromq(live: Live, red: Client) -> None:
    target = {"tenant_id": "default", "user_id": "", "client_id": "crimson"}
    more = {"client_type": "x", "topic": "crimson/x", "qos": "0", "topic_filter": "#", "sub_qos": "0"}
    requests = [("POST", "/pub"), ("POST", "/retain"), ("GET", "/session"), ("DELETE", "/session"), ("DELETE", "/kill"),
                ("PUT", "/sub"), ("DELETE", "/unsub")]  # fmt: skip
    for method, path in requests:
        answer = live.ask("bifromq", method, path, target | more | {"expiry_seconds": "1"}, login=BLUE)
        assert answer.status == 403, (method, path)
    assert live.ask("bifromq", "GET", "/session", target | {"tenant_id": "blue"}, login=BLUE).status == 404
    assert live.ask("bifromq", "GET", "/session", target | {"tenant_id": "*"}, login=BLUE).status == 400
    quiet(red, red)


def test_fluxmq(live: Live, red: Client) -> None:
    def ask(target: str, status: int = 200) -> Any:
        answer = live.ask("fluxmq", "GET", f"/api/v1{target}", login=BLUE)
        assert answer.status == status, answer
        assert b"crimson" not in answer.body
        return answer.json()

    assert ask("/sessions") == {"sessions": []}
    assert ask("/sessions/crimson", 404) == {"error": "session not found"}
    assert ask("/subscriptions") == {"subscriptions": []}
    stats = ask("/stats")
    assert stats["connections"] == {"current": 0, "total": 0, "disconnections": 0}
    # What nodes count, they count for all; the log tells messages and payloads of the tenant.
    assert stats["errors"] == {"protocol": 0}
    assert stats["by_protocol"]["mqtt"]["errors"] == {"protocol": 0, "auth": 0, "authz": 0, "packet": 0}
    messages, size = stats["messages"]["received"], stats["bytes"]["received"]
    assert emq2(live, "POST", "/mqtt/publish", '{"topic":"blue/x","payload":"12345"}')["code"] == 0
    eventually_sync(lambda: ask("/stats")["messages"] == {"received": messages + 1, "sent": 0})
    stats = ask("/stats")
    assert stats["bytes"] == {"received": size + 5, "sent": 0}
    told = {"received": messages + 1, "sent": 0, "publish_received": messages + 1, "publish_sent": 0}
    assert stats["by_protocol"]["mqtt"]["messages"] == told
    assert ask("/sessions?limit=99999999999999999999", 400) == {"error": "limit must be a non-negative integer"}
    assert ask("/overview")["sessions"] == {"connected": 0, "total": 0}
    token = live.ask("fluxmq", "GET", "/api/v1/sessions?limit=1").json().get("next_page_token", "none")
    assert ask(f"/sessions?page_token={token}", 400) == {"error": "invalid page_token"}
    assert live.ask("fluxmq", "POST", "/api/v1/reload", login=BLUE).status == 403
