"""Hostile byte strings on the socket of a broker: ``python -m tests.fuzz.socket_fuzz --count N``.

Valid conversations are made, then mutated (bits, bytes, lengths, cuts, repetitions, splices), and random bytes are
mixed in; each string is written to a connection of its own, several at a time. The broker may answer with MQTT or end
the connection, nothing else: what it sends must be decodable, it must not keep a connection that broke the protocol
busy for ever, an honest client must be served all the while, and its memory and descriptors must stay bounded: below
what its settings allow, and in a long run no longer growing in the second half.
A failure prints the seed and the string, which :func:`conversation` makes again.
"""

from __future__ import annotations

import argparse
import random
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ingest.mqtt.codec import Parser, ProtocolError, ProtocolVersion
from ingest.settings import LogSettings
from stack.topics import ensure_topics
from tests.fuzz.hostile import conversation
from tests.mqttkit import Client, unique
from tests.mqttkit.link import Address
from tests.mqttkit.node import Node
from tests.stackkit.eventually import run_async
from tests.stackkit.services import fresh_kafka, local_stack

AT_ONCE = 64
PATIENCE = 5.0
"""Seconds after which a connection that we have half closed must have ended."""
CHECK_EVERY = 2_000
MOST_DESCRIPTORS = 200
MEGABYTE = 1_048_576
MARGIN = 64 * MEGABYTE
"""For what is bounded by number (caches by topic and client id, some hundred sessions, some thousand retained
messages), answers of Kafka on their way, and what the allocator holds in between."""
MOST_BYTES = LogSettings().ring_bytes * 5 // 4 + MARGIN
"""More than at the beginning: the ring of recent frames, the payloads read again (a quarter of it), and the margin."""
LONG_RUN = 400_000
"""Strings after half of which what is bounded in bytes has filled; the ring takes about 100,000 for that."""
MOST_GROWTH = 0.1
"""Of the broker's memory in the second half of a long run."""


class FuzzFailure(AssertionError):  # noqa: N818 - says what happened
    """The broker did what no bytes may make it do."""


@dataclass(slots=True)
class _Attack:
    """One string on its way."""

    number: int
    data: bytes
    socket: socket.socket
    sent: int = 0
    received: bytearray = field(default_factory=bytearray)
    deadline: float = 0.0


@dataclass(slots=True)
class Report:
    """What came of it."""

    strings: int = 0
    answered: int = 0
    seconds: float = 0.0
    megabytes: list[int] = field(default_factory=list)
    """The broker's memory at the beginning and after each fifth."""


def attack(
    address: Address, pid: int | None, count: int, seed: int, progress: Callable[[int], None] = lambda _: None
) -> Report:
    """Write ``count`` strings; ``pid`` is that of the broker, to watch its memory. Raises FuzzFailure."""
    report = Report()
    begun = time.monotonic()
    with Client(address, ProtocolVersion.V5, keep_alive=0) as witness:
        topic = unique("witness")
        witness.subscribed(topic, qos=1)
        watch = _Watch(pid, count)
        strings = enumerate(_strings(count, seed))
        with selectors.DefaultSelector() as selector:
            try:
                while _launch(selector, strings, address) or selector.get_map():
                    report.strings += _serve(selector, report, seed)
                    if report.strings % CHECK_EVERY < AT_ONCE:
                        watch.check(report.strings)
                    if report.strings % 256 == 0:
                        _still_serves(witness, topic, seed)
                        progress(report.strings)
            finally:
                for key in list(selector.get_map().values()):
                    key.data.socket.close()
        _still_serves(witness, topic, seed)
        watch.check(count)
        report.megabytes = [size // MEGABYTE for size in watch.memory]
    report.seconds = time.monotonic() - begun
    return report


def _strings(count: int, seed: int) -> Iterator[bytes]:
    for number in range(count):
        yield conversation(random.Random(f"{seed} {number}"))


def _launch(selector: selectors.BaseSelector, strings: Iterator[tuple[int, bytes]], address: Address) -> bool:
    """Fill up the attacks under way; whether there are any."""
    while len(selector.get_map()) < AT_ONCE:
        following = next(strings, None)
        if following is None:
            break
        number, data = following
        connection = socket.create_connection(address, PATIENCE)
        connection.setblocking(False)
        one = _Attack(number, data, connection, deadline=time.monotonic() + PATIENCE)
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, one)
    return bool(selector.get_map())


def _serve(selector: selectors.BaseSelector, report: Report, seed: int) -> int:
    """Move every attack on by what its socket allows; how many have ended."""
    ended = 0
    for key, events in selector.select(0.2):
        one: _Attack = key.data
        if events & selectors.EVENT_WRITE:
            _write(selector, one)
        if events & selectors.EVENT_READ and _read(one):
            selector.unregister(one.socket)
            one.socket.close()
            _judge(one, report, seed)
            ended += 1
    now = time.monotonic()
    for key in list(selector.get_map().values()):
        if now > key.data.deadline:
            raise FuzzFailure(f"seed {seed}, string {key.data.number}: not ended after {PATIENCE} s: {key.data.data!r}")
    return ended


