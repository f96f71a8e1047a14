"""A node as a state machine: the log in, effects on its connections out.

``apply`` is the only thing that changes sessions, routes and retained messages, for the past that is folded at start
and for the present alike. What a client is told (CONNACK, SUBACK, PUBACK, PUBREC, PUBCOMP, messages) is told here,
when the node reaches the event's own offset, and never before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

from domain.retained import Retained
from domain.session import At, SessionState, apply, continues
from ingest.log.record import Applied
from ingest.mqtt.outgoing import PUBACK, pubcomp, pubrec, pubrel
from ingest.node import attach, cursors
from ingest.node.census import Census
from ingest.node.commands import Access, Commands
from ingest.node.counters import Counters
from ingest.node.delivery import Delivery
from ingest.node.dues import Dues
from ingest.node.payloads import Payloads
from ingest.node.quotas import Quotas
from ingest.node.ring import Ring, RingFrame
from ingest.node.routes import Routes, Taken
from ingest.node.session import Home, Session
from ingest.settings import IngestSettings
from schemas.events import (
    AnyEvent,
    ClearAcl,
    CommandDone,
    Connected,
    Denied,
    Disconnected,
    Dropped,
    Expire,
    Kick,
    Message,
    NodeStarted,
    Progress,
    Publish,
    Published,
    Received,
    Refused,
    Released,
    Retain,
    Sending,
    SessionEnded,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    WillFired,
)

log = logging.getLogger(__name__)


class SupersededError(RuntimeError):
    """Another process with this node's name began a newer incarnation, or this one was declared lost."""


class Journal(Protocol):
    """What a node needs of the log."""

    incarnation: int

    @property
    def vector(self) -> list[int]: ...

    def append(self, partition: int, event: AnyEvent, owner: Any, size: int) -> None: ...


