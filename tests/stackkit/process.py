"""Our services as real processes on free ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from schemas.settings import KafkaSettings, PostgresSettings, Secret
from stack.config import PREFIX, Config, load
from stack.local.ports import free_port
from stack.services import endpoint
from stack.supervise import kill_group, tail
from tests.stackkit.services import ROOT, guarded

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL = 0.03
TEST_KEY = "a key for tests that everybody knows"
"""Seals the secrets of connections."""


@dataclass
class Service:
    """One process of ours and how to reach it; it can be killed and started again on the same ports."""

    name: str
    config: Config
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def mqtt_port(self) -> int:
        """Port for MQTT clients, of an ingest node."""
        return self.config.ingest.mqtt.port

    @property
    def http_port(self) -> int:
        """Port of the health endpoints; for the API also that of the API."""
        return endpoint(self.name, self.config).port

    @property
    def url(self) -> str:
        """Base URL of the same."""
        return endpoint(self.name, self.config).url

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    @property
    def whole_environment(self) -> dict[str, str]:
        """The environment that it runs in, and with which commands find what it works on."""
        return {**_plain_environment(), **self.environment}

    def start(self, wait: bool = True) -> Service:
        """Start the process (again); with ``wait`` until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*guarded(signal.SIGKILL), sys.executable, "-m", "stack.cli", self.name],
                cwd=ROOT,
                env=self.whole_environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait until /health/ready says so. Raises AssertionError with the log when it doesn't."""
        deadline = time.monotonic() + timeout
        with httpx.Client(timeout=2.0, trust_env=False, verify=not endpoint(self.name, self.config).tls) as client:
            while not self._ready(client):
                assert self.running, (
                    f"{self.name} ended with {self.process and self.process.returncode}:\n{self.words()}"
                )
                assert time.monotonic() < deadline, f"{self.name} is not ready after {timeout:g} s:\n{self.words()}"
                time.sleep(POLL)

    def kill9(self) -> None:
        """End it, and what it started, without warning."""
        if self.process is not None:
            kill_group(self.process.pid)
            self.process.wait(STOP_SECONDS)

    def stop(self, timeout: float = STOP_SECONDS) -> int:
        """Stop it in an orderly way and give its exit code; kills it and fails when that takes too long."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            self.kill9()
            raise AssertionError(f"{self.name} did not stop within {timeout:g} s:\n{self.words()}") from error
        finally:
            kill_group(self.process.pid)

    def words(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(tail(self.log)[-lines:])

    def _ready(self, client: httpx.Client) -> bool:
        try:
            return client.get(f"{self.url}/health/ready").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


@dataclass
class Stack:
    """Ingest, projector and API together, on a log and tables of their own."""

    kafka: KafkaSettings
    postgres: PostgresSettings
    ingest: Service
    projector: Service
    api: Service

    @property
    def mqtt_port(self) -> int:
        """Port for MQTT clients."""
        return self.ingest.mqtt_port

    @property
    def api_url(self) -> str:
        """Base URL of the API."""
        return self.api.url


def service_config(kafka: KafkaSettings, postgres: PostgresSettings, overrides: dict[str, object]) -> Config:
    """A whole configuration with free ports; ``overrides`` are ``section__name=value``."""
    changes: dict[str, object] = {
        **{f"kafka__{name}": getattr(kafka, name) for name in kafka.__dataclass_fields__},
        **{f"postgres__{name}": getattr(postgres, name) for name in postgres.__dataclass_fields__},
        "mqtt__port": free_port(),
        "ingest__http_port": free_port(),
        "projector__http_port": free_port(),
        "connector__http_port": free_port(),
        "connections__keys": Secret(TEST_KEY),
        "api__port": free_port(),
        **{f"dialects__{name}_port": 0 for name in ("emqx4", "bifromq", "emq2", "cedalo")},
        **overrides,
    }
    config = load(None, {}, local_stack=False)
    return load(None, config.environment(**changes), local_stack=False)


def new_service(
    name: str, kafka: KafkaSettings, postgres: PostgresSettings, folder: Path, overrides: dict[str, object]
) -> Service:
    """A service, not started yet, that logs into ``folder``."""
    config = service_config(kafka, postgres, overrides)
    return Service(name, config, folder / f"{name}-{config.settings['mqtt.port'].value}.log", config.environment())


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
