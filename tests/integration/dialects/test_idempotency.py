"""Idempotency keys, in every dialect: a repetition does nothing; another command, or another caller's, is another."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.integration.dialects.live import Live
from tests.mqttkit.client import Client

PUBLISH = {
    "emqx4": ("/api/v4/mqtt/publish", {"topic": "", "payload": "", "qos": 1, "clientid": "http"}),
    "emq2": ("/api/v2/mqtt/publish", {"topic": "", "payload": "", "qos": 1, "client_id": "http"}),
    "fluxmq": ("/api/mqledger/v1/messages", {"topic": "", "payload": "", "qos": 1}),
}
"""Where each dialect publishes; the native API is at the port of FluxMQ."""


def publish(live: Live, dialect: str, topic: str, payload: str, key: str, login: tuple[str, str] | None = None) -> int:
    """The status of a publish, or the code in its answer."""
    target, body = PUBLISH[dialect]
    said = body | {"topic": topic, "payload": payload}
    headers = {"content-type": "application/json", "idempotency-key": key}
    answer = live.ask(dialect, "POST", target, headers, json.dumps(said), login or ("admin", ""))
    found: dict[str, Any] = json.loads(answer.body)
    return int(found.get("code", answer.status)) if dialect != "fluxmq" else answer.status


def received(client: Client, last: bytes) -> list[bytes]:
    """Payloads, up to the last."""
    found: list[bytes] = []
    while not found or found[-1] != last:
        found.append(bytes(client.expect_message().payload))
    return found


@pytest.mark.parametrize(("dialect", "conflict"), [("emqx4", 102), ("emq2", 102), ("fluxmq", 409)])
def test_a_repetition_publishes_nothing_and_another_message_is_a_conflict(
    live: Live, dialect: str, conflict: int
) -> None:
    name = f"once-{uuid.uuid4().hex[:8]}"
    done = 200 if dialect == "fluxmq" else 0
    with live.client(name) as client:
        client.subscribed(f"{name}/+", qos=1)
        for _ in range(2):
            assert publish(live, dialect, f"{name}/a", "one", name) == done
        assert publish(live, dialect, f"{name}/a", "other", name) == conflict
        assert publish(live, dialect, f"{name}/a", "two", f"{name}-2") == done
        assert received(client, b"two") == [b"one", b"two"]


def test_a_key_is_the_callers_own(live: Live) -> None:
    name = f"mine-{uuid.uuid4().hex[:8]}"
    account = {"name": name, "password": "correct horse battery", "role": "operator"}
    made = live.ask(
        "fluxmq",
        "POST",
        "/api/mqledger/v1/accounts",
        {"content-type": "application/json"},
        json.dumps(account),
    )
    assert made.status == 201, made.body
    with live.client(f"{name}-c") as client:
        client.subscribed(f"{name}/+", qos=1)
        assert publish(live, "fluxmq", f"{name}/a", "admin's", name) == 200
        assert publish(live, "fluxmq", f"{name}/a", "theirs", name, (name, account["password"])) == 200
        assert received(client, b"theirs") == [b"admin's", b"theirs"]


def test_every_command_of_a_batch_has_a_key_of_its_own(live: Live) -> None:
    name = f"batch-{uuid.uuid4().hex[:8]}"
    messages = [{"topic": f"{name}/{n}", "payload": str(n), "qos": 1, "clientid": "http"} for n in range(3)]
    headers = {"content-type": "application/json", "idempotency-key": name}
    with live.client(name) as client:
        client.subscribed(f"{name}/+", qos=1)
        for _ in range(2):
            answer = live.ask("emqx4", "POST", "/api/v4/mqtt/publish_batch", headers, json.dumps(messages))
            assert [one["code"] for one in json.loads(answer.body)["data"]] == [0, 0, 0]
        assert publish(live, "emqx4", f"{name}/end", "end", f"{name}-end") == 0
        assert sorted(received(client, b"end")) == [b"0", b"1", b"2", b"end"]
