"""A frame on its way into the node's state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ingest.log.lane import Owner
from schemas.events import AnyEvent


class Applied(msgspec.Struct, frozen=True):
    """A frame at its offset, decoded, in the moment it is applied."""

    partition: int
    offset: int
    time: int
    """Partition time in milliseconds."""
    node: str
    incarnation: int
    stamp: int
    events: Sequence[AnyEvent]
    owners: Sequence[Owner | None] | None
    """For a frame of this process: who appended each event. None for any other."""
    size: int
    """Bytes, about."""


Apply = Callable[[Applied], None]
