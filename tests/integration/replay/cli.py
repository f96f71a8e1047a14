"""Runs ``mqledger`` as people do: as a process, with the environment that points at a test's log and tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.settings import KafkaSettings, PostgresSettings
from stack.config import PREFIX

TIMEOUT = 60


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Standard output by lines."""
        return self.out.splitlines()

    @property
    def json_lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.lines]


@dataclass(frozen=True)
class Cli:
    """The program, pointed at a log and, perhaps, at tables."""

    kafka: KafkaSettings
    postgres: PostgresSettings | None = None

    def run(self, *arguments: str) -> Result:
        """Run it to its end."""
        done = subprocess.run(
            self.command(arguments), env=self.environment(), capture_output=True, timeout=TIMEOUT, check=False
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start it; the caller ends it."""
        return subprocess.Popen(
            self.command(arguments), env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    @staticmethod
    def command(arguments: Sequence[str]) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "stack.cli", *arguments]

    def environment(self) -> dict[str, str]:
        """Ours, less settings that were there, with those of the test."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        kept |= {
            "MQLEDGER_KAFKA__BOOTSTRAP": self.kafka.bootstrap,
            "MQLEDGER_KAFKA__TOPIC_PREFIX": self.kafka.topic_prefix,
            "MQLEDGER_KAFKA__PARTITIONS": str(self.kafka.partitions),
            "PYTHONWARNINGS": "error",
        }
        if self.postgres is not None:
            kept |= {
                "MQLEDGER_POSTGRES__DSN": self.postgres.dsn.reveal(),
                "MQLEDGER_POSTGRES__SCHEMA": self.postgres.schema,
            }
        return kept
