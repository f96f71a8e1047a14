"""A lane: one partition as a node writes and applies it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from schemas.events import AnyEvent
from schemas.frames import Traffic


class Owner(Protocol):
    """Whoever appended an event and wants to act when it is applied; the node knows how."""


class Sealed:
    """A frame that was handed to Kafka and whose fate is not known yet."""

    __slots__ = ("bytes", "events", "incarnation", "owners", "sealed_at", "sequence", "size", "stamp", "traffic")

    def __init__(
        self,
        events: list[AnyEvent],
        owners: list[Owner | None],
        size: int,
        incarnation: int,
        sequence: int,
        stamp: int,
    ) -> None:
        self.events = events
        self.owners = owners
        self.size = size
        self.incarnation = incarnation
        self.sequence = sequence
        self.stamp = stamp
        self.sealed_at = 0.0
        """When, on the monotonic clock; this and what follows is told by whoever writes the frame."""
        self.bytes = 0
        """Length of the frame's value."""
        self.traffic: Sequence[Traffic] = ()


class Lane:
    """Invariants: ``next_offset`` only grows, one frame at a time; at most one frame is ``sealed``;
    events leave ``events`` in the order they came."""

    __slots__ = ("events", "next_offset", "owners", "partition", "queued", "sealed", "sequence", "size", "time")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.next_offset = 0
        """The next offset to apply."""
        self.time = 0
        """Partition time: the running maximum of append times, in milliseconds."""
        self.sequence = 0
        self.events: list[AnyEvent] = []
        self.owners: list[Owner | None] = []
        self.size = 0
        """Bytes of the events that wait, about."""
        self.sealed: Sealed | None = None
        self.queued = False
        """Whether the lane waits for its turn to be sealed."""

    def seal(self, incarnation: int, stamp: int, max_events: int, max_bytes: int) -> Sealed:
        """Take a frame's worth of the events that wait."""
        events, owners, size = self.events, self.owners, self.size
        if len(events) <= max_events and size <= max_bytes:
            self.events, self.owners, self.size = [], [], 0
        else:
            count = self._fitting(max_events, max_bytes)
            self.events, self.owners = events[count:], owners[count:]
            events, owners = events[:count], owners[:count]
            self.size = sum(map(size_of, self.events))
            size -= self.size
        self.sealed = Sealed(events, owners, size, incarnation, self.sequence, stamp)
        self.sequence += 1
        return self.sealed

    def shorten(self, count: int) -> None:
        """Let only the first events stay sealed: together they turned out larger than a frame may be."""
        sealed = self.sealed
        assert sealed is not None
        back = sealed.events[count:]
        size = min(sealed.size, sum(map(size_of, back)))
        self.events[:0] = back
        self.owners[:0] = sealed.owners[count:]
        self.size += size
        del sealed.events[count:], sealed.owners[count:]
        sealed.size -= size

    def unseal(self) -> None:
        """Put the events of a frame that did not land back in front of those that wait."""
        sealed = self.sealed
        if sealed is not None:
            self.sealed = None
            self.events[:0] = sealed.events
            self.owners[:0] = sealed.owners
            self.size += sealed.size

    def _fitting(self, max_events: int, max_bytes: int) -> int:
        size = 0
        for count, event in enumerate(self.events[:max_events]):
            size += size_of(event)
            if size > max_bytes and count:
                return count
        return min(len(self.events), max_events)


def size_of(event: AnyEvent) -> int:
    """Bytes an event takes in a frame, about."""
    size = 96
    for name in ("topic", "payload", "properties", "client_id"):
        size += len(getattr(event, name, ""))
    for name in ("subscriptions", "unsubscriptions", "sessions", "clients", "messages"):
        size += 160 * len(getattr(event, name, ()))
    will = getattr(event, "will", None)
    if will is not None and will is not True and will is not False:
        size += len(will.payload) + len(will.topic) + len(will.properties)
    return size
