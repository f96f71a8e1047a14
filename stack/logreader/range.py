"""From bounds to offsets: what to read of every partition."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from schemas.positions import Position, offset_of, position, position_text
from stack.errors import StackError
from stack.logreader.bounds import AtPositions, AtTime, AtVector, Bound, time_text
from stack.logreader.source import LogSource


@dataclass(frozen=True, slots=True)
class LogRange:
    """What to read: for each partition from one position up to, and without, another."""

    since: dict[int, Position]
    until: dict[int, Position]
    beyond: tuple[str, ...] = ()
    """Sentences about bounds that lie behind the end of the log."""

    @property
    def start(self) -> dict[int, int]:
        """The first offset to read of each partition."""
        return {partition: offset_of(at) for partition, at in self.since.items()}

    @property
    def stop(self) -> dict[int, int]:
        """The offset to stop before; the frame with an end inside it is still read."""
        return {partition: offset_of(at + 0xFFFF) for partition, at in self.until.items()}

    @property
    def frames(self) -> int:
        """Number of offsets in the range: about that of frames."""
        stop = self.stop
        return sum(max(0, stop[partition] - first) for partition, first in self.start.items())

    def holds(self, partition: int, at: Position) -> bool:
        """Whether a position is in the range."""
        return self.since[partition] <= at < self.until[partition]


async def resolve_range(
    source: LogSource, since: Bound | None, until: Bound | None, partitions: Collection[int] = ()
) -> LogRange:
    """The range between two bounds, clipped to what the log holds now.

    Positions leave out the partitions that they do not name; ``partitions`` leaves out all others.
    Raises :class:`StackError` for partitions that there are not.
    """
    for partition in partitions:
        _require(source, partition)
    begins, ends = await source.begins(), await source.ends()
    first = await _positions_of(source, since, begins)
    last = await _positions_of(source, until, ends, end=True)
    chosen = set(first) & set(last)
    if partitions:
        chosen &= set(partitions)
    lows = {p: max(first[p], position(begins[p], 0)) for p in sorted(chosen)}
    highs = {p: max(min(last[p], position(ends[p], 0)), lows[p]) for p in lows}
    beyond = (*_beyond(source, "--since", since, first, ends), *_beyond(source, "--until", until, last, ends))
    return LogRange(lows, highs, beyond)


def _beyond(
    source: LogSource, option: str, bound: Bound | None, positions: dict[int, Position], ends: list[int]
) -> Iterator[str]:
    """Where the log ends, for each bound that lies behind that."""
    if isinstance(bound, AtTime) and bound.ms > time.time_ns() // 1_000_000:
        vector = ",".join(map(str, ends))
        yield f"{option} {time_text(bound.ms)} is yet to come; {source.topic} ends, as of now, at {vector}"
    for partition, at in positions.items():
        if at > position(ends[partition], 0):
            end = position_text(partition, position(ends[partition], 0))
            yield f"{option} {position_text(partition, at)} is behind the end of {source.topic}, which is {end}"


async def _positions_of(
    source: LogSource, bound: Bound | None, default: list[int], end: bool = False
) -> dict[int, Position]:
    match bound:
        case None:
            return {p: position(offset, 0) for p, offset in enumerate(default)}
        case AtTime(ms):
            offsets = await source.offsets_at(ms + 1 if end else ms)
            return {p: position(offset, 0) for p, offset in enumerate(offsets)}
        case AtVector(offsets=vector):
            if len(vector) != source.partitions:
                raise StackError(
                    f"The vector has {len(vector)} offsets and {source.topic} {source.partitions} partitions."
                )
            return {p: position(offset, 0) for p, offset in enumerate(vector)}
        case AtPositions(positions):
            for partition in positions:
                _require(source, partition)
            return positions


def _require(source: LogSource, partition: int) -> None:
    if not 0 <= partition < source.partitions:
        raise StackError(f"{source.topic} has no partition {partition}; it has 0 to {source.partitions - 1}.")
