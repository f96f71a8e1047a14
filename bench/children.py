"""Processes that a benchmark starts: logged to a file, told to stop when it leaves, and gone when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from stack.supervise import LAUNCH

TAIL_LINES = 15
POLL = 0.02


class ChildFailedError(RuntimeError):
    """A process ended, or did not do in time what was awaited; its notes hold its log's last lines."""


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    grace: float = 10.0,
    output: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with what it says in ``log``. Gets SIGTERM on leaving, and SIGKILL when not gone after ``grace`` s.

    Its standard output goes to ``output`` where one is named: what may hold a secret doesn't belong in a log, whose
    last lines are shown when something fails.
    """
    launch = [sys.executable, "-I", "-S", str(LAUNCH), "--parent", str(os.getpid()), "--signal", str(signal.SIGTERM)]
    with log.open("ab") as errors, (output or log).open("ab") as said:
        process = subprocess.Popen(
            [*launch, "--", *command], stdin=subprocess.DEVNULL, stdout=said, stderr=errors, env=env
        )
    try:
        yield process
    except Exception as error:
        if lines := tail(log):
            error.add_note(f"The last lines of {log.name}:\n{lines}")
        raise
    finally:
        stop(process, grace)


def stop(process: subprocess.Popen[bytes], grace: float) -> None:
    """End a process that we started and wait until it has gone."""
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    what: str, true: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float
) -> None:
    """Return when ``true()``; raises ChildFailedError when the process ends or time is up before."""
    deadline = time.monotonic() + seconds
    while not true():
        if process.poll() is not None:
            raise ChildFailedError(f"{what}: the process ended with {process.returncode} before")
        if time.monotonic() > deadline:
            raise ChildFailedError(f"{what}: not within {seconds:.0f} s")
        time.sleep(POLL)


def wait_for_end(what: str, process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    """Return when the process has ended well; raises ChildFailedError when it fails or isn't done in time."""
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise ChildFailedError(f"{what}: not done within {seconds:.0f} s") from None
    if code:
        raise ChildFailedError(f"{what}: ended with {code}")


def tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])


def leave_in_order() -> None:
    """Let SIGTERM unwind this process, as Ctrl-C does, so that what it started is stopped."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)
