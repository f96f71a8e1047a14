"""Waiting in tests: for a condition, or for time itself where time is what is tested."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL = 0.02


def elapse(seconds: float) -> None:
    """Let time pass because an interval of the protocol (expiry, delay) is tested; never to wait for a peer."""
    time.sleep(seconds)


def eventually(condition: Callable[[], T], what: str, within: float = 10.0) -> T:
    """The first true value of a condition that no event announces. Raises AssertionError when there is none in time."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within} s")
        time.sleep(POLL)
