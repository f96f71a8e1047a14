"""A crowd that wants in at the same moment, each with a name and a password, beside one client that was there before.

All connect as fast as one process can. Who is told to come back (0x89 or 0x88 in MQTT 5, 3 in MQTT 3), is cut, or is
refused by the system comes back after a pause with chance in it, twice as long each time up to a bound, until
everybody is in. Meanwhile the client that was there publishes at a steady pace, QoS 1, one message after the other.
"""

from __future__ import annotations

import heapq
import random
import select
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.load import packets, quantiles
from bench.load.links import Address, Link, PeerClosedError, TooLateError, raise_open_files, raise_refusal
from bench.load.meter import BROKER, Groups, Meter, Usage, resident_bytes
from bench.load.packets import CONNACK, UnexpectedPacketError, Version
from bench.load.publishers import SPARE_FILES
from bench.load.quantiles import Times

TOPIC = "bench/crowd/beside"
PAYLOAD_BYTES = 64
PUBLISH_EVERY = 0.02
PAUSES = (1.0, 16.0)
"""Seconds before coming back: the first time about the former, never more than about the latter."""
WAIT: dict[Version, dict[int, str]] = {5: {0x89: "0x89", 0x88: "0x88"}, 4: {3: "3"}}
"""What the crowd is told that has to come back: passwords wait, or (3 in MQTT 3, too) the log was too slow."""
EVENTS = 64
"""Most events handled, and connections begun, before it is looked whether it is time to publish."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One crowd. Of the clients every second speaks MQTT 3.1.1, the others MQTT 5."""

    address: Address
    groups: Groups
    clients: int
    prefix: str
    login: Callable[[int], tuple[str, str]]
    """User and password of a client, by its number; a function of a module."""
    beside: tuple[str, str]
    """Those of the one that was there before, and of nobody else."""
    hosts: int = 1
    """Addresses from which they come, 127.0.1.1 and on."""
    quiet: float = 5.0
    """Seconds of publishing before the crowd comes."""
    patience: float = 1_200.0
    """Seconds within which everybody must be in."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """When they were let in, what the others were told meanwhile, and what the one beside them felt."""

    let_in: Times
    """From the moment at which the crowd came."""
    told: dict[str, int]
    """How often clients were told to come back, by the code, were cut, or refused by the system."""
    waiting: int
    """Clients that had to come back at least once."""
    most_attempts: int
    before: Times
    """Publish to PUBACK of the one beside, before the crowd."""
    during: Times
    late: Times
    """How late its messages were sent: what the generator itself is to blame for."""
    bytes_before: int
    bytes_most: int
    bytes_after: int
    usage: Usage


@dataclass(slots=True, eq=False)
class Member:
    """One of the crowd."""

    number: int
    version: Version
    attempts: int = 0
    link: Link | None = None


@dataclass(slots=True)
class Beside:
    """The client that was there before. One message is under way at most."""

    link: Link
    waits: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    due: float = 0.0
    sent: float = 0.0
    """0 while nothing is under way."""
    count: int = 0

    def turn(self, now: float) -> None:
        """Publish when it is time and the last one was acknowledged."""
        if self.sent or now < self.due:
            return
        self.late.append(now - self.due if self.due else 0.0)
        self.count += 1
        packet_id = self.count % 65_535 + 1
        self.link.write_whole(packets.publish(TOPIC, bytes(PAYLOAD_BYTES), qos=1, packet_id=packet_id))
        self.sent, self.due = now, now + PUBLISH_EVERY

    def acknowledged(self) -> None:
        """Take the PUBACK, if it is whole."""
        answer = self.link.next_packet()
        if answer is not None:
            packets.puback_identifier(answer)
            now = time.perf_counter()
            self.waits.append(now - self.sent)
            self.sent, self.due = 0.0, max(self.due, now)


def run(plan: Plan) -> Outcome:
    """Publish, let the crowd come, and wait until all are in; raises TooLateError when they aren't in time."""
    raise_open_files(plan.clients + SPARE_FILES)
    return Crowd(plan).run()


