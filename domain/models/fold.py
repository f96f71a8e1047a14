"""The fold of one partition: frames in offset order in, row changes out.

Sessions are folded by :func:`domain.session.apply`, the code that live nodes run. The fold holds the sessions it has
seen (:mod:`domain.models.held`). How frames are cut into batches, and what is forgotten in between, never changes the
tables.

Invariants: what is held equals the tables plus the changes not yet taken. A frame whose fold raises leaves the fold
unusable; its owner throws it away and begins again from the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from domain.commands import Command, CommandWindow, late
from domain.fences import Fences
from domain.models.batch import Batch
from domain.models.changes import Changes
from domain.models.commands import command_row, done_of, late_row
from domain.models.held import Held, HeldSessions, Key
from domain.models.records import FrameRecord
from domain.models.retained import retained_row
from domain.models.rows import (
    NOT_KEPT,
    OPTIONS,
    SUBSCRIPTION_COUNT,
    counter_row,
    session_row,
    subscription_row,
    with_count,
    with_disconnect,
)
from domain.models.tables import Row
from domain.session import At, SessionState, apply, continues
from schemas.events import (
    ClearAcl,
    ClientCounters,
    CommandDone,
    Connected,
    Denied,
    Disconnected,
    Dropped,
    Expire,
    Kick,
    Measured,
    NodeLost,
    NodeStarted,
    NodeStopped,
    Progress,
    Publish,
    Published,
    Received,
    Refused,
    Retain,
    Sending,
    SessionEnded,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    WillFired,
)


class FoldError(ValueError):
    """A frame cannot be folded; the text says why."""


class ModelFold:
    """All read models of one partition; see the module. ``next`` is the offset of the next frame."""

    def __init__(
        self,
        partition: int,
        *,
        start: int = 0,
        partition_time: int = 0,
        fences: Fences | None = None,
        last_frame: str = "",
        commands: Iterable[tuple[str, int]] = (),
        complete: bool = True,
        history: bool = True,
    ) -> None:
        """A fold that goes on where tables stand; without arguments a fresh one, with empty tables.

        ``start``: offset of the next frame. ``commands``: ids and partition times of the keyed commands that counted
        within :data:`domain.commands.WINDOW_MS`, in the order of the log, the last :data:`domain.commands.MOST` of
        them. ``complete``: a session that is not held does not exist. ``history``:
        whether rows of the history tables are wanted, too.
        """
        self.partition = partition
        self.next = start
        self.partition_time = partition_time
        self.fences = fences or Fences()
        self.last_frame = last_frame
        self._held = HeldSessions(complete)
        self._hold = self._held.hold
        self._batch = Batch(start)
        self._history = history
        self._stamp = 0
        self._window = CommandWindow()
        for command_id, time in commands:
            self._window.remember(command_id, time)

    # What the shell around a fold needs

    @property
    def pending(self) -> int:
        """Lifecycle events folded since the last changes were taken."""
        return self._batch.lifecycle

    @property
    def first(self) -> int:
        """Offset from which the changes not yet taken begin; equal to ``next`` when there are none."""
        return self._batch.first

    @property
    def held(self) -> int:
        """Number of sessions held."""
        return len(self._held)

    @property
    def complete(self) -> bool:
        """Whether a session that is not held does not exist."""
        return self._held.complete

    def session(self, tenant: str, client_id: str) -> SessionState | None:
        """The session as of now, if it is held; owned by the fold."""
        held = self._held.get((tenant, client_id))
        return held.state if held else None

    def missing(self, records: Iterable[FrameRecord]) -> set[Key]:
        """Sessions to supply before these frames are folded."""
        return self._held.missing(records)

    def supply(self, keys: Iterable[Key], sessions: Iterable[Row], subscriptions: Iterable[Row]) -> None:
        """Take what the tables hold of these sessions: rows of ``sessions`` and ``subscriptions``."""
        self._held.supply(keys, sessions, subscriptions)

    def forget(self, limit: int) -> None:
        """Hold about ``limit`` sessions at most, longest untouched first to go.

        To be called when every change taken is in the tables, save those of the latest batch, which are kept.
        """
        self._held.forget(limit)

    def changes(self) -> Changes:
        """What was folded since the last call, as row changes; a new batch begins."""
        batch, self._batch = self._batch, Batch(self.next)
        self._held.next_batch()
        return batch.take(self)

    def fold(self, record: FrameRecord) -> None:
        """Fold the next frame. Raises :class:`FoldError` when it lies before the fold's position."""
        self._step(record.offset, record.time, record.frame_id)
        header, batch = record.header, self._batch
        if self.fences.void(header.node, header.incarnation):
            batch.void_frames += 1
            batch.count("", header.node, "frames.void", 1)
            return
        self._count(record)
        self._stamp = header.stamp
        base, time, node, incarnation = record.offset << 16, self.partition_time, header.node, header.incarnation
        for index, event in record.lifecycle:
            handler = _HANDLERS.get(type(event))
            if handler is None:
                raise FoldError(f"there is no fold for {event.KIND}")
            handler(self, event, At(self.partition, base | index, time, node, incarnation))
        batch.lifecycle += len(record.lifecycle)

    def skip(self, offset: int, time: int, frame_id: str) -> None:
        """Step over a frame that was put aside: it moves position and partition time, and is counted."""
        self._step(offset, time, frame_id)
        self._batch.count("", "", "frames.quarantined", 1)

    # Frames

    def _step(self, offset: int, time: int, frame_id: str) -> None:
        if offset < self.next:
            raise FoldError(f"frame {offset} of partition {self.partition} is already folded; the next is {self.next}")
        self.next = offset + 1
        self.last_frame = frame_id
        self.partition_time = max(self.partition_time, time)
        self._batch.frames += 1
        self._batch.last_append = time

    def _count(self, record: FrameRecord) -> None:
        header, batch = record.header, self._batch
        node, events = header.node, header.events
        batch.events += events
        batch.count("", node, "frames", 1)
        batch.count("", node, "events", events)
        for traffic in header.traffic:
            batch.count(traffic.tenant, node, f"messages.published.qos{traffic.qos}", traffic.messages)
            batch.count(traffic.tenant, node, "bytes.published", traffic.bytes)
            batch.count(traffic.tenant, node, "messages.retained", traffic.retained)

    # Sessions

    def _void(self, tenant: str, at: At) -> None:
        self._batch.count(tenant, at.node, "events.void", 1)

    def _close(self, held: Held, at: At, ended: str) -> None:
        """Let the present row of a session become history."""
        self._batch.touch(held)
        if self._history:
            self._batch.sessions_history.append((*held.row, at.position, at.time, ended))

    def _end(self, held: Held, state: SessionState, at: At, ended: str) -> None:
        """Let a session and its subscriptions become history. ``state`` is the session as it was."""
        batch, tenant = self._batch, state.tenant
        self._close(held, at, ended)
        for topic_filter in list(held.subscriptions):
            self._unsubscribe(held, state, topic_filter, at)
        batch.total(tenant, "sessions", -1)
        batch.count(tenant, state.node, "sessions.ended", 1)
        if held.counters_stored:
            batch.counters[tenant, state.client_id] = None
            held.counters_stored = False
        held.state = None

    def _offline(self, state: SessionState) -> None:
        self._batch.total(state.tenant, "sessions.connected", -1)

    def connected(self, event: Connected, at: At) -> None:
        """A session begins, goes on, or takes the place of another."""
        batch, tenant = self._batch, event.tenant
        held = self._hold(tenant, event.client_id)
        prior = held.state
        goes_on = continues(prior, event, at.time)
        if prior is not None:
            if prior.online:
                self._offline(prior)
                batch.count(tenant, prior.node, "taken_over", 1)
            if goes_on:
                self._close(held, at, "")
                if prior.node != at.node:
                    for topic_filter in held.subscriptions:
                        batch.route(tenant, topic_filter, prior.node, -1)
                        batch.route(tenant, topic_filter, at.node, 1)
            else:
                self._end(held, prior, at, _why_ended(prior, event, at.time))
        state, _ = apply(prior, event, at)
        assert state is not None
        state.connection = NOT_KEPT
        held.state = state
        held.row = session_row(state, event, at)
        batch.touch(held)
        batch.total(tenant, "sessions.connected", 1)
        batch.count(tenant, at.node, "connected", 1)
        if not goes_on:
            batch.total(tenant, "sessions", 1)
            batch.count(tenant, at.node, "sessions.created", 1)

    def refused(self, event: Refused, at: At) -> None:
        """A client was not let in: counted."""
        self._batch.count(event.tenant, at.node, "refused", 1)

    def disconnected(self, event: Disconnected, at: At) -> None:
        """A connection ends, and its session with it if it does not outlive it."""
        tenant = event.tenant
        held = self._hold(tenant, event.client_id)
        prior = held.state
        after, effect = apply(prior, event, at)
        if prior is None or not effect:
            return self._void(tenant, at)
        batch, node = self._batch, prior.node
        batch.count(tenant, node, "disconnected", 1)
        batch.count(tenant, node, f"disconnected.{event.by}", 1)
        self._offline(prior)
        if after is None:
            return self._end(held, prior, at, "disconnected")
        self._close(held, at, "")
        held.state, held.row = after, with_disconnect(held.row, after, at)
        batch.measure(counter_row(after, event.counters, at.time))
        held.counters_stored = True
        return None

    def session_ended(self, event: SessionEnded, at: At) -> None:
        """A session that was away is over."""
        held = self._hold(event.tenant, event.client_id)
        prior = held.state
        _, effect = apply(prior, event, at)
        if prior is None or not effect:
            return self._void(event.tenant, at)
        if prior.online:
            self._offline(prior)
        return self._end(held, prior, at, event.reason)

    # Subscriptions

    def subscribed(self, event: Subscribed, at: At) -> None:
        """Filters are granted; options that stay as they were begin no new interval."""
        tenant = event.tenant
        held = self._hold(tenant, event.client_id)
        state, effect = apply(held.state, event, at)
        if state is None or not effect:
            return self._void(tenant, at)
        held.state = state
        granted = dict.fromkeys(asked.filter for asked in event.subscriptions if asked.reason_code < 0x80)
        for topic_filter in granted:
            self._subscribe(held, state, topic_filter, at)
        self._batch.count(tenant, at.node, "subscribed", len(granted))
        return self._recount(held, state, at)

    def _subscribe(self, held: Held, state: SessionState, topic_filter: str, at: At) -> None:
        batch = self._batch
        row = subscription_row(state, state.subscriptions[topic_filter], at)
        old = held.subscriptions.get(topic_filter)
        if old is None:
            batch.total(state.tenant, "subscriptions", 1)
            batch.route(state.tenant, topic_filter, state.node, 1)
        elif old[OPTIONS] == row[OPTIONS]:
            return
        elif self._history:
            batch.subscriptions_history.append((*old, at.position, at.time))
        batch.touch_subscription(held, state, topic_filter, old is not None)
        held.subscriptions[topic_filter] = row

    def _unsubscribe(self, held: Held, state: SessionState, topic_filter: str, at: At) -> None:
        batch = self._batch
        batch.touch_subscription(held, state, topic_filter, True)
        row = held.subscriptions.pop(topic_filter)
        if self._history:
            batch.subscriptions_history.append((*row, at.position, at.time))
        batch.total(state.tenant, "subscriptions", -1)
        batch.route(state.tenant, topic_filter, state.node, -1)

    def unsubscribed(self, event: Unsubscribed, at: At) -> None:
        """Filters are given back."""
        tenant = event.tenant
        held = self._hold(tenant, event.client_id)
        state, effect = apply(held.state, event, at)
        if state is None or not effect:
            return self._void(tenant, at)
        held.state = state
        gone = [topic_filter for topic_filter in held.subscriptions if topic_filter not in state.subscriptions]
        for topic_filter in gone:
            self._unsubscribe(held, state, topic_filter, at)
        self._batch.count(tenant, at.node, "unsubscribed", len(gone))
        return self._recount(held, state, at)

    def _recount(self, held: Held, state: SessionState, at: At) -> None:
        count = len(held.subscriptions)
        if count != held.row[SUBSCRIPTION_COUNT]:
            self._close(held, at, "")
            held.row = with_count(held.row, count, at)

    # Retained messages

    def published(self, event: Published, at: At) -> None:
        """A client published a message that is retained, if the connection is that of its session."""
        state = self._hold(event.tenant, event.client_id).state
        if state is not None and state.epoch == event.epoch:
            self._batch.retain(retained_row(event, at, self._stamp))

    def will_fired(self, event: WillFired, at: At) -> None:
        """A will that is retained, of a connection that has ended."""
        state = self._hold(event.tenant, event.client_id).state
        if state is None or state.epoch != event.epoch or not state.online:
            self._batch.retain(retained_row(event, at, self._stamp))

    # Numbers and nodes

    def dropped(self, event: Dropped, at: At) -> None:
        """Messages of a session were dropped: counted by reason."""
        state = self._hold(event.tenant, event.client_id).state
        if state is None or state.epoch != event.epoch:
            return self._void(event.tenant, at)
        return self._batch.count(event.tenant, at.node, f"messages.dropped.{event.reason}", event.count)

    def denied(self, event: Denied, at: At) -> None:
        """Publishes of a client were refused by access rules: counted."""
        state = self._hold(event.tenant, event.client_id).state
        if state is None or state.epoch != event.epoch:
            return self._void(event.tenant, at)
        return self._batch.count(event.tenant, at.node, "messages.denied", event.count)

    def measured(self, event: Measured, at: At) -> None:
        """Counters of connections; the latest are kept."""
        for client in event.clients:
            self._measured(client, at)

    def _measured(self, client: ClientCounters, at: At) -> None:
        held = self._hold(client.tenant, client.client_id)
        state = held.state
        if state is None or state.epoch != client.epoch:
            return
        self._batch.measure(counter_row(state, client.counters, at.time))
        held.counters_stored = True

    def node_started(self, event: NodeStarted, at: At) -> None:
        """Everything that older incarnations of the node still write is void from the next frame on."""
        self.fences.observe(event)

    def node_lost(self, event: NodeLost, at: At) -> None:
        """The same for the incarnation that was declared lost; its node is marked."""
        self.fences.observe(event)
        self._batch.lost[event.node] = max(event.incarnation, self._batch.lost.get(event.node, -1))

    # Commands

    def command(self, event: Command, at: At) -> None:
        """A command is to be done, unless it is void."""
        if self._counts(event, at):
            self._batch.commands.put(command_row(event, at))

    def publish(self, event: Publish, at: At) -> None:
        """A message is published by command: counted as messages of clients are."""
        if not self._counts(event, at):
            return
        batch, tenant, node = self._batch, event.tenant, at.node
        batch.count(tenant, node, f"messages.published.qos{event.qos}", 1)
        batch.count(tenant, node, "bytes.published", len(event.payload))
        batch.count(tenant, node, "messages.retained", int(event.retain))
        if event.order.keyed or event.report:
            batch.commands.put(command_row(event, at))
        if event.retain:
            # Who is no node has applied nothing, and may have a slow clock: its stamp counts from the append time on.
            batch.retain(retained_row(event, at, max(self._stamp, at.time << 16)))

    def _counts(self, event: Command, at: At) -> bool:
        """Whether a command is neither too late nor a repetition."""
        too_late = late(event.order, at.time)
        if too_late:
            self._batch.commands.late(late_row(event, at))
        if too_late or self._window.repeated(event.order, at.time):
            self._void(event.tenant, at)
            return False
        return True

    def command_done(self, event: CommandDone, at: At) -> None:
        """What came of a command; the first for an id counts."""
        self._batch.commands.done(done_of(event, at))

    def nothing(self, event: object, at: At) -> None:
        """An event that says nothing to the read models."""


