"""Recorded exchanges: requests and, byte for byte, their answers on one set of rows.

``golden/*.json`` hold a request, and status, headers and body of its answer; those of other dialects than FluxMQ's are
in folders of their own. To record them anew after a wanted change:
``MQLEDGER_RECORD_GOLDEN=1 python -m pytest tests/contract/query_api/test_golden.py``, and read the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from schemas.sealed import Sealer
from schemas.settings import Secret
from tests.contract.query_api.client import Api
from tests.contract.query_api.conftest import StartApi
from tests.contract.query_api.tables import AWAY, Tables
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import TEST_KEY

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(FOLDER.rglob("*.json"))
RECORD_ENV = "MQLEDGER_RECORD_GOLDEN"
ROUTE = {"partition": 0, "tenant": "default", "node": "node-1", "sessions": 1}
TOTAL = {"partition": 0, "tenant": "default"}
TOTALS = {"sessions": 4, "sessions.connected": 3, "subscriptions": 3}
NODE: dict[str, Any] = {
    "node": "node-1",
    "incarnation": 1,
    "status": "running",
    "started_at": 1_566_656_000_000,
    # In the year 2286: it is never overdue.
    "heartbeat_at": 9_999_999_999_999,
    "interval": 1.0,
    "version": "0.1.0",
    "host": "here",
    "pid": 1,
    "applied": "[1]",
    "listeners": '[{"name":"mqtt:tcp","protocol":"mqtt","address":"127.0.0.1","port":1883,"connections":3}]',
    "counters": '{"packets.connect.received":5,"packets.publish.received":2,"messages.received.qos1":2}',
    "gauges": """{"connections":3,"sessions":4,"sessions.connected":3,"subscriptions":3,"topics":2,"retained":1,
        "node.sessions":4,"node.sessions.connected":3,"node.subscriptions":3,
        "host.load1_centi":193,"host.load5_centi":193,"host.load15_centi":189,"host.memory_bytes":72551000,
        "process.rss_bytes":51673825,"process.max_fds":256}""",
    "maxima": '{"node.sessions.connected":7,"node.sessions":8}',
    "limits": '{"max_connections":1024,"max_inflight":16}',
    "plugins": '["acl","retainer"]',
}
SEALED = {"password": b"adminpassword", "ca": b"CA in PEM", "cert": b"certificate in PEM", "key": b"key in PEM"}
REFUSED = {"code": "ECONNREFUSED", "errno": -111, "syscall": "connect", "address": "127.0.0.1", "port": 1884}
CONNECTIONS: tuple[dict[str, Any], ...] = (
    {
        "connection_id": "mosquitto-dev",
        "name": "Development Server",
        "url": "mqtts://url.com:1883",
        "username": "admin",
        "parts": sorted(SEALED),
        "sealed": Sealer([TEST_KEY]).seal(SEALED, "default", "mosquitto-dev"),
        "status": {"connected": False, "error": json.dumps({"code": "UNABLE_TO_VERIFY_LEAF_SIGNATURE"})},
    },
    {"connection_id": "new", "name": "New", "status": {"position": 0}},
    {"connection_id": "refused", "name": "Refused", "status": {"connected": False, "error": json.dumps(REFUSED)}},
    {"connection_id": "well", "name": "Well", "client_id": "me", "reject_unauthorized": False, "status": {}},
    {"tenant": "other", "connection_id": "secret", "name": "Secret"},
)
VARYING = {"date", "server", "mqledger-lag-ms", "mqledger-confirmed-ms"}


@pytest.fixture(scope="module")
def recorded_api(shared_tables: Tables, start_api: StartApi) -> Api:
    """A process whose tokens are always the same."""
    return start_api(shared_tables.settings, api__token_keys=Secret("golden-exchanges-key"))[0]


@pytest.fixture
def rows(tables: Tables) -> None:
    """A few sessions of every kind."""
    tables.sessions(
        {
            "client_id": "my-device-001",
            "has_will": True,
            "request_response": True,
            "expiry": 3600,
            "clean_start": False,
            "receive_maximum": 20,
            "max_packet_size": 1_048_576,
            "topic_alias_max": 8,
            "subscription_count": 2,
            "connected_at": 1_566_656_122_123,
        },
        {"client_id": "old/one", "protocol": "mqtt3.1", "version": 3, **AWAY},
        {
            "client_id": "older",
            "protocol": "mqtt3.1.1",
            "version": 4,
            "connected_at": 1_566_656_122_100,
            "subscription_count": 1,
        },
        {"client_id": "orders", "protocol": "amqp0.9.1", "version": 0, "connection_name": 'orders "consumer" <é>'},
    )
    tables.counters({"client_id": "my-device-001", "inflight": 3}, {"client_id": "old/one", "queued": 12})
    tables.subscriptions(
        {
            "client_id": "my-device-001",
            "filter": "devices/+/events",
            "qos": 1,
            "no_local": True,
            "retain_as_published": True,
            "retain_handling": 2,
            "subscription_id": 7,
        },
        {"client_id": "my-device-001", "filter": "alarms/#", "qos": 2},
        {"client_id": "older", "filter": "alarms/#"},
    )
    tables.connections(*CONNECTIONS)
    tables.insert("nodes", [NODE, NODE | {"node": "node-2", "status": "stopped"}])
    tables.insert("totals", [TOTAL | {"name": name, "value": value} for name, value in TOTALS.items()])
    tables.insert("routes", [ROUTE | {"filter": one} for one in ("alarms/#", "devices/+/events")])


@pytest.fixture
def confirmed(recorded_api: Api, tables: Tables) -> None:
    """The position is confirmed, as by a projector that is alive, and the API knows."""
    tables.applied(1)
    eventually_sync(lambda: "mqledger-lag-frames" in recorded_api.get("/health").headers)


@pytest.mark.usefixtures("rows", "confirmed")
@pytest.mark.parametrize("file", FILES, ids=lambda file: "-".join(file.relative_to(FOLDER).with_suffix("").parts))
def test_exchange(recorded_api: Api, file: Path) -> None:
    recorded = json.loads(file.read_text(encoding="utf-8"))
    request = recorded["request"]
    body = request.get("body", "").encode()
    answer = recorded_api.request(request["method"], request["target"], request.get("headers"), body)
    headers = {name: value for name, value in answer.headers.items() if name not in VARYING}
    got = {"status": answer.status, "headers": headers, "body": answer.body.decode()}
    if os.environ.get(RECORD_ENV):
        text = json.dumps({"request": request, "answer": got}, indent=2, ensure_ascii=False)
        file.write_text(text + "\n", encoding="utf-8")
    else:
        assert got == recorded["answer"]


def test_there_are_some() -> None:
    assert len(FILES) >= 15
