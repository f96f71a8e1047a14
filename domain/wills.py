"""Wills that are due: kept per connection, fired once, cancelled when their session goes on in time.

One instance per partition, owned by the partition's home. ``observe`` sees every event of the partition before
:func:`domain.session.apply` does, because it needs the session as it was.
"""

from __future__ import annotations

import msgspec

from domain.session import At, SessionState, continues
from schemas.events import AnyEvent, Connected, Disconnected, SessionEnded, Will, WillFired
from schemas.positions import Position


class DueWill(msgspec.Struct, frozen=True):
    """A will to be published when partition time reaches ``at``."""

    tenant: str
    client_id: str
    epoch: Position
    will: Will
    at: int


class Wills:
    """Invariant: a connection whose will must still be published, and only such a one, is in ``due``."""

    def __init__(self) -> None:
        self.due: dict[Position, DueWill] = {}
        """By epoch, which is unique in a partition."""

    def observe(self, prior: SessionState | None, event: AnyEvent, at: At) -> bool:
        """Take note of an event; False only for a ``will_fired`` that is void (not due, or fired before)."""
        if isinstance(event, Connected):
            self._connected(prior, event, at)
        elif isinstance(event, Disconnected):
            self._disconnected(prior, event, at)
        elif isinstance(event, SessionEnded):
            self._ended(prior, event, at)
        elif isinstance(event, WillFired):
            return self.due.pop(event.epoch, None) is not None
        return True

    def _connected(self, prior: SessionState | None, event: Connected, at: At) -> None:
        if prior is None:
            return
        goes_on = continues(prior, event, at.time)
        if prior.online:
            will = prior.connection.will
            # A takeover publishes the will at once, unless the session goes on and the will may wait. [MQTT-3.1.4-3]
            if will is not None and not (goes_on and will.delay > 0):
                self._add(prior, will, at.time)
        elif (waiting := self.due.get(prior.epoch)) is not None and waiting.at > at.time:
            if goes_on:
                del self.due[prior.epoch]  # [MQTT-3.1.3-9]
            else:
                self._add(prior, waiting.will, at.time)

    def _disconnected(self, prior: SessionState | None, event: Disconnected, at: At) -> None:
        if prior is None or prior.epoch != event.epoch or not prior.online or not event.will:
            return
        will = prior.connection.will
        if will is not None:
            self._add(prior, will, at.time + min(will.delay, event.expiry) * 1000)

    def _ended(self, prior: SessionState | None, event: SessionEnded, at: At) -> None:
        if prior is None or prior.epoch != event.epoch:
            return
        if prior.online:  # The server closes the connection, and with the session no delay is left. [MQTT-3.1.2-8]
            if (will := prior.connection.will) is not None:
                self._add(prior, will, at.time)
        elif (waiting := self.due.get(event.epoch)) is not None:
            self._add(prior, waiting.will, min(waiting.at, at.time))

    def _add(self, session: SessionState, will: Will, at: int) -> None:
        self.due[session.epoch] = DueWill(session.tenant, session.client_id, session.epoch, will, at)
