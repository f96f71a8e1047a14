"""What the ring says it holds is what its frames take in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from ingest.node.ring import Ring, RingFrame
from schemas import filters
from schemas.events import AnyEvent, Connected, Counters, Cursor, Disconnected, Published, Subscribed, Subscription
from schemas.frames import encode_events, frame_headers, read_frame

BYTES = 4_000_000
"""Of frames in the ring, about, so that what is held once weighs nothing."""


def _published(n: int) -> Published:
    return Published("default", f"client-{n}", n << 20, f"a/b/{n}", 1, False, n % 60_000 + 1, b"", bytes(n % 100))


def _connected(n: int) -> Connected:
    where = ("127.0.0.1", 30_000 + n % 20_000, "mqtt:tcp")
    return Connected("default", f"client-{n}", "", "mqtt5", 5, *where, True, 0, 60, 65_535, 0, 0, False, True)


def _disconnected(n: int) -> Disconnected:
    vector = [100_000 + n + p for p in range(8)]
    counters = Counters(0, 0, 0, 3, 5, 2, 1, 300 + n, 300 + n)
    why = (0x80, "the client closed its side", "network", 0, True)
    return Disconnected("default", f"client-{n}", n << 20, *why, vector, Cursor([]), counters)


def _subscribed(n: int) -> Subscribed:
    vector = [100_000 + n + p for p in range(8)]
    return Subscribed("default", f"client-{n}", n << 20, vector, [Subscription(f"a/{n}/{i}", 1) for i in range(3)])


@pytest.mark.parametrize("per_frame", [1, 3, 20, 400])
@pytest.mark.parametrize("make", [_published, _connected, _disconnected, _subscribed])
def test_the_ring_counts_what_its_frames_take(make: Callable[[int], AnyEvent], per_frame: int) -> None:
    """Given a ring full of frames read from the log, small ones of lifecycle events included, when its memory is
    measured, then it takes what it says, or less, by no more than half."""
    ring = Ring(8, BYTES)
    tracemalloc.start()
    try:
        n = 0
        while ring.size < BYTES * 0.9:
            _add(ring, n, [make(n * per_frame + i) for i in range(per_frame)])
            n += 1
        # What is remembered of names, to write headers, is not the ring's.
        filters.topics.clear()
        filters.clients.clear()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.5 * ring.size < taken < 1.1 * ring.size


def _add(ring: Ring, offset: int, events: list[AnyEvent]) -> None:
    value = encode_events(events)
    read = read_frame(frame_headers("node-1", 1, offset, 1, [0] * 8, events), value).event_list()
    frame = RingFrame(1 << 20 | offset, 1 << 40 | offset, read, len(value))
    ring.add(offset % 8, frame)
    ring.weigh(frame, sum(type(event) is not Published for event in read))


def test_what_is_weighed_later_counts_when_it_goes() -> None:
    """Given frames of lifecycle events, when they leave the ring, then nothing of them is still counted."""
    ring = Ring(8, 5_000)
    for offset in range(10):
        _add(ring, offset, [_connected(offset)])
    held = [frame for partition in range(8) for frame in ring.since(partition, 0)]
    assert ring.size == sum(frame.size for frame in held)
    assert 0 < len(held) < 10
