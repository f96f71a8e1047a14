"""Partitions that nobody folds while this worker has none: a way out, should the group ever be wedged.

Kafka's group normally sees to it within seconds. Whatever the reason that it does not, a worker without a partition
can tell by `applied`, where the workers confirm theirs, and begins again as a new member, so that the group assigns
anew. A worker that has partitions never does: it has something to lose, and a spare worker beside it nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from projector.errors import LeftOutError

HELD_SECONDS = 10.0
"""A partition is somebody's for so long after it was last confirmed; workers confirm every two."""
VACANT_SECONDS = 75.0
"""Longer than a rebalance may take (Faust's `broker_rebalance_timeout`, 60 s) after a session has run out (6 s)."""


class Vacancy:
    """Since when partitions have been nobody's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` in seconds."""
        self._clock = clock
        self._since: float | None = None

    def look(self, own: int, vacant: int) -> None:
        """Take notice that this worker has ``own`` partitions and ``vacant`` are nobody's.

        Raises:
            LeftOutError: it had none and some were nobody's for too long.
        """
        if own or vacant <= 0:
            self._since = None
        elif self._since is None:
            self._since = self._clock()
        elif self._clock() - self._since > VACANT_SECONDS:
            raise LeftOutError(f"{vacant} partitions have been nobody's for {VACANT_SECONDS:.0f} s")

    def forget(self) -> None:
        """It can't be told: begin again."""
        self._since = None