class Crowd:
    """The loop. Invariant: a member is in ``links``, in ``later`` or in ``inside``, and nowhere else."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.poll = select.epoll()
        self.links: dict[int, Member] = {}
        self.later: list[tuple[float, int, Member]] = []
        self.inside: list[Member] = []
        self.times: list[float] = []
        self.told: Counter[str] = Counter()
        self.came = 0.0
        self.most = 0
        self.looked = 0.0
        self.beside = Beside(self._first())

    def run(self) -> Outcome:
        """See the module."""
        pids = self.plan.groups[BROKER]
        members = [Member(number, 5 if number % 2 else 4) for number in range(self.plan.clients)]
        self.poll.register(self.beside.link.fileno(), select.EPOLLIN)
        try:
            self._until(time.perf_counter() + self.plan.quiet, lambda: False)
            before, self.beside.waits = quantiles.of(self.beside.waits), []
            self.beside.late = []
            bytes_before = resident_bytes(pids)
            meter = Meter(self.plan.groups)
            start = meter.read()
            self.came = time.perf_counter()
            self.later = [(self.came, member.number, member) for member in members]
            self._until(self.came + self.plan.patience, lambda: len(self.inside) == self.plan.clients)
            if len(self.inside) < self.plan.clients:
                raise TooLateError(f"{len(self.inside)} of {self.plan.clients} are in after {self.plan.patience:.0f} s")
            return Outcome(
                quantiles.of(self.times),
                dict(self.told),
                sum(member.attempts > 1 for member in members),
                max(member.attempts for member in members),
                before,
                quantiles.of(self.beside.waits),
                quantiles.of(self.beside.late),
                bytes_before,
                self.most,
                resident_bytes(pids),
                meter.since(start),
            )
        finally:
            self.poll.close()
            for link in (self.beside.link, *(one.link for one in members)):
                if link is not None:
                    link.close()

    def _first(self) -> Link:
        """The client that is there before the crowd: its own name and password, let in before anything else."""
        link = Link.open(self.plan.address, f"{self.plan.prefix}-beside")
        link.socket.setblocking(True)
        link.write_whole(packets.connect(link.name, login=self.plan.beside))
        while (answer := link.next_packet()) is None:
            continue
        packets.check_connack(answer)
        link.socket.setblocking(False)
        return link

    def _until(self, end: float, done: Callable[[], bool]) -> None:
        """Serve everybody until a moment, or until it is done."""
        while not done() and (now := time.perf_counter()) < end:
            self.beside.turn(now)
            for _ in range(EVENTS):
                if not self.later or self.later[0][0] > now:
                    break
                self._open(heapq.heappop(self.later)[2])
            if now - self.looked > 0.25:
                self.looked, self.most = now, max(self.most, resident_bytes(self.plan.groups[BROKER]))
            more = bool(self.later) and self.later[0][0] <= now
            for fd, event in self.poll.poll(0.0 if more else PUBLISH_EVERY / 4, EVENTS):
                if fd == self.beside.link.fileno():
                    self.beside.acknowledged()
                else:
                    self._serve(self.links[fd], event)

    def _open(self, member: Member) -> None:
        member.attempts += 1
        place = member.number % self.plan.hosts
        host = f"127.0.{1 + place // 250}.{1 + place % 250}"
        link = member.link = Link.open(self.plan.address, f"{self.plan.prefix}-{member.number}", host)
        self.links[link.fileno()] = member
        self.poll.register(link.fileno(), select.EPOLLOUT)

    def _serve(self, member: Member, event: int) -> None:
        assert member.link is not None
        try:
            if event & select.EPOLLOUT:
                raise_refusal(member.link)
                login = self.plan.login(member.number)
                member.link.write_whole(packets.connect(member.link.name, member.version, login=login))
                self.poll.modify(member.link.fileno(), select.EPOLLIN)
            elif (answer := member.link.next_packet()) is not None:
                self._answered(member, answer)
        except PeerClosedError:
            self._come_back(member, "cut")
        except OSError as error:
            self._come_back(member, f"refused by the system ({type(error).__name__})")

    def _answered(self, member: Member, answer: packets.Whole) -> None:
        assert member.link is not None
        code = answer.body[1] if answer.first_byte == CONNACK and len(answer.body) > 1 else -1
        if (why := WAIT[member.version].get(code)) is not None:
            self._come_back(member, why)
        elif code == 0:
            self.times.append(time.perf_counter() - self.came)
            self._forget(member)
            self.inside.append(member)
        else:
            raise UnexpectedPacketError(f"{member.link.name} got {answer}")

    def _come_back(self, member: Member, why: str) -> None:
        assert member.link is not None
        self.told[why] += 1
        self._forget(member)
        member.link.close()
        pause = min(PAUSES[0] * 2 ** (member.attempts - 1), PAUSES[1]) * (0.5 + random.random())
        heapq.heappush(self.later, (time.perf_counter() + pause, member.number, member))

    def _forget(self, member: Member) -> None:
        assert member.link is not None
        del self.links[member.link.fileno()]
        self.poll.unregister(member.link.fileno())
