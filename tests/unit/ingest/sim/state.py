"""What must be the same in a live node and in a fold of its log, as plain values."""

from __future__ import annotations

from typing import Any

from domain.outbox import Outbox, partition_of_entry, retain_of
from ingest.node.census import Census
from ingest.node.node import Node
from ingest.node.session import Session


def facts(node: Node) -> dict[str, Any]:
    """Sessions, subscriptions, inbound QoS 2 identifiers, retained messages, wills due, commands."""
    return {
        "sessions": {key[1]: _session(session) for key, session in node.sessions.items()},
        "retained": {
            topic: (held.order, held.payload)
            for routes in node.routes.values()
            for topic, held in routes.retained.match("#", [1 << 40] * len(node.homes))
        },
        "wills": {
            (home.partition, epoch): (due.client_id, due.at)
            for home in node.homes
            for epoch, due in home.wills.due.items()
        },
        "subscriptions": sum(routes.subscriptions for routes in node.routes.values()),
        "open": sorted(name for home in node.homes for name in home.open),
        "census": _census(node),
        "applied": list(node.applied),
    }


def _census(node: Node) -> dict[str, dict[str, int]]:
    """By node, what the census says: that which counting finds."""
    recount = Census()
    for session in node.sessions.values():
        recount.enter(session.state)
    names = {session.state.node for session in node.sessions.values() if session.state is not None} | {node.name}
    found = {name: node.census.gauges(name) for name in names}
    assert found == {name: recount.gauges(name) for name in names}
    assert node.census.connected == recount.connected
    return found


def _session(session: Session) -> dict[str, Any]:
    state = session.state
    assert state is not None
    return {
        "epoch": session.epoch,
        "created": state.created,
        "online": state.online,
        "expiry": state.expiry,
        "disconnected": state.disconnected_at,
        "subscriptions": {f: (held.options, held.since, held.changed) for f, held in state.subscriptions.items()},
        "inbound": sorted(session.inbound or ()),
    }


def queue(session: Session) -> dict[str, Any]:
    """What a session still has to get: sent in order, and per partition in order what waits; a retained message of a
    new subscription has no order with what is published at that moment."""
    outbox = session.outbox or Outbox()
    waiting: dict[tuple[int, bool], list[int]] = {}
    for item in outbox.pending:
        waiting.setdefault((partition_of_entry(item), retain_of(item)), []).append(item)
    return {"sent": list(outbox.unfinished()), "waiting": waiting}
