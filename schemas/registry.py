"""Names of events to their types, and how old versions become present ones.

To change an event: append a field with a default, or else add a new class with the next version, move the old
class to :data:`OLD_VERSIONS` and give it an upcaster. Readers only ever see present versions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from schemas.admin import ADMIN_TYPES
from schemas.events import LIFECYCLE_TYPES, MESSAGE_TYPES, NODE_TYPES, AnyEvent, Event

CURRENT: dict[str, type[Event]] = {
    cls.KIND: cls for cls in (*LIFECYCLE_TYPES, *MESSAGE_TYPES, *NODE_TYPES, *ADMIN_TYPES)
}
"""Present version of every event by its tag."""

OLD_VERSIONS: tuple[type[Event], ...] = ()
"""Versions that are no longer written but still lie in logs."""

UPCASTERS: dict[type[Event], Callable[[Any], Event]] = {}
"""From an old version to the next one; chains are followed to the present version."""


class _AnyEvent(msgspec.Struct, array_like=True):
    tag: str


_tag_decoder = msgspec.msgpack.Decoder(_AnyEvent)
_section_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])


def unknown_tag(section: bytes | memoryview) -> str | None:
    """The first tag in an encoded list of events that this version does not know; None when that is not the trouble."""
    known = CURRENT.keys() | set(map(tag_of, OLD_VERSIONS))
    try:
        tags = [_tag_decoder.decode(event).tag for event in _section_decoder.decode(section)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return next((tag for tag in tags if tag not in known), None)


def upcast(event: Any, upcasters: dict[type[Event], Callable[[Any], Event]] | None = None) -> AnyEvent:
    """The event in its present version."""
    table = UPCASTERS if upcasters is None else upcasters
    while (step := table.get(type(event))) is not None:
        event = step(event)
    return event  # type: ignore[no-any-return]


def tag_of(cls: type[Event]) -> str:
    """The tag of an event class: the first element on the wire."""
    return str(cls.__struct_config__.tag)


def name_of(kind: str) -> str:
    """``connected`` of ``connected.1``."""
    return kind.rpartition(".")[0]
