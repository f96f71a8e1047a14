"""Our own services as processes to supervise: the command, the environment and where to ask for health."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from connector.settings import ConnectorSettings
from ingest.settings import IngestSettings
from ops.health import Health
from projector.settings import ProjectorSettings
from stack.config import Config
from stack.exposure import reachable
from stack.supervise import Unit

PROBE_SECONDS = 2.0
STOP_MARGIN = 5.0
SERVICES = ("ingest", "projector", "connector", "api")
"""In the order of a message's way."""
RANKS = {"ingest": 2, "projector": 3, "connector": 4, "api": 5}
"""Stopped in reverse; Postgres is 0 and Kafka 1."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service can be asked how it is."""

    host: str
    port: int
    tls: bool = False

    @property
    def url(self) -> str:
        """Base URL of the health endpoints."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def endpoint(name: str, config: Config) -> Endpoint:
    """The health endpoint of a service."""
    if name == "api":
        return Endpoint(reachable(config.api.host), config.api.port, bool(config.api.tls_cert))
    settings: ProjectorSettings | ConnectorSettings | IngestSettings = config.projector
    if name != "projector":
        settings = config.ingest if name == "ingest" else config.connector
    return Endpoint(reachable(settings.http_host), settings.http_port)


def named_by_host(settings: ProjectorSettings) -> ProjectorSettings:
    """The settings with a name for the worker: that of this host, if none is set."""
    return settings if settings.worker else replace(settings, worker=socket.gethostname())


def service_unit(name: str, config: Config, environment: Mapping[str, str], log: Path, start_timeout: float) -> Unit:
    """One of our services for the supervisor; ``environment`` holds its whole configuration."""
    at = endpoint(name, config)
    return Unit(
        name=name,
        command=(sys.executable, "-m", "stack.cli", name),
        rank=RANKS[name],
        environment=environment,
        probe=lambda: ask(at, "/health/ready"),
        log=log,
        grace=config.ingest.shutdown_grace + STOP_MARGIN if name == "ingest" else 15.0,
        start_timeout=start_timeout,
    )


async def ask(at: Endpoint, path: str) -> Health:
    """Get a health endpoint; what is not 200 is a no with the service's own reason."""
    try:
        # Asked by address, which no certificate names; nothing secret is said, and the answer only tells health.
        async with httpx.AsyncClient(timeout=PROBE_SECONDS, trust_env=False, verify=not at.tls) as client:
            response = await client.get(at.url + path)
    except httpx.HTTPError as error:
        return Health(False, "no answer" if isinstance(error, httpx.ConnectError) else type(error).__name__)
    return Health(response.status_code == httpx.codes.OK, _detail(response))


def _detail(response: httpx.Response) -> str:
    try:
        body = response.json()
    except json.JSONDecodeError:
        return f"HTTP {response.status_code}"
    detail = body.get("detail") if isinstance(body, dict) else None
    return str(detail) if detail else "" if response.is_success else f"HTTP {response.status_code}"


async def ask_all(config: Config, path: str) -> dict[str, Health]:
    """The health of every service at once."""
    answers = await asyncio.gather(*(ask(endpoint(name, config), path) for name in SERVICES))
    return dict(zip(SERVICES, answers, strict=True))
