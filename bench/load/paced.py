"""Messages at a steady rate, one publisher to one subscriber in one process: both ends read the same clock.

The load is open: messages go at their times whether or not earlier ones have arrived, so that a pause of the broker
shows in every message that it holds up. A message carries the moment at which it was handed to the system.
"""

from __future__ import annotations

import select
import time
from collections import deque
from dataclasses import dataclass, field

from bench.load import packets, quantiles
from bench.load.links import Address, Handshake, Link, TooLateError
from bench.load.meter import Groups, Meter, Usage
from bench.load.packets import UnexpectedPacketError, Version
from bench.load.quantiles import Times

TOPIC = "bench/latency/one"
PAYLOAD_BYTES = 64
STAMP_BYTES = 16
IDENTIFIERS = 65_535


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement of latency at QoS 1."""

    address: Address
    groups: Groups
    rate: float = 1_000.0
    """Messages per second."""
    seconds: float = 20.0
    warm_up: float = 2.0
    drain: float = 30.0
    version: Version = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """Times from sending to delivery and to PUBACK, and how late the generator itself was."""

    messages: int
    end_to_end: Times
    puback: Times
    late: Times
    usage: Usage


@dataclass(slots=True)
class Waits:
    """Seconds, one entry per message of the measured time."""

    end_to_end: list[float] = field(default_factory=list)
    puback: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


def run(plan: Plan) -> Outcome:
    """Connect, warm up, measure, drain; raises on any message lost, repeated or out of order."""
    handshake = Handshake(plan.address, plan.version)
    try:
        publisher, subscriber = handshake.open(["bench-latency-pub", "bench-latency-sub"])
        handshake.subscribe([subscriber], TOPIC, 1)
        outcome = Load(plan, publisher, subscriber).run()
        handshake.ping([publisher, subscriber])
        return outcome
    finally:
        handshake.close()


class Load:
    """The loop of one publisher and one subscriber. Invariant: received <= sent and acked <= sent."""

    def __init__(self, plan: Plan, publisher: Link, subscriber: Link) -> None:
        self.plan = plan
        self.publisher = publisher
        self.subscriber = subscriber
        self.sent = self.received = self.acked = 0
        self.sent_at: deque[float] = deque()
        sample = packets.publish(TOPIC, bytes(PAYLOAD_BYTES), plan.version, qos=1, packet_id=1)
        self.size = len(sample)
        self.identifier_at = packets.identifier_offset(TOPIC, self.size)
        self.payload_at = self.size - PAYLOAD_BYTES
        self.head = sample[: self.identifier_at]
        self.between = sample[self.identifier_at + 2 : self.payload_at]
        self.tail = sample[self.payload_at + STAMP_BYTES :]

    def run(self) -> Outcome:
        """Warm up, measure, drain."""
        self._turn(round(self.plan.warm_up * self.plan.rate), Waits())
        self._drain(Waits())
        waits, meter = Waits(), Meter(self.plan.groups)
        start, before = meter.read(), self.received
        self._turn(round(self.plan.seconds * self.plan.rate), waits)
        usage = meter.since(start)
        self._drain(waits)
        end_to_end, puback, late = (quantiles.of(times) for times in (waits.end_to_end, waits.puback, waits.late))
        return Outcome(self.received - before, end_to_end, puback, late, usage)

    def _turn(self, count: int, waits: Waits) -> None:
        """Send ``count`` messages, each at its time, and take what comes meanwhile."""
        begin = time.perf_counter()
        for index in range(count):
            due = begin + index / self.plan.rate
            while (left := due - time.perf_counter()) > 0:
                self._take(left, waits)
            waits.late.append(-left)
            self._send()
        self._take(0.0, waits)

    def _send(self) -> None:
        identifier = (self.sent % IDENTIFIERS + 1).to_bytes(2, "big")
        now = time.perf_counter_ns()
        stamp = self.sent.to_bytes(8, "big") + now.to_bytes(8, "big")
        self.publisher.write_whole(self.head + identifier + self.between + stamp + self.tail)
        self.sent_at.append(now / 1e9)
        self.sent += 1

    def _take(self, seconds: float, waits: Waits) -> None:
        """Wait at most so long for either end, and read what came. (select, as epoll waits whole milliseconds.)"""
        ready, _, _ = select.select([self.subscriber, self.publisher], [], [], seconds)
        if self.subscriber in ready:
            self._deliveries(waits.end_to_end)
        if self.publisher in ready:
            self._pubacks(waits.puback)

    def _deliveries(self, waits: list[float]) -> None:
        data = self.subscriber.rest + self.subscriber.read()
        now = time.perf_counter_ns()
        count = len(data) // self.size
        pubacks = bytearray()
        for begin in range(0, count * self.size, self.size):
            pubacks += b"\x40\x02" + data[begin + self.identifier_at : begin + self.identifier_at + 2]
            waits.append((now - self._sent_ns(data, begin)) / 1e9)
        self.subscriber.rest = data[count * self.size :]
        if pubacks:
            self.subscriber.write_whole(bytes(pubacks))

    def _sent_ns(self, data: bytes, begin: int) -> int:
        """When the delivery that begins there was sent; raises unless it is the one that must come next."""
        number_at, stamp_at = begin + self.payload_at, begin + self.payload_at + 8
        number = int.from_bytes(data[number_at:stamp_at], "big")
        if number != self.received:
            raise UnexpectedPacketError(f"awaited message {self.received}, got {number}")
        self.received += 1
        return int.from_bytes(data[stamp_at : stamp_at + 8], "big")

    def _pubacks(self, waits: list[float]) -> None:
        self.publisher.rest += self.publisher.read()
        now = time.perf_counter()
        while True:
            answer, self.publisher.rest = packets.take(self.publisher.rest)
            if answer is None:
                return
            expected, found = self.acked % IDENTIFIERS + 1, packets.puback_identifier(answer)
            if found != expected:
                raise UnexpectedPacketError(f"awaited PUBACK {expected}, got {found}")
            self.acked += 1
            waits.append(now - self.sent_at.popleft())

    def _drain(self, waits: Waits) -> None:
        deadline = time.perf_counter() + self.plan.drain
        while self.received < self.sent or self.acked < self.sent:
            left = deadline - time.perf_counter()
            if left <= 0:
                missing = f"{self.sent - self.received} deliveries and {self.sent - self.acked} PUBACKs"
                raise TooLateError(f"{missing} had not come {self.plan.drain:.0f} s after the last message")
            self._take(left, waits)
