"""Becomes another program that can't outlive its supervisor.

Run as a script with the standard library only, so that it costs some 20 ms: it leaves root's rights if
asked, tells the kernel which signal to send when the supervisor dies, and executes the program in its own
place, so the process id stays. Where the kernel has no such service (macOS), ``warden.py`` does it alone.

    python -I -S launch.py --parent PID --signal N [--as-nobody | --user UID:GID] -- PROGRAM ARG...
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOBODY = 65534
CANNOT_LEAVE_ROOT = 125


def main(arguments: list[str]) -> None:
    """Prepare this process as told, then become the program."""
    split = arguments.index("--")
    options = _parser().parse_args(arguments[:split])
    program = arguments[split + 1 :]
    if options.as_nobody:
        _become_nobody()
    elif options.user:
        uid, _, gid = options.user.partition(":")
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        _libc().prctl(PR_SET_PDEATHSIG, options.signal, 0, 0, 0)
    if os.getppid() != options.parent:
        sys.exit("the supervisor has gone")
    os.execvp(program[0], program)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--as-nobody", action="store_true")
    parser.add_argument("--user", default="")
    return parser


def _become_nobody() -> None:
    """A user namespace in which root's files belong to nobody: not root to itself, no file to change.

    Postgres refuses to run as root. Here no user has to be made and no folder opened to others.
    """
    uid, gid = os.geteuid(), os.getegid()
    if _libc().unshare(CLONE_NEWUSER) != 0:
        sys.exit(CANNOT_LEAVE_ROOT)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        try:
            Path(f"/proc/self/{name}").write_text(text, encoding="ascii")
        except OSError:
            sys.exit(CANNOT_LEAVE_ROOT)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    main(sys.argv[1:])
