"""A fresh fold of the log up to a vector, with the projector's own folds, into tables in memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from domain.models import FoldError, MemoryTables, ModelFold, read_record
from schemas.frames import FrameError
from schemas.positions import Position, offset_of, position_text
from stack.errors import StackError
from stack.logreader.range import LogRange
from stack.logreader.source import LogSource, Record

BATCH = 10_000
"""Lifecycle events between two applications of changes; the outcome is the same with any number."""


@dataclass(slots=True)
class FoldTally:
    """How far a fold is."""

    frames: int = 0
    total: int = 0
    """Frames in the range, about."""
    events: int = 0
    lifecycle: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    """What a person should know about the outcome."""


class FreshFold:
    """One fold of a range that begins where the log does. ``tables`` is its outcome."""

    def __init__(
        self,
        source: LogSource,
        chosen: LogRange,
        *,
        history: bool = False,
        put_aside: Collection[tuple[int, int]] = (),
        skip_bad: Callable[[str], None] | None = None,
    ) -> None:
        """``put_aside``: (partition, offset) of frames to step over, as the projector did. ``skip_bad``: told of
        frames that cannot be folded, which are then stepped over; without it, they are an error."""
        self.tables = MemoryTables()
        self.folds = {p: ModelFold(p, start=offset, history=history) for p, offset in chosen.start.items()}
        self.tally = FoldTally(total=chosen.frames)
        self._source = source
        self._range = chosen
        self._put_aside = frozenset(put_aside)
        self._skip_bad = skip_bad
        self.tally.notes += [
            f"partition {p}: the log begins at offset {offset}, not at 0; what was before is not in this fold"
            for p, offset in chosen.start.items()
            if offset > 0
        ]

    async def run(self, progress: Callable[[FoldTally], None] = lambda _: None) -> None:
        """Fold it all. Raises :class:`StackError` for a frame that cannot be folded."""
        begun = time.monotonic()
        with _no_collection():
            async for batch in self._source.read(self._range.start, self._range.stop):
                for partition, records in batch.items():
                    self._fold(partition, records)
                self.tally.seconds = time.monotonic() - begun
                progress(self.tally)
            for fold in self.folds.values():
                self.tables.apply(fold.changes())
        self.tally.seconds = time.monotonic() - begun

    def _fold(self, partition: int, records: list[Record]) -> None:
        fold, tally = self.folds[partition], self.tally
        until = self._range.until[partition]
        inside = offset_of(until) if until & 0xFFFF else -1
        """Offset of the frame that the end cuts in two."""
        for record in records:
            offset = record.offset
            if (partition, offset) in self._put_aside:
                fold.skip(offset, record.timestamp, "")
                continue
            try:
                cut: Position | None = until if offset == inside else None
                found = read_record(offset, record.timestamp, record.headers, record.value, cut)
                fold.fold(found)
            except (FrameError, FoldError) as error:
                self._bad(fold, partition, record, error)
                continue
            tally.events += found.header.events
            tally.lifecycle += len(found.lifecycle)
            if fold.pending >= BATCH:
                self.tables.apply(fold.changes())
        tally.frames += len(records)

    def _bad(self, fold: ModelFold, partition: int, record: Record, error: Exception) -> None:
        place = position_text(partition, record.offset << 16)
        sentence = f"Frame {place.partition('.')[0]} of {self._source.topic} cannot be folded: {error}"
        if self._skip_bad is None:
            raise StackError(f"{sentence}. --skip-bad steps over it, as the projector does with one put aside.")
        self._skip_bad(f"{sentence}; stepped over.")
        if record.offset >= fold.next:
            fold.skip(record.offset, record.timestamp, "")

    @property
    def vector(self) -> dict[int, int]:
        """The next offset of every partition of the fold."""
        return {p: fold.next for p, fold in self.folds.items()}


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection meanwhile: rows are tuples without cycles, and looking through millions of them again and
    again costs a quarter of the fold."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def ends_of(applied: Mapping[int, int], begins: Mapping[int, int]) -> LogRange:
    """The range of a fold up to these offsets."""
    return LogRange(
        {p: begins[p] << 16 for p in applied}, {p: max(offset, begins[p]) << 16 for p, offset in applied.items()}
    )
