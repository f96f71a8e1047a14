"""Further ports of a worker: small servers inside its event loop, so that all dialects share one service.

Every worker binds each port with SO_REUSEPORT, as the main server does; that nobody else listens there was checked
before the workers began.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from query_api.settings import ApiSettings

LONGEST_HEAD_BYTES: Final = 512 * 1024
"""Of request line and headers together, about."""
HEAD_SECONDS: Final = 30.0
"""How long they may take."""
STOP_SECONDS: Final = 3
MOST_CONNECTIONS: Final = 4_096
BACKLOG: Final = 1_024


@dataclass(frozen=True, slots=True)
class Port:
    """A port and who answers there."""

    number: int
    app: Litestar


class Ports:
    """The servers of all of them. Opened and closed by one owner."""

    def __init__(self, settings: ApiSettings, ports: Sequence[Port]) -> None:
        self._settings = settings
        self._ports = tuple(ports)
        self._servers: list[_Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Listen on all of them. Raises OSError."""
        for port in self._ports:
            listener = bound(self._settings.host, port.number)
            server = _Server(self._config(port.app))
            self._servers.append(server)
            self._tasks.append(asyncio.create_task(server.serve([listener]), name=f"port {port.number}"))
        await asyncio.gather(*map(_begun, self._servers, self._tasks))

    async def close(self) -> None:
        """Take no more requests, finish those that run, bounded by STOP_SECONDS."""
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*self._tasks)

    def _config(self, app: Litestar) -> uvicorn.Config:
        settings = self._settings
        return uvicorn.Config(
            app,
            http=BoundedProtocol,
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=STOP_SECONDS,
            backlog=BACKLOG,
            ssl_certfile=settings.tls_cert or None,
            ssl_keyfile=settings.tls_key or None,
        )


class _Server(uvicorn.Server):
    """A server whose process has signal handlers of its own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _begun(server: _Server, task: asyncio.Task[None]) -> None:
    """Return when the server listens. Raises what ended its task before that."""
    listening = asyncio.create_task(server.listening.wait())
    await asyncio.wait({listening, task}, return_when=asyncio.FIRST_COMPLETED)
    listening.cancel()
    if task.done():
        task.result()


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose request line and headers grow, or take, too long."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._head_bytes = 0
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        super().data_received(data)
        if self._late is not None:
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The request's headers are too long.")

    def on_message_begin(self) -> None:
        """See httptools."""
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See httptools."""
        self._head_came()
        super().on_headers_complete()

    def _await_head(self) -> None:
        if self._late is None:
            self._head_bytes = 0
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to a port that other workers bind, too. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
