"""What a fold gathers between two calls of ``changes``: which rows were touched, what became history, sums."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

from domain.fences import Fences
from domain.models.changes import Changes
from domain.models.commands import CommandBatch
from domain.models.retained import later
from domain.models.rows import counted
from domain.models.tables import Row
from domain.session import SessionState

SubscriptionKey = tuple[str, str, str]


class HeldSession(Protocol):
    """The part of a held session that a batch looks at."""

    state: SessionState | None
    row: Row
    subscriptions: dict[str, Row]
    stored: bool
    touched: bool


class FoldPosition(Protocol):
    """The part of a fold that goes into its changes."""

    partition: int
    next: int
    partition_time: int
    fences: Fences
    last_frame: str


class Batch:
    """Owned by its fold; thrown away when the changes are taken."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.frames = self.void_frames = self.events = self.lifecycle = self.last_append = 0
        self.sessions_history: list[Row] = []
        self.subscriptions_history: list[Row] = []
        self.counters: dict[tuple[str, str], Row | None] = {}
        self.commands = CommandBatch()
        self.lost: dict[str, int] = {}
        self._retained: dict[tuple[str, str], Row] = {}
        self._touched: list[HeldSession] = []
        self._subscriptions: dict[SubscriptionKey, tuple[HeldSession, bool]] = {}
        self._routes: defaultdict[SubscriptionKey, int] = defaultdict(int)
        self._totals: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._metrics: defaultdict[SubscriptionKey, int] = defaultdict(int)

    def touch(self, held: HeldSession) -> None:
        """The session's row is not what the table holds."""
        if not held.touched:
            held.touched = True
            self._touched.append(held)

    def touch_subscription(self, held: HeldSession, state: SessionState, topic_filter: str, existed: bool) -> None:
        """The subscription's row is about to change; ``existed``: whether it is there before that."""
        self._subscriptions.setdefault((state.tenant, state.client_id, topic_filter), (held, existed))

    def count(self, tenant: str, node: str, name: str, number: int) -> None:
        """Raise a metric; by 0 is nothing."""
        if number:
            self._metrics[tenant, node, name] += number

    def measure(self, row: Row) -> None:
        """Counters of a session became known."""
        key = (row[0], row[1])
        self.counters[key] = counted(row, self.counters.get(key))

    def retain(self, row: Row) -> None:
        """A message was published with the retain flag."""
        key = (row[0], row[1])
        if later(row, self._retained.get(key)):
            self._retained[key] = row

    def total(self, tenant: str, name: str, difference: int) -> None:
        """Change a total."""
        self._totals[tenant, name] += difference

    def route(self, tenant: str, topic_filter: str, node: str, difference: int) -> None:
        """Change how many sessions of a node hold a filter."""
        self._routes[tenant, topic_filter, node] += difference

    def take(self, fold: FoldPosition) -> Changes:
        """The row changes of the batch, with the position that the fold has reached."""
        changes = Changes(
            partition=fold.partition,
            first=self.first,
            next=fold.next,
            partition_time=fold.partition_time,
            fences=dict(fold.fences.lowest),
            last_frame=fold.last_frame,
            frames=self.frames,
            void_frames=self.void_frames,
            events=self.events,
            last_append=self.last_append,
            sessions_history=self.sessions_history,
            subscriptions_history=self.subscriptions_history,
            routes={key: number for key, number in self._routes.items() if number},
            totals=self._totals,
            metrics=self._metrics,
            commands=list(self.commands.puts.values()),
            commands_late=list(self.commands.lates.values()),
            commands_done=list(self.commands.dones.values()),
            retained=list(self._retained.values()),
            lost=self.lost,
        )
        self._take_sessions(changes)
        self._take_subscriptions(changes)
        for key, row in self.counters.items():
            if row is None:
                changes.counters_gone.append(key)
            else:
                changes.counters.append(row)
        return changes

    def _take_sessions(self, changes: Changes) -> None:
        for held in self._touched:
            held.touched = False
            if held.state is None:
                if held.stored:
                    changes.sessions_gone.append((held.row[0], held.row[1]))
                    held.stored = False
            elif held.stored:
                changes.sessions_changed.append(held.row)
            else:
                changes.sessions_new.append(held.row)
                held.stored = True

    def _take_subscriptions(self, changes: Changes) -> None:
        for key, (held, existed) in self._subscriptions.items():
            row = held.subscriptions.get(key[2])
            if row is None:
                if existed:
                    changes.subscriptions_gone.append(key)
            elif existed:
                changes.subscriptions_changed.append(row)
            else:
                changes.subscriptions_new.append(row)
