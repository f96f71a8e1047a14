"""A lane: the way of one partition from the log into the tables. Each assigned partition has one, and a frame that
can't be folded stops only its own.

    open:    read the position in Postgres, check that it belongs to this log, seek
    follow:  take what waits -> load sessions that are not held -> fold into the batch -> commit when none is in flight

There is no timer: while a transaction is in flight the next batch grows, folded as it comes. So an idle lane commits
a lone frame at once and a busy one commits big batches, which write a row once however often it changed. Whatever goes
wrong (another worker has moved the position, a connection broke in the middle of a commit, a frame raised half-way) the
lane forgets all it holds and opens again: Postgres says where.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import asyncpg

from domain.fences import Fences
from domain.models import Changes, FoldError, FrameRecord, ModelFold, read_record
from projector.backoff import Backoff
from projector.errors import ReopenError, StopError
from projector.follower import PATIENCE, Follower, check_log
from projector.inbox import Message
from projector.kafka_log import DeadLetters, EventLog
from projector.poison import Poison, frame_id_of
from projector.probe import LaneProbe
from projector.store import DATA_ERRORS, Quarantined, Store
from schemas.frames import FrameError

logger = logging.getLogger(__name__)

FOLD_AT_ONCE = 1_000
"""Events folded before others of this loop get a turn: transactions of other lanes, the health endpoint."""


class Lane(Follower):
    """The follower of a partition of the event log."""

    def __init__(
        self,
        partition: int,
        *,
        store: Store,
        log: EventLog,
        dead_letters: DeadLetters,
        poison: Poison,
        probe: LaneProbe,
        batch_events: int,
        held_sessions: int,
        goal_reached: Callable[[], None],
    ) -> None:
        """A lane at rest; :meth:`run` sets it going. ``goal_reached`` is called when its models are caught up."""
        super().__init__(partition, log, probe)
        self._store = store
        self._dead_letters = dead_letters
        self._poison = poison
        self._batch_events = batch_events
        self._held_sessions = held_sessions
        self._goal_reached = goal_reached
        self._goal = 0
        self._fold = ModelFold(partition)
        self._check_frame = ""
        self._unfoldable: dict[int, str] = {}
        self._one_by_one_until = 0
        self._conflict_at = -1
        self._in_flight: asyncio.Task[None] | None = None

    # Opening

    async def _open(self) -> None:
        identity = await self._log.identity()
        start, end = await self._log.bounds(self.partition)
        applied = await self._store.applied(self.partition)
        if applied is None:
            if start > 0:
                raise StopError(
                    f"the log begins at {start}, not at 0, and no position is stored: its beginning is gone. "
                    "Restore the read models from a backup, then start again."
                )
            await self._store.begin(self.partition, start, end, identity.cluster_id, identity.topic_id)
            applied = await self._store.applied(self.partition)
            assert applied is not None
        check_log(applied, identity, start, end)
        fresh = applied.next == 0
        self._fold = ModelFold(
            self.partition,
            start=applied.next,
            partition_time=applied.partition_time,
            fences=Fences(dict(applied.fences)),
            last_frame=applied.last_frame,
            commands=await self._store.commands(self.partition, applied.partition_time),
            complete=fresh,
        )
        self._goal = applied.goal
        # The frame before the position is read again: it must be the one that was folded.
        self._check_frame = applied.last_frame if applied.next > start else ""
        self.inbox.restart(applied.next - 1 if self._check_frame else applied.next)
        self.probe.following(applied.next, end)
        if applied.next >= self._goal:
            self._goal_reached()
        await self._log.seek(self.partition, self.inbox.wanted)

    def _check_last_frame(self) -> None:
        message = self.inbox.pop()
        found = frame_id_of(message)
        if found != self._check_frame:
            raise StopError(
                f"the frame at offset {message.offset} is {found}, but {self._check_frame} was folded there: "
                "this is another log. Point the projector at the right Kafka, or give it an empty schema."
            )
        self._check_frame = ""

    # Following

    async def _follow(self, backoff: Backoff) -> None:
        try:
            while True:
                await self._wait()
                if self._check_frame:
                    self._check_last_frame()
                    continue
                bad = await self._gather()
                await self._land()
                if self._fold.next > self._fold.first:
                    self._take_off()
                if bad is not None:
                    await self._land()
                    await self._put_aside(*bad)
                if not self.inbox:
                    await self._land()
                backoff.reset()
        finally:
            await self._let_land()

    def _take_off(self) -> None:
        """Begin the transaction of the batch. Sessions of committed batches may go."""
        changes = self._fold.changes()
        self._fold.forget(self._held_sessions)
        self._in_flight = asyncio.create_task(self._commit(changes))

    async def _land(self) -> None:
        """Wait for the transaction in flight, if there is one; raises what it raised."""
        if self._in_flight is not None:
            await self._in_flight
            self._in_flight = None

    async def _let_land(self) -> None:
        """A commit that was begun is not cut short: what it did is for the next opening to find out."""
        task, self._in_flight = self._in_flight, None
        if task is not None:
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                logger.debug("partition %d: commit ended with %r", self.partition, error)

    async def _gather(self) -> tuple[Message, str] | None:
        """Fold what waits, and what comes while a transaction is in flight; the frame that can't be folded, if any."""
        while True:
            records, bad = self._take()
            if records:
                await self._folded(records)
            alone = bool(records) and records[-1].offset < self._one_by_one_until
            if bad is not None or alone or self._fold.pending >= self._batch_events or not await self._more():
                return bad

    async def _more(self) -> bool:
        """Whether frames wait while a transaction is in flight; those that the log is known to have are waited for."""
        task = self._in_flight
        while task is not None and not task.done():
            if self.inbox:
                return True
            end = self._log.end(self.partition)
            if end <= self.inbox.wanted:
                return False
            filled = asyncio.create_task(self.inbox.filled(end, PATIENCE))
            try:
                await asyncio.wait([task, filled], return_when=asyncio.FIRST_COMPLETED)
            finally:
                filled.cancel()
        return False

    def _take(self) -> tuple[list[FrameRecord], tuple[Message, str] | None]:
        """The frames of the next batch, and the frame behind them if it can't be folded, with the reason."""
        records: list[FrameRecord] = []
        events = self._fold.pending
        while (message := self.inbox.peek()) is not None and events < self._batch_events:
            reason = self._unfoldable.get(message.offset)
            if reason is None:
                try:
                    record = read_record(message.offset, message.time, message.headers, message.value)
                except FrameError as error:
                    reason = str(error)
            if reason is not None:
                return records, (self.inbox.pop(), reason)
            self.inbox.pop()
            records.append(record)
            events += len(record.lifecycle)
            if message.offset < self._one_by_one_until:
                break
        return records, None

    async def _folded(self, records: list[FrameRecord]) -> None:
        missing = self._fold.missing(records)
        if missing:
            try:
                self._fold.supply(missing, *await self._store.load(missing))
            except DATA_ERRORS as error:
                self._blame(records[0].offset, records[-1].offset + 1, error)
                raise ReopenError(f"partition {self.partition} has a batch that no table can hold") from error
        events = 0
        for record in records:
            self._fold_one(record)
            events += len(record.lifecycle)
            if events >= FOLD_AT_ONCE:
                events = 0
                await asyncio.sleep(0)  # let the others have their turn

    def _fold_one(self, record: FrameRecord) -> None:
        try:
            self._fold.fold(record)
        except Exception as error:  # whatever it is, it is this frame's, and its partition's alone
            logger.exception("partition %d: frame %d can't be folded", self.partition, record.offset)
            self._unfoldable[record.offset] = f"{type(error).__name__}: {error}"
            raise ReopenError(f"partition {self.partition} has half a frame") from error

    async def _commit(self, changes: Changes, *quarantined: Quarantined) -> None:
        end = self._log.end(self.partition)
        try:
            with self.probe.commit_time():
                await self._store.commit(changes, end, quarantined)
        except DATA_ERRORS as error:
            self._blame(changes.first, changes.next, error)
            raise ReopenError(f"partition {self.partition} has a batch that no table can hold") from error
        except asyncpg.IntegrityConstraintViolationError as error:
            self._disagree(changes, error)
            raise ReopenError(f"partition {self.partition} has rows that do not fit: {error}") from error
        self.probe.committed(changes, end)
        if changes.first < self._goal <= changes.next:
            self._goal_reached()

    def _blame(self, first: int, after: int, error: Exception) -> None:
        """Find the frame that no table can hold: fold the batch again frame by frame."""
        if after - first == 1:
            self._unfoldable[first] = f"{type(error).__name__}: {error}"
        else:
            self._one_by_one_until = max(self._one_by_one_until, after)

    def _disagree(self, changes: Changes, error: Exception) -> None:
        """Rows that do not fit are forgiven once per position: the next time all sessions come from the tables."""
        if self._conflict_at == changes.first:
            raise StopError(
                f"frames {changes.first} to {changes.next - 1} do not fit the tables ({error}): somebody else has "
                "changed them. Compare with `mqledger replay --verify`, then give the projector an empty schema."
            ) from error
        self._conflict_at = changes.first

    # Poison

    async def _put_aside(self, message: Message, reason: str) -> None:
        if self._fold.next != message.offset:
            raise FoldError(f"frame {message.offset} is not next")
        self.probe.poisoned()
        if not self._poison.put_aside(self.partition, message.offset):
            raise StopError(self._poison.report(self.partition, message, reason))
        await self._dead_letters.put(self.partition, message, reason)
        self._fold.skip(message.offset, message.time, frame_id_of(message))
        frame = Quarantined(message.offset, message.time, reason)
        await self._commit(self._fold.changes(), frame)
        self._unfoldable.pop(message.offset, None)
        self.probe.put_aside()
        logger.error("partition %d: frame %d was put aside: %s", self.partition, message.offset, reason)
