"""Waiting for what a service needs, bounded and said aloud, instead of crashing in a loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ingest.log.topic_check import FoundTopic, find_topics
from schemas.settings import KafkaSettings, PostgresSettings
from schemas.topics import topic_specs
from stack.errors import StackError
from stack.local.kafka import api_versions
from stack.topics import admin_client

if TYPE_CHECKING:
    import asyncpg

logger = logging.getLogger("mqledger.wait")

RETRY_FIRST = 0.1
RETRY_MOST = 2.0
SAY_EVERY = 5.0
ATTEMPT_SECONDS = 5.0

Check = Callable[[], Awaitable[str]]
"""Gives the empty text when the thing is there, else in a few words what is missing."""


async def wait_for(what: str, check: Check, seconds: float, mend: str) -> None:
    """Ask until the check finds nothing missing. Raises StackError after ``seconds``, and what the check raises."""
    begun = said = time.monotonic()
    delay, first = RETRY_FIRST, True
    while missing := await _ask(check):
        now = time.monotonic()
        if now - begun + delay > seconds:
            raise StackError(f"{what} is not there after {seconds:g} s ({missing}); {mend}.")
        if first or now - said > SAY_EVERY:
            logger.info("waiting for %s: %s", what, missing)
            said, first = now, False
        await asyncio.sleep(delay)
        delay = min(delay * 1.5, RETRY_MOST)
    if not first:
        logger.info("%s is there after %.1f s", what, time.monotonic() - begun)


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {ATTEMPT_SECONDS:g} s"
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__


async def for_kafka(settings: KafkaSettings, seconds: float) -> None:
    """Wait until a Kafka broker of the list serves."""
    await wait_for(
        f"Kafka at {settings.bootstrap}",
        lambda: kafka_answer(settings),
        seconds,
        "start it, or set kafka.bootstrap (MQLEDGER_KAFKA__BOOTSTRAP)",
    )


async def for_topics(settings: KafkaSettings, seconds: float) -> None:
    """Wait until our topics exist; whether they are right is checked by whoever uses them."""
    await wait_for("the set of topics", lambda: _topics(settings), seconds, "run `mqledger topics`")


async def for_postgres(settings: PostgresSettings, seconds: float) -> None:
    """Wait until Postgres serves; the database may be missing yet. Raises StackError at once when it refuses us."""
    await wait_for(
        "Postgres",
        lambda: _postgres(settings),
        seconds,
        "start it, or set postgres.dsn (MQLEDGER_POSTGRES__DSN)",
    )


async def for_tables(settings: PostgresSettings, seconds: float) -> None:
    """Wait until the migrations have made our schema."""
    await wait_for("the read models' schema", lambda: _tables(settings), seconds, "run `mqledger migrate`")


async def kafka_answer(settings: KafkaSettings) -> str:
    """Empty when one broker of the list serves, else what is the matter."""
    problem = "no address"
    for address in settings.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        if settings.security_protocol != "PLAINTEXT":
            return await _handshake(settings)
        try:
            health = await api_versions(host.strip("[]"), int(port))
        except OSError as error:
            problem = error.strerror or type(error).__name__
            continue
        if health.ok:
            return ""
        problem = health.detail
    return problem


async def _handshake(settings: KafkaSettings) -> str:
    """With TLS or a login, only a whole client can tell."""
    try:
        async with admin_client(settings):
            return ""
    except StackError as error:
        return str(error)


async def _topics(settings: KafkaSettings) -> str:
    async with admin_client(settings) as admin:
        names = [spec.name for spec in topic_specs(settings)]
        found: dict[str, FoundTopic] = await find_topics(admin, names)
    return ", ".join(f"{name} is missing" for name in names if name not in found)


async def _postgres(settings: PostgresSettings) -> str:
    import asyncpg

    try:
        return await _query(settings, "select 'ready'")
    except asyncpg.InvalidCatalogNameError:
        return ""  # it serves; `mqledger migrate` makes the database


async def _tables(settings: PostgresSettings) -> str:
    import asyncpg

    try:
        return await _query(settings, "select 1 from pg_namespace where nspname = $1", settings.schema)
    except asyncpg.InvalidCatalogNameError as error:
        return str(error)


async def _query(settings: PostgresSettings, query: str, *arguments: object) -> str:
    import asyncpg

    try:
        connection = await log_in(settings, ATTEMPT_SECONDS)
    except asyncpg.InvalidCatalogNameError:
        raise
    except asyncpg.PostgresError as error:
        return str(error)
    try:
        return "" if await connection.fetchval(query, *arguments) is not None else "it is not made yet"
    finally:
        await connection.close()


async def log_in(settings: PostgresSettings, seconds: float) -> asyncpg.Connection[asyncpg.Record]:
    """A connection to Postgres.

    Raises:
        StackError: waiting will not help: the server refuses who logs in, or the URL is wrong.
        asyncpg.PostgresError: the server is not ready for us yet.
        OSError, TimeoutError: it is not there.
    """
    import asyncpg

    mend = "mend postgres.dsn (MQLEDGER_POSTGRES__DSN)"
    try:
        return await asyncpg.connect(settings.dsn.reveal(), timeout=seconds)
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise StackError(f"Postgres is there and does not let us in: {error}; {mend}.") from error
    except (asyncpg.InterfaceError, ValueError) as error:
        # What the library says may hold a part of the URL: it is not repeated.
        raise StackError(f"postgres.dsn is no URL that can be used; look at its parameters, and {mend}.") from error
