"""Stops what a supervisor left behind when it was killed.

Started by the supervisor with a pipe as standard input (and the data folder as argument, for who looks at
processes). Lines on it say which processes there are:

    add PID RANK SIGNAL GRACE     a child; SIGNAL asks it to stop, within GRACE seconds
    del PID                       it has ended

When the pipe ends, the supervisor has gone, however it went. The children that are left are stopped,
highest rank first, each within its grace, and its process group is killed after that. The warden
ignores signals that a terminal sends; it holds the lock of the data folder (inherited) until it is done.
Standard library only.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from dataclasses import dataclass

POLL = 0.05


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

    def kill_group(self) -> None:
        """End what the process started and left, and itself if it is still there."""
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
        child.send(child.stop)
        child.ended(child.grace)
        child.kill_group()


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
