"""What a node does at its own pace: progress of its sessions, counters, heartbeats."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Iterable, Iterator

from domain.admin import AdminState
from ingest.log.journal import Journal
from ingest.mqtt.connection import Connection
from ingest.mqtt.listener import LISTENER
from ingest.mqtt.server import Server
from ingest.node import host
from ingest.node.cursors import size_of
from ingest.node.node import Node
from ingest.node.session import Home, Session
from ingest.plugins.modules import Modules
from ingest.settings import IngestSettings
from schemas.events import Behind, ClientCounters, Counters, Cursor, Heartbeat, Listener, Measured, Progress

log = logging.getLogger(__name__)

_CHUNK = 400
"""Clients in one ``measured``."""
_TURNED = 100
"""Most sessions whose queue has begun or ended that are reported with one progress."""
_PROGRESS_BYTES = 131_072
"""Bytes of one ``progress``, about, above which another one begins."""

LIMITS = (
    "max_inflight",
    "max_queued_messages",
    "receive_maximum",
    "max_packet_size",
    "topic_alias_maximum",
    "max_session_expiry",
    "max_keep_alive",
    "max_topic_levels",
    "max_sessions",
    "max_subscriptions",
    "max_retained_messages",
    "max_connections",
)
"""What heartbeats tell of what is granted: settings of :class:`ingest.settings.MqttSettings`."""


class Duties:
    """Appends ``progress``, ``dropped`` and ``measured``; builds heartbeats."""

    def __init__(
        self,
        settings: IngestSettings,
        node: Node,
        journal: Journal,
        server: Server,
        admin: AdminState,
        modules: Modules,
        version: str,
    ) -> None:
        self._settings = settings
        self._admin = admin
        self._modules = modules
        self._limits = {name: getattr(settings.mqtt, name) for name in LIMITS}
        self._limits["acl_default_allow"] = int(settings.clients.acl_default == "allow")
        self._limits["tenant_from_username"] = int(settings.mqtt.tenant_from == "username")
        self._node = node
        self._journal = journal
        self._server = server
        self._version = version
        self._started = time.time_ns() // 1_000_000
        self._maxima: dict[str, int] = {}
        self._host = platform.node()

    def progress(self) -> None:
        """Say how far the persistent sessions are that moved since the last time."""
        vector = list(self._node.applied)
        for home in self._node.homes:
            if home.dirty:
                self._progress_of(home, vector)
        self._node.delivery.report_drops()
        self._report(self._turned())

    def _progress_of(self, home: Home, vector: list[int]) -> None:
        sessions: list[Behind] = []
        size = base = 96 + 9 * len(vector)
        for behind in self._named(home.dirty, vector):
            if size > _PROGRESS_BYTES:
                self._node.append(home.partition, Progress(vector, sessions, False), None, size)
                sessions, size = [], base
            sessions.append(behind)
            size += size_of(behind)
        home.dirty = set()
        self._node.append(home.partition, Progress(vector, sessions), None, size)

    def _named(self, sessions: Iterable[Session], vector: list[int]) -> Iterator[Behind]:
        for session in sessions:
            if session.connection is None or session.state is None:
                continue
            behind = bool(session.outbox)
            if session.reported and (session.outbox is None or not session.outbox.pending):
                self._node.delivery.turned.add(session)
            if behind or session.behind:
                cursor = session.outbox.cursor(vector) if session.outbox is not None else Cursor([])
                yield Behind(session.tenant, session.client_id, session.epoch, cursor)
            session.behind = behind

    def measure(self) -> None:
        """Report the counters of clients for which something changed, and the queues of sessions that are away."""
        rows: list[tuple[int, ClientCounters]] = []
        for connection in self._server.connections:
            if _changed(connection):
                connection.reported = connection.packets_in + connection.messages_out
                rows.append((connection.partition, _row(connection, connection.measured())))
                self._name_soon(connection.session)
        away, self._node.delivery.moved_away = self._node.delivery.moved_away, set()
        queues = [_queue_of(session) for session in away if session.connection is None]
        self._report(rows + [row for row in queues if row is not None])

    def _name_soon(self, session: Session | None) -> None:
        """The next progress names a session that is behind: who reads the log from its measurement on finds both."""
        if session is not None and session.persistent and session.outbox:
            self._node.homes[session.partition].dirty.add(session)

    def _turned(self) -> list[tuple[int, ClientCounters]]:
        """Rows of sessions whose queue has begun or ended: these are not left waiting for their turn to be measured."""
        turned = self._node.delivery.turned
        rows: list[tuple[int, ClientCounters]] = []
        while turned and len(rows) < _TURNED:
            session = turned.pop()
            queued = len(session.outbox.pending) if session.outbox is not None else 0
            if bool(queued) != bool(session.reported) and (row := _queue_of(session)) is not None:
                rows.append(row)
        return rows

    def _report(self, rows: Iterable[tuple[int, ClientCounters]]) -> None:
        by_partition: dict[int, list[ClientCounters]] = {}
        for partition, row in rows:
            by_partition.setdefault(partition, []).append(row)
        for partition, found in by_partition.items():
            for start in range(0, len(found), _CHUNK):
                part = found[start : start + _CHUNK]
                self._node.append(partition, Measured(part), None, 64 + 128 * len(part))

    def heartbeat(self) -> Heartbeat:
        """A sign of life with the node's counters."""
        node, server, counters = self._node, self._server, self._node.counters
        gauges = {
            "connections": len(server.connections),
            "sessions": len(node.sessions),
            "sessions.connected": node.census.connected,
            **node.census.gauges(node.name),
            "subscriptions": sum(r.subscriptions for r in node.routes.values()),
            "topics": sum(r.filters for r in node.routes.values()),
            "retained": sum(len(r.retained) for r in node.routes.values()),
            "log.pending_bytes": self._journal.pending_bytes,
            "log.stalled_ms": int(self._journal.stalled * 1000),
            "ring.bytes": node.ring.size,
            **host.gauges(),
        }
        for name, value in gauges.items():
            self._maxima[name] = max(value, self._maxima.get(name, 0))
        self._maxima["connections"] = max(self._maxima["connections"], server.max_connections)
        totals = counters.named()
        totals["log.frames"] = self._journal.frames
        totals["log.frames.void"] = node.void_frames
        for qos, count in enumerate(self._journal.appends.messages):
            totals[f"messages.received.qos{qos}"] = count
        settings = self._settings
        _, port = server.listener.address or ("", settings.mqtt.port)
        return Heartbeat(
            node=node.name,
            incarnation=self._journal.incarnation,
            at=time.time_ns() // 1_000_000,
            started_at=self._started,
            version=self._version,
            host=self._host,
            pid=os.getpid(),
            interval=settings.log.heartbeat_interval,
            applied=list(node.applied),
            listeners=[
                Listener(LISTENER, "mqtt", settings.mqtt.host, port, len(server.connections)),
            ],
            counters=totals,
            gauges=gauges,
            maxima=dict(self._maxima),
            admin=self._admin.next,
            limits=self._limits,
            plugins=self._modules.running,
        )


def _row(client: Connection | Session, counters: Counters) -> ClientCounters:
    return ClientCounters(client.tenant, client.client_id, client.epoch, counters)


def _queue_of(session: Session) -> tuple[int, ClientCounters] | None:
    """The partition of a session and what is known of its queue; None when it is over."""
    if session.state is None:
        return None
    if session.connection is not None:
        return session.partition, _row(session, session.connection.measured())
    if session.outbox is None:
        return None
    session.reported = len(session.outbox.pending)
    gauges = Counters(len(session.outbox.inflight), session.reported, len(session.inbound or ()))
    return session.partition, _row(session, gauges)


def _changed(connection: Connection) -> bool:
    return (
        connection.session is not None
        and not connection.is_closed
        and (connection.packets_in + connection.messages_out != connection.reported)
    )
