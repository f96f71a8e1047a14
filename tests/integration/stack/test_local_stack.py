"""The local Kafka and Postgres as a person meets them: killed, damaged, in the way of each other."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import asyncpg
import psutil
import pytest

from stack.local.ports import free_port
from stack.supervise import tail
from stack.topics import admin_client, ensure_topics
from tests.stackkit.eventually import eventually
from tests.stackkit.services import ROOT, Services, local_stack

GONE_SECONDS = 45.0


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that a stack has used and left in order."""
    data = tmp_path_factory.mktemp("laid-out")
    with local_stack(data):
        pass
    return data


@pytest.fixture
def data(laid_out: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(laid_out, tmp_path / "data")


def command(data: Path, *options: str) -> list[str]:
    ports = ("--kafka-port", str(free_port()), "--postgres-port", str(free_port()), "--heap", "256", "--light")
    return [sys.executable, "-m", "stack.local", "--data", str(data), *ports, *options]


def refused(data: Path, *options: str, path: str | None = None) -> str:
    """Start where it can't work: one sentence, exit code 1, no traceback."""
    environment = os.environ | ({"PATH": path} if path else {})
    done = subprocess.run(
        command(data, *options), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    sentences = [line for line in done.stderr.splitlines() if line.startswith("mqledger: ")]
    assert len(sentences) == 1, done.stderr
    return sentences[0]


def processes_of(data: Path) -> list[psutil.Process]:
    """Every process that names the folder in its command line or holds its lock."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and str(data) in " ".join(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


@pytest.fixture
def started(data: Path) -> Iterator[subprocess.Popen[str]]:
    """A running local stack, as a bare process to be killed; whatever it leaves is ended afterwards."""
    process = subprocess.Popen(command(data), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert process.stdout.readline().startswith("{")
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
        process.stderr.close()
        for left in processes_of(data):
            with suppress(psutil.NoSuchProcess):  # it ended by itself, which is as good
                left.kill()


async def test_a_killed_supervisor_leaves_no_orphan_and_postgres_stops_safely(
    started: subprocess.Popen[str], data: Path
) -> None:
    commands = {word for process in processes_of(data) for word in process.cmdline()}
    assert "kafka.Kafka" in commands
    started.kill()
    started.wait(10)
    await eventually(lambda: not processes_of(data), GONE_SECONDS, lambda: processes_of(data))
    assert "database system is shut down" in "\n".join(tail(data / "log" / "postgres.log"))
    assert (data / "kafka" / "log" / ".kafka_cleanshutdown").exists()
    with local_stack(data):
        pass


async def test_what_dies_is_started_again(started: subprocess.Popen[str], data: Path) -> None:
    assert started.stderr is not None
    for name in ("kafka", "postgres"):
        pid_file = data / "run" / f"{name}.pid"
        before = int(pid_file.read_text())
        os.kill(before, signal.SIGKILL)
        await eventually(partial(_another_pid, pid_file, before), 15)
    said = ""
    deadline = time.monotonic() + 30
    while said.count(": well") < 2 and time.monotonic() < deadline:
        said += started.stderr.readline()
    assert "kafka: ended with signal SIGKILL; starts again in 0.5 s" in said
    assert "postgres: ended with signal SIGKILL; starts again in 0.5 s" in said
    assert said.count(": well") == 2


async def test_data_survives_a_restart_and_a_change_of_ports(tmp_path: Path) -> None:
    with local_stack(tmp_path) as first:
        await ensure_topics(first.kafka)
        await _run(first, "create table kept (x int); insert into kept values (7)")
    with local_stack(tmp_path) as second:
        assert second.kafka.bootstrap != first.kafka.bootstrap
        async with admin_client(second.kafka) as admin:
            assert second.kafka.events_topic in await admin.list_topics()
        assert await _run(second, "select x from kept") == 7


async def test_strangers_are_kept_out(tmp_path: Path) -> None:
    with local_stack(tmp_path) as services:
        wrong = services.postgres.dsn.reveal().replace(":", ":x", 2).replace(":x//", "://")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(wrong)
        assert stat.S_IMODE((tmp_path / "run" / "env").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "postgres" / "password").stat().st_mode) == 0o600
        for port in (services.kafka.bootstrap, services.postgres.dsn.reveal().rpartition("@")[2].partition("/")[0]):
            assert _listeners(int(port.rpartition(":")[2])) == {"127.0.0.1"}


def test_a_second_one_on_the_same_folder_is_refused(started: subprocess.Popen[str], data: Path) -> None:
    assert f"Another mqledger (process {started.pid}) uses the data folder {data}" in refused(data)


def test_a_taken_port_is_named_with_its_holder(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = refused(data, "--postgres-port", str(port))
    assert f"Port {port} on 127.0.0.1, wanted for Postgres, is taken by " in sentence
    assert f"(process {os.getpid()})" in sentence
    assert "choose another with" in sentence


def test_a_damaged_kafka_folder_is_refused(data: Path) -> None:
    (data / "kafka" / "log" / "meta.properties").unlink()
    sentence = refused(data)
    assert "The Kafka folder" in sentence
    assert "is damaged: meta.properties is missing" in sentence


def test_a_kafka_folder_without_the_log_of_its_cluster_is_refused(data: Path) -> None:
    shutil.rmtree(data / "kafka" / "log" / "__cluster_metadata-0")
    assert "is damaged: __cluster_metadata-0 is missing" in refused(data)


def test_a_kafka_folder_of_another_cluster_is_explained_from_its_log(data: Path) -> None:
    meta = data / "kafka" / "log" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))
    assert "Kafka says: " in refused(data)


def test_a_damaged_postgres_folder_is_refused(data: Path) -> None:
    (data / "postgres" / "cluster" / "global" / "pg_control").unlink()
    assert "pg_control is missing); move it away: the read models are folded from the log again." in refused(data)


def test_a_postgres_that_finds_damage_itself_is_quoted(data: Path) -> None:
    (data / "postgres" / "cluster" / "global" / "pg_control").write_bytes(b"x" * 8192)
    sentence = refused(data)
    assert "Postgres says: " in sentence
    assert "move it away" in sentence


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "can't be written" in refused(tmp_path / "file")


def _another_pid(file: Path, before: int) -> bool:
    return file.exists() and file.read_text() not in ("", f"{before}\n")


async def _run(services: Services, query: str) -> object:
    connection = await asyncpg.connect(services.postgres.dsn.reveal())
    try:
        if query.startswith("select"):
            return await connection.fetchval(query)
        return await connection.execute(query)
    finally:
        await connection.close()


def _listeners(port: int) -> set[str]:
    found = psutil.net_connections("tcp")
    addresses = {at.laddr.ip for at in found if at.status == psutil.CONN_LISTEN and at.laddr.port == port}
    return {address.removeprefix("::ffff:") for address in addresses}
