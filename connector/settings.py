"""Settings of the connector."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.settings import ConnectionsSettings, KafkaSettings


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """Everything a connector process needs to know."""

    name: str = "connector-1"
    """Name of this process, for logs and Kafka; empty means that of the host, for connectors that are scaled."""
    group: str = "connector"
    """Kafka consumer group shared by all connectors of a deployment, behind ``kafka.topic_prefix`` and a hyphen: one of
    them acts, the others stand by."""
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    connections: ConnectionsSettings = field(default_factory=ConnectionsSettings)
    timeout: float = 5.0
    """Seconds after which an attempt to connect is given up: for DNS, then for TCP, TLS and CONNACK together."""
    keep_alive: int = 60
    """MQTT keep alive of connections, in seconds: a broker that has gone silently is missed after one and a half."""
    longest_pause: float = 60.0
    """Longest time in seconds between two attempts; the first pause is half a second, each next half as long again."""
    http_host: str = "127.0.0.1"
    """Address of the liveness, readiness and Prometheus endpoint; beyond loopback only with
    ``http_allow_anonymous_remote``."""
    http_allow_anonymous_remote: bool = False
    """Say explicitly that anyone who reaches a non-loopback ``http_host`` may read health and metrics."""
    http_port: int = 9103
    """Port of that endpoint; 0 takes a free one."""
