"""Settings of the query API."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.settings import PostgresSettings, Secret


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Everything a query API process needs to know."""

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback only with ``allow_anonymous_remote`` until accounts exist."""
    port: int = 8082
    """Port of the API."""
    allow_anonymous_remote: bool = False
    """Say explicitly that anyone who reaches a non-loopback address may read."""
    workers: int = 1
    """Worker processes."""
    postgres: PostgresSettings = field(default_factory=PostgresSettings)
    token_keys: Secret = Secret()
    """Comma separated secrets that sign page tokens and positions, newest first; shared by all replicas.
    Unset: one is made and kept in Postgres."""
    max_wait: float = 5.0
    """Longest time in seconds that ``at_least`` may wait."""
    tenant: str = "default"
    """Tenant whose sessions are shown."""
