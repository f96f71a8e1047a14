"""One publisher, many subscribers of its topic: as much as the slowest of them takes, and not one message more.

The publisher runs a bounded window ahead of the slowest subscriber, so that subscribers are always busy and no
broker has a reason to drop. What a subscriber gets is compared, byte for byte, with what was published: nothing is
lost, doubled or out of order, or the run fails.
"""

from __future__ import annotations

import select
import time
from dataclasses import dataclass

from bench.load import cycle
from bench.load.cycle import Cycle
from bench.load.links import Address, Handshake, Link, TooLateError, raise_open_files
from bench.load.meter import Groups, Meter, Usage
from bench.load.packets import QoS, UnexpectedPacketError, Version
from bench.load.publishers import SPARE_FILES, Publisher

TOPIC = "bench/delivery/one"


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement of deliveries."""

    address: Address
    groups: Groups
    subscribers: int
    qos: QoS
    window: int = 500
    """Messages that the publisher may be ahead of the slowest subscriber."""
    seconds: float = 5.0
    warm_up: float = 1.0
    drain: float = 30.0
    version: Version = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """Deliveries and published messages within the measured time, and what they cost."""

    deliveries: int
    published: int
    usage: Usage
    total: int
    """All deliveries of the run: published messages times subscribers, verified."""


@dataclass(slots=True, eq=False)
class Subscriber:
    """One subscription's stream; ``received`` whole packets came, each the one that had to come."""

    link: Link
    ring: Cycle
    qos: QoS
    received: int = 0
    rest: bytes = b""
    unsent: bytes | bytearray = b""

    def take(self, data: bytes) -> int:
        """How many deliveries came, all verified, with their PUBACKs added to ``unsent``."""
        if self.rest:
            data = self.rest + data
        count = len(data) // self.ring.size
        whole = data[: count * self.ring.size]
        self.rest = data[len(whole) :]
        if self.qos:
            self._acknowledge(whole, count)
        elif whole != self.ring.deliveries(self.received, count):
            self._explain(whole, self.ring.deliveries(self.received, count))
        self.received += count
        return count

    def flush(self) -> bool:
        """Send PUBACKs; whether all of them went."""
        if self.unsent:
            self.unsent = self.unsent[self.link.write(self.unsent) :]
        return not self.unsent

    def _acknowledge(self, whole: bytes, count: int) -> None:
        """Verify packets whose identifiers are the broker's choice; copied by strides, at the speed of memory."""
        size, high, low = self.ring.size, self.ring.identifier_at, self.ring.identifier_at + 1
        expected = bytearray(self.ring.deliveries(self.received, count))
        expected[high::size] = whole[high::size]
        expected[low::size] = whole[low::size]
        if expected != whole:
            self._explain(whole, bytes(expected))
        pubacks = bytearray(b"\x40\x02\x00\x00" * count)
        pubacks[2::4] = whole[high::size]
        pubacks[3::4] = whole[low::size]
        self.unsent = self.unsent + pubacks if self.unsent else pubacks

    def _explain(self, whole: bytes, expected: bytes) -> None:
        size = self.ring.size
        for begin in range(0, len(whole), size):
            if whole[begin : begin + size] != expected[begin : begin + size]:
                raise UnexpectedPacketError(
                    f"{self.link.name}: delivery {self.received + begin // size} should have been "
                    f"{expected[begin : begin + size].hex()}, was {whole[begin : begin + size].hex()}"
                )


def run(plan: Plan) -> Outcome:
    """Connect, subscribe, warm up, measure, drain, verify; raises on any loss, repetition, disorder or delay."""
    raise_open_files(plan.subscribers + SPARE_FILES)
    handshake = Handshake(plan.address, plan.version)
    ring = cycle.make(TOPIC, plan.window * 2, plan.version, qos=plan.qos)
    try:
        links = handshake.open(f"bench-sub-{index}" for index in range(plan.subscribers))
        handshake.subscribe(links, TOPIC, plan.qos)
        publisher = Publisher(handshake.open(["bench-delivery-pub"])[0], ring)
        outcome = Load(plan, publisher, [Subscriber(link, ring, plan.qos) for link in links]).run()
        handshake.ping([*links, publisher.link])
        return outcome
    finally:
        handshake.close()


class Load:
    """The loop over the publisher and its subscribers."""

    def __init__(self, plan: Plan, publisher: Publisher, subscribers: list[Subscriber]) -> None:
        self.plan = plan
        self.publisher = publisher
        self.subscribers = {subscriber.link.fileno(): subscriber for subscriber in subscribers}
        self.poll = select.epoll()
        for fd in (publisher.link.fileno(), *self.subscribers):
            self.poll.register(fd, select.EPOLLIN)

    def run(self) -> Outcome:
        """Warm up, measure, drain."""
        with self.poll:
            self._turn(self.plan.warm_up, publish=True)
            meter, published = Meter(self.plan.groups), self.publisher.allowed
            start = meter.read()
            deliveries = self._turn(self.plan.seconds, publish=True)
            usage = meter.since(start)
            published = self.publisher.allowed - published
            self._turn(self.plan.drain, publish=False)
            if missing := self._missing():
                raise TooLateError(
                    f"{missing} deliveries or PUBACKs had not come {self.plan.drain:.0f} s after the last"
                )
        return Outcome(deliveries, published, usage, sum(s.received for s in self.subscribers.values()))

    def _turn(self, seconds: float, *, publish: bool) -> int:
        """Serve the sockets for some time, or until nothing is missing when there is nothing more to publish."""
        deliveries = 0
        source = self.publisher.link.fileno()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and (publish or self._missing()):
            if publish:
                self._publish()
            for fd, event in self.poll.poll(0.1, 1_024):
                if fd == source:
                    self._serve_publisher(event)
                else:
                    deliveries += self._serve(fd, event)
        return deliveries

    def _publish(self) -> None:
        """Let the publisher run up to its window ahead of the slowest subscriber."""
        slowest = min(subscriber.received for subscriber in self.subscribers.values())
        if self.plan.qos:
            slowest = min(slowest, self.publisher.acked)
        now = time.perf_counter()
        more = slowest + self.plan.window - self.publisher.allowed
        if more > 0 and not self.publisher.allow(more, now):
            self.poll.modify(self.publisher.link.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _serve_publisher(self, event: int) -> None:
        if event & select.EPOLLOUT and self.publisher.flush():
            self.poll.modify(self.publisher.link.fileno(), select.EPOLLIN)
        if event & ~select.EPOLLOUT:
            data = self.publisher.link.read()
            if not self.plan.qos:
                raise UnexpectedPacketError(f"the publisher of QoS 0 got {data[:16]!r}")
            self.publisher.take(data)
            self.publisher.marks.clear()

    def _serve(self, fd: int, event: int) -> int:
        subscriber = self.subscribers[fd]
        count = subscriber.take(subscriber.link.read()) if event & ~select.EPOLLOUT else 0
        if subscriber.unsent:
            whole = subscriber.flush()
            if not whole or event & select.EPOLLOUT:
                self.poll.modify(fd, select.EPOLLIN if whole else select.EPOLLIN | select.EPOLLOUT)
        elif event & select.EPOLLOUT:
            self.poll.modify(fd, select.EPOLLIN)
        return count

    def _missing(self) -> int:
        allowed = self.publisher.allowed
        unacknowledged = allowed - self.publisher.acked if self.plan.qos else 0
        return unacknowledged + sum(allowed - subscriber.received for subscriber in self.subscribers.values())
