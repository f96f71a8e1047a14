"""Partitions side by side: in order of time, each in its own order, nothing lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stack.logreader import merge
from stack.logreader.merge import TimeMerge

STREAMS = st.lists(st.lists(st.integers(0, 20), max_size=8).map(sorted), min_size=1, max_size=4)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(STREAMS, st.randoms(use_true_random=False))
def test_any_arrival_gives_the_order_of_time(streams: list[list[int]], chance: st.random.Random) -> None:  # type: ignore[name-defined]
    together: TimeMerge[tuple[int, int, int]] = TimeMerge(range(len(streams)))
    waiting = {p: [(p, i, time) for i, time in enumerate(times)] for p, times in enumerate(streams)}
    out: list[tuple[int, int, int]] = []
    while waiting:
        partition = chance.choice(sorted(waiting))
        if waiting[partition]:
            item = waiting[partition].pop(0)
            together.put(partition, item[2], item)
        else:
            together.done(partition)
            del waiting[partition]
        out += together.ready()
    out += together.ready()
    assert [time for _, _, time in out] == sorted(time for times in streams for time in times)
    for partition, times in enumerate(streams):
        assert [i for p, i, _ in out if p == partition] == list(range(len(times)))


def test_nothing_is_given_out_before_every_partition_is_past_it() -> None:
    together: TimeMerge[str] = TimeMerge([0, 1])
    together.put(0, 5, "a")
    assert list(together.ready()) == []
    together.heard(1, 4)
    assert list(together.ready()) == []
    together.heard(1, 5)
    assert list(together.ready()) == ["a"]


def test_a_clock_that_went_back_does_not_break_the_order_of_a_partition() -> None:
    together: TimeMerge[str] = TimeMerge([0])
    together.put(0, 9, "first")
    together.put(0, 3, "second")
    together.done(0)
    assert list(together.ready()) == ["first", "second"]


def test_a_partition_that_is_far_ahead_waits_but_never_the_last_one() -> None:
    together: TimeMerge[int] = TimeMerge([0, 1])
    for i in range(merge.AHEAD):
        together.put(0, i, i)
    assert together.too_far() == {0}
    for i in range(merge.AHEAD):
        together.put(1, i, i)
    assert together.too_far() == set()
