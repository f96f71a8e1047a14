"""``mqledger up`` as a person runs it: start, look, kill things, stop, start again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import paho.mqtt.client as paho
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from stack.config import PREFIX
from stack.local.lock import LOCAL_FILE
from tests.stackkit.eventually import eventually
from tests.stackkit.services import ROOT

UP_SECONDS = 110.0
STOP_SECONDS = 60.0
NAMES = ("kafka", "postgres", "ingest", "projector", "connector", "api")
CORE_DUMPS = f"{PREFIX}STACK__CORE_DUMPS"
FREE_PORTS = {
    f"{PREFIX}{name}": "0"
    for name in (
        "MQTT__PORT",
        "INGEST__HTTP_PORT",
        "PROJECTOR__HTTP_PORT",
        "CONNECTOR__HTTP_PORT",
        "API__PORT",
        *(f"DIALECTS__{name}_PORT" for name in ("EMQX4", "BIFROMQ", "EMQ2", "CEDALO")),
        "LOCAL__KAFKA_PORT",
        "LOCAL__POSTGRES_PORT",
    )
}

pytestmark = pytest.mark.timeout(300)


@dataclass
class Up:
    """One run of the command, what it said so far, and what it runs."""

    data: Path
    as_shipped: bool = False
    """With no setting but ports and folder; who is not root then can't look into its processes."""
    process: subprocess.Popen[bytes] | None = None
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def said(self) -> str:
        return (self.data / "up.txt").read_text(encoding="utf-8")

    def environment(self, changes: dict[str, str]) -> dict[str, str]:
        given = environment(changes)
        if self.as_shipped:
            del given[CORE_DUMPS]
        return given

    def start(self) -> None:
        self.data.mkdir(exist_ok=True)
        with (self.data / "up.txt").open("wb") as out:
            self.process = subprocess.Popen(
                command("up", "--data", str(self.data)),
                cwd=ROOT,
                env=self.environment(FREE_PORTS),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    async def ready(self) -> None:
        await eventually(self._up, UP_SECONDS, lambda: self.said)
        told = tomllib.loads((self.data / LOCAL_FILE).read_text())
        self.ports = {"mqtt": told["mqtt"]["port"], "api": told["api"]["port"]}

    def _up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"up ended with {self.process.returncode}:\n{self.said}")
        return "mqledger is up after" in self.said and (self.data / LOCAL_FILE).exists()

    def pid(self, name: str) -> int:
        return int((self.data / "run" / f"{name}.pid").read_text() or 0)

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(STOP_SECONDS)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for left in tree_of(self.data):
            with suppress(psutil.NoSuchProcess):  # it ended by itself, which is as good
                left.kill()


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "stack.cli", *words]


def environment(changes: dict[str, str]) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    # So that tests that don't run as root may look at what a process was started with.
    return {**plain, "COLUMNS": "160", CORE_DUMPS: "true", **changes}


