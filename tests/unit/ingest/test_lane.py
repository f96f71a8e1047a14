"""A lane, the ring and the wheel: what they hold, and that they let it go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.log.lane import Lane, size_of
from ingest.node.ring import Ring, RingFrame
from schemas.events import Published


def published(number: int, size: int) -> Published:
    """A message with a payload of a size."""
    return Published("default", "client", 1, "t", 1, False, number, b"", bytes(size))


@given(
    st.lists(st.integers(0, 2_000), max_size=60),
    st.integers(1, 20),
    st.integers(100, 5_000),
    st.lists(st.sampled_from(["land", "unseal", "shorten"]), max_size=20),
)
def test_events_leave_a_lane_in_order_and_its_size_is_right(
    sizes: list[int], max_events: int, max_bytes: int, fates: list[str]
) -> None:
    """Given events of any size, when frames land, fail or turn out too large, then events leave in order, once, within
    the limits, and nothing is left of their sizes."""
    lane = Lane(0)
    for number, size in enumerate(sizes):
        event = published(number, size)
        lane.events.append(event)
        lane.owners.append(None)
        lane.size += size_of(event) - 20  # an estimate
    total, landed, coming = lane.size, [], iter(fates)
    while lane.events:
        sealed = lane.seal(1, 1, max_events, max_bytes)
        fate = next(coming, "land")
        if fate == "unseal":
            lane.unseal()
        else:
            if fate == "shorten" and len(sealed.events) > 1:
                lane.shorten(len(sealed.events) // 2)
            assert 0 < len(sealed.events) <= max_events
            assert len(sealed.events) == len(sealed.owners)
            landed += [event.packet_id for event in sealed.events]  # type: ignore[union-attr]
            total -= sealed.size
            lane.sealed = None
        assert len(lane.events) == len(lane.owners)
    assert landed == list(range(len(sizes)))
    assert lane.size == 0
    assert total == 0


def frame(offset: int, count: int = 1) -> RingFrame:
    """A frame of messages."""
    return RingFrame(offset, offset * 10, [published(n, 10) for n in range(count)], 10 * count)


def test_the_ring_holds_the_latest_frames_of_each_partition() -> None:
    """Given a ring with room for few frames, when more come, then the oldest of all go, and the rest is found."""
    ring = Ring(2, 4 * frame(0).size)
    for offset in range(10):
        ring.add(offset % 2, frame(offset // 2))
    assert ring.get(0, 2 << 16) is None
    assert ring.get(0, 4 << 16) is not None
    assert [held.offset for held in ring.since(1, 0)] == [3, 4]
    assert [held.offset for held in ring.since(1, 4)] == [4]
    assert ring.floor(0) == 3
    assert ring.size == 4 * frame(0).size


def test_a_pin_holds_what_a_subscriber_will_need() -> None:
    """Given a pinned vector, when the ring is full, then nothing at or above it goes until the pin does."""
    ring = Ring(1, frame(0).size)
    ring.pins["someone"] = [2]
    for offset in range(6):
        ring.add(0, frame(offset))
    assert [held.offset for held in ring.since(0, 0)] == [2, 3, 4, 5]
    del ring.pins["someone"]
    ring.add(0, frame(6))
    assert [held.offset for held in ring.since(0, 0)] == [6]
