"""The product on a log and tables of its own: three services, command line, HTTP API, and the proof at the end."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from schemas.settings import KafkaSettings, PostgresSettings
from stack.config import PREFIX
from tests.contract.query_api.client import Api
from tests.integration.replay.cli import Result
from tests.mqttkit.link import Address
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.log_ends import log_ends
from tests.stackkit.process import Service, service_config
from tests.stackkit.services import ROOT

COMMAND_SECONDS = 300.0
SETTLE_SECONDS = 120.0


def run_command(settings: Mapping[str, str], *words: str) -> Result:
    """Run ``mqledger`` to its end with these settings and no others."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    done = subprocess.run(
        [sys.executable, "-m", "stack.cli", *words],
        cwd=ROOT,
        env={**plain, **settings, "PYTHONWARNINGS": "error", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


class View:
    """A running product from outside: what its users and operators can ask it."""

    def __init__(self, api_port: int, settings: Mapping[str, str], kafka: KafkaSettings) -> None:
        """``settings`` are the variables that lead the command line to it."""
        self.api = Api(api_port)
        self.kafka = kafka
        self._settings = settings

    def command(self, *words: str) -> Result:
        """Run ``mqledger`` to its end; it must succeed."""
        result = run_command(self._settings, *words)
        assert result.code == 0, f"mqledger {' '.join(words)} ended with {result.code}:\n{result.out}{result.err}"
        return result

    def session_ids(self, **parameters: object) -> list[str]:
        """Client ids of all sessions, page by page."""
        return [one for page in self.api.walk(**{"limit": 100, **parameters}) for one in page]

    def session(self, client_id: str) -> dict[str, Any] | None:
        """A session as the API shows it; None when there is none."""
        answer = self.api.session(client_id)
        assert answer.status in (200, 404), answer
        return answer.json() if answer.status == 200 else None

    def settle(self) -> dict[int, int]:
        """Wait until the read models hold all that is in the log now; the log's ends, by partition."""
        ends = asyncio.run(log_ends(self.kafka))
        eventually_sync(
            lambda: self._applied() and all(self._applied().get(p, 0) >= end for p, end in ends.items()),
            SETTLE_SECONDS,
            lambda: f"the log ends at {ends}, the models are at {self._applied()}",
        )
        return ends

    def prove(self) -> None:
        """Bar: ``mqledger replay --verify`` says no difference, and the API lists what a fresh fold of the log does."""
        self.settle()
        assert "no difference" in self.command("replay", "--verify", "--no-progress").out
        folded = json.loads(self.command("replay", "--format", "json", "--what", "sessions", "--no-progress").out)
        there = sorted((row["client_id"] for row in folded["sessions"] if row["state"] != "expired"), key=str.encode)
        assert self.session_ids() == there

    def _applied(self) -> dict[int, int]:
        """How far the models are, as the API says; empty while it says nothing."""
        try:
            answer = self.api.sessions(limit=1)
        except (OSError, HTTPException):
            return {}
        text = answer.headers.get("mqledger-applied", "") if answer.status == 200 else ""
        return {
            int(partition): int(offset) for partition, _, offset in (p.partition(":") for p in text.split(",") if p)
        }


class Product(View):
    """The three services, each a process of its own that may be killed and started again."""

    def __init__(self, kafka: KafkaSettings, postgres: PostgresSettings, folder: Path, **overrides: object) -> None:
        """``overrides`` are settings as ``section__name=value``; nothing is started yet."""
        self.config = service_config(kafka, postgres, overrides)
        settings = self.config.environment()
        self.ingest, self.projector, self.service = (
            Service(name, self.config, folder / f"{name}.log", settings) for name in ("ingest", "projector", "api")
        )
        super().__init__(self.service.http_port, settings, kafka)

    @property
    def services(self) -> tuple[Service, Service, Service]:
        """Ingest, projector, API."""
        return (self.ingest, self.projector, self.service)

    @property
    def address(self) -> Address:
        """Host and port for MQTT clients."""
        return ("127.0.0.1", self.ingest.mqtt_port)

    def start(self) -> None:
        """Start all and wait until they are ready."""
        for service in self.services:
            service.start(wait=False)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until all are ready."""
        for service in self.services:
            service.wait_ready()

    def end(self) -> None:
        """Kill what runs and show the last words, for the reader of a failed test."""
        for service in self.services:
            service.kill9()
            print(f"-- the end of {service.log.name}\n{service.words(12)}")
