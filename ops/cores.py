"""No core files of a process that holds secrets, and no look into it by other processes of its user.

The limit on core files lasts through exec, but the kernel does not ask it where ``core_pattern`` names a program; the
flag on the process (Linux) is asked always, but ends with exec. So a program calls :func:`forbid` as it begins. With
the flag most of ``/proc/PID`` belongs to root: debuggers and descriptor counts of the same user don't work, signals and
the process's own look at itself do (prctl(2), PR_SET_DUMPABLE; proc(5)).
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

if sys.platform != "win32":
    import resource

PR_SET_DUMPABLE: Final = 4


def forbid() -> None:
    """From now on this process leaves no core file; what it executes is limited, too. Raises OSError."""
    if sys.platform == "win32":
        return
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    _dumpable(False)


def allow() -> None:
    """Take :func:`forbid` back, as far as the limit that this process was started with goes. Raises OSError."""
    if sys.platform == "win32":
        return
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    _dumpable(True)


def inherit() -> None:
    """Forbid what the limit of the process that executed this one forbids. Raises OSError."""
    if sys.platform != "win32" and resource.getrlimit(resource.RLIMIT_CORE)[0] == 0:
        forbid()


def _dumpable(yes: bool) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, int(yes), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_DUMPABLE): {os.strerror(number)}")
