"""Pauses between attempts."""

from __future__ import annotations

from connector.backoff import FACTOR, FIRST, JITTER, Backoff


def test_pauses_grow_up_to_a_bound_and_begin_again() -> None:
    backoff = Backoff(longest=60)
    expected = FIRST
    for _ in range(30):
        assert expected * (1 - JITTER) <= backoff.next() <= expected * (1 + JITTER)
        expected = min(expected * FACTOR, 60)
    backoff.reset()
    assert backoff.next() <= FIRST * (1 + JITTER)


def test_connections_to_one_broker_do_not_come_all_at_once() -> None:
    assert len({Backoff(60).next() for _ in range(20)}) > 10
