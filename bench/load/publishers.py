"""Closed-loop publishers: each keeps a window of QoS 1 messages in flight and sends one for each PUBACK.

Every PUBACK is compared with the one that must come next; after the measured time the windows are drained, so that
what was sent is what was acknowledged.
"""

from __future__ import annotations

import select
import time
from collections import deque
from dataclasses import dataclass, field

from bench.load import cycle, packets, quantiles
from bench.load.cycle import Cycle
from bench.load.links import Address, Handshake, Link, TooLateError, raise_open_files
from bench.load.meter import Groups, Meter, Usage
from bench.load.packets import UnexpectedPacketError, Version
from bench.load.quantiles import Times

READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT
SPARE_FILES = 100
RING_BUDGET = 50_000
"""Packets encoded ahead for all connections together."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many connections, each with how many messages in flight."""

    connections: int
    in_flight: int

    def __str__(self) -> str:
        return f"{self.connections:,} x {self.in_flight}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement of publishers."""

    address: Address
    groups: Groups
    shape: Shape
    seconds: float = 5.0
    warm_up: float = 1.0
    drain: float = 30.0
    version: Version = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was acknowledged within the measured time, what it cost, and how long each PUBACK took."""

    messages: int
    usage: Usage
    latency: Times
    total: int
    """All messages of the run, warm-up and drain included; each was acknowledged once."""


@dataclass(slots=True, eq=False)
class Publisher:
    """One connection's stream. Invariant: acked <= sent <= allowed <= acked + in flight, in packets."""

    link: Link
    ring: Cycle
    allowed: int = 0
    sent_bytes: int = 0
    acked: int = 0
    rest: bytes = b""
    marks: deque[tuple[int, float]] = field(default_factory=deque)
    """(packets allowed, when) of each sending that isn't wholly acknowledged."""

    def allow(self, more: int, now: float) -> bool:
        """Let ``more`` packets go and send what fits; False when the system's buffer holds some back."""
        self.allowed += more
        self.marks.append((self.allowed, now))
        return self.flush()

    def flush(self) -> bool:
        """Send what is allowed; whether all of it went."""
        unsent = self.ring.unsent(self.sent_bytes, self.allowed)
        written = self.link.write(unsent)
        self.sent_bytes += written
        return written == len(unsent)

    def take(self, data: bytes) -> int:
        """How many PUBACKs came, each checked against the one that must come next."""
        if not self.rest and not len(data) & 3 and self.ring.acknowledges(data, self.acked):
            count = len(data) >> 2
        else:
            count = self._parse(self.rest + data)
        self.acked += count
        if self.acked > self.allowed:
            raise UnexpectedPacketError(f"{self.link.name} got {self.acked} PUBACKs for {self.allowed} messages")
        return count

    def _parse(self, data: bytes) -> int:
        count = 0
        while True:
            answer, data = packets.take(data)
            if answer is None:
                self.rest = data
                return count
            expected = (self.acked + count) % self.ring.length + 1
            found = packets.puback_identifier(answer)
            if found != expected:
                raise UnexpectedPacketError(f"{self.link.name} awaited PUBACK {expected}, got {found}")
            count += 1

    def waited(self, count: int, now: float, into: list[tuple[float, int]]) -> None:
        """Note how long the last ``count`` acknowledged packets took, as (seconds, packets)."""
        upto, since = self.marks[0]
        if upto == self.acked:  # by far the most frequent case, for the sake of small windows
            into.append((now - since, count))
            self.marks.popleft()
            return
        at = self.acked - count
        while at < self.acked:
            upto, since = self.marks[0]
            part = min(upto, self.acked) - at
            into.append((now - since, part))
            at += part
            if upto <= self.acked:
                self.marks.popleft()


def run(plan: Plan) -> Outcome:
    """Connect, warm up, measure, drain; raises UnexpectedPacketError, PeerClosedError or TooLateError on any fault."""
    raise_open_files(plan.shape.connections + SPARE_FILES)
    handshake = Handshake(plan.address, plan.version)
    try:
        links = handshake.open(f"bench-pub-{index}" for index in range(plan.shape.connections))
        return Load(plan, [Publisher(link, _ring(plan, index)) for index, link in enumerate(links)]).run()
    finally:
        handshake.close()


def _ring(plan: Plan, index: int) -> Cycle:
    wanted = max(plan.shape.in_flight, min(1_000, RING_BUDGET // plan.shape.connections))
    return cycle.make(f"bench/ingest/{index:05d}", wanted, plan.version, qos=1, seed=index)


class Load:
    """The loop over all publishers."""

    def __init__(self, plan: Plan, publishers: list[Publisher]) -> None:
        self.plan = plan
        self.by_fd = {publisher.link.fileno(): publisher for publisher in publishers}
        self.poll = select.epoll()
        for fd in self.by_fd:
            self.poll.register(fd, READABLE)

    def run(self) -> Outcome:
        """Warm up, measure, drain; the drained total is verified."""
        with self.poll:
            for fd, publisher in self.by_fd.items():
                if not publisher.allow(self.plan.shape.in_flight, time.perf_counter()):
                    self.poll.modify(fd, READABLE | WRITABLE)
            self._turn(self.plan.warm_up, refill=True)
            meter = Meter(self.plan.groups)
            start = meter.read()
            messages, waits = self._turn(self.plan.seconds, refill=True)
            usage = meter.since(start)
            self._drain()
        return Outcome(messages, usage, quantiles.weighted(waits), sum(p.acked for p in self.by_fd.values()))

    def _turn(self, seconds: float, *, refill: bool) -> tuple[int, list[tuple[float, int]]]:
        """Serve the sockets for some time, or until none has anything in flight when there is no refill."""
        acked = 0
        waits: list[tuple[float, int]] = []
        by_fd, poll = self.by_fd, self.poll
        now = time.perf_counter()
        end = now + seconds
        while now < end and (refill or self._in_flight()):
            for fd, event in poll.poll(0.1, 1_024):
                publisher = by_fd[fd]
                if event & WRITABLE and publisher.flush():
                    poll.modify(fd, READABLE)
                if event == WRITABLE:
                    continue
                count = publisher.take(publisher.link.read())
                if count:
                    now = time.perf_counter()
                    acked += count
                    publisher.waited(count, now, waits)
                    if refill and not publisher.allow(count, now):
                        poll.modify(fd, READABLE | WRITABLE)
            now = time.perf_counter()
        return acked, waits

    def _in_flight(self) -> int:
        return sum(publisher.allowed - publisher.acked for publisher in self.by_fd.values())

    def _drain(self) -> None:
        self._turn(self.plan.drain, refill=False)
        if missing := self._in_flight():
            raise TooLateError(
                f"{missing} messages were not acknowledged {self.plan.drain:.0f} s after the last was sent"
            )
