"""Who runs in a data folder: one supervisor at a time, and what it leaves when it is killed, until that has ended."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from stack.errors import StackError

LOCAL_FILE = Path("run") / "local.toml"
"""Below the data folder: where a running local stack says how to reach it."""
LOCK = "lock"
LEFTOVER_SECONDS = 45.0


def lock_data(data: Path) -> int:
    """Take the data folder for this process; the descriptor holds it. Raises StackError when it is in use.

    The lock of a supervisor that was killed lives on in its warden until everything has stopped: that is waited for.
    What it told of its run is removed.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StackError(
            f"The data folder {data} can't be written ({error.strerror}); choose another with --data."
        ) from error
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while not _try_lock(descriptor):
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        if _alive(holder) or time.monotonic() > deadline:
            os.close(descriptor)
            raise StackError(
                f"Another mqledger (process {holder or 'unknown'}) uses the data folder {data}; "
                "stop it, or choose another folder with --data."
            )
        time.sleep(0.1)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    (data / LOCAL_FILE).unlink(missing_ok=True)
    return descriptor


def in_use(data: Path) -> bool:
    """Whether somebody, or what he left, runs in the data folder. Asks for a shared lock and lets it go at once."""
    try:
        descriptor = os.open(data / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _alive(holder: str) -> bool:
    if not holder.isdigit():
        return False
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
