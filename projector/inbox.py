"""The frames of one partition that wait for their lane: exactly those from ``wanted`` on, without a gap.

Filled by the agent, emptied by the lane, both in one event loop. Kafka clients deliver what they like after a seek
or a rebalance; whatever is not the next frame is dropped here, and the lane asks for it again when it does not come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

import msgspec

MAX_FRAMES = 5_000
MAX_BYTES = 64 << 20
BATCH_FRAMES = 2_500
BATCH_BYTES = 8 << 20
"""A lane that is behind takes no less than either of these at once: a transaction costs as much as many frames."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """A Kafka record of the event topic."""

    offset: int
    time: int
    """Append time in milliseconds since 1970 UTC."""
    headers: Iterable[tuple[str, bytes]]
    value: bytes | None


class Inbox:
    """Invariant: the waiting messages have consecutive offsets, the last one below ``wanted``."""

    def __init__(self) -> None:
        self.wanted = 0
        """Offset of the next message to accept."""
        self.beyond: int | None = None
        """The last offset that came too early since something fitting came; None: nothing did."""
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._until = 0
        self._open = False
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def restart(self, wanted: int) -> None:
        """Throw away what waits and accept from this offset on."""
        self._waiting.clear()
        self._bytes = 0
        self._room.set()
        self.wanted, self.beyond, self._open = wanted, None, True

    def close(self) -> None:
        """Accept nothing until the next restart."""
        self.restart(self.wanted)
        self._open = False

    def put(self, messages: Iterable[Message]) -> bool:
        """Take those messages that are next; False when the sender should wait for :meth:`room`."""
        for message in messages:
            if self._open and message.offset == self.wanted:
                self._waiting.append(message)
                self._bytes += len(message.value or b"")
                self.wanted += 1
                self.beyond = None
            elif message.offset > self.wanted:
                self.beyond = message.offset
        if self._enough(self._until):
            self._filled.set()
        if len(self._waiting) < MAX_FRAMES and self._bytes < MAX_BYTES:
            return True
        self._room.clear()
        return False

    async def room(self) -> None:
        """Wait until the lane has caught up to half of the bound."""
        await self._room.wait()

    async def filled(self, until: int, timeout: float) -> bool:
        """Wait until all below this offset is here, or as much as makes a batch; False when it takes longer."""
        if self._enough(until):
            return True
        self._until = until
        self._filled.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._filled.wait()
        except TimeoutError:
            return False
        return True

    def _enough(self, until: int) -> bool:
        full = len(self._waiting) >= BATCH_FRAMES or self._bytes >= BATCH_BYTES
        return bool(self._waiting) and (full or self.wanted >= until)

    def wake(self) -> None:
        """Let a waiting lane look up, though nothing came."""
        self._filled.set()

    def peek(self) -> Message | None:
        """The next message, left where it is."""
        return self._waiting[0] if self._waiting else None

    def pop(self) -> Message:
        """The next message. Raises ``IndexError`` when there is none."""
        message = self._waiting.popleft()
        self._bytes -= len(message.value or b"")
        if len(self._waiting) <= MAX_FRAMES // 2 and self._bytes <= MAX_BYTES // 2:
            self._room.set()
        return message
