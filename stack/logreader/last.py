"""The last N events of a range, without reading all of it: ever longer ends of the partitions are read until it is
certain that nothing before them can be among the last N."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from schemas.positions import position
from stack.logreader.range import LogRange
from stack.logreader.scan import Scan
from stack.logreader.sighting import Sighting

FIRST_FRAMES = 64
GROWTH = 8


async def last_events(
    whole: LogRange, count: int, scan_of: Callable[[LogRange], Scan], keep: Callable[[Sighting], bool]
) -> list[Sighting]:
    """The last ``count`` events that ``keep`` allows, oldest first. ``scan_of`` makes the scan of a part."""
    frames = FIRST_FRAMES
    while True:
        part = _end_of(whole, frames)
        found: deque[Sighting] = deque(maxlen=count)
        scan = scan_of(part)
        async for sightings in scan.range():
            found.extend(filter(keep, sightings))
        if part.since == whole.since or (len(found) == count and _certain(scan, whole, part, found)):
            return list(found)
        frames *= GROWTH


def _end_of(whole: LogRange, frames: int) -> LogRange:
    """The last so many frames of every partition."""
    stop = whole.stop
    since = {p: max(at, position(max(0, stop[p] - frames), 0)) for p, at in whole.since.items()}
    return LogRange(since, whole.until)


def _certain(scan: Scan, whole: LogRange, part: LogRange, found: deque[Sighting]) -> bool:
    """Whether every partition that was cut was read from before the oldest event found."""
    oldest = found[0].time
    return all(
        at == whole.since[p] or ((first := scan.first_times.get(p)) is not None and first < oldest)
        for p, at in part.since.items()
    )
