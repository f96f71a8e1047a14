"""What the folds need of a Kafka record: where and when, the frame's header, its lifecycle events, and of its messages
those to be retained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from schemas.events import MESSAGE_TYPES, LifecycleEvent, Published, WillFired
from schemas.frames import Frame, FrameError, FrameHeader, read_frame
from schemas.positions import MAX_INDEX, Position, index_of, offset_of
from schemas.registry import CURRENT, OLD_VERSIONS


class FrameRecord(msgspec.Struct, frozen=True, gc=False):
    """A frame of a partition, decoded as far as the folds look."""

    offset: int
    time: int
    """Append time of the record in milliseconds since 1970 UTC."""
    header: FrameHeader
    lifecycle: list[tuple[int, LifecycleEvent | Published | WillFired]]
    """With the messages that have the retain flag, at their indexes."""

    @property
    def frame_id(self) -> str:
        """Names the frame in its partition: node, incarnation and sequence."""
        return f"{self.header.node}/{self.header.incarnation}/{self.header.sequence}"


_MESSAGE_KINDS = frozenset(cls.KIND for cls in MESSAGE_TYPES)
_KNOWN_KINDS = frozenset(CURRENT) | frozenset(cls.KIND for cls in OLD_VERSIONS)


def read_record(
    offset: int, time: int, headers: Iterable[tuple[str, bytes]], value: bytes | None, until: Position | None = None
) -> FrameRecord:
    """The record as the folds take it; with ``until``, without the events at or after that position.

    Messages are decoded only when the header says that some are to be retained.

    Raises:
        FrameError: the record is not a frame that this version reads.
    """
    frame = read_frame(headers, value)
    lifecycle: list[tuple[int, LifecycleEvent | Published | WillFired]] = []
    kinds = frame.header.counts.keys()
    if not kinds <= _KNOWN_KINDS:
        raise FrameError(f"events that this version cannot read: {', '.join(sorted(kinds - _KNOWN_KINDS))}")
    retained = _may_retain(frame.header)
    if retained or not kinds <= _MESSAGE_KINDS:
        try:
            lifecycle = _with_retained(frame) if retained else frame.lifecycle()  # type: ignore[assignment]
        except FrameError:
            raise
        except ValueError as error:
            raise FrameError(f"indexes and lifecycle events do not match: {error}") from error
        _check_indexes(lifecycle)
        if until is not None and offset >= offset_of(until):
            limit = index_of(until) if offset == offset_of(until) else 0
            lifecycle = [(index, event) for index, event in lifecycle if index < limit]
    return FrameRecord(offset, time, frame.header, lifecycle)


def _may_retain(header: FrameHeader) -> bool:
    return WillFired.KIND in header.counts or any(traffic.retained for traffic in header.traffic)


def _with_retained(frame: Frame) -> list[tuple[int, Any]]:
    return [
        (index, event)
        for index, event in frame.events()
        if not isinstance(event, MESSAGE_TYPES) or getattr(event, "retain", False)
    ]


def _check_indexes(lifecycle: Sequence[tuple[int, object]]) -> None:
    last = -1
    for index, _ in lifecycle:
        if not last < index <= MAX_INDEX:
            raise FrameError(f"the indexes of lifecycle events do not rise within 0..{MAX_INDEX}: {index} after {last}")
        last = index
