"""A Kafka that a test may stop, kill and keep away."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mqttkit.timing import eventually
from tests.stackkit.services import Services


class BreakableKafka:
    """The Kafka of a local stack of the test's own, whose supervisor starts it again when it dies."""

    def __init__(self, services: Services) -> None:
        assert services.data is not None, "only a local stack may be broken"
        self.services = services
        self._data: Path = services.data
        host, _, port = services.kafka.bootstrap.rpartition(":")
        self._address = (host, int(port))

    def kill(self) -> None:
        """SIGKILL; the supervisor starts it again."""
        old = self._pid()
        os.kill(old, signal.SIGKILL)
        eventually(lambda: self._pid_file() != old, "the supervisor notices the death of Kafka")

    def wait_until_back(self) -> None:
        """Wait until it listens again."""
        eventually(self._listens, "Kafka listens again", 90)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It neither answers nor closes anything within."""
        pid = self._pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            # A thread stops when it is next scheduled; until then a busy machine's Kafka may go on answering.
            eventually(lambda: _all_stopped(pid), "every thread of Kafka has stopped")
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def dead(self) -> Iterator[None]:
        """It is killed and stays away within; connections to it are refused."""
        supervisor = int((self._data / "lock").read_text())
        old = self._pid()
        os.kill(supervisor, signal.SIGSTOP)
        try:
            os.kill(old, signal.SIGKILL)
            eventually(lambda: not self._listens(), "Kafka is gone")
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)
        self.wait_until_back()

    def _pid(self) -> int:
        """Its process id, as soon as it has one."""
        eventually(lambda: self._pid_file() is not None, "Kafka has a process", 30)
        pid = self._pid_file()
        assert pid is not None
        return pid

    def _pid_file(self) -> int | None:
        try:
            return int((self._data / "run" / "kafka.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(self._address) == 0


def _all_stopped(pid: int) -> bool:
    """Whether every thread of the process is stopped, as proc(5) tells it: state T in ``/proc/PID/task/TID/stat``."""
    try:
        stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):
        return False  # a thread ended while we looked, so they run
    return bool(stats) and all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)