def tree_of(data: Path) -> list[psutil.Process]:
    """Every process of that run: those that name its folder or have it in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join([*process.cmdline(), _folder_of(process)])
            status = process.status()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if str(data) in words and process.pid != os.getpid() and status != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def _folder_of(process: psutil.Process) -> str:
    """What its environment names; who is not root may not look into processes of ours."""
    try:
        return str(process.environ().get("MQLEDGER_LOCAL__DATA", ""))
    except psutil.AccessDenied:
        return ""


@pytest.fixture
def up(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Up]:
    running = Up(tmp_path / "var", getattr(request, "param", False))
    running.start()
    yield running
    running.end()


def sessions(up: Up) -> list[str]:
    answer = httpx.get(f"http://127.0.0.1:{up.ports['api']}/api/v1/sessions", trust_env=False)
    assert answer.status_code == 200, answer.text
    return [session["client_id"] for session in answer.json()["sessions"]]


def connect(up: Up, client_id: str) -> None:
    """A persistent session that comes and goes."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.connect("127.0.0.1", up.ports["mqtt"])
    client.loop_start()
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("up", [True], ids=["as shipped"], indirect=True)
async def test_up_follows_restarts_and_stops_in_order_and_keeps_its_data(up: Up) -> None:
    await up.ready()
    connect(up, "kept")
    await eventually(lambda: sessions(up) == ["kept"], 20)
    secret = await first_secret(up)
    assert "on this machine anyone may read without an account" in up.said

    status = subprocess.run(
        command("status"),
        cwd=ROOT,
        env=up.environment({f"{PREFIX}LOCAL__DATA": str(up.data)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert status.returncode == 0, status.stdout + status.stderr
    assert "behind the log" in status.stdout
    assert secret not in status.stdout

    second = subprocess.run(
        command("up", "--data", str(up.data)),
        cwd=ROOT,
        env=up.environment(FREE_PORTS),
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"Another mqledger (process {up.process and up.process.pid}) uses the data folder" in second.stderr

    for name in NAMES:
        before = up.pid(name)
        os.kill(before, signal.SIGKILL)
        await eventually(lambda n=name: f"{n} ended with signal SIGKILL; it starts again in 0.5 s" in up.said, 20)  # type: ignore[misc]
    await eventually(lambda: all(f"{name} ✓ well" in up.said for name in NAMES), 90, lambda: up.said)
    await eventually(lambda: sessions(up) == ["kept"], 20)

    last = [up.pid(name) for name in NAMES]
    up.send(signal.SIGINT)
    assert up.wait() == 0
    assert all(last)
    assert not any(map(psutil.pid_exists, last))
    assert re.findall(r"✓ (\w+) stopped", up.said) == ["api", "connector", "projector", "ingest", "kafka", "postgres"]
    assert "was killed" not in up.said
    assert not tree_of(up.data)
    assert not (up.data / LOCAL_FILE).exists()

    assert up.said.count(secret) == 1
    holding = [file for file in up.data.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]
    assert holding == [up.data / "up.txt"], "it is told on the screen and kept nowhere"

    up.start()
    await up.ready()
    await eventually(lambda: sessions(up) == ["kept"], 20)
    assert account(up, secret) == 200
    assert "first administrator" not in up.said


async def first_secret(up: Up) -> str:
    """The password of the first administrator, which works."""
    told = re.compile(r"first administrator is admin with the password (\S+);")
    await eventually(lambda: told.search(up.said) is not None, 30, lambda: up.said)
    secrets: list[str] = told.findall(up.said)
    (secret,) = secrets
    assert account(up, secret) == 200
    assert account(up, "wrong") == 401
    return secret


def account(up: Up, secret: str) -> int:
    """The status of a request with a password."""
    return httpx.get(
        f"http://127.0.0.1:{up.ports['api']}/api/v1/sessions", auth=("admin", secret), trust_env=False
    ).status_code


async def test_a_killed_up_leaves_no_orphan_and_can_be_started_at_once(up: Up) -> None:
    await up.ready()
    assert len(tree_of(up.data)) >= len(NAMES) + 2
    up.send(signal.SIGKILL)
    up.wait()
    up.start()
    await up.ready()
    first = {process.pid for process in tree_of(up.data)}
    up.send(signal.SIGKILL)
    up.wait()
    await eventually(lambda: not tree_of(up.data), 45, lambda: tree_of(up.data))
    assert first


async def test_an_early_stop_leaves_nothing(up: Up) -> None:
    await eventually(lambda: "kafka is starting" in up.said, 30)
    up.send(signal.SIGTERM)
    assert up.wait() == 0, up.said
    assert not tree_of(up.data)


def test_a_taken_service_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            command("up", "--data", str(tmp_path / "var")),
            cwd=ROOT,
            env=environment({**FREE_PORTS, f"{PREFIX}MQTT__PORT": str(port)}),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1, wanted for MQTT, is taken by" in done.stderr
    assert "MQLEDGER_MQTT__PORT=PORT" in done.stderr
    assert "starting" not in done.stderr
