"""Clients that connect, are accepted, say DISCONNECT, wait for the broker to close, and make room for the next."""

from __future__ import annotations

import select
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.load import packets, quantiles
from bench.load.links import Address, Link, PeerClosedError, TooLateError, raise_refusal
from bench.load.meter import Groups, Meter, Usage
from bench.load.packets import UnexpectedPacketError, Version
from bench.load.quantiles import Times

ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement of connecting; ``names`` are used in order, each once."""

    address: Address
    groups: Groups
    names: range
    prefix: str
    clean: bool
    session_present: bool
    """What each CONNACK must say."""
    at_once: int = 32
    seconds: float = 5.0
    version: Version = 4

    def client_ids(self) -> Iterator[str]:
        """The client ids, made as they are needed."""
        return (f"{self.prefix}-{index:06d}" for index in self.names)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Connections that were accepted and closed, what they cost, and the time from connecting to CONNACK."""

    connections: int
    usage: Usage
    connack: Times


@dataclass(slots=True, eq=False)
class Attempt:
    """One client under way: connecting, then waiting for CONNACK, then for the end of the stream."""

    link: Link
    began: float
    accepted: bool = False


def run(plan: Plan) -> Outcome:
    """Connect clients until time or names are used up; raises when one is refused, cut or not answered."""
    return Load(plan).run(plan.client_ids())


class Load:
    """The loop over at most ``at_once`` attempts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.poll = select.epoll()
        self.attempts: dict[int, Attempt] = {}
        self.waits: list[float] = []

    def run(self, client_ids: Iterable[str]) -> Outcome:
        """Start an attempt whenever there is room; the last ones are awaited within the measured time."""
        waiting = iter(client_ids)
        meter = Meter(self.plan.groups)
        start = meter.read()
        try:
            while self._fill(waiting, start.at + self.plan.seconds):
                events = self.poll.poll(ANSWER_SECONDS)
                if not events:
                    raise TooLateError(f"{len(self.attempts)} clients got no answer within {ANSWER_SECONDS:.0f} s")
                for fd, event in events:
                    self._serve(fd, event)
        finally:
            self.poll.close()
            for attempt in self.attempts.values():
                attempt.link.close()
        return Outcome(len(self.waits), meter.since(start), quantiles.of(self.waits))

    def _fill(self, waiting: Iterator[str], end: float) -> bool:
        """Begin attempts while there is room and time; whether any is under way."""
        while len(self.attempts) < self.plan.at_once and time.perf_counter() < end:
            name = next(waiting, None)
            if name is None:
                break
            began = time.perf_counter()
            link = Link.open(self.plan.address, name)
            self.attempts[link.fileno()] = Attempt(link, began)
            self.poll.register(link.fileno(), select.EPOLLOUT)
        return bool(self.attempts)

    def _serve(self, fd: int, event: int) -> None:
        attempt = self.attempts[fd]
        if event & select.EPOLLOUT:
            raise_refusal(attempt.link)
            expiry = 0 if self.plan.clean else packets.KEEP_FOR_AN_HOUR
            name = attempt.link.name
            attempt.link.write_whole(packets.connect(name, self.plan.version, clean=self.plan.clean, expiry=expiry))
            self.poll.modify(fd, select.EPOLLIN)
        elif attempt.accepted:
            self._await_end(fd, attempt)
        else:
            self._await_connack(attempt)

    def _await_connack(self, attempt: Attempt) -> None:
        answer = attempt.link.next_packet()
        if answer is None:
            return
        if packets.check_connack(answer) != self.plan.session_present:
            raise UnexpectedPacketError(f"{attempt.link.name}: session present is not {self.plan.session_present}")
        self.waits.append(time.perf_counter() - attempt.began)
        attempt.accepted = True
        attempt.link.write_whole(packets.DISCONNECT)

    def _await_end(self, fd: int, attempt: Attempt) -> None:
        try:
            data = attempt.link.read()
        except PeerClosedError:
            del self.attempts[fd]
            attempt.link.close()
            return
        if data:
            raise UnexpectedPacketError(f"{attempt.link.name} got {data[:16]!r} after its DISCONNECT")
