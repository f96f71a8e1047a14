"""What the folds need of a Kafka record: where and when, the frame's header, its lifecycle events."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from schemas.events import MESSAGE_TYPES, LifecycleEvent
from schemas.frames import FrameError, FrameHeader, read_frame
from schemas.positions import MAX_INDEX, Position, index_of, offset_of
from schemas.registry import CURRENT, OLD_VERSIONS


class FrameRecord(msgspec.Struct, frozen=True, gc=False):
    """A frame of a partition, decoded as far as the folds look."""

    offset: int
    time: int
    """Append time of the record in milliseconds since 1970 UTC."""
    header: FrameHeader
    lifecycle: list[tuple[int, LifecycleEvent]]

    @property
    def frame_id(self) -> str:
        """Names the frame in its partition: node, incarnation and sequence."""
        return f"{self.header.node}/{self.header.incarnation}/{self.header.sequence}"


_MESSAGE_KINDS = frozenset(cls.KIND for cls in MESSAGE_TYPES)
_KNOWN_KINDS = frozenset(CURRENT) | frozenset(cls.KIND for cls in OLD_VERSIONS)


def read_record(
    offset: int, time: int, headers: Iterable[tuple[str, bytes]], value: bytes | None, until: Position | None = None
) -> FrameRecord:
    """The record as the folds take it; with ``until``, without the lifecycle events at or after that position.

    Raises:
        FrameError: the record is not a frame that this version reads.
    """
    frame = read_frame(headers, value)
    lifecycle: list[tuple[int, LifecycleEvent]] = []
    kinds = frame.header.counts.keys()
    if not kinds <= _KNOWN_KINDS:
        raise FrameError(f"events that this version cannot read: {', '.join(sorted(kinds - _KNOWN_KINDS))}")
    if not kinds <= _MESSAGE_KINDS:
        try:
            lifecycle = frame.lifecycle()
        except FrameError:
            raise
        except ValueError as error:
            raise FrameError(f"indexes and lifecycle events do not match: {error}") from error
        _check_indexes(lifecycle)
        if until is not None and offset >= offset_of(until):
            limit = index_of(until) if offset == offset_of(until) else 0
            lifecycle = [(index, event) for index, event in lifecycle if index < limit]
    return FrameRecord(offset, time, frame.header, lifecycle)


def _check_indexes(lifecycle: list[tuple[int, LifecycleEvent]]) -> None:
    last = -1
    for index, _ in lifecycle:
        if not last < index <= MAX_INDEX:
            raise FrameError(f"the indexes of lifecycle events do not rise within 0..{MAX_INDEX}: {index} after {last}")
        last = index
