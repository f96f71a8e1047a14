"""Whole loads, short, over real sockets: against the sink that acknowledges, and against faults."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench.load import apart, holding, meter, publishers, sink
from bench.load.apart import LoadFailedError
from bench.load.links import Address, Handshake, PeerClosedError, TooLateError
from bench.load.meter import BROKER, Meter
from bench.load.packets import UnexpectedPacketError, Version
from bench.load.publishers import Plan, Shape


@pytest.fixture(scope="module")
def acknowledging() -> Iterator[tuple[Address, int]]:
    """A sink."""
    with sink.running() as found:
        yield found


@contextmanager
def server(serve: Callable[[socket.socket], object]) -> Iterator[Address]:
    """A server that handles one connection with ``serve`` in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        accepted, _ = listener.accept()
        with accepted:
            serve(accepted)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield Address("127.0.0.1", listener.getsockname()[1])
    finally:
        thread.join(10)
        listener.close()


@pytest.mark.parametrize("shape", [Shape(1, 1), Shape(3, 50), Shape(70, 2)], ids=str)
@pytest.mark.parametrize("version", [4, 5])
def test_every_message_is_acknowledged(acknowledging: tuple[Address, int], shape: Shape, version: Version) -> None:
    """What is counted is part of what was sent and acknowledged; times and CPU are told."""
    address, pid = acknowledging
    plan = Plan(address, {BROKER: [pid]}, shape, seconds=0.1, warm_up=0.05, drain=10, version=version)
    outcome = publishers.run(plan)
    assert 0 < outcome.messages <= outcome.total
    assert outcome.latency.count == outcome.messages
    assert 0 < outcome.latency.p50 <= outcome.latency.p99 <= outcome.latency.max
    assert 0.1 <= outcome.usage.wall < 5


def test_a_broker_that_hangs_up_fails_the_handshake() -> None:
    """The end of the stream instead of CONNACK."""
    with server(lambda accepted: accepted.recv(100)) as address:
        handshake = Handshake(address, 4, timeout=5)
        with pytest.raises(PeerClosedError, match="of a"):
            handshake.open(["a"])
        handshake.close()


def test_a_broker_that_refuses_fails_the_handshake() -> None:
    """A CONNACK with a return code."""

    def refuse(accepted: socket.socket) -> None:
        accepted.recv(100)
        accepted.sendall(b"\x20\x02\x00\x05")

    with server(refuse) as address:
        handshake = Handshake(address, 4, timeout=5)
        with pytest.raises(UnexpectedPacketError, match="accepting CONNACK"):
            handshake.open(["a"])
        handshake.close()


def test_a_broker_that_is_silent_is_given_up() -> None:
    """No CONNACK in time."""
    with server(lambda accepted: [accepted.recv(100), accepted.recv(100)]) as address:
        handshake = Handshake(address, 4, timeout=0.1)
        with pytest.raises(TooLateError, match="1 connections got no answer"):
            handshake.open(["a"])
        handshake.close()


def test_nobody_listens() -> None:
    """A refused connection is told as such."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        handshake = Handshake(Address("127.0.0.1", unused.getsockname()[1]), 4)
        with pytest.raises(ConnectionRefusedError):
            handshake.open(["a"])
        handshake.close()


def test_a_puback_that_never_comes_fails_the_run() -> None:
    """A broker that accepts and then acknowledges nothing."""

    def accept_only(accepted: socket.socket) -> None:
        accepted.recv(100)
        accepted.sendall(sink.CONNACK)
        while accepted.recv(65_536):
            pass

    with server(accept_only) as address, pytest.raises(TooLateError, match="5 messages were not acknowledged"):
        publishers.run(Plan(address, {}, Shape(1, 5), seconds=0.05, warm_up=0.05, drain=0.2))


def test_apart_returns_the_result() -> None:
    """Another process did it."""
    assert apart.run(30, os.getpid) != os.getpid()


def test_apart_tells_the_other_sides_error() -> None:
    """The trace comes with the error."""
    with pytest.raises(LoadFailedError, match="invalid literal"):
        apart.run(30, int, "no number")


def test_apart_tells_a_death() -> None:
    """No result, but an exit code."""
    with pytest.raises(LoadFailedError, match="exit code 3"):
        apart.run(30, os._exit, 3)


def test_apart_gives_up() -> None:
    """The process is gone when it wasn't done in time."""
    before = multiprocessing.active_children()
    with pytest.raises(LoadFailedError, match="not done"):
        apart.run(0.2, _wait)
    assert multiprocessing.active_children() == before


def _wait() -> None:
    threading.Event().wait(60)


def test_meter_counts_this_process() -> None:
    """CPU time of a group grows with what the process does, and is not counted as others'."""
    mine = Meter({BROKER: [os.getpid()]})
    start = mine.read()
    while meter.cpu_seconds(os.getpid()) < start.cpu[BROKER] + 0.05:
        sum(range(10_000))
    used = mine.since(start)
    assert used.cpu[BROKER] == pytest.approx(0.05, abs=0.04)
    assert used.wall > 0


def test_memory_comes_to_rest() -> None:
    """Resident memory of this process is told in bytes."""
    assert holding.still([os.getpid()]) > 2**20
