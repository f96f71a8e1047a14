"""The socket under a connection: what is written is gathered until the end of the turn, reading can be paused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from ingest.mqtt.states import CLOSED, NEW

if TYPE_CHECKING:
    from ingest.mqtt.server import Server


class Socket(asyncio.Protocol):
    """Invariants: the transport sees one write per turn of the loop; once ``CLOSED``, nothing more is written.

    Only the node's loop touches it.
    """

    __slots__ = (
        "blocked",
        "blocked_since",
        "bytes_in",
        "bytes_out",
        "out",
        "packets_out",
        "paused",
        "peer",
        "reads",
        "server",
        "state",
        "to_flush",
        "transport",
        "writes",
    )

    def __init__(self, server: Server) -> None:
        self.server = server
        self.state = NEW
        self.transport: asyncio.Transport | None = None
        self.peer: tuple[str, int] = ("", 0)
        self.paused = False
        """Nothing is read from the client."""
        self.out: list[bytes] = []
        """What goes out with the next flush."""
        self.to_flush = False
        self.blocked = False
        """The socket is full: the client does not read fast enough."""
        self.blocked_since = 0.0
        self.bytes_in = self.bytes_out = self.packets_out = 0
        self.reads = self.writes = 0
        """Times that bytes came, and were written."""

    @property
    def is_closed(self) -> bool:
        """Whether nothing more comes of this connection."""
        return self.state == CLOSED

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = (str(peer[0]), int(peer[1])) if peer else ("", 0)
        self.transport.set_write_buffer_limits(high=self.server.settings.outbound_high_water)

    def pause_writing(self) -> None:
        """The socket is full: messages wait in the outbox until it drains."""
        self.blocked = True
        self.blocked_since = self.server.timers.now

    def flush(self) -> int:
        """Write what was gathered; how many bytes that were."""
        self.to_flush = False
        out = self.out
        if not out:
            return 0
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        if self.state == CLOSED or self.transport is None:
            return 0
        size = len(data)
        self.bytes_out += size
        self.writes += 1
        self.transport.write(data)
        return size

    def write(self, data: bytes) -> None:
        """Bytes to be written with everything else of this callback."""
        self.packets_out += 1
        self.server.packets_out[data[0] >> 4] += 1
        self.out.append(data)
        if not self.to_flush:
            self.to_flush = True
            self.server.delivery.enqueue(self)

    def pause_reading(self) -> None:
        """Stop taking bytes from the client until the connection resumes."""
        if not self.paused and self.transport is not None and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def close(self, why: str) -> None:
        """Let the socket go, after what is written."""
        if self.state == CLOSED:
            return
        self.server.counters.bytes_out += self.flush()
        self.state = CLOSED
        transport = self.transport
        if transport is not None:
            if self.blocked:
                transport.abort()
            else:
                transport.close()
                self.server.timers.closing(self)

    def cut(self) -> None:
        """Let the socket go at once."""
        if self.transport is not None:
            self.transport.abort()
