"""What a benchmark measures: a broker at an address, and the processes whose CPU is counted.

``mqledger`` starts ours for a benchmark: Kafka and Postgres of ``stack.local`` in a folder that is removed afterwards,
and of our services those that the benchmark needs, each the real process with its real command, on free ports.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import children
from bench.load.links import Address, raise_open_files
from bench.load.meter import BROKER, Groups
from bench.machine import commit, installed
from schemas.settings import KafkaSettings

LOOPBACK = "127.0.0.1"
OPEN_FILES = 12_000
LOCAL_SECONDS = 120.0
SERVICE_SECONDS = 60.0
GRACE = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """A broker that is up. The group 'broker' of its processes is the one that figures are divided by."""

    name: str
    address: Address
    groups: Groups
    version: str = ""
    api: Address | None = None
    """Where its query API answers, when it was started with one."""


@contextmanager
def mqledger(
    services: Sequence[str] = ("ingest",),
    changes: Mapping[str, str] | None = None,
    prepare: Callable[[KafkaSettings], None] | None = None,
) -> Iterator[Target]:
    """Our broker with 'ingest' and, when named, 'projector' and 'api'; all stopped and removed on leaving.

    ``changes`` are further settings as variables; ``prepare`` may write to the log before a service starts.

    Where there was a projector, its read models are compared with a fresh fold of the log at the end: figures of wrong
    models are worth nothing. Raises ChildFailedError when they differ, or when something did not start.
    """
    raise_open_files(OPEN_FILES)
    ports = {name: free_port() for name in ("mqtt", "ingest_http", "projector_http", "api")}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mqledger-bench-")))
        environment, groups = stack.enter_context(_local(folder))
        environment |= settings(ports) | dict(changes or {})
        _once("topics", folder, environment)
        if prepare is not None:
            prepare(KafkaSettings(bootstrap=environment["MQLEDGER_KAFKA__BOOTSTRAP"]))
        if "projector" in services:
            _once("migrate", folder, environment)
        for name in ("ingest", "projector", "api"):
            if name in services:
                process = stack.enter_context(_service(name, folder, environment, health_of(name, ports)))
                groups[BROKER if name == "ingest" else name] = whole(process.pid)
        yield Target(
            "mqledger",
            Address(LOOPBACK, ports["mqtt"]),
            groups,
            version=f"mqledger {installed('mqledger')} ({commit()}), one node, local Kafka, one replica",
            api=Address(LOOPBACK, ports["api"]) if "api" in services else None,
        )
        if "projector" in services:
            _once("replay", folder, environment, "--verify", "--no-progress")


def settings(ports: dict[str, int]) -> dict[str, str]:
    """What differs from the defaults: the ports, quiet logs, and commands without an account."""
    return {
        "MQLEDGER_MQTT__HOST": LOOPBACK,
        "MQLEDGER_MQTT__PORT": str(ports["mqtt"]),
        "MQLEDGER_INGEST__HTTP_PORT": str(ports["ingest_http"]),
        "MQLEDGER_PROJECTOR__HTTP_PORT": str(ports["projector_http"]),
        "MQLEDGER_API__PORT": str(ports["api"]),
        **{f"MQLEDGER_DIALECTS__{name}_PORT": "0" for name in ("EMQX4", "BIFROMQ", "EMQ2", "CEDALO")},
        "MQLEDGER_ACCESS__ANONYMOUS": "loopback-operate",
        "MQLEDGER_LOGGING__LEVEL": "warning",
    }


def health_of(name: str, ports: dict[str, int]) -> tuple[Address, str]:
    """Where a service says that it is ready."""
    return Address(LOOPBACK, ports["api" if name == "api" else f"{name}_http"]), "/health/ready"


@contextmanager
def _local(folder: Path) -> Iterator[tuple[dict[str, str], dict[str, list[int]]]]:
    """Kafka and Postgres in ``folder``: the environment that leads to them, and Kafka's process."""
    log, output = folder / "local.log", folder / "local.json"
    command = [sys.executable, "-m", "stack.local", "--data", str(folder / "local")]
    command += ["--kafka-port", "0", "--postgres-port", "0"]
    with children.running(command, log, grace=GRACE, output=output) as process:
        children.wait_until("Kafka and Postgres", lambda: bool(_variables(output)), process, log, seconds=LOCAL_SECONDS)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MQLEDGER_")}
        yield clean | _variables(output), {"kafka": java_of(process.pid)}


def _variables(output: Path) -> dict[str, str]:
    """The JSON line in which ``stack.local`` says how to reach the two; empty before it has."""
    for line in output.read_text(errors="replace").splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n"):
            return {str(name): str(value) for name, value in json.loads(line).items()}
    return {}


def whole(pid: int) -> list[int]:
    """A service's process and the workers that it has."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def java_of(pid: int) -> list[int]:
    """The Java processes below a process."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True) if _name_of(child) == "java"]


def _name_of(process: psutil.Process) -> str:
    """The name of a process; empty when it has ended meanwhile, as those that only prepare something do."""
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def _once(name: str, folder: Path, environment: dict[str, str], *arguments: str) -> None:
    """Run a command of ours to its end; raises ChildFailedError when it fails."""
    log = folder / f"{name}.log"
    with children.running([sys.executable, "-m", "stack.cli", name, *arguments], log, environment) as process:
        children.wait_for_end(f"mqledger {name}", process, log, seconds=SERVICE_SECONDS)


@contextmanager
def _service(
    name: str, folder: Path, environment: dict[str, str], health: tuple[Address, str]
) -> Iterator[subprocess.Popen[bytes]]:
    log = folder / f"{name}.log"
    command = [sys.executable, "-m", "stack.cli", name]
    with children.running(command, log, environment, grace=GRACE) as process:
        children.wait_until(f"{name} ready", lambda: answers_200(*health), process, log, seconds=SERVICE_SECONDS)
        yield process


def answers_200(address: Address, path: str) -> bool:
    """Whether a GET of the path is answered with 200 now."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=5.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (ConnectionError, TimeoutError):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
