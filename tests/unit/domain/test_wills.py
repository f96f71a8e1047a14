"""Wills: due when they must be, once, and not when they must not."""

from __future__ import annotations

import pytest

from domain.session import SessionState, apply
from domain.wills import Wills
from schemas.events import NEVER, AnyEvent, Will
from schemas.positions import position
from tests.unit.domain.facts import at, connected, disconnected, ended, fired

FIRST = position(1, 0)


def will(delay: int = 0) -> Will:
    """A will."""
    return Will("w", b"bye", 1, False, b"", delay)


def given(*events: AnyEvent, at_times: list[int] | None = None) -> Wills:
    """What is due after events at offsets 1, 2, ..."""
    wills, state = Wills(), None
    session: SessionState | None = state
    for offset, event in enumerate(events, 1):
        where = at(offset, at_times[offset - 1] if at_times else offset * 1_000)
        wills.observe(session, event, where)
        session, _ = apply(session, event, where)
    return wills


def due(wills: Wills) -> list[tuple[int, int]]:
    """Epoch and time of what is due."""
    return [(epoch, one.at) for epoch, one in wills.due.items()]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([connected(will=will())], []),
        ([connected(), disconnected(FIRST)], []),
        ([connected(will=will()), disconnected(FIRST, will=False)], []),
        ([connected(will=will()), disconnected(FIRST)], [(FIRST, 2_000)]),
        ([connected(will=will()), disconnected(position(9, 9))], []),
        ([connected(will=will(30)), disconnected(FIRST)], [(FIRST, 32_000)]),
        ([connected(will=will(30)), disconnected(FIRST, 10)], [(FIRST, 12_000)]),
        ([connected(will=will(30)), disconnected(FIRST, 0)], [(FIRST, 2_000)]),
        ([connected(will=will(30)), disconnected(FIRST), disconnected(FIRST)], [(FIRST, 32_000)]),
        ([connected(will=will(30)), disconnected(FIRST), connected()], []),
        ([connected(will=will(30)), disconnected(FIRST), connected(clean=True)], [(FIRST, 3_000)]),
        ([connected(will=will(1)), disconnected(FIRST), connected()], [(FIRST, 3_000)]),
        ([connected(will=will(30)), disconnected(FIRST), ended(FIRST)], [(FIRST, 3_000)]),
        ([connected(will=will(30)), disconnected(FIRST), ended(7)], [(FIRST, 32_000)]),
        ([connected(will=will(30)), ended(FIRST)], [(FIRST, 2_000)]),
        ([connected(will=will(30)), ended(7)], []),
        ([connected(), ended(FIRST)], []),
        ([connected(will=will()), connected()], [(FIRST, 2_000)]),
        ([connected(will=will(30)), connected()], []),
        ([connected(will=will(30)), connected(clean=True)], [(FIRST, 2_000)]),
        ([connected(0, will=will(30)), connected()], [(FIRST, 2_000)]),
        ([connected(NEVER), connected()], []),
        ([connected(will=will()), disconnected(FIRST), fired(FIRST)], []),
    ],
    ids=[
        "online",
        "no will",
        "said goodbye",
        "at once",
        "another connection's end",
        "after its delay",
        "not later than the session",
        "with the session",
        "the first end counts",
        "cancelled by coming back",
        "a clean start ends the session",
        "came back too late",
        "the session ended",
        "another session ended",
        "the session ended while it was connected",
        "another one did",
        "ended without a will",
        "takeover",
        "takeover, delayed",
        "takeover, clean",
        "takeover of a session without expiry",
        "takeover, no will",
        "fired",
    ],
)
def test_what_is_due(events: list[AnyEvent], expected: list[tuple[int, int]]) -> None:
    """Given what happened to a client with a will, then this is due."""
    assert due(given(*events)) == expected


def test_a_will_counts_once() -> None:
    """Given a will that is due, when it is fired twice, then the second time is void."""
    wills = given(connected(will=will()), disconnected(FIRST))
    assert wills.observe(None, fired(FIRST), at(3))
    assert not wills.observe(None, fired(FIRST), at(4))
    assert not wills.observe(None, fired(99), at(5))


def test_wills_of_successive_connections_are_apart() -> None:
    """Given a client whose connections end one after the other, when nobody has fired yet, then each is due."""
    second = position(3, 0)
    wills = given(connected(will=will()), disconnected(FIRST), connected(will=will()), disconnected(second))
    assert due(wills) == [(FIRST, 2_000), (second, 4_000)]
