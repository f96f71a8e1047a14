"""Slows down who guesses: failures are counted by address and by name, and too many of them close the door a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from query_api.errors import TooManyRequestsError

WINDOW_SECONDS: Final = 60.0
MOST_REMEMBERED: Final = 20_000
"""Names and addresses; the one that failed longest ago is forgotten first."""


class Guard:
    """Counts failures. Credentials that were verified before pass it: nobody is locked out by another's guesses."""

    def __init__(self, clock: Callable[[], float], by_name: int, by_address: int) -> None:
        """``clock`` is monotonic, in seconds; then the failures in a window after which there are too many."""
        self._clock = clock
        self._by_name = by_name
        self._by_address = by_address
        self._failures: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def check(self, address: str, name: str) -> None:
        """Raises TooManyRequestsError when either has failed too often."""
        for what, most in ((("address", address), self._by_address), (("name", name), self._by_name)):
            begun, count = self._failures.get(what, (0.0, 0))
            left = begun + WINDOW_SECONDS - self._clock()
            if count >= most and left > 0:
                raise TooManyRequestsError("too many failed logins", retry_after=left)

    def failed(self, address: str, name: str) -> None:
        """Count a failure."""
        for what in (("address", address), ("name", name)):
            now = self._clock()
            begun, count = self._failures.pop(what, (now, 0))
            if begun + WINDOW_SECONDS <= now:
                begun, count = now, 0
            self._failures[what] = begun, count + 1
        while len(self._failures) > MOST_REMEMBERED:
            self._failures.popitem(last=False)
