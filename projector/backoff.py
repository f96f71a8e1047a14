"""Waiting longer after each failure."""

from __future__ import annotations

FIRST = 0.1
LONGEST = 5.0


class Backoff:
    """Delays in seconds that double from FIRST to LONGEST."""

    def __init__(self) -> None:
        self._delay = FIRST

    def next(self) -> float:
        """The delay to wait now."""
        delay, self._delay = self._delay, min(self._delay * 2, LONGEST)
        return delay

    def reset(self) -> None:
        """Begin again: something went well."""
        self._delay = FIRST
