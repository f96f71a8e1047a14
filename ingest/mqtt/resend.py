"""What a client gets before anything else, once it is back or its window is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class Resend:
    """Packet identifiers whose messages go out, in order, before any new one does [MQTT-4.6.0-1].

    Invariant: ``first`` and ``awaiting_log`` are among those in ``queue``; empty when the queue is.
    """

    __slots__ = ("awaiting_log", "first", "queue")

    def __init__(self) -> None:
        self.queue: deque[int] = deque()
        self.first: set[int] = set()
        """Those that go out for the first time, without DUP."""
        self.awaiting_log: set[int] = set()
        """Those that may go only when their identifiers are in the log (QoS 2)."""

    def __len__(self) -> int:
        return len(self.queue)

    def again(self, packet_ids: Iterable[int]) -> None:
        """Messages that were sent before."""
        self.queue.extend(packet_ids)

    def later(self, packet_id: int) -> None:
        """A message that has its identifier goes out for the first time, behind what is here."""
        self.first.add(packet_id)
        self.queue.append(packet_id)

    def after_log(self, packet_id: int) -> None:
        """The same, but not before its identifier is in the log."""
        self.awaiting_log.add(packet_id)
        self.later(packet_id)

    def logged(self, packet_ids: Iterable[int]) -> None:
        """Identifiers are in the log."""
        self.awaiting_log.difference_update(packet_ids)

    def sent(self) -> None:
        """The first of the queue went out."""
        self.first.discard(self.queue.popleft())
