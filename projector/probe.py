"""What a worker shows of its lanes: states for readiness, numbers for Prometheus."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


class Metrics:
    """The Prometheus metrics of a worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Registers them."""
        p, by = "mqledger_projector_", ["partition"]
        self.lag = Gauge(p + "lag_offsets", "Frames in the log that are not applied", by, registry=registry)
        self.lag_ms = Gauge(
            p + "lag_milliseconds", "Age of the oldest frame not applied, NaN before one is seen", by, registry=registry
        )
        self.next = Gauge(p + "next_offset", "Offset of the next frame to apply", by, registry=registry)
        self.stopped = Gauge(p + "stopped", "1 when the partition waits for a person", by, registry=registry)
        self.frames = Counter(p + "frames", "Frames applied", by, registry=registry)
        self.void = Counter(p + "void_frames", "Frames of fenced incarnations", by, registry=registry)
        self.events = Counter(p + "events", "Events applied", by, registry=registry)
        self.commits = Counter(p + "transactions", "Transactions committed", by, registry=registry)
        self.poison = Counter(p + "poison_frames", "Frames that could not be folded", by, registry=registry)
        self.dead = Counter(p + "quarantined_frames", "Frames that were put aside", by, registry=registry)
        self.batch = Histogram(p + "batch_frames", "Frames per transaction", registry=registry, buckets=_SIZES)
        self.commit = Histogram(p + "commit_seconds", "Time of a transaction", registry=registry, buckets=_SECONDS)
        self.visible = Histogram(
            p + "append_to_commit_seconds",
            "From the append of a batch's last frame to its commit",
            registry=registry,
            buckets=_SECONDS,
        )


class Committed(Protocol):
    """The part of a batch of changes that is counted."""

    next: int
    events: int
    last_append: int

    @property
    def frames(self) -> int: ...
    @property
    def void_frames(self) -> int: ...


class LaneProbe:
    """The state of one lane, written by it alone."""

    def __init__(self, partition: int | str, metrics: Metrics) -> None:
        """A lane that has not begun."""
        self.state = "opening"
        """opening, following, waiting or stopped."""
        self.reason = ""
        self.next = 0
        self.end = 0
        self._oldest = 0
        """Append time of a frame that is none too young for the oldest one not applied; 0 when none is known."""
        self._metrics = metrics
        self._label = str(partition)
        metrics.stopped.labels(self._label).set(0)

    def opening(self) -> None:
        """The position is being read."""
        self.state = "opening"

    def waiting(self, reason: str) -> None:
        """Something is away and will be tried again."""
        self.state, self.reason = "waiting", reason

    def following(self, start: int, end: int) -> None:
        """The position is known and the log is read."""
        self.state, self.reason, self.next, self.end = "following", "", start, max(end, self.end)
        self._oldest = 0
        self.show(self.end)

    def stopped(self, reason: str) -> None:
        """A person is needed."""
        self.state, self.reason = "stopped", reason
        self._metrics.stopped.labels(self._label).set(1)

    def poisoned(self) -> None:
        """A frame can't be folded."""
        self._metrics.poison.labels(self._label).inc()

    def put_aside(self) -> None:
        """It went to the dead letters."""
        self._metrics.dead.labels(self._label).inc()

    @contextmanager
    def commit_time(self) -> Iterator[None]:
        """Measure a transaction."""
        begin = time.perf_counter()
        yield
        self._metrics.commit.observe(time.perf_counter() - begin)

    def committed(self, changes: Committed, end: int) -> None:
        """A batch is in the tables."""
        metrics, label = self._metrics, self._label
        self.next = changes.next
        metrics.frames.labels(label).inc(changes.frames)
        metrics.void.labels(label).inc(changes.void_frames)
        metrics.events.labels(label).inc(changes.events)
        metrics.commits.labels(label).inc()
        metrics.batch.observe(changes.frames)
        metrics.visible.observe(max(0.0, time.time() - changes.last_append / 1000))
        self.show(end, changes.last_append)

    @property
    def lag(self) -> int:
        """Frames not applied."""
        return max(0, self.end - self.next)

    @property
    def lag_ms(self) -> int | None:
        """0 when nothing waits, else about the age of the oldest frame that does; None while none of them was seen."""
        if not self.lag:
            return 0
        return max(0, round(time.time() * 1000) - self._oldest) if self._oldest else None

    def show(self, end: int, oldest: int = 0) -> None:
        """Publish position and lag, given the end of the log and the append time of a frame that is none too young."""
        was_behind = self.lag > 0
        self.end = max(self.end, end)
        if oldest:
            self._oldest = oldest
        elif not was_behind:  # what there is has come since the last look
            self._oldest = round(time.time() * 1000)
        age = self.lag_ms
        self._metrics.next.labels(self._label).set(self.next)
        self._metrics.lag.labels(self._label).set(self.lag)
        self._metrics.lag_ms.labels(self._label).set(math.nan if age is None else age)

    def gone(self) -> None:
        """The partition went to another worker."""
        for gauge in (self._metrics.next, self._metrics.lag, self._metrics.lag_ms, self._metrics.stopped):
            gauge.remove(self._label)
