"""What a lane shares with that of ``mq.admin``: the way of one partition from the log into the tables.

    open:    read the position in Postgres, check that it belongs to this log, seek
    follow:  take what waits, fold it, commit

Whatever goes wrong a follower forgets all that it holds and opens again: Postgres says where.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Protocol

from aiokafka.errors import KafkaError

from projector.backoff import Backoff
from projector.errors import NotYetError, ReopenError, StopError
from projector.inbox import Inbox
from projector.kafka_log import EventLog, LogIdentity
from projector.probe import LaneProbe
from projector.store import AWAY_ERRORS

logger = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds to wait for a record that the log has before seeking again."""
SEEKS = 3
"""So many seeks in vain make a missing record."""
SILENT_SECONDS = 4.0
"""Kafka answers a fetch within 20 ms; one that has not for so long is away."""

PASSING_ERRORS = (*AWAY_ERRORS, KafkaError, NotYetError)
"""What may be over after a while."""


class Position(Protocol):
    """The part of a row of positions that says where a fold is, and in which log."""

    @property
    def next(self) -> int: ...
    @property
    def cluster_id(self) -> str: ...
    @property
    def topic_id(self) -> str: ...


class Follower(ABC):
    """Owns the fold of its partition. Everything runs in one task, save a commit in flight."""

    def __init__(self, partition: int, log: EventLog, probe: LaneProbe) -> None:
        """At rest; :meth:`run` sets it going."""
        self.partition = partition
        self.inbox = Inbox()
        self.probe = probe
        self._log = log
        self._doubted = False

    @property
    def name(self) -> str:
        """For logs."""
        return f"partition {self.partition}"

    @abstractmethod
    async def _open(self) -> None:
        """Read the position, check it, and begin to follow. Raises StopError, and what PASSING_ERRORS names."""

    @abstractmethod
    async def _follow(self, backoff: Backoff) -> None:
        """Fold until something raises."""

    async def run(self) -> None:
        """Fold until cancelled, or until the partition can't go on without a person."""
        backoff = Backoff()
        try:
            while True:
                try:
                    self.inbox.close()
                    self.probe.opening()
                    self._doubted = False
                    await self._open()
                    await self._follow(backoff)
                except ReopenError as moved:
                    logger.info("%s: going to what Postgres says", moved)
                except PASSING_ERRORS as error:
                    delay = backoff.next()
                    self.probe.waiting(f"{type(error).__name__}: {error}")
                    logger.warning("%s waits %.1f s: %s: %s", self.name, delay, type(error).__name__, error)
                    await asyncio.sleep(delay)
        except StopError as stop:
            self.inbox.close()
            self.probe.stopped(str(stop))
            logger.error("%s has stopped: %s", self.name, stop)
        finally:
            self.inbox.close()

    def doubt(self) -> None:
        """Postgres has gone back behind what was committed: open again, even if no frame comes."""
        self._doubted = True
        self.inbox.wake()

    def look(self) -> int:
        """Publish the lag; the end of the log as far as it is known."""
        oldest = self.inbox.peek()
        self.probe.show(self._log.end(self.partition), oldest.time if oldest else 0)
        return self.probe.end

    async def seek(self) -> None:
        """Ask the log again for the frames that are not here yet; after a rebalance has thrown some away."""
        if self.probe.state == "following":
            await self._log.seek(self.partition, self.inbox.wanted)

    @property
    def cut_off(self) -> bool:
        """Whether Kafka says nothing, so that what is known of the log may be old: nobody should rely on it."""
        return not self.inbox and self._log.silent(self.partition) > SILENT_SECONDS

    async def _wait(self) -> None:
        """Wait for a record, and for those behind it that the log is known to have; seek again if they do not come.

        Who is behind so gets big batches, since their records are on the way; who is not gets its lone record at once.
        """
        for attempt in range(SEEKS):
            if await self._filled(PATIENCE * 2**attempt):
                return
            logger.info("%s: offset %d does not come, seeking", self.name, self.inbox.wanted)
            self.inbox.beyond = None
            await self._log.seek(self.partition, self.inbox.wanted)
        if self.inbox.beyond is not None:
            raise StopError(
                f"offset {self.inbox.wanted} is missing from the log, {self.inbox.beyond} comes instead. "
                "Restore the log, or give the projector an empty schema."
            )
        raise TimeoutError(f"offset {self.inbox.wanted} does not come")

    async def _filled(self, patience: float) -> bool:
        """Whether a batch is here; False when nothing more came for so many seconds though the log has more."""
        while True:
            wanted = self.inbox.wanted
            if self._doubted:
                raise ReopenError(f"{self.name} is not where it was committed")
            if await self.inbox.filled(self._log.end(self.partition), patience) and not self._doubted:
                return True
            awaited = self.inbox.beyond is not None or self._log.end(self.partition) > wanted
            if awaited and self.inbox.wanted == wanted:
                return False


def check_log(applied: Position, identity: LogIdentity, start: int, end: int) -> None:
    """Raises :class:`StopError` when a position is not one of this log, which begins and ends there."""
    for what, ours, theirs in (
        ("cluster", applied.cluster_id, identity.cluster_id),
        ("topic", applied.topic_id, identity.topic_id),
    ):
        if ours != theirs:
            raise StopError(
                f"the read models belong to the Kafka {what} {ours or '(unknown)'}, this is {theirs}. "
                "Point the projector at the right Kafka, or give it an empty schema."
            )
    if applied.next < start:
        raise StopError(
            f"the read models need offset {applied.next}, but the log begins at {start}: records are gone that "
            "were never folded. Restore the log, or give the projector an empty schema."
        )
    if applied.next > end:
        raise StopError(
            f"the read models are at offset {applied.next}, but the log ends at {end}: the log has lost records. "
            "Restore the log, or give the projector an empty schema."
        )
