"""Stops what a supervisor left behind when it was killed.

Started by the supervisor with a pipe as standard input and the data folder as argument. Lines on the pipe say which
processes there are:

    add PID RANK SIGNAL GRACE     a child; SIGNAL asks it to stop, within GRACE seconds
    del PID                       it has ended

When the pipe ends, the supervisor has gone, however it went. The children that are left are stopped,
highest rank first, each within its grace, and what is left of its process group is killed after that. Then the
files are removed that tell others of the run (process ids, and how to reach it). The warden ignores signals that a
terminal sends; it holds the lock of the data folder (inherited) until it is done. Standard library only.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

POLL = 0.05
PIDFD_SIGNAL_PROCESS_GROUP = 4
"""From Linux 6.9 on: signals the group of the very process that the descriptor means, though it may have ended."""
TOLD = ("*.pid", "local.toml")
"""Files in ``run/`` of the data folder that are true only while something runs."""


@dataclass
class Child:
    """A process to stop, held by a descriptor where the kernel has them, so that its id can't be mistaken."""

    pid: int
    rank: int
    stop: int
    grace: float
    handle: int | None

    def send(self, signum: int) -> None:
        """Signal the process if it is still there."""
        try:
            if self.handle is not None and hasattr(signal, "pidfd_send_signal"):
                signal.pidfd_send_signal(self.handle, signum)
            else:
                os.kill(self.pid, signum)
        except ProcessLookupError:
            return

    def ended(self, within: float) -> bool:
        """Wait for the end of the process."""
        if self.handle is not None:
            return bool(select.select([self.handle], [], [], within)[0])
        deadline = time.monotonic() + within
        while _exists(self.pid):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True

    def stop_and_kill(self) -> None:
        """Ask the process to stop, then end what it started and left, and itself if it is still there."""
        known = self.ended(0)
        self.send(self.stop)
        self.ended(self.grace)
        self.kill_group(known)

    def kill_group(self, known: bool) -> None:
        """Kill what is left of the group. ``known``: the process had ended before, and its id may be a stranger's."""
        try:
            if self.handle is not None and hasattr(signal, "pidfd_send_signal"):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL, None, PIDFD_SIGNAL_PROCESS_GROUP)
                return
        except (ProcessLookupError, PermissionError):
            return
        except OSError as error:
            if error.errno != errno.EINVAL:  # an older kernel: by number then, while that is surely ours
                raise
        if not known:
            self._kill_by_number()

    def _kill_by_number(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


def main() -> None:
    """Follow the supervisor's lines until it has gone, then stop what is left."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    children: dict[int, Child] = {}
    for line in sys.stdin:
        _follow(line.split(), children)
    for child in sorted(children.values(), key=lambda child: -child.rank):
        child.stop_and_kill()
    _clear(Path(sys.argv[1]) / "run")


def _clear(run: Path) -> None:
    """Remove what tells others of a run that is over."""
    for pattern in TOLD:
        for file in run.glob(pattern):
            file.unlink(missing_ok=True)


def _follow(words: list[str], children: dict[int, Child]) -> None:
    if words[0] == "add":
        pid = int(words[1])
        children[pid] = Child(pid, int(words[2]), int(words[3]), float(words[4]), _open(pid))
    elif words[0] == "del":
        child = children.pop(int(words[1]), None)
        if child is not None and child.handle is not None:
            os.close(child.handle)


def _open(pid: int) -> int | None:
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
