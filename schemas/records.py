"""Records of the topics that hold one event each, not frames: ``mq.admin`` and ``mq.nodes``."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from schemas.admin import AdminEvent
from schemas.events import NodeEvent
from schemas.parts import Event
from schemas.registry import name_of

T = TypeVar("T")

_admin: msgspec.msgpack.Decoder[AdminEvent] = msgspec.msgpack.Decoder(AdminEvent)
_HEAD: Final = 64
"""Bytes in which an event, an array, has its tag."""
_nodes: msgspec.msgpack.Decoder[NodeEvent] = msgspec.msgpack.Decoder(NodeEvent)


class RecordError(ValueError):
    """A record can't be read; the text says why."""


def read_admin_event(value: bytes | None) -> AdminEvent:
    """The event in a record of ``mq.admin``. Raises :class:`RecordError`."""
    return _read(_admin, value)


def read_node_event(value: bytes | None) -> NodeEvent:
    """The event in a record of ``mq.nodes``. Raises :class:`RecordError`."""
    return _read(_nodes, value)


def begins_with_kind(value: bytes | None, kind: type[Event]) -> bool:
    """Whether a record can be an event of a kind, of whatever version; judged by its first bytes, so it may be wrong
    with True. Also a record without a value, so that whoever reads it learns that it has none."""
    return value is None or name_of(kind.KIND).encode() + b"." in value[:_HEAD]


def _read(decoder: msgspec.msgpack.Decoder[T], value: bytes | None) -> T:
    if value is None:
        raise RecordError("the record has no value")
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(str(error)) from error
