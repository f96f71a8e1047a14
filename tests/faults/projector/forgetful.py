"""A Kafka that forgets some topics for a while: a TCP proxy in front of a real broker.

What it is for: a broker that has just come back may serve its group coordinator sooner than the metadata of its topics
reach a client. Frames of the Kafka protocol are passed on whole (four bytes of length, then the request or response).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

METADATA, SYNC_GROUP = 3, 14
"""Keys of requests: https://kafka.apache.org/protocol#protocol_api_keys"""

Rewrite = Callable[[bytes], bytes]


class ForgetfulKafka:
    """Knows no topic of the given names when one kind of client asks, until a group has been assigned so.

    Use it in an ``async with`` block; clients that begin here stay here, since it names itself as the broker.
    """

    def __init__(self, bootstrap: str, topics: tuple[str, ...], client_id: str) -> None:
        """In front of the only broker, at ``bootstrap``; ``client_id`` is how the client's begins."""
        self._client_id = client_id.encode()
        self._host, _, port = bootstrap.rpartition(":")
        self._port = int(port)
        self._forgotten = [(topic.encode(), b"?" * len(topic)) for topic in topics]
        self.forgetting = True
        """Whether the topics are unknown now."""
        self.away = False
        """Whether nobody is answered; see :meth:`go_away`."""
        self._passing: set[asyncio.Task[None]] = set()

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"{self._host}:{self._own_port}"

    async def __aenter__(self) -> ForgetfulKafka:
        self._server = await asyncio.start_server(self._serve, self._host)
        self._own_port: int = self._server.sockets[0].getsockname()[1]
        return self

    def go_away(self) -> None:
        """Break all connections and accept none until ``away`` is false again."""
        self.away = True
        for task in self._passing:
            task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            writer.close()
            return
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        for source, target, rewrite in ((reader, up_writer, self._request), (up_reader, writer, self._response)):
            task = asyncio.create_task(_pass_on(source, target, rewrite))
            self._passing.add(task)

    def _request(self, frame: bytes) -> bytes:
        key, _version, _correlation, _length = struct.unpack_from(">hhih", frame)
        if key == SYNC_GROUP:
            self.forgetting = False
        if self.forgetting and key == METADATA and frame.startswith(self._client_id, 10):
            for name, unknown in self._forgotten:
                frame = frame.replace(name, unknown)
        return frame

    def _response(self, frame: bytes) -> bytes:
        """The same with this proxy as the broker: a string of two bytes of length, and a port of four."""
        host = struct.pack(">h", len(self._host)) + self._host.encode()
        return frame.replace(host + struct.pack(">i", self._port), host + struct.pack(">i", self._own_port))


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, rewrite: Rewrite) -> None:
    try:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack(">i", await source.readexactly(4))
                frame = rewrite(await source.readexactly(length))
                target.write(struct.pack(">i", len(frame)) + frame)
                await target.drain()
    finally:
        target.close()
