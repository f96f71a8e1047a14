"""A socket's transport in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Transport(asyncio.Transport):
    """What a server writes goes to ``receive``, unless the client does not read: then it waits here.

    Invariant: nothing is given to ``receive`` after ``abort``; a close first gives what waits.
    """

    def __init__(self, protocol: asyncio.Protocol, receive: Callable[[bytes], None], port: int) -> None:
        super().__init__({"peername": ("127.0.0.1", port)})
        self._protocol = protocol
        self._receive = receive
        self._high = 65_536
        self._waiting = bytearray()
        self.reads = True
        """Whether the client reads."""
        self.paused = False
        self._closing = False
        self.lost = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Bytes that may wait before the protocol is told to pause."""
        self._high = high or 0

    def is_closing(self) -> bool:
        """Whether it was closed from our side or is lost."""
        return self._closing

    def pause_reading(self) -> None:
        """The server takes no bytes."""
        self.paused = True

    def resume_reading(self) -> None:
        """It takes them again."""
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Bytes for the client."""
        if self._closing:
            return
        if self.reads:
            self._receive(bytes(data))
            return
        before = len(self._waiting)
        self._waiting += data
        if before <= self._high < len(self._waiting):
            self._protocol.pause_writing()

    def drain(self) -> None:
        """The client reads again."""
        self.reads = True
        blocked = len(self._waiting) > self._high
        waiting, self._waiting = bytes(self._waiting), bytearray()
        if waiting:
            self._receive(waiting)
        if self._closing:
            self._lose()
        elif blocked:
            self._protocol.resume_writing()

    def close(self) -> None:
        """No more from the server; lost when the client has read everything."""
        if not self._closing:
            self._closing = True
            if not self._waiting:
                self._lose()

    def abort(self) -> None:
        """Lost at once."""
        self._closing = True
        self._waiting.clear()
        self._lose()

    def vanish(self) -> None:
        """The client's end is gone; what it had not read is lost."""
        self.abort()

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)
