"""A process of ours that dies with secrets in its memory leaves no core file, and ``status`` prints none of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from ops.cores import PR_SET_DUMPABLE
from stack.config import PREFIX
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.services import ROOT

PR_GET_DUMPABLE = PR_SET_DUMPABLE - 1
SECONDS = 60.0
PASSWORDS = ("word-of-postgres", "word-of-kafka", "word-of-the-operator")
KEYS = ("key-that-seals-connections-000001", "key-that-seals-connections-000002", "key-of-tokens-0000000000000000001")
MAY_DUMP = ("/bin/sh", "-c", 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', "sh")
"""The beginning of a command that may leave core files as large as the system lets it."""
STATE = f"""
import ctypes, resource
print(ctypes.CDLL(None).prctl({PR_GET_DUMPABLE}, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE)[0])
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="how a process ended is told by Linux")


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SECONDS)
        yield server


def _environment(server: socket.socket, **changes: str) -> dict[str, str]:
    """Everything that is secret, and a Kafka and a Postgres that don't answer."""
    port = server.getsockname()[1]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    settings = {
        "POSTGRES__DSN": f"postgresql://ledger:{PASSWORDS[0]}@127.0.0.1:{port}/ledger",
        "KAFKA__BOOTSTRAP": f"127.0.0.1:{port}",
        "KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA__SASL_MECHANISM": "PLAIN",
        "KAFKA__SASL_USERNAME": "ledger",
        "KAFKA__SASL_PASSWORD": PASSWORDS[1],
        "REMOTE__USER": "ops",
        "REMOTE__SECRET": PASSWORDS[2],
        "CONNECTIONS__KEYS": ",".join(KEYS[:2]),
        "API__TOKEN_KEYS": KEYS[2],
        **changes,
    }
    return {**plain, "PYTHONPATH": str(ROOT), **{PREFIX + name: value for name, value in settings.items()}}


def _aborted(words: list[str], environment: Mapping[str, str], folder: Path, server: socket.socket | None) -> bool:
    """Start a program in an empty folder, end it by SIGABRT once it has connected; whether the kernel dumped it."""
    folder.mkdir()
    said = folder.with_suffix(".txt")
    with said.open("wb") as out:
        process = subprocess.Popen(
            [*MAY_DUMP, *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        if server is not None:
            server.accept()[0].close()
            os.kill(process.pid, signal.SIGABRT)
        _, status = eventually_sync(partial(_ended, process.pid), SECONDS)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == -signal.SIGABRT
        return os.WCOREDUMP(status)
    except BaseException as error:
        error.add_note(said.read_text(errors="replace"))
        raise
    finally:
        if process.returncode is None:
            process.kill()
            process.wait(SECONDS)


def _ended(pid: int) -> tuple[int, int]:
    """Id and status of a child; Popen does not tell whether it was dumped. Raises AssertionError while it runs."""
    found = os.waitpid(pid, os.WNOHANG)
    assert found[0], "it still runs"
    return found


@pytest.mark.parametrize("command", ["status", "ingest", "projector", "connector", "api"])
def test_no_core_file(deaf: socket.socket, tmp_path: Path, command: str) -> None:
    words = [sys.executable, "-m", "stack.cli", command]
    assert not _aborted(words, _environment(deaf), tmp_path / "ours", deaf)
    assert list((tmp_path / "ours").iterdir()) == []


def test_who_wants_core_files_gets_them(deaf: socket.socket, tmp_path: Path) -> None:
    """The control of the test above, where the system writes any."""
    plain = [sys.executable, "-c", "import os; os.abort()"]
    if not _aborted(plain, os.environ, tmp_path / "plain", None):
        pytest.skip("this system dumps nobody")
    words = [sys.executable, "-m", "stack.cli", "status"]
    assert _aborted(words, _environment(deaf, STACK__CORE_DUMPS="true"), tmp_path / "ours", deaf)


def test_the_kernel_knows() -> None:
    """Also where nothing is dumped anyway: the flag and the limit, as the process itself reads them."""
    for call, told in (("", "1"), ("cores.forbid()", "0 0"), ("cores.forbid(); cores.inherit()", "0 0")):
        done = subprocess.run(
            [*MAY_DUMP, sys.executable, "-c", f"from ops import cores\n{call}\n{STATE}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        assert done.stdout.startswith(told), (call, done.stdout)


@pytest.mark.parametrize("words", [("status",), ("status", "--json"), ("config", "show")])
def test_what_is_printed_has_no_secret(deaf: socket.socket, words: tuple[str, ...]) -> None:
    environment = _environment(deaf)
    deaf.close()  # refused at once
    done = subprocess.run(
        [sys.executable, "-m", "stack.cli", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.stdout, said
    assert "Traceback" not in said
    for secret in (*PASSWORDS, *KEYS):
        assert secret not in said
