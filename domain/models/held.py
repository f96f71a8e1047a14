"""The sessions that a fold holds, so that their rows are written without being read.

Those it has not seen are either known to be absent (``complete``: folded from the beginning of the log, nothing
forgotten) or must be supplied from the tables before their events are folded.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.models.records import FrameRecord
from domain.models.rows import held_subscription, session_state
from domain.models.tables import Row
from domain.session import SessionState
from schemas.events import (
    Connected,
    Denied,
    Disconnected,
    Dropped,
    Measured,
    Published,
    SessionEnded,
    Subscribed,
    Unsubscribed,
    WillFired,
)

Key = tuple[str, str]
"""Tenant and client id."""


class Held(msgspec.Struct):
    """A session as the fold holds it; ``state`` is None when there is none."""

    state: SessionState | None = None
    row: Row = ()
    """The present row; meaningless without a state."""
    subscriptions: dict[str, Row] = {}
    """The present rows of its subscriptions by filter."""
    stored: bool = False
    """Whether the table held the session when the last changes were taken."""
    counters_stored: bool = False
    """Whether the table may hold its counters."""
    touched: bool = False
    """Whether its row is not what the table holds."""
    batch: int = 0
    """Number of the batch that last touched it."""


class HeldSessions:
    """Owned by its fold. ``complete``: a session that is not held does not exist."""

    def __init__(self, complete: bool) -> None:
        self.complete = complete
        self._held: dict[Key, Held] = {}
        self._number = 1

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Key) -> Held | None:
        """A session, if it is held."""
        return self._held.get(key)

    def hold(self, tenant: str, client_id: str) -> Held:
        """A session whose event is folded. Raises LookupError when it should have been supplied."""
        key = (tenant, client_id)
        held = self._held.get(key)
        if held is None:
            if not self.complete:
                raise LookupError(f"session {client_id!r} of tenant {tenant!r} was not supplied to the fold")
            held = self._held[key] = Held()
        held.batch = self._number
        return held

    def missing(self, records: Iterable[FrameRecord]) -> set[Key]:
        """Sessions to supply before these frames are folded."""
        if self.complete:
            return set()
        return {
            key for record in records for _, event in record.lifecycle for key in _mentions(event)
        } - self._held.keys()

    def supply(self, keys: Iterable[Key], sessions: Iterable[Row], subscriptions: Iterable[Row]) -> None:
        """Take what the tables hold of these sessions: rows of ``sessions`` and ``subscriptions``."""
        for key in keys:
            self._held[key] = Held(batch=self._number)
        for row in subscriptions:
            self._held[row[0], row[1]].subscriptions[row[2]] = row
        for row in sessions:
            held = self._held[row[0], row[1]]
            states = {name: held_subscription(r) for name, r in held.subscriptions.items()}
            held.state, held.row = session_state(row, states), row
            held.stored = held.counters_stored = True

    def next_batch(self) -> None:
        """Changes are taken: what is touched from now on belongs to the next batch."""
        self._number += 1

    def forget(self, limit: int) -> None:
        """Hold about ``limit`` sessions at most, longest untouched first to go; those of the last batch are kept."""
        if len(self._held) <= limit + limit // 4:  # sorting pays when there is much to forget
            return
        by_age = sorted(self._held.items(), key=lambda item: item[1].batch)
        for key, held in by_age[: len(by_age) - limit]:
            if held.batch < self._number - 1:
                del self._held[key]
                self.complete = False


def _mentions(event: object) -> list[Key]:
    if isinstance(event, Measured):
        return [(client.tenant, client.client_id) for client in event.clients]
    if isinstance(event, _OF_SESSIONS):
        return [(event.tenant, event.client_id)]
    return []


_OF_SESSIONS = (Connected, Disconnected, Subscribed, Unsubscribed, SessionEnded, Dropped, Denied, Published, WillFired)
