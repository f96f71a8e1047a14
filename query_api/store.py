"""Runs the queries: one pool, prepared statements, bounded waits, errors told apart.

Everything that means "can't say now" becomes :class:`UnavailableError`, within about the statement timeout even when
Postgres hangs; what is a fault of ours stays what it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeAlias

import asyncpg

from query_api import postgres, queries
from query_api.errors import UnavailableError
from schemas.settings import PostgresSettings

ACQUIRE_SECONDS: Final = 2.0
CLOSE_SECONDS: Final = 1.0
CHUNK_ROWS: Final = 500

logger = logging.getLogger(__name__)

Row: TypeAlias = Any
"""An ``asyncpg.Record``; asyncpg comes without types."""


class Store:
    """The read models behind named queries (``queries/*.sql``). Opened and closed by one owner."""

    def __init__(
        self, settings: PostgresSettings, max_streams: int, planner: Mapping[str, str] = postgres.PLANNER
    ) -> None:
        self._settings = settings
        self._planner = planner
        self._queries = queries.load()
        self._timeout = postgres.timeout_of(settings)
        self._pool: asyncpg.Pool | None = None
        self._streams = asyncio.Semaphore(max_streams)

    async def open(self) -> None:
        """Make the pool, unless it is there. Raises one of postgres.AWAY."""
        if self._pool is not None:
            return
        pool = postgres.pool(self._settings, self._planner)
        try:
            await pool
        except BaseException:
            pool.terminate()
            raise
        self._pool = pool

    async def renew(self) -> None:
        """Have every connection replaced before its next use: Postgres was away."""
        if self._pool is not None:
            await self._pool.expire_connections()

    async def close(self) -> None:
        """Close the pool; connections that don't end at once are cut."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def fetch(self, query: str, *arguments: object) -> list[Row]:
        """All rows of a named query. Raises UnavailableError."""
        with _translated():
            try:
                return await self._fetch(query, arguments)
            except Exception as error:
                if not postgres.is_lost(error):
                    raise
                # The connection died with an earlier Postgres. A read may be asked again.
                logger.info("a connection to Postgres was lost; asking again", extra={"error": repr(error)})
            return await self._fetch(query, arguments)

    async def stream(self, query: str, *arguments: object) -> AsyncGenerator[list[Row], None]:
        """The rows of a named query in lists of at most CHUNK_ROWS, all of one snapshot, from a server-side cursor.

        Holds a connection until it is exhausted or closed. Raises UnavailableError, also for too many streams.
        """
        with _translated():
            async with self._stream_slot(), self._connection() as connection, connection.transaction(readonly=True):
                cursor = await connection.cursor(self._queries[query], *arguments)
                while rows := await cursor.fetch(CHUNK_ROWS):
                    yield rows

    async def _fetch(self, query: str, arguments: tuple[object, ...]) -> list[Row]:
        async with self._connection() as connection:
            rows: list[Row] = await connection.fetch(self._queries[query], *arguments, timeout=self._timeout)
            return rows

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        if self._pool is None:
            raise UnavailableError("not connected to Postgres yet")
        connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        try:
            yield connection
        except asyncpg.PostgresError:
            raise
        except BaseException:
            # A wait that was given up leaves the connection in mid-answer, perhaps with a Postgres that hangs:
            # waiting for its orderly return could take for ever.
            connection.terminate()
            raise
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def _stream_slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await self._streams.acquire()
        except TimeoutError as error:
            raise UnavailableError("as many streams as allowed are being sent") from error
        try:
            yield
        finally:
            self._streams.release()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except postgres.LOADING as error:
        raise UnavailableError("a model is loading") from error
    except postgres.NOT_MIGRATED as error:
        raise UnavailableError(f"the tables are not as expected: {error}") from error
    except Exception as error:
        if postgres.is_away(error):
            raise UnavailableError(f"Postgres: {error!r}") from error
        raise
