"""From the past to the present: what a node does once it has folded the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.node.session import Session
from schemas.events import Cursor, Disconnected

if TYPE_CHECKING:
    from ingest.node.node import Node


def begin_present(node: Node) -> None:
    """The past is folded: from here on queue limits are applied and what falls due is done."""
    node.delivery.catching_up = False
    node.dues.begin()
    for home in node.homes:
        home.unsettled.clear()
        for due in home.wills.due.values():
            node.dues.note_will(home.partition, due)
    for session in node.sessions.values():
        session.late = None
        node.dues.note_expiry(session)


def take_over_sessions(node: Node) -> int:
    """End the connections that earlier incarnations of this node left open; how many there were.

    Called once, when the log was applied up to this incarnation's own ``node_started``.
    """
    left = [session for session in node.sessions.values() if _left_open(node, session)]
    for session in left:
        assert session.state is not None
        outbox, state = session.outbox, session.state
        if outbox is not None:
            outbox.presume_sent(min(state.connection.receive_maximum, node.settings.mqtt.max_inflight))
        event = Disconnected(
            session.tenant,
            session.client_id,
            session.epoch,
            0x8B,
            "the node that held the connection is gone",
            "home",
            state.expiry,
            True,
            list(node.applied),
            outbox.cursor(node.applied) if outbox is not None else Cursor([]),
        )
        node.append(session.partition, event, None, 224 + 12 * len(node.applied))
    return len(left)


def _left_open(node: Node, session: Session) -> bool:
    state = session.state
    return state is not None and state.online and state.node == node.name and session.connection is None
