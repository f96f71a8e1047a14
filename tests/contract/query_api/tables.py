"""Fills the read-model tables by SQL, in the place of a projector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from schemas.settings import PostgresSettings
from tests.stackkit.eventually import run_async

SESSION: dict[str, Any] = {
    "tenant": "default",
    "client_id": "",
    "partition": 0,
    "created": 65536,
    "created_at": 1_566_656_000_000,
    "epoch": 65536,
    "node": "node-1",
    "incarnation": 1,
    "online": True,
    "connected_at": 1_566_656_122_000,
    "disconnected_at": 0,
    "expiry": 0,
    "username": "",
    "protocol": "mqtt5",
    "version": 5,
    "address": "127.0.0.1",
    "port": 50_000,
    "listener": "tcp",
    "zone": "",
    "clean_start": True,
    "keep_alive": 60,
    "receive_maximum": 65_535,
    "max_packet_size": 0,
    "topic_alias_max": 0,
    "request_response": False,
    "request_problem": True,
    "has_will": False,
    "connection_name": "",
    "tls_identity": "",
    "bridge": False,
    "disconnect_code": 0,
    "disconnect_reason": "",
    "subscription_count": 0,
    "valid_from": 65536,
    "valid_from_time": 1_566_656_122_000,
}
CONNECTION: dict[str, Any] = {
    "tenant": "default",
    "connection_id": "",
    "name": "",
    "url": "mqtt://127.0.0.1:1884",
    "username": "",
    "client_id": "",
    "reject_unauthorized": True,
    "parts": [],
    "sealed": b"",
    "position": 1,
    "changed_at": 1_566_656_000_000,
    "changed_by": "ann",
}
CONNECTION_STATUS: dict[str, Any] = {
    "tenant": "default",
    "connection_id": "",
    "position": 1,
    "connected": True,
    "at": 1_566_656_122_000,
    "error": None,
    "offset": 1,
}
AWAY: dict[str, Any] = {"online": False, "disconnected_at": 1_566_656_200_500, "expiry": 4_294_967_295}
SUBSCRIPTION: dict[str, Any] = {
    "tenant": "default",
    "client_id": "",
    "filter": "",
    "partition": 0,
    "qos": 0,
    "no_local": False,
    "retain_as_published": False,
    "retain_handling": 0,
    "subscription_id": 0,
    "since": 65536,
    "since_time": 1_566_656_122_000,
    "valid_from": 65536,
    "valid_from_time": 1_566_656_122_000,
}
COUNTERS: dict[str, Any] = {
    "tenant": "default",
    "client_id": "",
    "partition": 0,
    "epoch": 65536,
    "at": 1,
    **dict.fromkeys(("inflight", "queued", "awaiting_rel", "packets_in", "packets_out"), 0),
    **dict.fromkeys(("messages_in", "messages_out", "bytes_in", "bytes_out", "dropped", "reads", "writes"), 0),
}


class Tables:
    """The tables of one schema."""

    def __init__(self, settings: PostgresSettings) -> None:
        self.settings = settings

    def execute(self, *statements: str, arguments: Sequence[object] = ()) -> None:
        """Run statements, each in a transaction of its own."""

        async def run() -> None:
            connection = await self.connect()
            try:
                for statement in statements:
                    await connection.execute(statement, *arguments)
            finally:
                await connection.close()

        run_async(run())

    async def connect(self) -> asyncpg.Connection:
        """A connection that sees the tables."""
        return await asyncpg.connect(
            self.settings.dsn.reveal(), server_settings={"search_path": f'"{self.settings.schema}"'}
        )

    def insert(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows, all with the same columns."""

        async def run() -> None:
            connection = await self.connect()
            try:
                records = list(rows)
                await connection.copy_records_to_table(
                    table, columns=list(records[0]), records=[tuple(record.values()) for record in records]
                )
            finally:
                await connection.close()

        run_async(run())

    def connections(self, *changes: dict[str, Any]) -> None:
        """Connections to other brokers that differ from CONNECTION like this; ``status`` from CONNECTION_STATUS."""
        rows = [{**CONNECTION, **change} for change in changes]
        told = [(row["connection_id"], row.pop("status")) for row in rows if "status" in row]
        self.insert("connections", rows)
        self.insert("connection_status", ({**CONNECTION_STATUS, "connection_id": name, **one} for name, one in told))

    def sessions(self, *changes: dict[str, Any]) -> None:
        """Sessions that differ from SESSION like this."""
        self.insert("sessions", ({**SESSION, **change} for change in changes))

    def subscriptions(self, *changes: dict[str, Any]) -> None:
        """Subscriptions that differ from SUBSCRIPTION like this."""
        self.insert("subscriptions", ({**SUBSCRIPTION, **change} for change in changes))

    def counters(self, *changes: dict[str, Any]) -> None:
        """Counters that differ from COUNTERS like this."""
        self.insert("session_counters", ({**COUNTERS, **change} for change in changes))

    def applied(self, *offsets: int, log_end: int = 0, partition_time: int = 1_566_656_300_000) -> None:
        """How far each partition is folded, told to those who listen."""
        rows = ",".join(
            f"({partition}, {offset}, {partition_time}, {log_end or offset}, 'cluster', 'topic')"
            for partition, offset in enumerate(offsets)
        )
        self.execute(
            f"""with rows as (
                insert into applied (partition, next, partition_time, log_end, cluster_id, topic_id) values {rows}
                on conflict (partition) do update set next = excluded.next, log_end = excluded.log_end,
                    partition_time = excluded.partition_time, updated_at = now() returning 1)
            select pg_notify('{self.settings.schema}_applied', '') from rows limit 1"""
        )

    def ready(self, state: str = "ready") -> None:
        """All models in this state."""
        self.execute(f"update model set state = '{state}'")

    def clear(self) -> None:
        """No sessions, no subscriptions, no numbers."""
        self.execute(
            "truncate sessions, sessions_history, subscriptions, subscriptions_history, session_counters, routes, "
            "totals, metrics, nodes, connections, connection_status"
        )
