"""Settings that more than one service needs: where Kafka and Postgres are.

Each service adds its own dataclass in ``<service>/settings.py``; ``stack.config`` fills them all from
one TOML file and the environment. Nothing here reads anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class SettingsError(ValueError):
    """A setting is missing or out of range; the text says which one and how to mend it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is never printed. ``reveal()`` is the only way to it."""

    _value: str = field(default="", repr=False)

    def reveal(self) -> str:
        """The secret text itself; hand it only to the library that needs it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)" if self._value else "Secret(unset)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How to reach the Kafka cluster and what our topics are called there."""

    bootstrap: str = "127.0.0.1:9092"
    """Comma separated host:port list of Kafka brokers."""
    topic_prefix: str = "mq"
    """Topics are named ``<prefix>.events``, ``<prefix>.nodes``, ``<prefix>.admin``, ``<prefix>.checkpoints``."""
    partitions: int = 8
    """Partitions of the event topic; fixed when the topic is made and verified at every start."""
    replication: int = 1
    """Replicas of each topic; 3 in production."""
    min_insync: int = 1
    """min.insync.replicas of each topic; 2 in production."""
    security_protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    sasl_mechanism: str = "PLAIN"
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; used with SASL_* only."""
    sasl_username: str = ""
    """User for SASL."""
    sasl_password: Secret = Secret()
    """Password for SASL; never printed."""
    ca_file: str = ""
    """PEM file with the authorities to trust for SSL; empty means the system's."""

    @property
    def events_topic(self) -> str:
        """Name of the event topic."""
        return f"{self.topic_prefix}.events"

    @property
    def nodes_topic(self) -> str:
        """Name of the heartbeat topic."""
        return f"{self.topic_prefix}.nodes"

    @property
    def admin_topic(self) -> str:
        """Name of the administration topic."""
        return f"{self.topic_prefix}.admin"

    @property
    def checkpoints_topic(self) -> str:
        """Name of the compacted checkpoint topic."""
        return f"{self.topic_prefix}.checkpoints"


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """How to reach the Postgres that holds the read models."""

    dsn: Secret = Secret("postgresql://postgres@127.0.0.1:5432/mqledger")
    """libpq URL; may hold a password and is never printed."""
    schema: str = "mqledger"
    """Schema that holds the read models."""
    pool_min: int = 1
    """Connections kept open per process."""
    pool_max: int = 8
    """Most connections per process; the API may open as many again, half of them for pages by number, half for lists
    with filters."""
    statement_timeout_ms: int = 10_000
    """Longest time a query may take, in milliseconds."""


@dataclass(frozen=True, slots=True)
class ConnectionsSettings:
    """Connections to other brokers: what both the API, which takes them, and the connector, which keeps them, need."""

    keys: Secret = Secret()
    """Comma separated secrets of at least 32 characters, newest first, with which passwords, certificates and keys of
    connections are sealed before they reach the log; the same for every API and connector. ``mqledger up`` makes one
    and keeps it in its data folder. Unset, connections can have none."""
    allow: str = ""
    """Where connections may go: comma separated names (``broker.example.com``, ``*.example.com``), addresses and
    networks (``10.0.0.0/8``). Empty means anywhere but to link-local addresses."""
    most: int = 100
    """Most connections that a tenant may have."""
