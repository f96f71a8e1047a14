"""An event as the reader found it: where, when, by whom, and whether it counts."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.admin import AdminEvent
from schemas.events import AnyEvent, ConnectionStatus
from schemas.positions import Position, position_text


@dataclass(frozen=True, slots=True)
class Sighting:
    """An event in its place."""

    partition: int
    position: Position
    time: int
    """Append time of its frame in milliseconds since 1970 UTC."""
    node: str
    """Who wrote it; of an event of the administration, who asked for it; of a status of a connection, empty."""
    incarnation: int
    void: bool
    """Its frame is of a fenced incarnation: it is in the log but without effect."""
    event: AnyEvent | AdminEvent | ConnectionStatus

    @property
    def place(self) -> str:
        """``partition/offset.index``."""
        return position_text(self.partition, self.position)
