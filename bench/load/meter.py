"""CPU time and memory of processes other than one's own, read from the system."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

Groups = Mapping[str, Sequence[int]]
"""Process ids by what they are: 'broker', 'kafka', ..."""
BROKER = "broker"
BUSY = ("user", "nice", "system", "irq", "softirq", "steal")
"""Kinds of time in which a core is not idle; guests are within user."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What had been used by a moment: CPU seconds (user and system) by group, and by the generator itself."""

    at: float
    """Seconds of the monotonic clock."""
    cpu: dict[str, float]
    generator: float
    machine: float
    """CPU seconds that all processes of the machine, and the kernel for them, have used."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used between two readings, in seconds."""

    wall: float
    cpu: dict[str, float]
    generator: float
    others: float = 0.0
    """CPU of everything that took no part: when it is much, the machine was not ours and wall times mean little."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads the processes of some groups. A process that is gone raises psutil.NoSuchProcess: its figures are void."""

    groups: Groups

    def read(self) -> Reading:
        """The CPU time used so far; the system's own resolution is 10 ms per process."""
        cpu = {name: sum(map(cpu_seconds, pids)) for name, pids in self.groups.items()}
        return Reading(time.perf_counter(), cpu, time.process_time(), machine_seconds())

    def since(self, start: Reading) -> Usage:
        """What was used since an earlier reading of the same meter."""
        now = self.read()
        cpu = {name: value - start.cpu[name] for name, value in now.cpu.items()}
        generator = now.generator - start.generator
        others = now.machine - start.machine - generator - sum(cpu.values())
        return Usage(now.at - start.at, cpu, generator, max(0.0, others))


def cpu_seconds(pid: int) -> float:
    """User and system time of one process, all its threads, without its children."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def machine_seconds() -> float:
    """CPU seconds that the machine has spent on anything but waiting."""
    times = psutil.cpu_times()._asdict()
    return float(sum(times.get(name, 0.0) for name in BUSY))


def resident_bytes(pids: Sequence[int]) -> int:
    """Resident memory of the processes together."""
    return sum(int(psutil.Process(pid).memory_info().rss) for pid in pids)
