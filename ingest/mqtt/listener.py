"""The listener of a node: it takes connections while it is wanted. Those that there are stay when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from domain.admin import AdminState
from ingest.settings import MqttSettings

LISTENER = "mqtt:tcp"


def wanted(admin: AdminState, node: str, listener: str) -> bool:
    """Whether a listener is to take connections: what was said last of it, of this node or of all, counts."""
    said = [active for (of, name), active in admin.listeners.items() if name == listener and of in ("", node)]
    return said[-1] if said else True


class TcpListener:
    """Invariant: ``address`` is where it listens or has listened last; it comes back to the same port."""

    def __init__(self, settings: MqttSettings, accept: Callable[[], asyncio.Protocol]) -> None:
        self.address: tuple[str, int] | None = None
        self._settings = settings
        self._accept = accept
        self._server: asyncio.Server | None = None

    @property
    def listening(self) -> bool:
        """Whether it takes connections."""
        return self._server is not None

    async def open(self) -> None:
        """Take connections; nothing when it does already. Raises OSError when the port cannot be had."""
        if self._server is not None:
            return
        settings = self._settings
        port = settings.port if self.address is None else self.address[1]
        self._server = await asyncio.get_running_loop().create_server(
            self._accept, settings.host, port, backlog=settings.backlog
        )
        address = self._server.sockets[0].getsockname()
        self.address = str(address[0]), int(address[1])

    def close(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