def _why_ended(prior: SessionState, event: Connected, time: int) -> str:
    if prior.expired(time):
        return "expired"
    return "clean_start" if event.clean_start else "taken_over"


_HANDLERS: dict[type[Any], Callable[[ModelFold, Any, At], None]] = {
    Connected: ModelFold.connected,
    Refused: ModelFold.refused,
    Disconnected: ModelFold.disconnected,
    SessionEnded: ModelFold.session_ended,
    Subscribed: ModelFold.subscribed,
    Unsubscribed: ModelFold.unsubscribed,
    Published: ModelFold.published,
    WillFired: ModelFold.will_fired,
    Dropped: ModelFold.dropped,
    Denied: ModelFold.denied,
    Measured: ModelFold.measured,
    NodeStarted: ModelFold.node_started,
    NodeLost: ModelFold.node_lost,
    NodeStopped: ModelFold.nothing,
    Sending: ModelFold.nothing,
    Received: ModelFold.nothing,
    Progress: ModelFold.nothing,
    Kick: ModelFold.command,
    Publish: ModelFold.publish,
    Retain: ModelFold.command,
    Subscribe: ModelFold.command,
    Unsubscribe: ModelFold.command,
    Expire: ModelFold.command,
    ClearAcl: ModelFold.command,
    CommandDone: ModelFold.command_done,
}
