"""Each of our services starts from the very command and environment that compose.yaml gives it.

What differs from Docker: hosts and ports are those of this machine's stack, and the password is its own.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from schemas.settings import KafkaSettings, PostgresSettings
from stack.config import PREFIX
from stack.local.ports import free_port
from stack.supervise import kill_group, tail
from tests.contract.compose.deployment import Service, service
from tests.stackkit.eventually import eventually
from tests.stackkit.services import guarded

PASSWORD = "s3cret"
PORTS = {
    "ingest": ("MQLEDGER_MQTT__PORT", "MQLEDGER_INGEST__HTTP_PORT"),
    "projector": ("MQLEDGER_PROJECTOR__HTTP_PORT",),
    "connector": ("MQLEDGER_CONNECTOR__HTTP_PORT",),
    "api": ("MQLEDGER_API__PORT",),
    "dialects": (
        *(f"MQLEDGER_DIALECTS__{name}_PORT" for name in ("EMQX4", "BIFROMQ", "EMQ2", "CEDALO")),
        "MQLEDGER_API__PORT",
    ),
}
READY_SECONDS = 60.0

pytestmark = pytest.mark.timeout(240)


@dataclass
class Container:
    """A process that stands for a container."""

    service: Service
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def health_port(self) -> str:
        return self.environment[PORTS[self.service.name][-1]]

    def health(self) -> int:
        """The exit code of the health check that compose.yaml gives."""
        words = [*program(self.service.health[0]), *self.service.health[1:]]
        return subprocess.run(words, env=self.environment, cwd="/tmp", capture_output=True, check=False).returncode


def program(name: str) -> list[str]:
    """Our own program of this environment, which the image has on its path."""
    assert name == "mqledger"
    return [str(Path(sys.executable).parent / name)]


@pytest.fixture(scope="module")
def place(
    new_kafka: Callable[..., KafkaSettings], new_postgres: Callable[..., PostgresSettings]
) -> tuple[KafkaSettings, PostgresSettings]:
    """A log and a schema for all tests here; compose.yaml's own topics and migrate make what is in them."""
    return new_kafka(partitions=8), new_postgres()


@pytest.fixture
def start(place: tuple[KafkaSettings, PostgresSettings], tmp_path: Path) -> Iterator[Callable[[str], Container]]:
    running: list[Container] = []

    def run(name: str) -> Container:
        found = service(name, {"POSTGRES_PASSWORD": PASSWORD})
        environment = here(found, *place)
        log = tmp_path / f"{name}-{len(running)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*guarded(signal.SIGKILL), *program(found.command[0]), *found.command[1:]],
                env=environment,
                cwd="/tmp",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        running.append(Container(found, environment, process, log))
        return running[-1]

    yield run
    for container in running:
        kill_group(container.process.pid)
        container.process.wait(10)


def here(found: Service, kafka: KafkaSettings, postgres: PostgresSettings) -> dict[str, str]:
    """The environment of compose.yaml with this machine's hosts, ports and password."""
    given = dict(found.environment)
    assert given["MQLEDGER_KAFKA__BOOTSTRAP"] == "kafka:9092"
    dsn = urlsplit(given["MQLEDGER_POSTGRES__DSN"])
    assert (dsn.scheme, dsn.username, dsn.password, dsn.hostname, dsn.port) == (
        "postgresql",
        "mqledger",
        PASSWORD,
        "postgres",
        5432,
    )
    given["MQLEDGER_KAFKA__BOOTSTRAP"] = kafka.bootstrap
    given["MQLEDGER_KAFKA__TOPIC_PREFIX"] = kafka.topic_prefix
    given["MQLEDGER_POSTGRES__DSN"] = postgres.dsn.reveal()
    given["MQLEDGER_POSTGRES__SCHEMA"] = postgres.schema
    given |= {variable: str(free_port()) for variable in PORTS.get(found.name, ())}
    plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**plain, **given}


def finished(container: Container) -> str:
    code = container.process.wait(60)
    words = "\n".join(tail(container.log))
    assert code == 0, words
    return words


async def ready(container: Container) -> None:
    url = f"http://127.0.0.1:{container.health_port}/health/ready"

    def answers() -> bool:
        if container.process.poll() is not None:
            pytest.fail(f"{container.service.name} ended:\n" + "\n".join(tail(container.log)[-30:]))
        try:
            return httpx.get(url, timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    await eventually(answers, READY_SECONDS, lambda: "\n".join(tail(container.log)[-30:]))


async def test_one_shots_do_their_work_and_services_become_ready(start: Callable[[str], Container]) -> None:
    assert "everything that happens" in finished(start("topics"))
    assert "applied" in finished(start("migrate"))
    assert "up to date" in finished(start("migrate")), "run again at every `docker compose up`"
    containers = [start(name) for name in ("ingest", "projector", "projector", "connector", "api", "api", "dialects")]
    for container in containers:
        await ready(container)
        assert container.health() == 0
    await eventually(lambda: first_secrets(containers), 30)
    (secret,) = first_secrets(containers)
    for api in containers[-3:]:
        url = f"http://127.0.0.1:{api.health_port}/api/v1/sessions"
        assert httpx.get(url, trust_env=False).status_code == 401
        await eventually(lambda at=url: status(at, secret) == 200, 10)  # type: ignore[misc]
    for container in reversed(containers):
        container.process.terminate()
        assert container.process.wait(20) == 0, "\n".join(tail(container.log)[-30:])
    assert containers[0].health() == 1


def first_secrets(containers: list[Container]) -> list[str]:
    """The passwords of first administrators that all of them have told."""
    texts = [container.log.read_text(encoding="utf-8", errors="replace") for container in containers]
    return re.findall(r"first administrator is 'admin' with the password (\S+)", "\n".join(texts))


def status(url: str, secret: str) -> int:
    return httpx.get(url, auth=("admin", secret), trust_env=False).status_code


async def test_services_wait_for_their_dependencies_instead_of_crashing(
    start: Callable[[str], Container], place: tuple[KafkaSettings, PostgresSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setattr("tests.contract.compose.test_services.here", _away(here, nowhere))
    for name in ("ingest", "projector", "topics"):
        container = start(name)
        await eventually(lambda c=container: "waiting for Kafka" in "\n".join(tail(c.log)), 20)  # type: ignore[misc]
        assert container.process.poll() is None
        assert container.environment["MQLEDGER_STACK__WAIT"] == "120"


def _away(
    original: Callable[[Service, KafkaSettings, PostgresSettings], dict[str, str]], nowhere: str
) -> Callable[[Service, KafkaSettings, PostgresSettings], dict[str, str]]:
    def changed(found: Service, kafka: KafkaSettings, postgres: PostgresSettings) -> dict[str, str]:
        return {**original(found, kafka, postgres), "MQLEDGER_KAFKA__BOOTSTRAP": nowhere}

    return changed
