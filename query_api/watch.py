"""Keeps the freshness of the read models at hand: one connection per process, woken by the projector.

A projector notifies ``<schema>_applied`` in each of its transactions. However many notifications come, there is one
reading of ``applied`` at a time, and while nobody waits, at most one per SPACING_SECONDS. A reading is a
lower bound for every query that begins after it. The same connection tells whether Postgres is there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from query_api import postgres, queries
from query_api.errors import TooLateError, UnavailableError
from query_api.freshness import Applied, Freshness, Position, Whole, freshness, last_whole
from query_api.tokens import Tokens
from schemas.settings import PostgresSettings

CHECK_SECONDS: Final = 1.0
"""Without notifications, how often to read all the same: it proves that Postgres is there."""
HANG_SECONDS: Final = 5.0
SPACING_SECONDS: Final = 0.05
RETRY_SECONDS: Final = 0.5

logger = logging.getLogger(__name__)

Connected = Callable[[], Awaitable[Tokens]]
"""Called after each (re)connect, before the first reading; gives what seals positions."""


class Watch:
    """What is known of the read models now. Written by its own task alone; everyone reads."""

    def __init__(self, settings: PostgresSettings, connected: Connected) -> None:
        self._settings = settings
        self._connected = connected
        self._channel = f"{settings.schema}_applied"
        texts = queries.load()
        self._applied_sql, self._ready_sql, self._admin_sql = (
            texts[name] for name in ("applied", "ready_models", "admin_applied")
        )
        self._reading = asyncio.Event()
        self._wanted = asyncio.Event()
        self._waiting = 0
        self._told = ""
        self._whole: dict[int, Whole] = {}
        self.alive = False
        """Postgres answers."""
        self.ready: frozenset[str] = frozenset()
        """Models that may be asked."""
        self.freshness: Freshness | None = None
        """The latest reading; kept, as the lower bound that it is, while Postgres is away."""
        self.partition_time = 0
        """Latest partition time of all, in milliseconds."""
        self.admin_next = -1
        """Offset of the next record of ``mq.admin`` to fold; -1 while its fold has not begun."""

    async def run(self) -> None:
        """Watch until cancelled; whatever happens to Postgres, go on."""
        while True:
            try:
                await self._watch()
            except Exception as error:
                self._tell(error)
            finally:
                self._publish_away()
            # A pace, not a wait for something: the next attempt may find Postgres back.
            await asyncio.sleep(RETRY_SECONDS)

    @property
    def changed(self) -> asyncio.Event:
        """Set with the next reading, or the news that there is none: take it before looking, then wait for it."""
        return self._reading

    @contextmanager
    def attended(self) -> Iterator[None]:
        """While somebody waits, notifications are followed at once."""
        self._waiting += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._waiting -= 1

    async def settled(self, seconds: float) -> None:
        """Return with the next reading or the news that there is none, or after so many seconds."""
        await _any(self._reading, seconds)

    async def reached(self, position: Position, seconds: float) -> Freshness:
        """A reading that covers ``position``, awaited at most so long. Raises TooLateError, UnavailableError."""
        if self.freshness is not None and self.freshness.covers(position):
            return self.freshness
        try:
            with self.attended():
                async with asyncio.timeout(seconds):
                    return await self._next_covering(position)
        except TimeoutError as error:
            raise TooLateError("the position was not reached in time") from error

    async def _next_covering(self, position: Position) -> Freshness:
        while True:
            await self._reading.wait()
            if not self.alive:
                raise UnavailableError("Postgres went away")
            if self.freshness is not None and self.freshness.covers(position):
                return self.freshness

    async def _watch(self) -> None:
        connection = await postgres.connect(self._settings, self._settings.schema, "watch")
        try:
            changed = asyncio.Event()
            connection.add_termination_listener(lambda _: changed.set())
            await connection.add_listener(self._channel, lambda *_: changed.set())
            tokens = await self._connected()
            while True:
                changed.clear()
                self._publish(*await self._read(connection, tokens))
                await _any(changed, seconds=CHECK_SECONDS)
                if not self._waiting and not connection.is_closed():
                    self._wanted.clear()
                    await _any(self._wanted, seconds=SPACING_SECONDS)
        finally:
            connection.terminate()

    async def _read(self, connection: asyncpg.Connection, tokens: Tokens) -> tuple[Freshness | None, frozenset[str]]:
        try:
            rows = await connection.fetch(self._applied_sql, timeout=HANG_SECONDS)
            ready = await connection.fetch(self._ready_sql, timeout=HANG_SECONDS)
            admin = await connection.fetchrow(self._admin_sql, timeout=HANG_SECONDS)
        except postgres.NOT_MIGRATED as error:
            logger.debug("the tables are not there yet", extra={"error": str(error)})
            return None, frozenset()
        applied = [Applied(*row) for row in rows]
        self.partition_time = max((row.partition_time for row in applied), default=0)
        self.admin_next = admin["next"] if admin is not None else -1
        self._whole = last_whole(applied, int(time.time() * 1000), self._whole)
        return freshness(applied, self._whole, tokens, time.monotonic()), frozenset(row["name"] for row in ready)

    def _tell(self, error: Exception) -> None:
        if not postgres.is_away(error) and not isinstance(error, postgres.NOT_MIGRATED):
            logger.error("watching Postgres failed; trying again", exc_info=error)
        elif repr(error) != self._told:
            # Once per cause, not twice a second while it lasts.
            logger.warning("Postgres can't be used now; trying again", extra={"error": repr(error)})
        self._told = repr(error)

    def _publish(self, reading: Freshness | None, ready: frozenset[str]) -> None:
        self._told = ""
        self.freshness, self.ready, self.alive = reading, ready, True
        self._wake()

    def _publish_away(self) -> None:
        self.alive = False
        self._wake()

    def _wake(self) -> None:
        woken, self._reading = self._reading, asyncio.Event()
        woken.set()


async def _any(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
