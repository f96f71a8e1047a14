"""Records of the log that can't be read or are gone: the operator's rule for them.

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

_ADMIN = -1
"""Stands for the partition of ``mq.admin`` in ``put_aside``."""
NOTHING = Frame(FrameHeader(FORMAT, "", -1, -1, 0, [], {}, []), b"", b"", b"\x93\x90\xc4\x01\x90\xc4\x01\x90")
"""What is applied in the place of a record that was put aside: a frame of nobody, without events."""


class DamagedRecordError(RuntimeError):
    """A record of the log can't be read, and nobody said that the node may go on without it."""


class LostRecordsError(RuntimeError):
    """The log has lost records, and nobody said that the node may go on without them."""


class Poison:
    """Invariant: ``put_aside`` has the places of all records that the node has gone on without."""

    def __init__(self, topic: str, settings: LogSettings | None = None) -> None:
        """Without settings, the node stops at any."""
        self.put_aside: set[tuple[int, int]] = set()
        """(partition, offset)."""
        self._topic = topic
        self._all = settings is not None and settings.poison == "skip"
        self._named = _names(settings.quarantine) if settings is not None else set()
        self._lost = _names(settings.lost) if settings is not None else set()

    def meet(self, partition: int, offset: int, error: FrameError) -> None:
        """Return when the node may go on without the record; else raise :class:`DamagedRecordError`."""
        place = f"{partition}/{offset}"
        if not self._all and place not in self._named:
            raise DamagedRecordError(self._report(place, error)) from error
        if (partition, offset) not in self.put_aside:
            self.put_aside.add((partition, offset))
            log.error("a record of the log was put aside: %s/%s: %s", self._topic, place, error)

    def meet_admin(self, offset: int, error: FrameError) -> None:
        """The same for a record of ``mq.admin``, whose place is ``admin/<offset>``. Only one that is named is put
        aside, whatever ``log.poison`` says: what can't be read may be what keeps somebody out."""
        place = f"admin/{offset}"
        if place not in self._named:
            raise DamagedRecordError(
                f"record {offset} of the administration topic can't be read: {error}. The node does not go on, for "
                "the record may keep somebody out. Run a version that reads it; or let the node go on without it: "
                f'log.quarantine = "{place}" (MQLEDGER_LOG__QUARANTINE={place})'
            ) from error
        if (_ADMIN, offset) not in self.put_aside:
            self.put_aside.add((_ADMIN, offset))
            log.error("a record of the administration topic was put aside: %s: %s", place, error)

    def miss(self, partition: int, end: int, known: int) -> None:
        """Return when the node may go on although a partition ends at ``end`` and once went on to ``known``; else
        raise :class:`LostRecordsError`."""
        place = f"{partition}/{known}"
        if place not in self._lost:
            raise LostRecordsError(
                f"partition {partition} of {self._topic} ends at {end}, but other records tell of it up to {known}: "
                f"{known - end} records with what they say of sessions and messages are lost. Put a copy of Kafka's "
                f'data back; or let the node go on without them: log.lost = "{place}" (MQLEDGER_LOG__LOST={place})'
            )
        log.error("going on without records %d to %d of %s/%d", end, known - 1, self._topic, partition)

    def _report(self, place: str, error: FrameError) -> str:
        return (
            f"record {place} (partition/offset) of {self._topic} can't be read: {error}. The node does not go on, for "
            "what the record says of sessions and messages would be lost. Run a version that reads it; or let the "
            f'node go on without it: log.quarantine = "{place}" (MQLEDGER_LOG__QUARANTINE={place}), and the '
            "projector by projector.quarantine"
        )


def _names(setting: str) -> set[str]:
    """The places in a list with commas."""
    return {name.strip() for name in setting.split(",") if name.strip()}
