"""Messages to be retained by the APIs, where there is no room for them or the module does not run: each dialect says
so in its words, nobody gets them, and what is retained stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.contract.query_api.client import Answer
from tests.integration.dialects.live import Live
from tests.stackkit.eventually import eventually_sync

TENANT = "crowded"
RETAIN = {"tenant_id": TENANT, "qos": "1", "client_type": "tester"}
PLUGIN = "/api/mqledger/v1/plugins/retainer"
PIECE = b"x" * 200_000
"""A tenth of what a tenant of the stack may have retained."""


def retained(live: Live, topic: str, body: bytes = b"") -> tuple[int, str]:
    """Status and word of BifroMQ."""
    answer = live.ask("bifromq", "POST", "/retain", RETAIN | {"topic": topic}, body)
    return answer.status, answer.body.decode()


def published(live: Live, dialect: str, path: str, topic: str, payload: str = "", **more: object) -> Answer:
    """The answer to a message that is to be retained, too."""
    given = {"topic": topic, "payload": payload, "retain": True, **more}
    headers = {"mqledger-tenant": TENANT, "content-type": "application/json"}
    return live.ask(dialect, "POST", path, headers, json.dumps(given))


@pytest.fixture
def full(live: Live) -> Iterator[str]:
    """A tenant whose retained messages take all the room that it has; a topic that has one."""
    topics = [f"crowd/{number}" for number in range(10)]
    for number in count():
        status, text = retained(live, topics[number], PIECE)
        if status != 200:
            break
    assert (status, text, number) == (400, "EXCEED_LIMIT", 9)
    yield topics[0]
    for topic in topics:
        assert retained(live, topic) == (200, "CLEARED")


def test_there_is_no_room(live: Live, full: str) -> None:
    big = "y" * 195_000
    refused = {"code": 102, "message": "refused: reason code 151"}
    assert published(live, "emqx4", "/api/v4/mqtt/publish", "crowd/new", big).json() == refused
    assert published(live, "emq2", "/api/v2/mqtt/publish", "crowd/new", big).json() == refused
    answer = published(live, "fluxmq", "/api/mqledger/v1/messages", "crowd/new", big)
    assert (answer.status, answer.json()["type"], answer.json()["outcome"]) == (409, "/problems/limit", "limit")
    listed = live.ask("fluxmq", "GET", "/api/mqledger/v1/retained?prefix=crowd", {"mqledger-tenant": TENANT}).json()
    assert [one["topic"] for one in listed["items"]] == [f"crowd/{number}" for number in range(9)]
    assert retained(live, full, b"smaller") == (200, "RETAINED")
    assert published(live, "emqx4", "/api/v4/mqtt/publish", "crowd/9", big).json() == {"code": 0}
    other = RETAIN | {"tenant_id": "spacious", "topic": "a"}
    assert live.ask("bifromq", "POST", "/retain", other, b"x").body == b"RETAINED"


def test_the_retainer_is_stopped(live: Live) -> None:
    def switch(active: bool) -> None:
        body = json.dumps({"active": active})
        assert live.ask("fluxmq", "PATCH", PLUGIN, {"content-type": "application/json"}, body).status == 200

    assert retained(live, "crowd/kept", b"x") == (200, "RETAINED")
    switch(False)
    try:
        eventually_sync(lambda: retained(live, "crowd/kept", b"y") == (401, ""))
        assert retained(live, "crowd/kept") == (401, "")
        assert published(live, "emqx4", "/api/v4/mqtt/publish", "crowd/kept", "z").json() == {"code": 0}
        answer = published(live, "fluxmq", "/api/mqledger/v1/messages", "crowd/kept", "z", deliver=False)
        assert (answer.status, answer.json()["outcome"]) == (409, "stopped")
    finally:
        switch(True)
    headers = {"mqledger-tenant": TENANT}
    kept = live.ask("fluxmq", "GET", "/api/mqledger/v1/retained/crowd%2Fkept", headers).json()
    assert kept["message"]["size"] == 1
    assert kept["base64"] == "eA=="
    assert retained(live, "crowd/kept") == (200, "CLEARED")


LEVELS, PACKET = 128, 262_144
"""What the nodes of the stack take of clients: `mqtt.max_topic_levels`, `mqtt.max_packet_size`."""


def test_topics_have_no_more_levels_than_those_of_clients(live: Live) -> None:
    deep, deepest = "/".join(["l"] * (LEVELS + 1)), "/".join(["l"] * LEVELS)
    said = {"tenant_id": TENANT, "qos": "0", "client_type": "t"}

    def bifromq(path: str, topic: str) -> tuple[int, str]:
        answer = live.ask("bifromq", "POST", path, said | {"topic": topic}, b"x")
        return answer.status, answer.body.decode()

    def asked(topic: str) -> list[object]:
        plain: dict[str, Any] = {"retain": False}
        emqx, emq = "/api/v4/mqtt/publish", "/api/v2/mqtt/publish"
        return [
            bifromq("/pub", topic),
            published(live, "emqx4", emqx, topic, **plain).json(),
            published(live, "emq2", emq, topic, **plain).json(),
            published(live, "fluxmq", "/api/mqledger/v1/messages", topic, **plain).status,
        ]

    failed = {"code": 102, "message": f"validate topic: {deep[:100]} fail"}
    assert asked(deep) == [(403, "Unaccepted Topic"), {"code": 115, "message": "bad_topic"}, failed, 422]
    assert bifromq("/retain", deep) == (400, "")
    assert asked(deepest) == [(200, "NO_MATCH"), {"code": 0}, {"code": 0, "result": []}, 200]


def test_messages_are_no_longer_than_those_of_clients(live: Live) -> None:
    topic = "crowd/long"
    room = PACKET - 4 - 2 - len(topic) - 1
    """Without the fixed header, the topic and the length of no properties."""

    def asked(size: int) -> list[int]:
        payload = "x" * size
        plain: dict[str, Any] = {"retain": False}
        return [
            live.ask("bifromq", "POST", "/pub", RETAIN | {"topic": topic, "qos": "0"}, payload.encode()).status,
            published(live, "emqx4", "/api/v4/mqtt/publish", topic, payload, **plain).status,
            published(live, "emq2", "/api/v2/mqtt/publish", topic, payload, **plain).status,
            published(live, "fluxmq", "/api/mqledger/v1/messages", topic, payload, **plain).status,
        ]

    assert asked(room) == [200] * 4
    assert asked(room + 1) == [413] * 4
