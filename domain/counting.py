"""Which messages of a partition count: not what a fenced node or an older connection wrote, no repetition.

Nodes know this of everything, since they fold the log from its beginning. Who begins in the middle knows it from there
on: a message of an older connection that lies in the few milliseconds between is taken for one that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from domain.commands import CommandWindow, late
from domain.fences import Fences
from schemas.events import (
    AnyEvent,
    Connected,
    Disconnected,
    NodeLost,
    NodeStarted,
    Publish,
    Published,
    SessionEnded,
    WillFired,
)
from schemas.frames import FrameHeader
from schemas.positions import INDEX_BITS, Position

Message = Published | WillFired | Publish

MESSAGES = frozenset({Published.KIND, WillFired.KIND, Publish.KIND})
"""Tags of events that are messages to subscribers."""
DECIDING = frozenset(one.KIND for one in (Connected, Disconnected, SessionEnded, NodeStarted, NodeLost))
"""Tags of events that decide over messages behind them."""


class Counting:
    """The messages of one partition that count, in its order, from any frame on."""

    def __init__(self) -> None:
        self._fences = Fences()
        self._epochs: dict[tuple[str, str], Position] = {}
        """Lowest epoch that counts of a client, as far as it was seen."""
        self._fired: set[Position] = set()
        self._window = CommandWindow()

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
                self._epochs[event.tenant, event.client_id] = position
            elif isinstance(event, SessionEnded) or (isinstance(event, Disconnected) and not event.expiry):
                self._ended(event, position)
            elif isinstance(event, Message) and self._counts(event, time):
                yield position, event

    def _ended(self, event: SessionEnded | Disconnected, position: Position) -> None:
        """What its connection still has on the way is void."""
        key = event.tenant, event.client_id
        if event.epoch >= self._epochs.get(key, event.epoch):
            self._epochs[key] = position

    def _counts(self, event: Message, time: int) -> bool:
        if isinstance(event, Publish):
            return event.deliver and not late(event.order, time) and not self._window.repeated(event.order, time)
        if isinstance(event, WillFired):
            first = event.epoch not in self._fired
            self._fired.add(event.epoch)
            return first
        known = self._epochs.setdefault((event.tenant, event.client_id), event.epoch)
        return event.epoch >= known
