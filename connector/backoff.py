"""How long to wait between attempts: half a second, each time half as long again, with chance in it."""

from __future__ import annotations

import random

FIRST = 0.5
FACTOR = 1.5
JITTER = 0.2
"""A pause is shorter or longer by up to this part, so that connections to one broker do not come all at once."""


class Backoff:
    """Pauses in seconds from FIRST up to ``longest``."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._pause = FIRST

    def next(self) -> float:
        """The pause to make now."""
        pause, self._pause = self._pause, min(self._pause * FACTOR, self._longest)
        return min(pause, self._longest) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret

    def reset(self) -> None:
        """Begin again: something went well."""
        self._pause = FIRST
