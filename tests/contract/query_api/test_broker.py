"""Statistics, cluster, overview, health, metrics: numbers from the tables, nothing made up."""

from __future__ import annotations

import json
import re
import time

from tests.contract.query_api.client import Api
from tests.contract.query_api.tables import Tables
from tests.stackkit.eventually import eventually_sync


def fill(tables: Tables) -> int:
    """Two partitions of numbers, one node that runs and one that is silent; gives the time used as now."""
    now = int(time.time() * 1000)
    tables.insert(
        "totals",
        [
            {"partition": partition, "tenant": tenant, "name": name, "value": value}
            for partition, tenant, name, value in (
                (0, "default", "sessions", 3),
                (1, "default", "sessions", 4),
                (0, "default", "sessions.connected", 2),
                (1, "default", "subscriptions", 9),
                (1, "other", "sessions", 100),
            )
        ],
    )
    tables.insert(
        "metrics",
        [
            {"partition": partition, "tenant": "default", "node": "node-1", "name": name, "value": value}
            for partition, name, value in (
                (0, "connected", 10),
                (1, "connected", 5),
                (0, "disconnected", 13),
                (0, "messages.published.qos0", 100),
                (1, "messages.published.qos1", 20),
                (1, "messages.published.qos2", 3),
            )
        ],
    )
    counters = {
        "packets.connect.received": 15, "packets.publish.received": 130, "packets.publish.sent": 70,
        "errors.protocol": 9, "errors.protocol.malformed_packet": 2, "errors.protocol.packet_too_large": 1,
        "errors.protocol.protocol_error": 6, "errors.auth": 3, "errors.authz": 4,
    }  # fmt: skip
    tables.insert(
        "nodes",
        [
            {
                "node": node,
                "incarnation": 1,
                "status": "running",
                "started_at": now - 60_000,
                "heartbeat_at": now - age,
                "interval": 1.0,
                "host": "host-1",
                "counters": json.dumps({**counters, "bytes.received": 1000}),
                "gauges": json.dumps({"retained": 7}),
            }
            for node, age in (("node-1", 500), ("node-2", 60_000))
        ],
    )
    return now


def test_statistics(api: Api, tables: Tables) -> None:
    fill(tables)
    shown = api.get("/api/v1/stats").json()
    assert list(shown) == ["uptime_seconds", "connections", "messages", "bytes", "errors", "by_protocol"]
    assert 59 < shown["uptime_seconds"] < 120
    assert shown["connections"] == {"current": 2, "total": 15, "disconnections": 13}
    assert shown["messages"] == {"received": 290, "sent": 140}
    assert shown["bytes"] == {"received": 2000, "sent": 0}
    mqtt = shown["by_protocol"]["mqtt"]
    assert mqtt["messages"] == {"received": 290, "sent": 140, "publish_received": 123, "publish_sent": 140}
    assert mqtt["subscriptions"] == {"active": 9, "retained_messages": 7}
    assert mqtt["errors"] == {"protocol": 12, "auth": 6, "authz": 8, "packet": 6}
    assert shown["errors"] == {"protocol": 12}


def test_what_nobody_reports_is_0(api: Api) -> None:
    shown = api.get("/api/v1/stats").json()
    assert shown["messages"] == shown["bytes"] == {"received": 0, "sent": 0}
    assert shown["errors"] == {"protocol": 0}
    mqtt = shown["by_protocol"]["mqtt"]
    assert mqtt["errors"] == {"protocol": 0, "auth": 0, "authz": 0, "packet": 0}
    assert shown["connections"] == {"current": 0, "total": 0, "disconnections": 0}


def test_cluster(api: Api, tables: Tables) -> None:
    assert api.get("/api/v1/cluster").json() == {
        "node_id": "single-node",
        "cluster_mode": False,
        "is_leader": True,
        "nodes": [],
    }
    fill(tables)
    shown = api.get("/api/v1/cluster").json()
    assert (shown["node_id"], shown["cluster_mode"], shown["is_leader"]) == ("node-1", True, False)
    first, second = shown["nodes"]
    assert (first["id"], first["healthy"], first["address"]) == ("node-1", True, "host-1")
    assert (second["id"], second["healthy"], second["uptime_seconds"]) == ("node-2", False, 0.0)


def test_overview(api: Api, tables: Tables) -> None:
    fill(tables)
    shown = api.get("/api/v1/overview").json()
    assert list(shown) == [
        "node_id",
        "cluster_mode",
        "is_leader",
        "uptime_seconds",
        "sessions",
        "stats",
        "cluster",
    ]
    assert shown["sessions"] == {"connected": 2, "total": 7}
    assert [node["id"] for node in shown["cluster"]["nodes"]] == ["node-1", "node-2"]


def test_health(api: Api) -> None:
    assert api.get("/health").body == b'{"status":"ok"}'
    for path in ("/health/live", "/health/ready"):
        answer = api.get(path)
        assert (answer.status, answer.json()) == (200, {"status": "ok", "detail": ""})


def test_metrics_tell_routes_apart(api: Api) -> None:
    sessions, filters = "/api/v1/sessions", "/api/v1/subscriptions"
    # A client id that is a slash: Litestar takes it for the list.
    targets = {f"{sessions}/%2F": f"{sessions}/{{client_id}}", f"{filters}/a/clients": f"{filters}/{{filter}}/clients",
               sessions: sessions, f"{filters}/": filters, "/api/v1/stats": "/api/v1/stats"}  # fmt: skip
    for target, label in targets.items():
        before = counted(api, label)
        api.get(target)
        assert counted(api, label) == before + 1, target
    assert ":path" not in api.get("/metrics").body.decode()


def counted(api: Api, label: str) -> float:
    """How many answers there were of a route."""
    text = api.get("/metrics").body.decode()
    found = re.findall(
        rf'^mqledger_api_answers_total{{dialect="\w+",route="{re.escape(label)}",status="\d+"}} (\S+)$',
        text,
        re.MULTILINE,
    )
    return sum(map(float, found))


def test_metrics(api: Api, tables: Tables) -> None:
    api.sessions(limit="x")
    tables.applied(1)
    eventually_sync(lambda: api.get("/health").headers.get("mqledger-lag-frames") == "0")
    text = api.get("/metrics").body.decode()
    assert 'mqledger_api_answers_total{dialect="fluxmq",route="/api/v1/sessions",status="400"}' in text
    assert "mqledger_api_postgres_up 1.0" in text
    assert "mqledger_api_lag_frames 0.0" in text
