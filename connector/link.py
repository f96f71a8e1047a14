"""One connection: kept, lost, tried again; each change is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from connector.backoff import Backoff
from connector.dialer import Dialed
from connector.failures import LinkFailedError, Peer, closed
from schemas.admin import ConnectionSet
from schemas.broker_urls import parse_broker_url
from schemas.events import ConnectionStatus, LinkError

logger = logging.getLogger(__name__)

STEADY_SECONDS: Final = 10.0
"""A connection that lasted so long is tried again at once; one that did not counts as another failure."""

Report = Callable[[ConnectionStatus], None]


class Dial(Protocol):
    """What connects; see :class:`connector.dialer.Dialer`."""

    async def dial(self, connection: ConnectionSet) -> Dialed:
        """Connect. Raises LinkFailedError."""

    def hang_up(self, dialed: Dialed) -> None:
        """End a connection."""


class Link:
    """Keeps one connection until it is stopped. ``status`` is written by its own task, and by ``stop`` behind it."""

    def __init__(self, connection: ConnectionSet, position: int, dial: Dial, report: Report, longest: float) -> None:
        """``position``: offset of the connection's event. Nothing runs yet."""
        self.connection = connection
        self.position = position
        self.status: ConnectionStatus | None = None
        self.attempts = 0
        self._dial = dial
        self._report = report
        self._backoff = Backoff(longest)
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """``connecting`` before the first outcome, then ``connected`` or ``failed``."""
        if self.status is None:
            return "connecting"
        return "connected" if self.status.connected else "failed"

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._run(), name=f"link {self.connection.connection_id}")

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._task is not None

    async def stop(self, why: str = "") -> None:
        """End it; with ``why``, what is said of it from now on."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if why:
            url = parse_broker_url(self.connection.url)
            self._tell(False, closed(Peer(url.host, url.port), why).error)

    async def _run(self) -> None:
        while True:
            error = await self._attempt()
            self._tell(False, error.error)
            # A pace, not a wait for something: the next attempt may go well.
            await asyncio.sleep(self._backoff.next())

    async def _attempt(self) -> LinkFailedError:
        """Connect and stay so; why that is over, or did not begin."""
        self.attempts += 1
        try:
            dialed = await self._dial.dial(self.connection)
        except LinkFailedError as error:
            return error
        since = time.monotonic()
        try:
            self._tell(True)
            return await dialed.lost()
        finally:
            self._dial.hang_up(dialed)
            if time.monotonic() - since >= STEADY_SECONDS:
                self._backoff.reset()

    def _tell(self, connected: bool, error: LinkError | None = None) -> None:
        """Report a state, unless it is that of before."""
        before = self.status
        if before is not None and (before.connected, before.error) == (connected, error):
            return
        tenant, name = self.connection.tenant, self.connection.connection_id
        logger.info(
            "connection %s is %s", name, "up" if connected else "down", extra={"code": error.code} if error else None
        )
        now = time.time_ns() // 1_000_000
        self.status = ConnectionStatus(tenant, name, self.position, connected, now, error)
        self._report(self.status)
