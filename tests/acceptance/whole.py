"""``mqledger up`` as its user runs it, on a data folder and ports of a test's own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from schemas.settings import KafkaSettings
from stack.config import PREFIX
from stack.local.lock import LOCAL_FILE
from stack.local.ports import free_port
from tests.acceptance.product import View
from tests.mqttkit.link import Address
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.services import ROOT, guarded

UP_SECONDS = 120.0
STOP_SECONDS = 60.0
PORTS = (
    "MQTT__PORT",
    "INGEST__HTTP_PORT",
    "PROJECTOR__HTTP_PORT",
    "CONNECTOR__HTTP_PORT",
    "API__PORT",
    "LOCAL__KAFKA_PORT",
)
TOGETHER = {f"{PREFIX}DIALECTS__{name}_PORT": "0" for name in ("EMQX4", "BIFROMQ", "EMQ2", "CEDALO")}
PORT_OF_POSTGRES = "LOCAL__POSTGRES_PORT"


class Whole(View):
    """The command, started as often as a test likes on the same folder and ports."""

    def __init__(self, data: Path) -> None:
        """``data`` is made by the command itself."""
        self._ports = {name: free_port() for name in (*PORTS, PORT_OF_POSTGRES)}
        self._settings_up = {f"{PREFIX}{name}": str(port) for name, port in self._ports.items()} | TOGETHER
        self._data = data
        self._said = data.with_suffix(".txt")
        self._process: subprocess.Popen[bytes] | None = None
        kafka = KafkaSettings(bootstrap=f"127.0.0.1:{self._ports['LOCAL__KAFKA_PORT']}")
        super().__init__(self._ports["API__PORT"], {f"{PREFIX}LOCAL__DATA": str(data)}, kafka)

    @property
    def address(self) -> Address:
        """Host and port for MQTT clients."""
        return ("127.0.0.1", self._ports["MQTT__PORT"])

    def start(self) -> None:
        """Run the command and wait until it says that it is up."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [*guarded(signal.SIGTERM), sys.executable, "-m", "stack.cli", "up", "--data", str(self._data)],
                cwd=ROOT,
                env={**plain, **self._settings_up, "COLUMNS": "160"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        eventually_sync(self._is_up, UP_SECONDS, self.said)

    def interrupt(self) -> None:
        """Ctrl-C; it must stop in good order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(STOP_SECONDS) == 0, self.said()
        assert "was killed" not in self.said()

    def kill_everything(self) -> None:
        """SIGKILL to every process of the command at once: itself, its warden, servers, services, their workers."""
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        parent.suspend()  # so that it starts nothing while the list is made
        everyone = [parent, *parent.children(recursive=True)]
        for process in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):  # a worker may end by the death of its parent
                process.kill()
        self._process.wait(STOP_SECONDS)
        psutil.wait_procs(everyone, STOP_SECONDS)

    def end(self) -> None:
        """Whatever state it is in, nothing is left; its last words are shown."""
        if self._process is not None and self._process.poll() is None:
            self.kill_everything()
        print(f"-- mqledger up said\n{self.said()}")

    def said(self) -> str:
        """What it has printed since its last start."""
        return self._said.read_text(encoding="utf-8")

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"up ended with {self._process.returncode}:\n{self.said()}")
        return "mqledger is up after" in self.said() and (self._data / LOCAL_FILE).exists()
