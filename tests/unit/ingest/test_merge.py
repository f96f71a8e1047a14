"""The order of a fold: by append time, and never an effect before its cause."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.log.reader import LogTruncatedError
from schemas.events import NodeStopped
from tests.unit.ingest.sim.log import Log, Reader


def write(log: Log, partition: int, time: int, depends: list[int]) -> None:
    """A frame with an append time, of a node that had applied a vector."""
    log.time = time
    log.append(partition, "node", 1, 0, 1, depends, [NodeStopped("node", 1)])


def order(log: Log, stops: list[int] | None = None, chunk: int = 2) -> list[tuple[int, int]]:
    """Partition and offset of all frames in the order of the merge."""

    async def run() -> list[tuple[int, int]]:
        wanted = stops or log.ends
        return [(r.partition, r.offset) async for r in Reader(log, chunk).merged([0] * len(wanted), wanted)]

    return asyncio.run(run())


def test_frames_come_by_append_time() -> None:
    """Given frames that depend on nothing, when they are merged, then by time, and by partition at the same time."""
    log = Log(3)
    for partition, time in [(2, 1), (0, 2), (1, 2), (0, 5), (1, 3), (2, 4)]:
        write(log, partition, time, [0, 0, 0])
    assert order(log) == [(2, 0), (0, 0), (1, 0), (1, 1), (2, 1), (0, 1)]


def test_a_frame_waits_for_what_its_node_had_applied() -> None:
    """Given a frame with the append time of its cause in a later partition, when merged, then the cause is first."""
    log = Log(2)
    write(log, 1, 7, [0, 0])
    write(log, 0, 7, [0, 1])
    assert order(log) == [(1, 0), (0, 0)]


def test_a_cause_beyond_the_end_holds_up_only_as_far_as_the_end() -> None:
    """Given a frame that depends on more of a partition than is to be read, when merged, then it waits for all of it
    that is."""
    log = Log(2)
    write(log, 0, 1, [0, 3])
    for time in (5, 6, 7):
        write(log, 1, time, [0, 0])
    assert order(log, [1, 2]) == [(1, 0), (1, 1), (0, 0)]


def test_a_circle_is_an_error() -> None:
    """Given frames that wait for each other, when merged, then that is said."""
    log = Log(2)
    write(log, 0, 1, [0, 1])
    write(log, 1, 1, [1, 0])
    with pytest.raises(LogTruncatedError):
        order(log)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3)), max_size=30), st.data())
def test_the_merge_is_complete_ordered_and_always_the_same(steps: list[tuple[int, int, int]], data: Any) -> None:
    """Given any history of a node that applies and appends, when it is merged in chunks of any size, then every frame
    comes once, in the order of its partition, after its causes, and in one order."""
    log, applied, depends = Log(3), [0, 0, 0], []
    for partition, wait, learn in steps:
        log.time += wait
        if learn < 3:
            applied[learn] = log.ends[learn]
        depends.append((partition, log.ends[partition], list(applied)))
        log.append(partition, "node", 1, 0, 1, list(applied), [NodeStopped("node", 1)])
    found = order(log, chunk=data.draw(st.integers(1, 5)))
    assert found == order(log, chunk=100)
    assert sorted(found) == sorted((p, o) for p, o, _ in depends)
    for partition, offset, vector in depends:
        before = found[: found.index((partition, offset))]
        for other, needed in enumerate(vector):
            assert sum(1 for p, _ in before if p == other) >= min(needed, offset if other == partition else needed)
