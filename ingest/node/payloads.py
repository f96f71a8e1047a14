"""Payloads of messages that are no longer in the ring: read from the log, by one reader for all sessions."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable

from ingest.log.reader import LogReader
from ingest.node.ring import RingFrame
from schemas.events import Message, Published
from schemas.positions import MAX_INDEX, Position, offset_of

log = logging.getLogger(__name__)

_READ_AHEAD = 32
"""Frames read at once from where the first is needed."""


class Payloads:
    """Invariant: a frame that is asked for is in ``_wanted`` until it was read or the reading failed."""

    def __init__(self, reader: LogReader, limit: int) -> None:
        self._reader = reader
        self._limit = limit
        self._size = 0
        self._frames: OrderedDict[tuple[int, int], RingFrame] = OrderedDict()
        self._wanted: deque[tuple[int, int, Callable[[], None]]] = deque()
        self._wake = asyncio.Event()
        self.reads = 0

    def get(self, partition: int, position: Position) -> tuple[Message, int] | None:
        """The message at a position and its append time, when it was read lately."""
        key = (partition, offset_of(position))
        frame = self._frames.get(key)
        if frame is None:
            return None
        self._frames.move_to_end(key)
        event = frame.events[position & MAX_INDEX]
        assert isinstance(event, Message)
        return event, frame.time

    def want(self, partition: int, position: Position, then: Callable[[], None]) -> None:
        """Read the frame of a position, then call."""
        self._wanted.append((partition, offset_of(position), then))
        self._wake.set()

    async def run(self, end: Callable[[int], int]) -> None:
        """Read what is wanted, for as long as the node lives; ``end(partition)`` is its applied offset."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted:
                partition, offset, then = self._wanted.popleft()
                if (partition, offset) not in self._frames:
                    await self._load(partition, offset, min(offset + _READ_AHEAD, end(partition)))
                then()

    async def _load(self, partition: int, start: int, stop: int) -> None:
        self.reads += 1
        async for read in self._reader.read(partition, start, stop):
            events = read.events()
            lifecycle = sum(type(event) is not Published for event in events)
            frame = RingFrame(read.offset, read.time, events, len(read.frame.value), lifecycle)
            key = (partition, read.offset)
            if key not in self._frames:
                self._frames[key] = frame
                self._size += frame.size
        while self._size > self._limit and len(self._frames) > _READ_AHEAD:
            _, gone = self._frames.popitem(last=False)
            self._size -= gone.size
