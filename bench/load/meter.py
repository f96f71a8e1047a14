"""CPU time and memory of processes other than one's own, read from the system."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

Groups = Mapping[str, Sequence[int]]
"""Process ids by what they are: 'broker', 'kafka', ..."""
BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Reading:
    """What had been used by a moment: CPU seconds (user and system) by group, and by the generator itself."""

    at: float
    """Seconds of the monotonic clock."""
    cpu: dict[str, float]
    generator: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used between two readings, in seconds."""

    wall: float
    cpu: dict[str, float]
    generator: float


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads the processes of some groups. A process that is gone raises psutil.NoSuchProcess: its figures are void."""

    groups: Groups

    def read(self) -> Reading:
        """The CPU time used so far; the system's own resolution is 10 ms per process."""
        cpu = {name: sum(map(cpu_seconds, pids)) for name, pids in self.groups.items()}
        return Reading(time.perf_counter(), cpu, time.process_time())

    def since(self, start: Reading) -> Usage:
        """What was used since an earlier reading of the same meter."""
        now = self.read()
        return Usage(
            wall=now.at - start.at,
            cpu={name: value - start.cpu[name] for name, value in now.cpu.items()},
            generator=now.generator - start.generator,
        )


def cpu_seconds(pid: int) -> float:
    """User and system time of one process, all its threads, without its children."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def resident_bytes(pids: Sequence[int]) -> int:
    """Resident memory of the processes together."""
    return sum(int(psutil.Process(pid).memory_info().rss) for pid in pids)
