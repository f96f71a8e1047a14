"""Connections to Postgres: how they are made, and which of their errors mean that it can't answer now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg

from schemas.settings import PostgresSettings

CONNECT_SECONDS: Final = 5.0
MARGIN_SECONDS: Final = 1.0
"""How much longer than statement_timeout to wait for Postgres to say so itself."""

PLANNER: Final = {
    # Every query here is a range of an index by construction. With one plan per statement, whatever the
    # statistics say, no page is planned anew and none turns into a scan or a sort of the whole table.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_incremental_sort": "off",
    "enable_hashagg": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}

PLANNER_OF_SEARCHES: Final = PLANNER | {
    # A plan for the filters that are asked: a generic one checks, for each entry of the index, those that are not.
    "plan_cache_mode": "force_custom_plan",
}

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
"""Postgres can't be reached or can't answer now; trying again later may help."""

NOT_MIGRATED: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientPrivilegeError,
)
"""The tables are not there, not yet as we know them, or not ours to read."""

LOADING: Final = asyncpg.DivisionByZeroError
"""What a query raises while a model that it needs is loading: see FRAGMENTS in queries."""


def is_away(error: BaseException) -> bool:
    """Whether the error says that Postgres can't answer now, and not that we asked wrongly."""
    return isinstance(error, AWAY) and not isinstance(error, asyncpg.DataError)


def is_lost(error: BaseException) -> bool:
    """Whether only this connection is gone, so that another one may do at once."""
    gone = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError)
    return isinstance(error, gone) and is_away(error) and not isinstance(error, TimeoutError)


def timeout_of(settings: PostgresSettings) -> float:
    """Longest time, in seconds, to wait for the answer to a statement."""
    return settings.statement_timeout_ms / 1000 + MARGIN_SECONDS


def schema_path(schema: str) -> str:
    """A schema name as a search_path."""
    return '"' + schema.replace('"', '""') + '"'


async def connect(settings: PostgresSettings, schema: str, purpose: str) -> asyncpg.Connection:
    """A connection of its own with ``schema`` as its search path. Raises one of AWAY."""
    return await asyncpg.connect(
        settings.dsn.reveal(),
        timeout=CONNECT_SECONDS,
        command_timeout=timeout_of(settings),
        server_settings={
            "application_name": f"mqledger-api {purpose}",
            "search_path": schema_path(schema),
            "statement_timeout": str(settings.statement_timeout_ms),
        },
    )


def pool(settings: PostgresSettings, planner: Mapping[str, str]) -> asyncpg.Pool:
    """A pool for reading; not connected yet. Connections are never left in a state that needs a reset."""
    return asyncpg.create_pool(
        settings.dsn.reveal(),
        min_size=settings.pool_min,
        max_size=settings.pool_max,
        max_inactive_connection_lifetime=300.0,
        timeout=CONNECT_SECONDS,
        command_timeout=timeout_of(settings),
        max_cached_statement_lifetime=0,
        reset=_no_reset,
        server_settings={
            "application_name": "mqledger-api",
            "search_path": schema_path(settings.schema),
            "statement_timeout": str(settings.statement_timeout_ms),
            "default_transaction_read_only": "on",
            **planner,
        },
    )


async def _no_reset(_connection: object) -> None:
    """asyncpg's own reset costs a round trip per query."""
