"""What falls due in the log's time: sessions that expire, wills that fire."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain.wills import DueWill
from ingest.node.quotas import Quotas
from ingest.node.session import Home, Session
from schemas.events import AnyEvent, SessionEnded, WillFired

Due = tuple[int, str, int, int, tuple[str, str]]
"""Time, what, partition, epoch, session key."""
Append = Callable[[int, AnyEvent, Any, int], None]
"""Partition, event, owner, bytes."""
_LEAST = 1_024


class Dues:
    """A heap by time. Some of it is void, which is seen when it is due.

    Invariant: it holds at most twice of what stands, or 1,024. Nothing is noted before :meth:`begin`: the past has
    done what was due in it.
    """

    def __init__(
        self,
        sessions: Mapping[tuple[str, str], Session],
        homes: Sequence[Home],
        quotas: Quotas,
        append: Append,
        now: Callable[[], int],
    ) -> None:
        """``now`` is the log's time in milliseconds."""
        self._sessions = sessions
        self._homes = homes
        self._quotas = quotas
        self._append = append
        self._now = now
        self._heap: list[Due] = []
        self._limit = _LEAST
        self._begun = False

    def __len__(self) -> int:
        return len(self._heap)

    def begin(self) -> None:
        """The past is folded: from here on what falls due is noted and done."""
        self._begun = True

    def note_will(self, partition: int, due: DueWill) -> None:
        """A will fires, unless it is cancelled."""
        self._note((due.at, "will", partition, due.epoch, (due.tenant, due.client_id)))

    def note_expiry(self, session: Session) -> None:
        """A session that is away expires, if it ever does, unless its client comes back."""
        deadline = session.state.expires_at if session.state is not None else None
        if deadline is not None:
            self._note((deadline, "expire", session.partition, session.epoch, session.key))

    def fire(self) -> None:
        """Append what has become due: wills, ends of sessions. Doing so twice is harmless: the fold counts one."""
        if not self._heap or not self._begun:
            return
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            at, what, partition, epoch, key = heapq.heappop(self._heap)
            if what == "will":
                self._fire_will(partition, epoch, at)
            else:
                self._expire(partition, epoch, key, now)

    def _note(self, due: Due) -> None:
        if not self._begun:
            return
        if len(self._heap) >= self._limit:
            self._heap = [one for one in self._heap if self._stands(one)]
            heapq.heapify(self._heap)
            self._limit = max(_LEAST, 2 * len(self._heap))
        heapq.heappush(self._heap, due)

    def _stands(self, one: Due) -> bool:
        """Whether nothing has happened since that makes it void."""
        at, what, partition, epoch, key = one
        if what == "will":
            will = self._homes[partition].wills.due.get(epoch)
            return will is not None and will.at == at
        session = self._sessions.get(key)
        return session is not None and session.epoch == epoch

    def _fire_will(self, partition: int, epoch: int, at: int) -> None:
        due = self._homes[partition].wills.due.get(epoch)
        if due is None or due.at != at:
            return
        will = due.will
        size = len(will.payload) + len(will.properties)
        retain = will.retain and self._quotas.retainer
        retain = retain and (not will.payload or self._quotas.may_retain(due.tenant, will.topic, size))
        event = WillFired(due.tenant, due.client_id, epoch, will.topic, will.qos, retain, will.properties, will.payload)
        self._append(partition, event, None, 160 + len(will.payload) + len(will.topic) + len(will.properties))

    def _expire(self, partition: int, epoch: int, key: tuple[str, str], now: int) -> None:
        session = self._sessions.get(key)
        if session is None or session.epoch != epoch or session.state is None or not session.state.expired(now):
            return
        self._append(partition, SessionEnded(*key, epoch, "expired"), None, 128)
