"""Mosquitto as the broker under test: what the tests themselves are tested against."""

from __future__ import annotations

import getpass
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.mqttkit.link import Address
from tests.mqttkit.target import Promises
from tests.mqttkit.timing import eventually

MAX_PACKET_SIZE = 262_144


def find_mosquitto() -> str | None:
    """Path of the broker's program, also where it is off the PATH of ordinary users."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Mosquitto:
    """A Mosquitto on loopback that keeps its sessions in a file."""

    name = "mosquitto"
    promises = Promises(MAX_PACKET_SIZE, connect_timeout=None, keep_alive_slack=6.0, reasons=False, durable=False)

    def __init__(self, folder: Path) -> None:
        """Prepare it in ``folder``, which outlives its restarts. Raises RuntimeError when it isn't installed."""
        program = find_mosquitto()
        if program is None:
            raise RuntimeError("mosquitto is not installed")
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        stays = f"user {getpass.getuser()}\n"  # started by root it would become one who can't write here
        (folder / "mosquitto.conf").write_text(
            f"{stays}listener {self._port} 127.0.0.1\n"
            "allow_anonymous true\n"
            "persistence true\n"
            f"persistence_location {folder}/\n"
            "autosave_interval 1800\n"
            f"max_packet_size {MAX_PACKET_SIZE}\n"
            "max_queued_messages 100000\n"
            "log_dest file " + str(folder / "mosquitto.log") + "\n"
        )

    @property
    def address(self) -> Address:
        """Host and port of its MQTT listener."""
        return ("127.0.0.1", self._port)

    @property
    def pid(self) -> int:
        """Id of its running process."""
        assert self._process is not None, "mosquitto is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes clients."""
        self._process = subprocess.Popen([self._program, "-c", str(self._folder / "mosquitto.conf")])
        eventually(self._accepts, "mosquitto accepts connections")

    def stop(self) -> None:
        """Ask it to stop, which saves its sessions."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._end(signal.SIGKILL)

    def _end(self, signum: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signum)
            self._process.wait(10)
            self._process = None

    def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "mosquitto ended at once"
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0
