"""Other brokers to stand beside: Mosquitto, when it is installed.

Its configuration favours it: persistence off (nothing is written to disk), logging off, no limits on messages in
flight, queued, or on bytes, so that it never drops or waits, and TCP_NODELAY on, without which its answers to small
windows wait for the kernel. Anonymous, on a free port of 127.0.0.1.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import children
from bench.load.links import Address, raise_open_files
from bench.load.meter import BROKER
from bench.target import LOOPBACK, OPEN_FILES, Target, free_port

START_SECONDS = 10.0

MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 0
max_queued_messages 0
max_queued_bytes 0
max_inflight_bytes 0
max_connections -1
max_keepalive 65535
set_tcp_nodelay true
connection_messages false
log_type none
"""


def mosquitto_path() -> str | None:
    """Where Mosquitto is installed, on PATH or where Debian puts it; None when it isn't."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin:/sbin")


def mosquitto_version(path: str) -> str:
    """What Mosquitto says of itself, such as 'mosquitto version 2.0.18'."""
    said = subprocess.run([path, "-h"], capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0] if said else "mosquitto of unknown version"


@contextmanager
def mosquitto() -> Iterator[Target | None]:
    """A Mosquitto of our own, stopped on leaving; None when none is installed."""
    path = mosquitto_path()
    if path is None:
        yield None
        return
    raise_open_files(OPEN_FILES)
    address = Address(LOOPBACK, free_port())
    with tempfile.TemporaryDirectory(prefix="mqledger-bench-") as folder:
        conf, log = Path(folder) / "mosquitto.conf", Path(folder) / "mosquitto.log"
        conf.write_text(MOSQUITTO_CONF.format(port=address.port))
        with children.running([path, "-c", str(conf)], log) as process:
            children.wait_until("mosquitto", lambda: accepts(address), process, log, seconds=START_SECONDS)
            version = f"{mosquitto_version(path)}, persistence off"
            yield Target("mosquitto", address, {BROKER: [process.pid]}, version=version)


def accepts(address: Address) -> bool:
    """Whether a TCP connection is accepted now."""
    try:
        socket.create_connection((address.host, address.port), timeout=1.0).close()
    except ConnectionRefusedError:
        return False
    return True
