"""Settings of the query API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from schemas.settings import ConnectionsSettings, PostgresSettings, Secret

METRICS_FOLDER_ENV: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client gathers the metrics of several workers; set by main.py before it is imported."""


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
    connections: ConnectionsSettings = field(default_factory=ConnectionsSettings)
    token_keys: Secret = field(default_factory=Secret)
    """Comma separated secrets of at least 16 characters that seal page tokens and positions, newest first;
    shared by all replicas. Unset: one is made and kept in Postgres."""
    max_wait: float = 5.0
    """Longest time in seconds that ``at_least`` may wait."""
    max_streams: int = 4
    """Lists without a limit that a worker sends at the same time; each holds a Postgres connection."""
    stall_timeout: float = 30.0
    """Seconds after which a client that takes nothing of such a list is cut off."""
    tenant: str = "default"
    """Tenant whose sessions are shown."""
