"""The lane of ``mq.admin``: its records into the tables of users, rules, bans, accounts, connections and switches.

What came of a record depends on all before it, so that a fold always begins with the log; the log is small. Up to the
position in Postgres it is only held, from there on it is written. A record that can't be read stops the lane: who may
do what must not be guessed. It can be put aside by name, ``admin/<offset>``; the log, which has it, is kept for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from domain.models.admin import ADMIN, AdminFold
from projector.admin_store import AdminApplied, AdminStore
from projector.backoff import Backoff
from projector.errors import ReopenError, StopError
from projector.follower import Follower, check_log
from projector.inbox import Message
from projector.kafka_log import EventLog
from projector.poison import Poison
from projector.probe import LaneProbe
from projector.store import DATA_ERRORS, Quarantined
from schemas.records import RecordError, read_admin_event

logger = logging.getLogger(__name__)

BATCH = 1_000
"""Most records in one transaction."""


class AdminLane(Follower):
    """The follower of the administration's log."""

    def __init__(
        self, *, store: AdminStore, log: EventLog, poison: Poison, probe: LaneProbe, goal_reached: Callable[[], None]
    ) -> None:
        """A lane at rest. ``goal_reached`` is called when the tables are caught up."""
        super().__init__(ADMIN, log, probe)
        self._store = store
        self._poison = poison
        self._goal_reached = goal_reached
        self._fold = AdminFold()
        self._applied = AdminApplied(0, "", "", 0)
        self._put_aside: set[int] = set()
        self._batch = BATCH

    @property
    def name(self) -> str:
        """See Follower."""
        return "the administration"

    async def _open(self) -> None:
        identity = await self._log.identity()
        start, end = await self._log.bounds(ADMIN)
        if start > 0:
            raise StopError(
                f"its log begins at {start}, not at 0: who may do what can't be told without its beginning. "
                "Restore the topic from a backup; it is to be kept for ever."
            )
        applied = await self._store.applied()
        if applied is None:
            await self._store.begin(start, end, identity.cluster_id, identity.topic_id)
            applied = await self._store.applied()
            assert applied is not None
        check_log(applied, identity, start, end)
        self._applied, self._put_aside = applied, await self._store.put_aside()
        self._fold = AdminFold()
        self.inbox.restart(0)
        self.probe.following(applied.next, end)
        if applied.next >= applied.goal:
            self._goal_reached()
        await self._log.seek(ADMIN, 0)

    async def _follow(self, backoff: Backoff) -> None:
        while True:
            await self._wait()
            bad = self._take()
            await self._commit()
            if bad is not None:
                await self._step_over(*bad)
            backoff.reset()

    def _take(self) -> tuple[Message, str] | None:
        """Fold what waits; the record that can't be or shall not be, with the reason."""
        fold = self._fold
        while (message := self.inbox.peek()) is not None and fold.next - fold.first < self._batch:
            self.inbox.pop()
            if message.offset in self._put_aside:
                fold.skip(message.offset, message.time)
            else:
                try:
                    event = read_admin_event(message.value)
                except RecordError as error:
                    return message, str(error)
                if self._poison.put_admin_aside(message.offset) and message.offset >= self._applied.next:
                    return message, "no table can hold it"
                fold.apply(event, message.offset, message.time)
            if fold.next <= self._applied.next:
                fold.changes()  # the tables hold them
        return None

    async def _commit(self, *quarantined: Quarantined) -> None:
        fold = self._fold
        if fold.next == fold.first:
            return
        changes = fold.changes()
        end = self._log.end(ADMIN)
        try:
            with self.probe.commit_time():
                await self._store.commit(changes, end, quarantined)
        except DATA_ERRORS as error:
            if changes.next - changes.first > 1:
                self._batch = 1
                raise ReopenError(f"{self.name} has a batch that no table can hold") from error
            raise StopError(self._poison.admin_report(changes.first, f"{type(error).__name__}: {error}")) from error
        self.probe.committed(changes, end)
        if changes.first < self._applied.goal <= changes.next:
            self._goal_reached()

    async def _step_over(self, message: Message, reason: str) -> None:
        self.probe.poisoned()
        if not self._poison.put_admin_aside(message.offset):
            raise StopError(self._poison.admin_report(message.offset, reason))
        self._fold.skip(message.offset, message.time)
        await self._commit(Quarantined(message.offset, message.time, reason))
        self.probe.put_aside()
        logger.error("record %d of the administration was put aside: %s", message.offset, reason)
