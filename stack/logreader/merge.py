"""Partitions side by side in the order of their append times, for display.

Within a partition offsets order; times label. Between partitions there is no order but that of the broker's clock,
which is good enough to read. Invariant: what was given out is never older, by *partition time*, than what is given
out later of a bounded reading.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import Generic, TypeVar

T = TypeVar("T")

AHEAD = 5_000
"""Items that a partition may hold back before it has to wait for the others."""


class TimeMerge(Generic[T]):
    """Items of several partitions, each in order, out by time."""

    def __init__(self, partitions: Iterable[int]) -> None:
        """With nothing heard of any of the partitions."""
        self._waiting: dict[int, deque[tuple[int, int, int, T]]] = {p: deque() for p in partitions}
        self._heard: dict[int, float] = dict.fromkeys(self._waiting, float("-inf"))
        self._number = 0

    def put(self, partition: int, time: int, item: T) -> None:
        """An item of a partition, with the time of its frame."""
        self.heard(partition, time)
        self._number += 1
        self._waiting[partition].append((int(self._heard[partition]), partition, self._number, item))

    def heard(self, partition: int, time: float) -> None:
        """The partition was read up to a frame of this time."""
        self._heard[partition] = max(self._heard[partition], time)

    def done(self, partition: int) -> None:
        """Nothing more comes from the partition."""
        self._heard[partition] = float("inf")

    def ready(self) -> Iterator[T]:
        """Take out, in order, what nothing older can follow."""
        safe = min(self._heard.values(), default=float("inf"))
        for entry in merge(*(self._taken(queue, safe) for queue in self._waiting.values())):
            yield entry[3]

    @staticmethod
    def _taken(queue: deque[tuple[int, int, int, T]], safe: float) -> Iterator[tuple[int, int, int, T]]:
        while queue and queue[0][0] <= safe:
            yield queue.popleft()

    def too_far(self) -> set[int]:
        """Partitions that hold much back and are not the ones that the others wait for."""
        behind = min(self._heard.values(), default=0)
        return {p for p, queue in self._waiting.items() if len(queue) >= AHEAD and self._heard[p] > behind}
