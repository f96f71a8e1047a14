"""Streams of the load: what is sent, and that nothing wrong in what comes back goes unnoticed."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.load import cycle, packets
from bench.load.cycle import Cycle
from bench.load.links import Link
from bench.load.packets import UnexpectedPacketError
from bench.load.publishers import Publisher
from bench.load.subscribers import Subscriber

RING = 10


@pytest.fixture
def ring() -> Cycle:
    """Ten packets of QoS 1."""
    return cycle.make("a/b", RING, qos=1)


@pytest.fixture
def ends() -> Iterator[tuple[Link, socket.socket]]:
    """A link and the socket of the other side."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield Link(ours, "test"), theirs


def delivered(ring: Cycle, first: int, count: int, identifier: int = 7_000) -> bytes:
    """What a broker sends for ``count`` messages: the same but for its own identifiers."""
    data = bytearray(ring.deliveries(first, count))
    for index in range(count):
        at = index * ring.size + ring.identifier_at
        data[at : at + 2] = (identifier + index).to_bytes(2, "big")
    return bytes(data)


def test_packets_of_a_ring_are_distinct_publishes(ring: Cycle) -> None:
    """Identifiers count from 1, payloads are 64 bytes and differ."""
    rest, payloads = ring.packets[: RING * ring.size], set()
    for index in range(RING):
        found, rest = packets.take(rest)
        assert found is not None
        assert found.body[:7] == b"\x00\x03a/b" + (index + 1).to_bytes(2, "big")
        payloads.add(found.body[7:])
    assert rest == b""
    assert len(payloads) == RING
    assert {len(payload) for payload in payloads} == {cycle.PAYLOAD_BYTES}


def test_unsent_goes_round(ring: Cycle) -> None:
    """The stream from any byte on is the ring again and again, and never more than one ring at once."""
    endless = ring.packets[: RING * ring.size] * 3
    for sent in range(0, 2 * RING * ring.size, 37):
        allowed = sent // ring.size + RING
        assert ring.unsent(sent, allowed) == endless[sent : allowed * ring.size]
    with pytest.raises(ValueError, match="can't be sent"):
        ring.unsent(0, RING + 1)


def test_publisher_sends_what_is_allowed(ring: Cycle, ends: tuple[Link, socket.socket]) -> None:
    """Nothing more, nothing less."""
    link, other = ends
    publisher = Publisher(link, ring)
    assert publisher.allow(3, 0.0)
    assert other.recv(65_536) == ring.packets[: 3 * ring.size]


@pytest.mark.parametrize("form", [b"\x40\x02", b"\x40\x03"])
@pytest.mark.parametrize("step", [1, 2, 4, 5, 1_000])
def test_publisher_counts_pubacks_however_cut(
    ring: Cycle, ends: tuple[Link, socket.socket], form: bytes, step: int
) -> None:
    """Short and long PUBACKs, in pieces of any size, over the end of the ring."""
    publisher = Publisher(ends[0], ring)
    count = 0
    for begin in (0, RING):
        publisher.allow(RING, 0.0)
        tail = b"\x00" if form[1] == 3 else b""
        data = b"".join(form + (index + 1).to_bytes(2, "big") + tail for index in range(RING))
        count += sum(publisher.take(data[at : at + step]) for at in range(0, len(data), step))
        assert count == publisher.acked == begin + RING


def test_publisher_refuses_another_identifier(ring: Cycle, ends: tuple[Link, socket.socket]) -> None:
    """PUBACKs come in the order of the messages [MQTT-4.6.0-2]."""
    publisher = Publisher(ends[0], ring)
    publisher.allow(3, 0.0)
    with pytest.raises(UnexpectedPacketError, match="awaited PUBACK 2, got 3"):
        publisher.take(packets.puback(1) + packets.puback(3))


def test_publisher_refuses_a_puback_too_many(ring: Cycle, ends: tuple[Link, socket.socket]) -> None:
    """What was not sent can't be acknowledged."""
    publisher = Publisher(ends[0], ring)
    publisher.allow(1, 0.0)
    with pytest.raises(UnexpectedPacketError, match="2 PUBACKs for 1 messages"):
        publisher.take(packets.puback(1) + packets.puback(2))


def test_waits_belong_to_their_sendings(ring: Cycle, ends: tuple[Link, socket.socket]) -> None:
    """Times run from the sending that a message was part of."""
    publisher, waits = Publisher(ends[0], ring), list[tuple[float, int]]()
    publisher.allow(2, 10.0)
    publisher.allow(3, 11.0)
    publisher.waited(publisher.take(b"".join(map(packets.puback, (1, 2, 3)))), 12.0, waits)
    publisher.waited(publisher.take(b"".join(map(packets.puback, (4, 5)))), 13.0, waits)
    assert waits == [(2.0, 2), (1.0, 1), (2.0, 2)]


@pytest.mark.parametrize("step", [1, 50, 79, 10_000])
def test_subscriber_acknowledges_the_brokers_identifiers(
    ring: Cycle, ends: tuple[Link, socket.socket], step: int
) -> None:
    """Each delivery is acknowledged once, in order, with the identifier that the broker chose."""
    subscriber = Subscriber(ends[0], ring, 1)
    data = delivered(ring, 0, 25)
    assert sum(subscriber.take(data[at : at + step]) for at in range(0, len(data), step)) == 25
    assert bytes(subscriber.unsent) == b"".join(packets.puback(7_000 + index) for index in range(25))


def test_subscriber_sends_its_pubacks(ring: Cycle, ends: tuple[Link, socket.socket]) -> None:
    """Flushing empties what is unsent."""
    subscriber = Subscriber(ends[0], ring, 1)
    subscriber.take(delivered(ring, 0, 2))
    assert subscriber.flush()
    assert ends[1].recv(100) == packets.puback(7_000) + packets.puback(7_001)
    assert not subscriber.unsent


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("order", [(0, 2), (0, 0), (1, 0), (1,)])
def test_subscriber_refuses_loss_repetition_and_disorder(
    ends: tuple[Link, socket.socket], qos: packets.QoS, order: tuple[int, ...]
) -> None:
    """Any message but the next is a fault."""
    ring = cycle.make("a/b", RING, qos=qos)
    made = ring.deliveries if qos == 0 else lambda first, count: delivered(ring, first, count)
    with pytest.raises(UnexpectedPacketError, match="should have been"):
        Subscriber(ends[0], ring, qos).take(b"".join(made(index, 1) for index in order))


def test_subscriber_refuses_dup(ring: Cycle, ends: tuple[Link, socket.socket]) -> None:
    """A message marked as sent before was sent before."""
    data = bytearray(delivered(ring, 0, 1))
    data[0] |= 0x08
    with pytest.raises(UnexpectedPacketError):
        Subscriber(ends[0], ring, 1).take(bytes(data))
