"""The fold of a session: given what happened, when one more thing happens, then this is the session."""

from __future__ import annotations

import pytest

from domain.session import SessionState, apply, continues
from schemas.events import NEVER, AnyEvent, NodeStopped, Subscription, Unsubscription
from schemas.positions import position
from tests.unit.domain.facts import at, connected, disconnected, ended, subscribed, unsubscribed

FIRST = position(1, 0)


def given(*events: AnyEvent, step: int = 1_000) -> SessionState | None:
    """The session after events at offsets 1, 2, ... and times 1000, 2000, ..."""
    state: SessionState | None = None
    for offset, event in enumerate(events, 1):
        state, _ = apply(state, event, at(offset, offset * step))
    return state


def test_a_connect_begins_a_session() -> None:
    """Given nothing, when a client connects, then there is a session, whose epoch is the position."""
    state = given(connected(expiry=60))
    assert state is not None
    assert (state.created, state.epoch, state.created_at, state.connected_at) == (FIRST, FIRST, 1_000, 1_000)
    assert (state.node, state.incarnation, state.online, state.expiry) == ("node-1", 1, True, 60)
    assert state.expires_at is None


@pytest.mark.parametrize(
    ("before", "clean", "time", "goes_on"),
    [
        ([], False, 9_000, False),
        ([connected()], False, 9_000, True),
        ([connected()], True, 9_000, False),
        ([connected(expiry=0)], False, 9_000, False),
        ([connected(expiry=1)], False, 1 << 50, True),
        ([connected(), disconnected(FIRST, 5)], False, 6_999, True),
        ([connected(), disconnected(FIRST, 5)], False, 7_000, False),
        ([connected(), disconnected(FIRST, 5)], True, 6_999, False),
        ([connected(), disconnected(FIRST, NEVER)], False, 1 << 50, True),
        ([connected(), disconnected(FIRST, 0)], False, 9_000, False),
        ([connected(), disconnected(FIRST, 5), ended(FIRST)], False, 3_500, False),
    ],
    ids=[
        "nothing",
        "takeover",
        "takeover, clean",
        "takeover of one without expiry",
        "takeover after long",
        "in time",
        "too late",
        "clean",
        "never expires",
        "ended with its connection",
        "ended",
    ],
)
def test_a_session_goes_on_or_begins_anew(before: list[AnyEvent], clean: bool, time: int, goes_on: bool) -> None:
    """Given a past, when the client connects, then it takes its session up, or there is a new one [MQTT-3.1.2-4]."""
    topic_filter = Subscription("a", 1)
    prior = given(*before[:1], *([subscribed(FIRST, topic_filter)] if before else []), *before[1:])
    shift = 1_000 if len(before) > 1 else 0
    assert continues(prior, connected(clean=clean), time + shift) is goes_on
    state, effect = apply(prior, connected(expiry=7, clean=clean), at(50, time + shift, "node-2", 9))
    assert state is not None
    assert effect
    assert (state.created == FIRST) is goes_on
    assert ("a" in state.subscriptions) is goes_on
    assert (state.epoch, state.node, state.incarnation, state.online, state.expiry) == (
        position(50, 0),
        "node-2",
        9,
        True,
        7,
    )
    assert state.disconnected_at == 0


def test_subscriptions_are_granted_changed_refused_and_given_back() -> None:
    """Given subscriptions, when they change, then options are new and the beginning is the old one."""
    state = given(
        connected(),
        subscribed(FIRST, Subscription("a", 0), Subscription("b", 1), Subscription("c/#/d", 1, reason_code=0x8F)),
        subscribed(FIRST, Subscription("a", 2, no_local=True)),
        unsubscribed(FIRST, Unsubscription("b", 0), Unsubscription("a", 0x11), Unsubscription("x", 0)),
    )
    assert state is not None
    assert set(state.subscriptions) == {"a"}
    held = state.subscriptions["a"]
    assert (held.options.qos, held.options.no_local) == (2, True)
    assert (held.since, held.since_time, held.changed) == (position(2, 0), 2_000, position(3, 0))


@pytest.mark.parametrize(
    "event",
    [
        subscribed(7, Subscription("a", 1)),
        unsubscribed(7, Unsubscription("kept", 0)),
        disconnected(7, 0),
        ended(7),
        NodeStopped("node-1", 1),
    ],
    ids=lambda event: event.KIND,
)
def test_what_belongs_to_another_epoch_is_void(event: AnyEvent) -> None:
    """Given a session, when an event of another connection (or of no session) comes, then nothing changes."""
    before = given(connected(), subscribed(FIRST, Subscription("kept", 1)))
    same = given(connected(), subscribed(FIRST, Subscription("kept", 1)))
    assert apply(before, event, at(9, 9_000)) == (same, False)
    assert apply(None, event, at(9, 9_000)) == (None, False)


def test_a_connection_ends_once() -> None:
    """Given a connection that ended, when it ends again, then the first end stands."""
    state = given(connected(), disconnected(FIRST, 60))
    assert state is not None
    assert (state.online, state.disconnected_at, state.expiry, state.expires_at) == (False, 2_000, 60, 62_000)
    after, effect = apply(state, disconnected(FIRST, 0), at(3, 3_000))
    assert after is state
    assert not effect
    assert not state.expired(61_999)
    assert state.expired(62_000)
