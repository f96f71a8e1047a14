"""Kafka and Postgres for tests: configured ones, else containers, else the local stack."""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import yaml

from schemas.settings import KafkaSettings, PostgresSettings, Secret
from stack.local.ports import free_port
from stack.supervise import LAUNCH

ROOT = Path(__file__).resolve().parents[2]
KAFKA_VARIABLE = "MQLEDGER_KAFKA__BOOTSTRAP"
POSTGRES_VARIABLE = "MQLEDGER_POSTGRES__DSN"
START_SECONDS = 110.0
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Services:
    """Where the two are. ``data`` is the folder of the local stack, when that is what runs."""

    kafka: KafkaSettings
    postgres: PostgresSettings
    kind: str
    """configured, containers or local"""
    data: Path | None = None

    def pid(self, name: str) -> int:
        """Process id of ``kafka`` or ``postgres`` of a local stack, for tests that kill it."""
        assert self.data is not None, "only a local stack has processes of ours"
        return int((self.data / "run" / f"{name}.pid").read_text())


@contextmanager
def any_services() -> Iterator[Services]:
    """The best there is, stopped at the end if it was started here."""
    if os.environ.get(KAFKA_VARIABLE) and os.environ.get(POSTGRES_VARIABLE):
        yield _services(os.environ[KAFKA_VARIABLE], os.environ[POSTGRES_VARIABLE], "configured")
    elif docker_answers():
        with containers() as services:
            yield services
    else:
        with tempfile.TemporaryDirectory(prefix="mqledger-test-") as folder, local_stack(Path(folder)) as services:
            yield services


def _services(bootstrap: str, dsn: str, kind: str, data: Path | None = None) -> Services:
    kafka = KafkaSettings(bootstrap=bootstrap, partitions=4)
    return Services(kafka, PostgresSettings(dsn=Secret(dsn)), kind, data)


def docker_answers() -> bool:
    """Whether a Docker engine is at hand."""
    import docker

    with warnings.catch_warnings():
        # The client leaves its socket open when nobody answers; it is collected in here.
        warnings.simplefilter("ignore", ResourceWarning)
        answers = _ping(docker)
        gc.collect()
    return answers


def _ping(docker: ModuleType) -> bool:
    try:
        client = docker.from_env(timeout=3)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except docker.errors.DockerException:
        return False
    finally:
        client.close()


@contextmanager
def local_stack(data: Path, kafka_port: int = 0, postgres_port: int = 0, heap: int = 384) -> Iterator[Services]:
    """A local Kafka and Postgres in a folder, on free ports; also for a test that wants its own to break."""
    log = data / "local.log"
    data.mkdir(parents=True, exist_ok=True)
    options = ["--kafka-port", str(kafka_port), "--postgres-port", str(postgres_port), "--heap", str(heap), "--light"]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*guarded(signal.SIGTERM), sys.executable, "-m", "stack.local", "--data", str(data), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        told = json.loads(_first_line(process, log))
        yield _services(told[KAFKA_VARIABLE], told[POSTGRES_VARIABLE], "local", data)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        assert process.stdout is not None
        process.stdout.close()


def guarded(number: int) -> list[str]:
    """The beginning of a command that gets a signal when this process dies."""
    return [sys.executable, "-I", "-S", str(LAUNCH), "--parent", str(os.getpid()), "--signal", str(int(number)), "--"]


def _first_line(process: subprocess.Popen[bytes], log: Path) -> bytes:
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
    line = process.stdout.readline() if ready else b""
    if not line:
        raise RuntimeError(f"the local stack did not start:\n{log.read_text(encoding='utf-8')}")
    return line


@contextmanager
def containers() -> Iterator[Services]:
    """The images of ``compose.yaml``, on free ports of loopback."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    images = {name: service["image"] for name, service in _compose()["services"].items() if "image" in service}
    kafka_port, postgres_port, password = free_port(), free_port(), "test"
    kafka = DockerContainer(images["kafka"]).with_bind_ports(9092, kafka_port)
    for name, value in _container_environment(kafka_port).items():
        kafka = kafka.with_env(name, value)
    postgres = (
        DockerContainer(images["postgres"])
        .with_bind_ports(5432, postgres_port)
        .with_env("POSTGRES_PASSWORD", password)
        .with_env("POSTGRES_DB", "mqledger")
    )
    with kafka, postgres:
        wait_for_logs(kafka, "Kafka Server started", timeout=START_SECONDS)
        wait_for_logs(postgres, "database system is ready to accept connections", timeout=START_SECONDS)
        dsn = f"postgresql://postgres:{password}@127.0.0.1:{postgres_port}/mqledger"
        yield _services(f"127.0.0.1:{kafka_port}", dsn, "containers")


def _container_environment(port: int) -> dict[str, str]:
    """One KRaft node that tells clients to come to the bound port."""
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }


def _compose() -> dict[str, dict[str, dict[str, str]]]:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)  # type: ignore[no-any-return]


def fresh_kafka(services: Services, name: str, **changes: object) -> KafkaSettings:
    """Settings with a topic prefix of their own; the topics are not made yet."""
    return replace(services.kafka, topic_prefix=name, **changes)  # type: ignore[arg-type]


def fresh_postgres(services: Services, name: str, **changes: object) -> PostgresSettings:
    """Settings with a schema of their own; it is not made yet."""
    return replace(services.postgres, schema=name, **changes)  # type: ignore[arg-type]
