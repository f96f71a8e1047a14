"""The MQTT listener of a node and what its connections share."""

from __future__ import annotations

import asyncio
import logging
import secrets

from ingest.access.access import Access
from ingest.log.journal import Journal
from ingest.mqtt.codec import ProtocolError, ReasonCode
from ingest.mqtt.connection import Connection
from ingest.mqtt.listener import LISTENER, TcpListener
from ingest.mqtt.timers import Timers
from ingest.node.node import Node
from ingest.settings import IngestSettings
from schemas.admin import AdminEvent

log = logging.getLogger(__name__)

_AWAY_SECONDS = 1.0


class Server:
    """Invariant: ``connections`` are the open sockets; ``paused`` those that wait until the log has caught up."""

    def __init__(self, settings: IngestSettings, node: Node, journal: Journal, access: Access) -> None:
        self.settings = settings.mqtt
        self.partitions = settings.kafka.partitions
        self.node = node
        self.access = access
        self.append = journal.append
        self.extend = journal.extend
        self.high_water = settings.mqtt.inbound_high_water
        self.plain_topic = settings.mqtt.max_topic_levels
        """A topic of so many characters or less cannot have too many levels."""
        self.quotas = node.quotas
        self.homes = node.homes
        self.delivery = node.delivery
        self.counters = node.counters
        self.packets_in = node.counters.packets_in
        self.packets_out = node.counters.packets_out
        self.loop = asyncio.get_running_loop()
        self.timers = Timers(settings.mqtt.connect_timeout, settings.mqtt.slow_consumer_timeout)
        self.connections: set[Connection] = set()
        self.max_connections = 0
        self.paused: set[Connection] = set()
        self.journal = journal
        self.max_pending = settings.log.max_pending_bytes
        """Bytes of events that may await the log; a client that sends more is not read until half of it is free."""
        self.listener = TcpListener(settings.mqtt, lambda: Connection(self, LISTENER))
        self._flush_soon = False
        self._empty = asyncio.Event()
        self.draining = False

    def stop_reading(self) -> None:
        """Take nothing more from any client; what was taken is still answered."""
        for connection in self.connections:
            connection.pause_reading()
            self.paused.add(connection)

    async def close_all(self, reason: ReasonCode, text: str) -> None:
        """End every connection, with the reason for clients and log, and wait until the sockets are gone."""
        for connection in list(self.connections):
            connection.stop(reason, text)
        self.delivery.flush()
        while self.connections:
            self._empty.clear()
            await self._empty.wait()

    def abort_all(self) -> None:
        """Cut every connection without a word: this node may not speak for them any more."""
        for connection in list(self.connections):
            connection.ended = True
            if connection.transport is not None:
                connection.transport.abort()

    def opened(self, connection: Connection) -> None:
        """A socket was accepted."""
        self.connections.add(connection)
        self.max_connections = max(self.max_connections, len(self.connections))
        self.counters.totals["connections.accepted"] += 1
        if len(self.connections) > self.settings.max_connections or self.draining:
            self.counters.totals["connections.refused.limit"] += 1
            connection.close("too many connections")
            return
        self.timers.accepted(connection)

    def admin_changed(self, event: AdminEvent) -> None:
        """An event of ``mq.admin`` took effect: those go that it lets in no longer."""
        for connection, why in self.access.changed(event, self):
            connection.stop(ReasonCode.ADMINISTRATIVE_ACTION, why)
        self.soon_flush()

    def closed(self, connection: Connection) -> None:
        """A socket is gone."""
        self.access.closed(connection)
        self.connections.discard(connection)
        self.timers.forget(connection)
        self.paused.discard(connection)
        self.counters.totals["connections.closed"] += 1
        if not self.connections:
            self._empty.set()

    def protocol_error(self, connection: Connection, error: ProtocolError) -> None:
        """A client broke the protocol."""
        self.counters.totals["errors.protocol"] += 1
        self.counters.totals[f"errors.protocol.{error.reason.name.lower()}"] += 1
        log.info(
            "protocol error",
            extra={"client": connection.client_id, "address": connection.peer[0], "error": str(error)},
        )

    def new_client_id(self) -> str:
        """A client id for a client that leaves the choice to us [MQTT-3.1.3-6]."""
        return f"auto-{secrets.token_hex(12)}"

    # Backpressure

    def shedding(self, connection: Connection) -> bool:
        """Whether a QoS 0 publish of this client is dropped by rule: the log is away and half of its room is taken."""
        if connection.pending * 2 <= self.settings.inbound_high_water and (
            self.journal.pending_bytes * 2 <= self.max_pending
        ):
            return False
        return self.journal.stalled > _AWAY_SECONDS

    @property
    def overloaded(self) -> bool:
        """Whether a newcomer is turned away at once: the log is away, and the node holds all it may or has for long."""
        patience = _AWAY_SECONDS if self.journal.pending_bytes > self.max_pending else self.settings.connect_timeout
        return self.journal.stalled > patience

    def applied(self) -> None:
        """Something was applied: let those read again that waited for room."""
        if self.paused and not self.draining and self.journal.pending_bytes * 2 <= self.max_pending:
            paused, self.paused = self.paused, set()
            for connection in paused:
                connection.resume_reading()

    def soon_flush(self) -> None:
        """Flush once after the callbacks of this turn of the loop."""
        if not self._flush_soon:
            self._flush_soon = True
            self.loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flush_soon = False
        self.delivery.flush()

    def tick(self) -> None:
        """Turn the wheel of time-outs."""
        self.timers.tick()
        for connection in [c for c in self.connections if c.blocked and self.timers.blocked_too_long(c)]:
            connection.stop(ReasonCode.QUOTA_EXCEEDED, "the client did not read for too long")
        self.delivery.flush()
