"""Whether a command counts: once for its id within a window, and not when it came too late.

One instance per partition. Every reader of the partition comes to the same, because nothing but the commands before it
and append times decide; that is why window and number are constants and no settings.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from schemas.commands import ClearAcl, Expire, Kick, Order, Publish, Retain, Subscribe, Unsubscribe

WINDOW_MS = 60 * 60 * 1000
"""How long, in partition time, the id of a keyed command is remembered."""
MOST = 100_000
"""Ids that a partition remembers; the oldest goes first."""

Command: TypeAlias = Kick | Publish | Retain | Subscribe | Unsubscribe | Expire | ClearAcl
COMMAND_TYPES: tuple[type[Command], ...] = (Kick, Publish, Retain, Subscribe, Unsubscribe, Expire, ClearAcl)

DONE = "done"
LATE = "late"
"""The outcome of a command that was appended after its ``not_after``."""


class CommandWindow:
    """Invariant: ``_ids`` are those in ``_ages``, which ascend in time."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._ages: deque[tuple[int, str]] = deque()

    def __len__(self) -> int:
        return len(self._ids)

    def remember(self, command_id: str, time: int) -> None:
        """A keyed command that counted at this partition time; in the order of the log."""
        self._ids.add(command_id)
        self._ages.append((time, command_id))
        if len(self._ages) > MOST:
            self._ids.discard(self._ages.popleft()[1])

    def repeated(self, order: Order, time: int) -> bool:
        """Whether the command is a repetition, and to be ignored; one that is not is remembered, if it is keyed."""
        if not order.keyed:
            return False
        while self._ages and self._ages[0][0] <= time - WINDOW_MS:
            self._ids.discard(self._ages.popleft()[1])
        if order.id in self._ids:
            return True
        self.remember(order.id, time)
        return False


def late(order: Order, time: int) -> bool:
    """Whether the command was appended, at this partition time, after it had ceased to count."""
    return 0 < order.not_after < time
