"""What all dialects of one process share: the store, the watch, commands, who may ask, what seals tokens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from ops.health import Health
from ops.loopback import is_loopback
from query_api import postgres
from query_api.access.first import FirstAdministrator
from query_api.access.identity import Access
from query_api.access.passwords import Passwords
from query_api.access.roll import Roll
from query_api.commands.commands import Commands
from query_api.commands.writer import Writer
from query_api.errors import InvalidError, UnavailableError
from query_api.freshness import Freshness, open_position
from query_api.keys import token_keys
from query_api.metrics import Metrics
from query_api.reload import Reload
from query_api.settings import ApiSettings
from query_api.store import Store
from query_api.tokens import BadTokenError, Tokens, parse_keys
from query_api.watch import Watch

MODELS = ("sessions", "subscriptions", "metrics", "nodes")
"""Models without which this API is not ready."""

START_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)


class Service:
    """Everything that lives as long as a worker. Made by the app factory; started and stopped by its lifespan."""

    def __init__(self, settings: ApiSettings, reload: Reload | None = None) -> None:
        self.settings = settings
        self.reload = reload or Reload(settings, None, 0)
        self.tenant = settings.tenant
        self.store = Store(settings.postgres, settings.max_streams)
        self.searches = _apart(settings, postgres.PLANNER_OF_SEARCHES)
        """The same for searches by number of page, which are planned one by one."""
        self.walks = _apart(settings, postgres.PLANNER)
        """The same for lists that may read an index through for a page, and are planned once."""
        self._stores = (self.store, self.searches, self.walks)
        self.watch = Watch(settings.postgres, self._connected)
        self.metrics = Metrics(lambda: self.watch)
        configured = parse_keys(settings.token_keys)
        self._tokens = Tokens(configured) if configured else None
        self._tasks: list[asyncio.Task[None]] = []
        self._writer = Writer(settings.kafka, settings.command_timeout)
        self.commands = Commands(
            self._writer,
            self.watch,
            self.store,
            lambda: self.tokens,
            settings.kafka.partitions,
            settings.command_timeout,
        )
        self._passwords = Passwords()
        roll = Roll(self.store, self.watch)
        local, login = is_loopback(settings.host), settings.access
        self.access = Access(login, local, roll, self._passwords, lambda: self.tokens)
        self._first = FirstAdministrator(roll, self.watch, self.commands, self._passwords, login.first_secret_file)

    async def start(self, first: bool = True) -> None:
        """Begin to watch. A Postgres that answers is known before the first request; for another nobody waits long.

        ``first``: make an administrator when there is no account.
        """
        self._begin(self.watch.run(), "watch")
        await self.watch.settled(START_SECONDS)
        self._begin(self._connect(), "connect to Kafka")
        if first:
            self._begin(self._first.run(), "first administrator")

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_tell_of_death)
        self._tasks.append(task)

    async def _connect(self) -> None:
        """Connect to Kafka once a projector has, so that the first command is no slower than the next."""
        while self.watch.admin_next < 0:
            await self.watch.changed.wait()
        try:
            await self._writer.open()
        except UnavailableError as error:
            logger.info("commands have to wait", extra={"error": str(error)})

    async def stop(self) -> None:
        """End the watch, close the pool, give up the producer."""
        for task in reversed(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for store in self._stores:
            await store.close()
        await self._writer.close()
        self._passwords.close()

    @property
    def tokens(self) -> Tokens:
        """What seals and opens tokens. Raises UnavailableError before its keys have been read from Postgres."""
        if self._tokens is None:
            raise UnavailableError("the keys of tokens have not been read yet")
        return self._tokens

    def ready(self) -> Health:
        """Whether answers can be true now, and if not, why."""
        if not self.watch.alive:
            return Health(False, "Postgres is away")
        missing = [name for name in MODELS if name not in self.watch.ready]
        if missing:
            return Health(False, f"loading or missing: {', '.join(missing)}")
        return Health(True)

    async def fresh(self, at_least: str | None) -> Freshness | None:
        """The freshness to state for queries that begin now, after waiting for ``at_least`` if one is given.

        Raises InvalidError for what is no position of this log, TooLateError, and UnavailableError.
        """
        if not self.watch.alive:
            raise UnavailableError("Postgres is away")
        if not at_least:
            return self.watch.freshness
        try:
            position = open_position(self.tokens, at_least)
        except BadTokenError as error:
            raise InvalidError("invalid at_least") from error
        known = self.watch.freshness
        if known is not None and position.log != known.position.log:
            raise InvalidError("invalid at_least")
        return await self.watch.reached(position, self.settings.max_wait)

    def headers(self, freshness: Freshness | None = None) -> dict[str, str]:
        """The freshness headers of an answer; by default those of the latest reading. Empty when nothing is known."""
        reading = freshness or self.watch.freshness
        return reading.headers(int(time.time() * 1000), time.monotonic()) if reading else {}

    async def _connected(self) -> Tokens:
        for store in self._stores:
            await store.open()
            await store.renew()
        if self._tokens is None:
            self._tokens = Tokens(await token_keys(self.settings))
        return self._tokens


def _apart(settings: ApiSettings, planner: Mapping[str, str]) -> Store:
    """Half as many connections, opened when needed: what reads an index through can't hold up other pages."""
    most = max(settings.postgres.pool_max // 2, 1)
    pool = replace(settings.postgres, pool_min=0, pool_max=most)
    return Store(pool, max(min(settings.max_streams, most - 1), 1), planner)


def _tell_of_death(task: asyncio.Task[None]) -> None:
    """Nobody waits for these tasks: what one dies of would be known to nobody else."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("%s has died", task.get_name(), exc_info=error)
