"""The fold of a session: ``apply(state, event) -> state``, one piece of code for live nodes, read models and replay.

A session is what the log says it is. All events of a session lie in one partition, so the fold needs nothing but
the previous state, the event, its position, its *partition time* (the running maximum of append times) and the node
that wrote it. An event of another epoch than the session's is void and changes nothing.
"""

from __future__ import annotations

import msgspec

from schemas.events import (
    NEVER,
    AnyEvent,
    Connected,
    Disconnected,
    Event,
    SessionEnded,
    Subscribed,
    Subscription,
    Unsubscribed,
)
from schemas.positions import Position


class At(msgspec.Struct, frozen=True, gc=False):
    """Where and when an event lies, and who wrote it."""

    partition: int
    position: Position
    time: int
    """Partition time in milliseconds since 1970 UTC."""
    node: str
    incarnation: int


class HeldSubscription(msgspec.Struct, gc=False):
    """A subscription of a session."""

    options: Subscription
    since: Position
    """Position of the ``subscribed`` that first made it in this session."""
    since_time: int
    changed: Position
    """Position of the ``subscribed`` that last set its options."""


class SessionState(msgspec.Struct):
    """A session as of a position. Owned by its fold: nobody else changes it."""

    tenant: str
    client_id: str
    partition: int
    created: Position
    """Position of the ``connected`` that began the session."""
    created_at: int
    epoch: Position
    connection: Connected
    """The latest ``connected``."""
    node: str
    incarnation: int
    online: bool
    connected_at: int
    expiry: int
    """Session expiry interval in force, in seconds."""
    disconnected_at: int = 0
    """0 while connected."""
    disconnect_code: int = 0
    disconnect_reason: str = ""
    subscriptions: dict[str, HeldSubscription] = {}

    @property
    def expires_at(self) -> int | None:
        """Partition time in milliseconds from which the session is over; None while online or when it never ends."""
        if self.online or self.expiry == NEVER:
            return None
        return self.disconnected_at + self.expiry * 1000

    def expired(self, time: int) -> bool:
        """Whether the session is over at this partition time."""
        deadline = self.expires_at
        return deadline is not None and time >= deadline

    @property
    def persistent(self) -> bool:
        """Whether the session outlives its connection."""
        return self.expiry > 0


def continues(prior: SessionState | None, connected: Connected, time: int) -> bool:
    """Whether a connect takes up a session that exists (Session Present) [MQTT-3.1.2-4] [MQTT-3.1.2-5]."""
    if prior is None or connected.clean_start:
        return False
    # A takeover closes the older connection; a session without expiry ends with it. [MQTT-3.1.4-3]
    return prior.persistent if prior.online else not prior.expired(time)


def apply(state: SessionState | None, event: AnyEvent, at: At) -> tuple[SessionState | None, bool]:
    """The session after the event, and whether the event took effect (False: it was void or says nothing of sessions).

    The given state may be changed in place and must not be used afterwards. None is no session.
    """
    handler = _HANDLERS.get(type(event))
    if handler is None:
        return state, False
    return handler(state, event, at)  # type: ignore[operator, no-any-return]


def _connected(prior: SessionState | None, event: Connected, at: At) -> tuple[SessionState, bool]:
    kept = prior if continues(prior, event, at.time) else None
    return SessionState(
        tenant=event.tenant,
        client_id=event.client_id,
        partition=at.partition,
        created=kept.created if kept else at.position,
        created_at=kept.created_at if kept else at.time,
        epoch=at.position,
        connection=event,
        node=at.node,
        incarnation=at.incarnation,
        online=True,
        connected_at=at.time,
        expiry=event.expiry,
        subscriptions=kept.subscriptions if kept else {},
    ), True


def _subscribed(state: SessionState | None, event: Subscribed, at: At) -> tuple[SessionState | None, bool]:
    if state is None or state.epoch != event.epoch:
        return state, False
    for asked in event.subscriptions:
        if asked.reason_code >= 0x80:
            continue
        held = state.subscriptions.get(asked.filter)
        if held is None:
            state.subscriptions[asked.filter] = HeldSubscription(asked, at.position, at.time, at.position)
        else:
            held.options = asked
            held.changed = at.position
    return state, True


def _unsubscribed(state: SessionState | None, event: Unsubscribed, at: At) -> tuple[SessionState | None, bool]:
    if state is None or state.epoch != event.epoch:
        return state, False
    for gone in event.unsubscriptions:
        if gone.reason_code == 0:
            state.subscriptions.pop(gone.filter, None)
    return state, True


def _disconnected(state: SessionState | None, event: Disconnected, at: At) -> tuple[SessionState | None, bool]:
    if state is None or state.epoch != event.epoch or not state.online:
        return state, False
    state.online = False
    state.disconnected_at = at.time
    state.disconnect_code = event.reason_code
    state.disconnect_reason = event.reason
    state.expiry = event.expiry
    return (state if event.expiry > 0 else None), True


def _session_ended(state: SessionState | None, event: SessionEnded, at: At) -> tuple[SessionState | None, bool]:
    if state is None or state.epoch != event.epoch:
        return state, False
    return None, True


_HANDLERS: dict[type[Event], object] = {
    Connected: _connected,
    Subscribed: _subscribed,
    Unsubscribed: _unsubscribed,
    Disconnected: _disconnected,
    SessionEnded: _session_ended,
}
