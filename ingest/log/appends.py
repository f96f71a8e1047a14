"""What the appends of a node were like: counted once per frame, so that it costs nothing per message."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from ingest.log.lane import Sealed

SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
BYTES = (256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576)
EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


class Histogram:
    """How many values were at most each bound; the last count is of those above all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """``bounds`` ascend."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Appends:
    """Frames of this node that have landed and were applied, since the process began."""

    def __init__(self) -> None:
        self.seconds = Histogram(SECONDS)
        """From sealing a frame to having applied what Kafka answered; with what a recovery took."""
        self.bytes = Histogram(BYTES)
        """Values of frames, without headers."""
        self.events = Histogram(EVENTS)
        """Events in a frame."""
        self.messages = [0, 0, 0]
        """Published messages by QoS."""

    def landed(self, sealed: Sealed, now: float) -> None:
        """A frame has landed; ``now`` is the monotonic clock in seconds."""
        self.seconds.observe(now - sealed.sealed_at)
        self.bytes.observe(sealed.bytes)
        self.events.observe(len(sealed.events))
        for row in sealed.traffic:
            self.messages[row.qos] += row.messages
