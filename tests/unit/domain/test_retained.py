"""Retained messages: the highest order wins, whatever order they come in; a clear is a value."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.retained import Retained, RetainedStore, most_bytes
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
    """Given messages and clears in any order, when they are counted, then the bytes are those of a store that was given
    only what stands."""
    store = RetainedStore()
    for topic, stamp, p, clear in found:
        store.observe(topic, message(stamp, p, stamp, b"" if clear else b"x" * (stamp + 1)))
    fresh = RetainedStore()
    for topic, held in store.match("#", EVERYTHING):
        fresh.observe(topic, held)
    assert store.bytes == fresh.bytes


@pytest.mark.parametrize("levels", [1, 3, 10, 100])
def test_bytes_are_what_retained_messages_take(levels: int) -> None:
    """Given messages with topics of any depth, when memory is measured, then it is what the store says, or less."""
    topics = ["/".join([f"{number}"] * levels) for number in range(1_000)]
    store = RetainedStore()
    tracemalloc.start()
    try:
        for number, topic in enumerate(topics):
            client_id, payload = f"client-{number}", bytes(10 + number % 2)
            store.observe(topic, Retained(number, 0, position(number, 0), 1 << 40, 1, client_id, b"", payload))
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.5 * store.bytes < taken < 1.1 * store.bytes
    assert store.bytes <= sum(most_bytes(topic, 11) for topic in topics)


def test_clears_of_long_topics_are_few() -> None:
    """Given clears of topics as long as MQTT allows, when there are many, then the oldest are forgotten, by bytes."""
    store = RetainedStore()
    for number in range(2_000):
        store.observe(f"{number:065535}", message(number, payload=b""))
    assert sum(map(len, store._cleared)) == store._cleared_bytes <= 16_777_216
    store.observe(f"{1_999:065535}", message(1, payload=b"old"))
    assert len(store) == 0  # the latest clear stands
