"""Order statistics of measured times."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Times:
    """A distribution of times in milliseconds over ``count`` samples; all 0 when there was none."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float


def weighted(samples: Iterable[tuple[float, int]]) -> Times:
    """The distribution of (seconds, how many samples took that long) pairs, by nearest rank."""
    ordered = sorted(samples)
    total = sum(weight for _, weight in ordered)
    if not total:
        return Times(0, 0.0, 0.0, 0.0, 0.0)
    p50, p90, p99 = (_rank(ordered, total, share) for share in (0.50, 0.90, 0.99))
    return Times(total, p50 * 1e3, p90 * 1e3, p99 * 1e3, ordered[-1][0] * 1e3)


def of(seconds: Iterable[float]) -> Times:
    """The distribution of single times, given in seconds."""
    return weighted((value, 1) for value in seconds)


def median(values: Sequence[float]) -> float:
    """The median; raises statistics.StatisticsError when there are no values."""
    return statistics.median(values)


def _rank(ordered: Sequence[tuple[float, int]], total: int, share: float) -> float:
    seen = 0
    for value, weight in ordered:
        seen += weight
        if seen >= total * share:
            return value
    return ordered[-1][0]
