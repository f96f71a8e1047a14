"""Records of the log that can't be read: the operator's rule for them.

A node that went on without a record would forget what it says: sessions, retained messages, messages not delivered
yet. So it stops there, unless it is told to go on: by name for one record, or for all.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from schemas.frames import FORMAT, Frame, FrameError, FrameHeader

if TYPE_CHECKING:
    from ingest.settings import LogSettings

log = logging.getLogger(__name__)

NOTHING = Frame(FrameHeader(FORMAT, "", -1, -1, 0, [], {}, []), b"", b"", b"\x93\x90\xc4\x01\x90\xc4\x01\x90")
"""What is applied in the place of a record that was put aside: a frame of nobody, without events."""


class DamagedRecordError(RuntimeError):
    """A record of the log can't be read, and nobody said that the node may go on without it."""


class Poison:
    """Invariant: ``put_aside`` has the places of all records that the node has gone on without."""

    def __init__(self, topic: str, settings: LogSettings | None = None) -> None:
        """Without settings, the node stops at any."""
        self.put_aside: set[tuple[int, int]] = set()
        """(partition, offset)."""
        self._topic = topic
        self._all = settings is not None and settings.poison == "skip"
        names = settings.quarantine.split(",") if settings is not None else []
        self._named = {name.strip() for name in names if name.strip()}

    def meet(self, partition: int, offset: int, error: FrameError) -> None:
        """Return when the node may go on without the record; else raise :class:`DamagedRecordError`."""
        place = f"{partition}/{offset}"
        if not self._all and place not in self._named:
            raise DamagedRecordError(self._report(place, error)) from error
        if (partition, offset) not in self.put_aside:
            self.put_aside.add((partition, offset))
            log.error("a record of the log was put aside: %s/%s: %s", self._topic, place, error)

    def _report(self, place: str, error: FrameError) -> str:
        return (
            f"record {place} (partition/offset) of {self._topic} can't be read: {error}. The node does not go on, for "
            "what the record says of sessions and messages would be lost. Run a version that reads it; or let the "
            f'node go on without it: log.quarantine = "{place}" (MQLEDGER_LOG__QUARANTINE={place}), and the '
            "projector by projector.quarantine"
        )
