"""Which messages of a partition count: not what a fenced node or an older connection wrote, no repetition.

Nodes know this of everything, since they fold the log from its beginning. Who begins in the middle knows it from there
on, and takes for one that counts what only something before tells to be void: a message that an older connection wrote
in the few milliseconds before its end, a late frame of a node that was fenced, a repetition of a keyed command up to an
hour after the first, or of a will.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from domain.commands import CommandWindow, late
from domain.fences import Fences
from schemas.events import (
    AnyEvent,
    Connected,
    Disconnected,
    Message,
    NodeLost,
    NodeStarted,
    Publish,
    Published,
    SessionEnded,
    WillFired,
)
from schemas.frames import FrameHeader
from schemas.positions import INDEX_BITS, Position

K = TypeVar("K")
V = TypeVar("V")
MESSAGES = frozenset({Published.KIND, WillFired.KIND, Publish.KIND})
"""Tags of events that are messages to subscribers."""
DECIDING = frozenset(one.KIND for one in (Connected, Disconnected, SessionEnded, NodeStarted, NodeLost))
"""Tags of events that decide over messages behind them."""
_VOID = 10_000
"""Messages that don't count of which it is remembered."""


class Counting:
    """The messages of one partition that count, in its order, from any frame on."""

    def __init__(self) -> None:
        self._fences = Fences()
        self._epochs: dict[tuple[str, str], Position] = {}
        """Lowest epoch that counts of a client, as far as it was seen."""
        self._fired: dict[Position, None] = {}
        self._window = CommandWindow()
        self._keyed: dict[str, int] = {}
        """Keyed commands that counted, and when; the window has the same, as far as it reaches."""

    def fold(
        self, offset: int, time: int, header: FrameHeader, events: Iterable[tuple[int, AnyEvent]]
    ) -> Iterator[tuple[Position, Message]]:
        """The messages of the next frame that are delivered, with their positions. Frames without events of
        :data:`DECIDING` may be left out, and so may events that are neither of these nor of :data:`MESSAGES`."""
        if self._fences.void(header.node, header.incarnation):
            return
        for index, event in events:
            self._fences.observe(event)
            position = offset << INDEX_BITS | index
            if isinstance(event, Connected):
                self._raise((event.tenant, event.client_id), position)
            elif isinstance(event, SessionEnded) or (isinstance(event, Disconnected) and not event.expiry):
                self._ended(event, position)
            elif isinstance(event, Message) and self._counts(event, time):
                yield position, event

    def _ended(self, event: SessionEnded | Disconnected, position: Position) -> None:
        """What its connection still has on the way is void."""
        key = event.tenant, event.client_id
        if event.epoch >= self._epochs.get(key, event.epoch):
            self._raise(key, position)

    def _raise(self, key: tuple[str, str], position: Position) -> None:
        """Connections of the client that began before don't count any more; it is the latest that changed."""
        self._epochs.pop(key, None)
        self._epochs[key] = position

    def forget(self, most: int) -> None:
        """Keep so many clients, wills and keyed commands, the latest: what is void lies close behind its reason."""
        _keep(self._epochs, most)
        _keep(self._fired, most)
        if len(self._keyed) > most:
            _keep(self._keyed, most)
            self._window = CommandWindow()
            for command_id, time in self._keyed.items():
                self._window.remember(command_id, time)

    def _counts(self, event: Message, time: int) -> bool:
        if isinstance(event, Publish):
            return self._is_asked(event, time)
        if isinstance(event, WillFired):
            first = event.epoch not in self._fired
            self._fired[event.epoch] = None
            return first
        known = self._epochs.setdefault((event.tenant, event.client_id), event.epoch)
        return event.epoch >= known

    def _is_asked(self, event: Publish, time: int) -> bool:
        if not event.deliver or late(event.order, time) or self._window.repeated(event.order, time):
            return False
        if event.order.keyed:
            self._keyed[event.order.id] = time
        return True


class Recounting:
    """The messages of one partition that count, in frames from one on, any of which may be asked for again.

    Invariant: what lies from ``begin`` up to ``next`` was taken once, in its order; ``_void`` is what of it did not
    count, the latest.
    """

    def __init__(self, begin: int) -> None:
        """``begin``: the offset of the first frame."""
        self.begin = begin
        self.next = begin
        self._counting = Counting()
        self._void: dict[Position, None] = {}

    def covers(self, offset: int) -> bool:
        """Whether it can go on there."""
        return self.begin <= offset <= self.next

    def reached(self, offset: int) -> None:
        """There is nothing more to take below."""
        self.next = max(self.next, offset)

    def fold(
        self, offset: int, time: int, header: FrameHeader, events: Iterable[tuple[int, AnyEvent]]
    ) -> list[tuple[Position, Message]]:
        """As :meth:`Counting.fold` of a frame at or above ``next``; the same again of one below."""
        taken = list(events)
        messages = [(offset << INDEX_BITS | at, one) for at, one in taken if isinstance(one, Message)]
        if offset >= self.next:
            self.next = offset + 1
            counted = {at for at, _ in self._counting.fold(offset, time, header, taken)}
            self._void |= {at: None for at, _ in messages if at not in counted}
            _keep(self._void, _VOID)
        return [(at, one) for at, one in messages if at not in self._void]

    def forget(self, most: int) -> None:
        """As :meth:`Counting.forget`, and so many messages that don't count."""
        self._counting.forget(most)
        _keep(self._void, most)


def _keep(known: dict[K, V], most: int) -> None:
    """The last so many."""
    for one in list(islice(known, max(len(known) - most, 0))):
        del known[one]
