"""Settings of the query API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from query_api.access.settings import AccessSettings
from schemas.settings import ConnectionsSettings, KafkaSettings, PostgresSettings, Secret

METRICS_FOLDER_ENV: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client gathers the metrics of several workers; set by main.py before it is imported."""


@dataclass(frozen=True, slots=True)
class DialectSettings:
    """Where the dialects of the originals are served; FluxMQ's and the native API are on ``api.port``."""

    emqx4_port: int = 8081
    """Port of the EMQX 4 API; 0 serves it on ``api.port``, where its paths are those that begin with ``/api/v4``."""
    bifromq_port: int = 8091
    """Port of the BifroMQ API; 0 serves it on ``api.port``."""
    emq2_port: int = 8080
    """Port of the EMQ 2 API; 0 serves it on ``api.port``, where its paths are those that begin with ``/api/v2``."""
    cedalo_port: int = 8088
    """Port of the Cedalo API; 0 serves it on ``api.port``."""
    off: str = ""
    """Dialects that are not served at all: ``emqx4``, ``bifromq``, ``emq2``, ``cedalo``, with commas between."""
    time_zone: str = "UTC"
    """Time zone in which dialects write times without one, such as ``Europe/Berlin``."""

    @property
    def unserved(self) -> frozenset[str]:
        """The dialects of ``off``."""
        return frozenset(part.strip() for part in self.off.split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Everything a query API process needs to know."""

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback nothing is answered without an account or an API key."""
    port: int = 8082
    """Port of the native API and FluxMQ's."""
    tls_cert: str = ""
    """PEM file with the certificate, and those between it and its authority, for all ports; empty means no TLS."""
    tls_key: str = ""
    """PEM file with its private key."""
    workers: int = 1
    """Worker processes."""
    command_timeout: float = 5.0
    """Seconds for which an answer waits for the outcome of a command, and after which a command is void."""
    access: AccessSettings = field(default_factory=AccessSettings)
    dialects: DialectSettings = field(default_factory=DialectSettings)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    postgres: PostgresSettings = field(default_factory=PostgresSettings)
    connections: ConnectionsSettings = field(default_factory=ConnectionsSettings)
    token_keys: Secret = field(default_factory=Secret)
    """Comma separated secrets of at least 16 characters that seal page tokens and positions, newest first;
    shared by all replicas. Unset: one is made and kept in Postgres. A new first one makes repetitions of commands
    with a secret, by their ``Idempotency-Key``, other commands: they are refused for an hour."""
    max_wait: float = 5.0
    """Longest time in seconds that ``at_least`` may wait."""
    max_streams: int = 4
    """Lists without a limit that a worker sends at the same time; each holds a Postgres connection."""
    stall_timeout: float = 30.0
    """Seconds after which a client that takes nothing of such a list is cut off."""
    tenant: str = "default"
    """Tenant whose sessions are shown."""
