"""Retained messages: the highest order wins, whatever order they come in; a clear is a value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.retained import Retained, RetainedStore
from schemas.positions import position

EVERYTHING = [1 << 40] * 4


def message(stamp: int, partition: int = 0, offset: int = 0, payload: bytes = b"x") -> Retained:
    """A retained message."""
    return Retained(stamp, partition, position(offset, 0), 0, 1, "client", b"", payload)


published = st.lists(
    st.tuples(st.sampled_from(["a", "b", "a/b"]), st.integers(0, 3), st.integers(0, 3), st.booleans()),
    max_size=12,
    unique_by=lambda one: one[:3],
)


@given(published, st.randoms(use_true_random=False))
def test_the_order_of_reading_does_not_matter(found: list[tuple[str, int, int, bool]], random: object) -> None:
    """Given messages and clears of several partitions, when they are read in any order, then the highest (stamp,
    partition, position) of each topic stands."""
    events = [(topic, message(stamp, p, stamp, b"" if clear else b"x")) for topic, stamp, p, clear in found]
    expected = dict(sorted(events, key=lambda one: one[1].order))
    random.shuffle(events)  # type: ignore[attr-defined]
    store = RetainedStore()
    for topic, event in events:
        store.observe(topic, event)
    assert dict(store.match("#", EVERYTHING)) == {topic: event for topic, event in expected.items() if event.payload}
    assert len(store) == len(store.match("#", EVERYTHING))


def test_a_message_below_a_clear_does_not_come_back() -> None:
    """Given a clear, when an older message is read after it, then the topic stays clear; a newer one stands."""
    store = RetainedStore()
    store.observe("a", message(5, payload=b""))
    store.observe("a", message(4))
    assert len(store) == 0
    store.observe("a", message(6))
    assert len(store) == 1


def test_what_lies_at_or_above_the_vector_is_not_retained_yet() -> None:
    """Given messages, when they are read as of a vector, then only those below it, oldest first [MQTT-3.3.1-6]."""
    store = RetainedStore()
    store.observe("new", message(3, 1, 5))
    store.observe("late", message(2, 0, 9))
    store.observe("old", message(1, 0, 4))
    assert [topic for topic, _ in store.match("+", [9, 6])] == ["old", "new"]
    assert [topic for topic, _ in store.match("+", [10, 5])] == ["old", "late"]


@given(published)
def test_bytes_are_those_of_what_is_held(found: list[tuple[str, int, int, bool]]) -> None:
    """Given messages and clears in any order, when they are counted, then the bytes are those of what stands."""
    store = RetainedStore()
    for topic, stamp, p, clear in found:
        store.observe(topic, message(stamp, p, stamp, b"" if clear else b"x" * (stamp + 1)))
    assert store.bytes == sum(len(topic) + len(held.payload) for topic, held in store.match("#", EVERYTHING))
