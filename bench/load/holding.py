"""Connections that are open and quiet: what they weigh in the broker's memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load.links import Address, Handshake, raise_open_files
from bench.load.meter import BROKER, Groups, Meter, Usage, resident_bytes
from bench.load.packets import Version
from bench.load.publishers import SPARE_FILES

WARM_UP_CONNECTIONS = 200
STILL_BYTES = 64 * 1024
STILL_READINGS = 4
STILL_INTERVAL = 0.25
STILL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement of idle connections."""

    address: Address
    groups: Groups
    connections: int = 5_000
    seconds: float = 5.0
    """How long the connections are held while the broker's idle CPU is counted."""
    version: Version = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """Resident bytes of the broker before and with the connections, and its CPU while they were held."""

    connections: int
    before: int
    after: int
    usage: Usage

    @property
    def bytes_each(self) -> float:
        """Resident bytes per connection."""
        return (self.after - self.before) / self.connections


def run(plan: Plan) -> Outcome:
    """Warm the broker's allocator, read its memory, connect, read again, hold, and leave."""
    raise_open_files(plan.connections + SPARE_FILES)
    pids = plan.groups[BROKER]
    _hold(plan, "bench-idle-warm", WARM_UP_CONNECTIONS).close()
    before = still(pids)
    held = _hold(plan, "bench-idle", plan.connections)
    try:
        after = still(pids)
        meter = Meter(plan.groups)
        start = meter.read()
        time.sleep(plan.seconds)  # holding still is what is measured
        usage = meter.since(start)
        held.ping(held.links)
    finally:
        held.close()
    return Outcome(plan.connections, before, after, usage)


def _hold(plan: Plan, prefix: str, count: int) -> Handshake:
    handshake = Handshake(plan.address, plan.version)
    handshake.open(f"{prefix}-{index:06d}" for index in range(count))
    return handshake


def still(pids: Sequence[int]) -> int:
    """Resident bytes once they have stopped changing; raises TimeoutError when they don't."""
    readings: list[int] = []
    deadline = time.monotonic() + STILL_SECONDS
    while time.monotonic() < deadline:
        readings = [*readings[-STILL_READINGS + 1 :], resident_bytes(pids)]
        if len(readings) == STILL_READINGS and max(readings) - min(readings) <= STILL_BYTES:
            return readings[-1]
        time.sleep(STILL_INTERVAL)
    raise TimeoutError(f"the broker's memory did not come to rest within {STILL_SECONDS:.0f} s: {readings}")
