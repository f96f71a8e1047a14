"""Names of events to their types, and how old versions become present ones.

To change an event: append a field with a default, or else add a new class with the next version, move the old
class to :data:`OLD_VERSIONS` and give it an upcaster. Readers only ever see present versions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.events import LIFECYCLE_TYPES, MESSAGE_TYPES, AnyEvent, Event, Heartbeat

CURRENT: dict[str, type[Event]] = {cls.KIND: cls for cls in (*LIFECYCLE_TYPES, *MESSAGE_TYPES, Heartbeat)}
"""Present version of every event by its tag."""

OLD_VERSIONS: tuple[type[Event], ...] = ()
"""Versions that are no longer written but still lie in logs."""

UPCASTERS: dict[type[Event], Callable[[Any], Event]] = {}
"""From an old version to the next one; chains are followed to the present version."""


class UnknownEvent(ValueError):
    """The log holds an event that this version cannot read."""


def upcast(event: Any, upcasters: dict[type[Event], Callable[[Any], Event]] | None = None) -> AnyEvent:
    """The event in its present version."""
    table = UPCASTERS if upcasters is None else upcasters
    while (step := table.get(type(event))) is not None:
        event = step(event)
    return event  # type: ignore[no-any-return]


def name_of(kind: str) -> str:
    """``connected`` of ``connected.1``."""
    return kind.rpartition(".")[0]