def _write(selector: selectors.BaseSelector, one: _Attack) -> None:
    try:
        one.sent += one.socket.send(one.data[one.sent :])
        if one.sent == len(one.data):
            # Nothing more will come: a broker that waits for more must let go now.
            one.socket.shutdown(socket.SHUT_WR)
            selector.modify(one.socket, selectors.EVENT_READ, one)
    except (BrokenPipeError, ConnectionResetError, BlockingIOError):
        selector.modify(one.socket, selectors.EVENT_READ, one)
    except OSError as error:  # shutdown of a connection that the peer has just closed
        if one.sent < len(one.data):
            raise FuzzFailure(f"string {one.number}: {error}") from error
        selector.modify(one.socket, selectors.EVENT_READ, one)


def _read(one: _Attack) -> bool:
    """Take what is there; whether the connection has ended."""
    try:
        data = one.socket.recv(65_536)
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False
    one.received += data
    return not data


def _judge(one: _Attack, report: Report, seed: int) -> None:
    """What came back must be MQTT of some version; a broker that was cut off may end in the middle of a packet."""
    if not one.received:
        return
    report.answered += 1
    problems = []
    for version in ProtocolVersion:
        parser = Parser("client", version)
        try:
            parser.feed(bytes(one.received))
        except ProtocolError as error:
            problems.append(str(error))
            continue
        if parser.error is None:
            return
        problems.append(str(parser.error))
    raise FuzzFailure(f"seed {seed}, string {one.number}: {bytes(one.received)!r} is no MQTT: {problems}; {one.data!r}")


def _still_serves(witness: Client, topic: str, seed: int) -> None:
    """A message to oneself, there and back."""
    try:
        packet_id = witness.send_publish(topic, b"alive", qos=1)
        witness.finish_publish(packet_id, 1)
        while witness.expect_message(topic).payload != b"alive":
            continue
    except AssertionError as error:
        raise FuzzFailure(f"seed {seed}: an honest client is not served any more: {error}") from error


class _Watch:
    """Memory and descriptors of the broker against those at the beginning."""

    def __init__(self, pid: int | None, count: int) -> None:
        self._process = None if pid is None else psutil.Process(pid)
        self._count = count
        self._half: int | None = None
        memory, self._descriptors = self._look()
        self.memory = [memory]
        """Bytes at the beginning and after each fifth."""

    def check(self, strings: int) -> None:
        """Look after so many strings. Raises FuzzFailure when there is no bound in sight."""
        memory, descriptors = self._look()
        if memory - self.memory[0] > MOST_BYTES:
            raise FuzzFailure(f"the broker has taken {(memory - self.memory[0]) // MEGABYTE} MB")
        if descriptors - self._descriptors > MOST_DESCRIPTORS:
            raise FuzzFailure(f"the broker holds {descriptors - self._descriptors} more descriptors")
        while len(self.memory) * self._count <= strings * 5:
            self.memory.append(memory)
        if self._half is None and strings * 2 >= self._count:
            self._half = memory
        if strings == self._count >= LONG_RUN:
            self._compare(memory)

    def _compare(self, memory: int) -> None:
        """The second half of a long run must add little to the first."""
        assert self._half is not None
        if memory > self._half * (1 + MOST_GROWTH):
            raise FuzzFailure(f"the broker goes on growing: {self._half // MEGABYTE}, then {memory // MEGABYTE} MB")

    def _look(self) -> tuple[int, int]:
        if self._process is None:
            return 0, 0
        try:
            return self._process.memory_info().rss, self._process.num_fds()
        except psutil.NoSuchProcess as error:
            raise FuzzFailure("the broker is gone") from error


def _show(done: int, count: int, begun: float) -> None:
    rate = done / max(time.monotonic() - begun, 0.001)
    print(f"\r{done:>9} of {count} strings, {rate:,.0f}/s", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Fuzz a broker that runs, or a node of our own on a local stack made for it; 0 when it held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000, help="strings (default one million)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="of a running broker; 0 starts Kafka and a node of our own")
    parser.add_argument("--pid", type=int, help="process of that broker, to watch its memory")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    if options.port:
        return _run((options.host, options.port), options.pid, options.count, options.seed)
    with own_node() as (address, pid):
        return _run(address, pid, options.count, options.seed)


def _run(address: Address, pid: int | None, count: int, seed: int) -> int:
    begun = time.monotonic()
    try:
        report = attack(address, pid, count, seed, lambda done: _show(done, count, begun))
    except FuzzFailure as failure:
        print(f"\n{failure}")
        return 1
    print(
        f"\n{report.strings} strings in {report.seconds:.0f} s, {report.answered} answered, "
        f"memory of the broker after each fifth {report.megabytes} MB; it goes on serving"
    )
    return 0


@contextmanager
def own_node() -> Iterator[tuple[Address, int]]:
    """A node of ours on a Kafka made for it: its address and process."""
    with tempfile.TemporaryDirectory(prefix="mqledger-fuzz-") as folder, local_stack(Path(folder)) as services:
        kafka = fresh_kafka(services, "fuzz")
        run_async(ensure_topics(kafka))
        node = Node(kafka, services.postgres, Path(folder))
        node.start()
        try:
            yield node.address, node.pid
        finally:
            node.kill()


if __name__ == "__main__":
    sys.exit(main())
