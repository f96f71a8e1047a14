"""The node's own journal, with a log in memory instead of Kafka, each step taken by hand.

A frame is sealed (handed over), lands (has an offset), and is applied when its answer comes. Between these steps
anything may happen, the death of the node included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ingest.log.journal import Journal as RealJournal
from ingest.log.lane import Lane
from ingest.log.record import Applied
from ingest.settings import IngestSettings
from schemas.events import AnyEvent
from tests.unit.ingest.sim.log import Log, Record


class Flight:
    """A frame on its way to the log, and where it landed."""

    def __init__(self, write: Callable[[], Record]) -> None:
        self._write = write
        self.landed: Record | None = None

    def land(self) -> Record:
        """Append it, once."""
        if self.landed is None:
            self.landed = self._write()
        return self.landed


class Journal(RealJournal):
    """Invariants: at most one frame per partition is under way; everything is applied in offset order."""

    def __init__(self, log: Log, settings: IngestSettings, apply: Callable[[Applied], None]) -> None:
        super().__init__(settings.node, settings.kafka, settings.log, cast(Any, None), apply, _must_not_fail)
        self.flights: list[Flight | None] = [None] * len(log.records)
        self.writing = False
        self._log = log

    def _queue(self, lane: Lane) -> None:
        """Frames leave when they are told to."""

    @property
    def stalled(self) -> float:
        """The log is never away for long."""
        return 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not any(lane.events or lane.sealed for lane in self.lanes)

    def can_seal(self, partition: int) -> bool:
        """Whether a frame can leave."""
        lane = self.lanes[partition]
        return self.writing and bool(lane.events) and lane.sealed is None

    def seal(self, partition: int) -> None:
        """Hand a frame over."""
        lane, limits = self.lanes[partition], self._settings
        sealed = lane.seal(self.incarnation, self._next_stamp(), limits.max_frame_events, limits.max_frame_bytes)
        depends, log, node = self.vector, self._log, self.node
        self.flights[partition] = Flight(
            lambda: log.append(
                partition, node, sealed.incarnation, sealed.sequence, sealed.stamp, depends, sealed.events
            )
        )

    def answer(self, partition: int) -> None:
        """The response of a frame that landed comes: it is applied from memory, what lies before it from the log."""
        lane, flight = self.lanes[partition], self.flights[partition]
        assert flight is not None
        assert lane.sealed is not None
        record = flight.land()
        if record.offset == lane.next_offset:
            self._apply_own(lane, lane.sealed, record.offset, record.timestamp)
        else:
            self.apply_to(partition, record.offset + 1)
        assert lane.sealed is None

    def apply_to(self, partition: int, stop: int) -> None:
        """Apply what is in the log."""
        for offset in range(self.lanes[partition].next_offset, stop):
            self.apply_read(self._log.read(partition, offset))

    def interrupt(self) -> list[Flight]:
        """Stop writing after a failed append; frames that may land yet."""
        self.writing = False
        return [flight for flight in self.flights if flight is not None and flight.landed is None]

    def resume(self, incarnation: int) -> None:
        """Write as this incarnation; what did not land goes first."""
        super().resume(incarnation)
        self.writing = True
        self.flights = [None] * len(self.flights)

    def announce(self, partition: int, event: AnyEvent, incarnation: int) -> None:
        """Append a frame outside the lanes."""
        self._log.append(partition, self.node, incarnation, 0, self._next_stamp(), self.vector, [event])

    def _next_stamp(self) -> int:
        self._stamp = max(self._log.time << 16, self._stamp + 1)
        return self._stamp


def _must_not_fail(error: BaseException) -> None:
    raise AssertionError("nothing fails here by itself") from error
