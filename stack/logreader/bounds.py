"""Where reading begins and ends, as people say it: a time, a position or a vector.

- A time: ``2026-11-21T08:30:00Z`` (ISO 8601; without an offset it is UTC), ``2026-11-21``, or ``10m``: that long ago
  (``s``, ``m``, ``h``, ``d``, ``w``). Times are append times, and resolve to one offset per partition.
- A position: ``3/120.4`` or ``3/120``; several with commas. It speaks of its own partition only, so partitions that
  are not named are left out.
- A vector: ``120,7,0,...``, the next offset of every partition, as ``applied`` holds it.

As an end, a time includes its own millisecond; positions and vectors exclude what they name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.positions import Position, parse_position, position

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


class BoundError(ValueError):
    """A text is no time, position or vector; the message says what would be."""


@dataclass(frozen=True, slots=True)
class AtTime:
    """A moment, in milliseconds since 1970 UTC."""

    ms: int


@dataclass(frozen=True, slots=True)
class AtPositions:
    """A position for each of some partitions."""

    positions: dict[int, Position]


@dataclass(frozen=True, slots=True)
class AtVector:
    """The next offset of every partition."""

    offsets: tuple[int, ...]


Bound = AtTime | AtPositions | AtVector


def parse_bound(text: str, now_ms: int) -> Bound:
    """The bound that a text means. Raises :class:`BoundError`."""
    words = text.strip()
    if "/" in words:
        return _positions(words)
    if re.fullmatch(r"\d+(,\d+)+|\[\d+(,\s*\d+)*\]", words):
        return AtVector(tuple(int(part) for part in words.strip("[]").split(",")))
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", words):
        return AtTime(now_ms - round(float(match[1]) * _UNITS[match[2]]))
    return _time(words)


def _positions(text: str) -> AtPositions:
    found: dict[int, Position] = {}
    for part in text.split(","):
        try:
            partition, at = parse_position(part.strip())
        except ValueError as error:
            raise BoundError(
                f"{part.strip()!r} is no position: it is written partition/offset.index, as 3/120.4"
            ) from error
        if partition in found:
            raise BoundError(f"{text!r} names partition {partition} twice")
        found[partition] = at
    return AtPositions(found)


def _time(text: str) -> AtTime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BoundError(
            f"{text!r} is no time (2026-11-21T08:30:00Z, or 10m for that long ago), no position (3/120.4) "
            "and no vector (120,7,0)"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return AtTime(round(moment.timestamp() * 1000))


def time_text(ms: int) -> str:
    """A time as people read it: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def first_of(vector_offset: int) -> Position:
    """The position before which everything below an offset lies."""
    return position(vector_offset, 0)
