"""What changes by itself: records of the nodes topic into the tables of nodes and of connections, the latest wins."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from projector import sqlfiles
from schemas.events import Appended, ConnectionStatus, Heartbeat, NodeEvent, NodeStarted, NodeStopped, Part

logger = logging.getLogger(__name__)

SQL = sqlfiles.statements("store")


def statement(event: NodeEvent, offset: int, time: int) -> tuple[str, tuple[Any, ...]] | None:
    """What an event does to the tables: a statement and its parameters, or nothing. ``time`` is the append time."""
    match event:
        case Appended():
            return None
        case ConnectionStatus():
            error = None if event.error is None else _json(_named(event.error))
            return SQL["connection_status"], (
                event.tenant,
                event.connection_id,
                event.position,
                event.connected,
                event.at,
                error,
                offset,
            )
        case NodeStarted():
            # The incarnation is the offset of this very record, which it could not know.
            return SQL["node_started"], (event.node, offset, time, event.version)
        case NodeStopped():
            return SQL["node_stopped"], (event.node, event.incarnation, time)
        case Heartbeat():
            return SQL["node_heartbeat"], (
                event.node,
                event.incarnation,
                time,
                event.started_at,
                event.interval,
                event.version,
                event.host,
                event.pid,
                *(_json(part) for part in (event.applied, _listeners(event), event.counters, event.gauges)),
                _json(event.maxima),
                event.admin,
                _json(event.limits),
                _json(event.plugins),
            )


def _listeners(event: Heartbeat) -> list[dict[str, Any]]:
    return [_named(listener) for listener in event.listeners]


def _named(part: Part) -> dict[str, Any]:
    """The fields of a part by name; on the wire they have none."""
    return msgspec.structs.asdict(part)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
