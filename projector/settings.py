"""Settings of a projector."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.settings import KafkaSettings, PostgresSettings


@dataclass(frozen=True, slots=True)
class ProjectorSettings:
    """Everything a projector worker needs to know."""

    worker: str = "projector-1"
    """Name of this worker, for logs and metrics; empty means that of the host, for workers that are scaled."""
    app_id: str = "mqledger-projector"
    """Faust application id: the consumer group shared by all workers."""
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    postgres: PostgresSettings = field(default_factory=PostgresSettings)
    poison: str = "stop"
    """What to do with a frame that cannot be folded: stop (its partition waits) or dead_letter."""
    quarantine: str = ""
    """Frames to put aside by name, whatever poison says: comma separated partition/offset, for records of the
    administration admin/offset."""
    batch_events: int = 50_000
    """Most lifecycle events folded into one transaction."""
    held_sessions: int = 50_000
    """Sessions that each partition's fold keeps in memory; others are loaded when their events come."""
    ready_lag_ms: int = 30_000
    """Readiness says no while a partition is this far behind the log, in milliseconds."""
    http_host: str = "127.0.0.1"
    """Address of the liveness, readiness and Prometheus endpoint; beyond loopback only with
    ``http_allow_anonymous_remote``."""
    http_allow_anonymous_remote: bool = False
    """Say explicitly that anyone who reaches a non-loopback ``http_host`` may read health and metrics."""
    http_port: int = 9102
    """Port of that endpoint; 0 takes a free one."""
    data_dir: str = ""
    """Folder for Faust's own small state; empty means a temporary one."""