class Node:
    """Sessions, routes and retained messages as of the applied vector.

    Concurrency: everything runs on the event loop; nothing here awaits.
    """

    def __init__(self, settings: IngestSettings, payloads: Payloads) -> None:
        partitions = settings.kafka.partitions
        self.name = settings.node
        self.settings = settings
        self.sessions: dict[tuple[str, str], Session] = {}
        self.homes = [Home(p) for p in range(partitions)]
        self.routes: dict[str, Routes] = {}
        self.taken = Taken()
        self.quotas = Quotas(settings.mqtt, self.sessions, self.routes, self.taken)
        self.ring = Ring(partitions, settings.log.ring_bytes)
        self.counters = Counters()
        self.incarnations: set[int] = set()
        """Incarnations of this process: what they wrote about their connections is known here better."""
        self._lineage: dict[int, int] = {}
        """The first incarnation of those that continue each other, by incarnation."""
        self.void_frames = 0
        self.census = Census()
        self.applied = [0] * partitions
        self.dues = Dues(self.sessions, self.homes, self.quotas, self.append, self.now)
        self._clock = (0, time.monotonic())
        self._stamp = 0
        """Stamp of the frame that is being applied."""
        self.journal: Journal | None = None
        self.delivery = Delivery(
            settings.mqtt,
            self.homes,
            self.ring,
            payloads,
            self.append,
            self.now,
            self.counters,
        )
        self.access: Access | None = None
        """Access rules; without it everybody may do everything."""
        self.commands = Commands(self)
        self._handlers: dict[type, Callable[[Any, At, Any], bool | None]] = {
            Connected: self._connected,
            Subscribed: self._subscribed,
            Unsubscribed: self._unsubscribed,
            Disconnected: self._disconnected,
            SessionEnded: self._session_ended,
            WillFired: self._will_fired,
            Released: self._released,
            Sending: self._sending,
            Received: self._received,
            Progress: self._progress,
            Dropped: self._dropped,
            Denied: self._denied,
            Refused: self._refused,
            Publish: self._published_by_command,
            Retain: self.commands.take,
            Kick: self.commands.take,
            Subscribe: self.commands.take,
            Unsubscribe: self.commands.take,
            Expire: self.commands.take,
            ClearAcl: self.commands.take,
            CommandDone: self.commands.done,
        }

    # Time and writing

    def now(self) -> int:
        """The log's time: the last append time plus what has passed since, in milliseconds. A jump of this machine's
        clock does not move it."""
        at, seen = self._clock
        return at + int((time.monotonic() - seen) * 1000)

    def append(self, partition: int, event: AnyEvent, owner: Any, size: int) -> None:
        """Append an event to the log."""
        assert self.journal is not None
        self.journal.append(partition, event, owner, size)

    def tenant(self, name: str) -> Routes:
        """Routes and retained messages of a tenant, made when first needed."""
        routes = self.routes.get(name)
        if routes is None:
            routes = self.routes[name] = Routes(self.taken)
        return routes

    # Applying

    def apply(self, frame: Applied) -> None:
        """Apply a frame. Called in offset order of its partition, by the journal alone.

        Raises:
            SupersededError: the frame says that this incarnation is over.
        """
        partition, offset = frame.partition, frame.offset
        home = self.homes[partition]
        if frame.time > self._clock[0]:
            self._clock = (frame.time, time.monotonic())
        if home.fences.void(frame.node, frame.incarnation):
            self.void_frames += 1
            self.applied[partition] = offset + 1
            return
        self._stamp = frame.stamp
        kept = RingFrame(offset, frame.time, frame.events, frame.size)
        self.ring.add(partition, kept)
        base = offset << 16
        owners = frame.owners
        published = self._published
        handlers = self._handlers
        lifecycle = 0
        for index, event in enumerate(frame.events):
            owner = owners[index] if owners is not None else None
            if type(event) is Published:
                if not published(event, index, frame, owner):
                    _void(kept, index)
                continue
            lifecycle += 1
            handler = handlers.get(type(event))
            if handler is not None:
                if (
                    handler(event, At(partition, base | index, frame.time, frame.node, frame.incarnation), owner)
                    is False
                ):
                    _void(kept, index)
            else:
                home.fences.observe(event)
                if isinstance(event, NodeStarted) and event.continues >= 0:
                    root = self._lineage.get(event.continues, event.continues)
                    self._lineage[event.incarnation] = root
        if lifecycle:
            self.ring.weigh(kept, lifecycle)
        self.applied[partition] = offset + 1
        if self.incarnations and home.fences.void(self.name, max(self.incarnations)):
            raise SupersededError(f"node {self.name} has a newer incarnation than {max(self.incarnations)}")
        self.dues.fire()
        self.commands.go_on()
        self.delivery.flush()

    def _published(self, event: Published, index: int, frame: Applied, owner: Any) -> bool:
        session = owner.session if owner is not None else self.sessions.get((event.tenant, event.client_id))
        qos = event.qos
        if session is None or session.epoch != event.epoch or (qos == 2 and not _first(session, event.packet_id)):
            self.counters.totals["events.void"] += 1
            if owner is not None:
                owner.published(event, b"")
            return False
        routes = self.routes.get(event.tenant)
        if routes is None:
            routes = self.tenant(event.tenant)
        if event.retain:
            self.retain(routes, event, frame.partition, frame.offset << 16 | index, frame.time, frame.stamp)
        targets = routes.cache.known.get(event.topic)
        if targets is None:
            targets = routes.cache.find(event.topic)
        if targets:
            self.delivery.fan_out(event, targets, frame.partition, frame.offset << 16 | index)
        elif owner is not None:
            self.counters.unmatched += 1
        if owner is not None:
            packet_id = event.packet_id
            owner.published(event, PUBACK[packet_id] if qos == 1 else pubrec(packet_id) if qos else b"")
        return True

    def retain(self, routes: Routes, event: Message, partition: int, position: int, time_: int, stamp: int) -> None:
        """A message was published with the retain flag; ``stamp`` is that of its frame."""
        routes.retained.observe(
            event.topic,
            Retained(stamp, partition, position, time_, event.qos, event.client_id, event.properties, event.payload),
        )
        self.quotas.retained_changed(event.tenant)

    def _published_by_command(self, event: Publish, at: At, owner: Any) -> bool:
        # Who is no node has applied nothing, and may have a slow clock: its stamp counts from the append time on.
        return self.commands.publish(event, at, max(self._stamp, at.time << 16))

    def _connected(self, event: Connected, at: At, owner: Any) -> None:
        key = (event.tenant, event.client_id)
        session = self.sessions.get(key)
        if session is None:
            session = self.sessions[key] = Session(event.tenant, event.client_id, at.partition)
            self.tenant(event.tenant).sessions += 1
        prior = session.state
        self._observe_will(prior, event, at)
        goes_on = continues(prior, event, at.time)
        if prior is not None and not goes_on:
            self.tenant(session.tenant).remove_all(session, prior.subscriptions)
            session.reset()
        previous, session.connection = session.connection, None
        self._become(session, event, at)
        session.epoch = at.position
        session.persistent = event.expiry > 0
        # What it has finished just before a takeover is not in the log yet: the next progress must name it.
        session.behind = session.behind or bool(session.outbox)
        if previous is not None:
            previous.taken_over()
        if owner is not None:
            owner.connected(session, goes_on)
            self.delivery.resume(session)

    def _subscribed(self, event: Subscribed, at: At, owner: Any) -> None:
        session = self._session_of(event)
        if owner is not None:
            self.ring.pins.pop(owner, None)
            owner.settle()
        if session is None or session.state is None:
            return
        granted = [s for s in event.subscriptions if s.reason_code < 0x80]
        known = session.state.subscriptions
        new = [s for s in granted if s.filter not in known]
        older = list(known)
        fresh = {s.filter for s in new}
        self._become(session, event, at)
        routes = self.tenant(event.tenant)
        for subscription in granted:
            routes.add(session, subscription)
        if owner is not None:
            owner.subscribed(event)
        waiting = _pending(session)
        for subscription in granted:
            handling = subscription.retain_handling
            if handling == 0 or (handling == 1 and subscription.filter in fresh):
                attach.retained(self.delivery, routes.retained, session, subscription, event.vector)
        if new:
            left = attach.left_since(self.homes[at.partition], session, event.vector)
            attach.recent(self.delivery, self.ring, self.applied, session, new, older, left, event.vector, at)
        if self.delivery.catching_up and session.outbox is not None:
            late = session.late = session.late or []
            late += [(item, at.position) for item in islice(session.outbox.pending, waiting, None)]
        elif at.incarnation in self.incarnations and session.persistent and _pending(session) > waiting:
            self._name(session)

    def _name(self, session: Session) -> None:
        """A subscription has put into a queue what lies below every cursor: the log names it, so that it is found there
        without a fold of everything."""
        home = self.homes[session.partition]
        if session.connection is not None:
            home.dirty.add(session)
        else:
            progress, size = cursors.of_away(session, list(self.applied))
            self.append(home.partition, progress, None, size)

    def _unsubscribed(self, event: Unsubscribed, at: At, owner: Any) -> None:
        session = self._session_of(event)
        if owner is not None:
            owner.settle()
        if session is None or session.state is None:
            return
        routes = self.tenant(event.tenant)
        gone = [one.filter for one in event.unsubscriptions if one.reason_code == 0]
        for topic_filter in gone:
            routes.remove(session, topic_filter)
        if gone:
            self.homes[at.partition].left.append(attach.Left(session, at.position, list(self.applied), gone))
        self._become(session, event, at)
        if owner is not None:
            owner.unsubscribed(event)

    def _disconnected(self, event: Disconnected, at: At, owner: Any) -> None:
        session = self._session_of(event)
        if session is None or session.state is None or not session.state.online:
            return
        self._observe_will(session.state, event, at)
        subscriptions = session.state.subscriptions
        session.connection = None
        self._become(session, event, at)
        home = self.homes[at.partition]
        home.dirty.discard(session)
        home.unsettled.discard(session)
        if session.state is None:
            self._end(session, subscriptions)
            return
        session.persistent = True
        if at.incarnation not in self.incarnations and session.outbox is not None:
            cursors.settle(session, event.cursor, event.vector)
        session.behind = False
        self.dues.note_expiry(session)

    def _session_ended(self, event: SessionEnded, at: At, owner: Any) -> None:
        session = self._session_of(event)
        if owner is not None:
            owner.settle()
        if session is None or session.state is None:
            return
        if owner is not None:
            owner.ended()
        self._observe_will(session.state, event, at)
        self.census.leave(session.state)
        if session.state.online:
            home = self.homes[at.partition]
            home.dirty.discard(session)
            home.unsettled.discard(session)
        connection, session.connection = session.connection, None
        self._end(session, session.state.subscriptions)
        if connection is not None:
            connection.session_ended(owner.text if owner is not None else event.reason)

    def _become(self, session: Session, event: AnyEvent, at: At) -> None:
        self.census.leave(session.state)
        session.state, _ = apply(session.state, event, at)
        self.census.enter(session.state)

    def _end(self, session: Session, subscriptions: Any) -> None:
        self.tenant(session.tenant).remove_all(session, subscriptions)
        session.state = None
        session.epoch = -1  # what its connection still has on the way is void
        session.reset()
        del self.sessions[session.key]
        self.tenant(session.tenant).sessions -= 1

    def _will_fired(self, event: WillFired, at: At, owner: Any) -> bool:
        home = self.homes[at.partition]
        if not home.wills.observe(None, event, at):
            self.counters.totals["events.void"] += 1
            return False
        routes = self.tenant(event.tenant)
        if event.retain:
            self.retain(routes, event, at.partition, at.position, at.time, self._stamp)
        targets = routes.cache.find(event.topic)
        if targets:
            self.delivery.fan_out(event, targets, at.partition, at.position)
        return True

    def _released(self, event: Released, at: At, owner: Any) -> None:
        session = self._session_of(event)
        if session is not None and session.inbound is not None:
            session.inbound.discard(event.packet_id)
        if owner is not None:
            owner.released(pubcomp(event.packet_id) if session is not None else b"")

    def _sending(self, event: Sending, at: At, owner: Any) -> None:
        session = self._session_of(event)
        if session is None:
            return
        if at.incarnation in self.incarnations:
            self.delivery.sending_logged(session, event.messages)
        else:
            session.box().settle_sending(event.messages)

    def _received(self, event: Received, at: At, owner: Any) -> None:
        session = self._session_of(event)
        if owner is not None:
            owner.settle()
        if session is None or session.outbox is None:
            return
        for packet_id in event.packet_ids:
            session.outbox.pubrec(packet_id)
        if session.connection is not None:
            for packet_id in event.packet_ids:
                session.connection.write(pubrel(packet_id))

    def _progress(self, event: Progress, at: At, owner: Any) -> None:
        if at.incarnation not in self.incarnations:
            cursors.progress(event, at, self.sessions, self.homes[at.partition], self._lineage)

    def _dropped(self, event: Dropped, at: At, owner: Any) -> None:
        if at.incarnation in self.incarnations:
            return
        session = self._session_of(event)
        if session is not None and session.outbox is not None:
            session.outbox.settle_dropped(event.ranges)

    def _denied(self, event: Denied, at: At, owner: Any) -> None:
        if owner is not None:
            owner.denied(event)

    def _refused(self, event: Refused, at: At, owner: Any) -> None:
        if owner is not None:
            owner.refused(event)

    def _session_of(self, event: Any) -> Session | None:
        session = self.sessions.get((event.tenant, event.client_id))
        if session is None or session.epoch != event.epoch:
            self.counters.totals["events.void"] += 1
            return None
        return session

    def _observe_will(self, prior: SessionState | None, event: AnyEvent, at: At) -> None:
        wills = self.homes[at.partition].wills
        wills.observe(prior, event, at)
        if prior is not None and (due := wills.due.get(prior.epoch)) is not None:
            self.dues.note_will(at.partition, due)


def _pending(session: Session) -> int:
    return len(session.outbox.pending) if session.outbox is not None else 0


def _first(session: Session, packet_id: int) -> bool:
    """Whether a QoS 2 publish is new: its identifier is not in use until it is released [MQTT-4.3.3-10]."""
    if session.inbound is None:
        session.inbound = set()
    elif packet_id in session.inbound:
        return False
    session.inbound.add(packet_id)
    return True


def _void(frame: RingFrame, index: int) -> None:
    if frame.void is None:
        frame.void = set()
    frame.void.add(index)
