"""The ring of recent frames, decoded, from which payloads are sent and late readers catch up."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence

from schemas.events import AnyEvent, Message
from schemas.positions import MAX_INDEX, Position, offset_of

_FRAME_OVERHEAD = 560
_EVENT_OVERHEAD = 320
_LIFECYCLE_OVERHEAD = 600
"""Bytes of Python objects per frame, per event, and more per event that is no message, beside the bytes on the wire:
about what tracemalloc says of frames decoded from the log (tests/unit/ingest/test_ring.py). Without the first, a ring
of frames of one event each, which is what many idle clients make, took three times its bytes."""


class RingFrame:
    """A frame that was applied."""

    __slots__ = ("events", "offset", "size", "time", "void")

    def __init__(self, offset: int, time: int, events: Sequence[AnyEvent], size: int, lifecycle: int = 0) -> None:
        """``size`` are its bytes on the wire; ``lifecycle`` is how many of its events are no messages."""
        self.offset = offset
        self.time = time
        self.events = events
        self.size = size + _FRAME_OVERHEAD + _EVENT_OVERHEAD * len(events) + _LIFECYCLE_OVERHEAD * lifecycle
        self.void: set[int] | None = None
        """Indexes of messages that were void."""


class Ring:
    """Invariant: of each partition it holds an unbroken run of the latest frames."""

    def __init__(self, partitions: int, limit: int) -> None:
        self._frames: list[OrderedDict[int, RingFrame]] = [OrderedDict() for _ in range(partitions)]
        self._order: deque[tuple[int, RingFrame]] = deque()
        self._limit = limit
        self.size = 0
        self.pins: dict[object, list[int]] = {}
        """Vectors at or above which nothing may go yet."""

    def add(self, partition: int, frame: RingFrame) -> None:
        """Keep a frame; the oldest go when there is no more room."""
        self._frames[partition][frame.offset] = frame
        self._order.append((partition, frame))
        self.size += frame.size
        while self.size > self._limit and len(self._order) > 1 and not self._pinned():
            partition, frame = self._order.popleft()
            del self._frames[partition][frame.offset]
            self.size -= frame.size

    def weigh(self, frame: RingFrame, lifecycle: int) -> None:
        """Count the latest frame for what it takes, knowing how many of its events are no messages."""
        more = _LIFECYCLE_OVERHEAD * lifecycle
        frame.size += more
        self.size += more

    def _pinned(self) -> bool:
        if not self.pins:
            return False
        partition, frame = self._order[0]
        return any(vector[partition] <= frame.offset for vector in self.pins.values())

    def get(self, partition: int, position: Position) -> tuple[Message, int] | None:
        """The message at a position and its append time, or None when its frame is not here."""
        frame = self._frames[partition].get(offset_of(position))
        if frame is None:
            return None
        event = frame.events[position & MAX_INDEX]
        assert isinstance(event, Message)
        return event, frame.time

    def since(self, partition: int, offset: int) -> Iterator[RingFrame]:
        """The frames of a partition from an offset on, in order."""
        newer: list[RingFrame] = []
        for frame in reversed(self._frames[partition].values()):
            if frame.offset < offset:
                break
            newer.append(frame)
        return reversed(newer)

    def floor(self, partition: int) -> int | None:
        """The lowest offset held of a partition, or None when nothing is."""
        return next(iter(self._frames[partition]), None)
