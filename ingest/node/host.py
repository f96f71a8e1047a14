"""What the machine and this process have and use, as gauges of a heartbeat: what admin APIs show of a node."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_STATM: Final = Path("/proc/self/statm")
_MEMORY: Final = os.sysconf("SC_PHYS_PAGES") * _PAGE


def gauges() -> dict[str, int]:
    """Load averages times 100, memory in bytes, and how many files may be open (0: as many as there can be)."""
    load = os.getloadavg()
    return {
        "host.load1_centi": int(load[0] * 100),
        "host.load5_centi": int(load[1] * 100),
        "host.load15_centi": int(load[2] * 100),
        "host.memory_bytes": _MEMORY,
        "process.rss_bytes": _resident(),
        "process.max_fds": max(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 0),
    }


def _resident() -> int:
    """Bytes of memory in use; where the system does not tell, the most there ever were."""
    if sys.platform == "linux":
        return int(_STATM.read_bytes().split()[1]) * _PAGE
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
