"""Which messages a session still has to get, as a fold of the log: its own events first, then what it matches.

The home of a session holds its queue in memory (:mod:`domain.outbox`) and folds it anew at a start. Who holds nothing
does it in two steps. :class:`QueueFold` takes the session's own events, which lie in one partition: the latest cursor,
what was subscribed when, what was dropped. Then it judges messages of the log at or above the cursor's ``low``, those
that count (:mod:`domain.counting`).

What the log does not order, it orders as a start does: by ``depends``, then by append time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple

from domain.fences import Fences
from domain.outbox import AWAIT_PUBACK, AWAIT_PUBCOMP
from domain.topics import FilterTrie, TopicCache
from schemas.events import (
    AnyEvent,
    Connected,
    Cursor,
    Disconnected,
    Dropped,
    Inflight,
    LifecycleEvent,
    Measured,
    Message,
    NodeLost,
    NodeStarted,
    Progress,
    Received,
    Sending,
    SessionEnded,
    Subscribed,
    Subscription,
    Unsubscribed,
)
from schemas.frames import FrameHeader
from schemas.positions import INDEX_BITS, Position, offset_of

OF_ALL = frozenset({Progress.KIND, NodeStarted.KIND, NodeLost.KIND})
"""Tags of events that say something of a session even if they don't name it."""
_TOPICS = 4_096
"""Topics of which is remembered what they match."""


class Place(NamedTuple):
    """Where an event lies, and what its writer had applied before."""

    partition: int
    position: Position
    depends: Sequence[int]
    time: int
    """Append time of its frame, in milliseconds."""


class Base(NamedTuple):
    """What the log says last of how far a session is."""

    cursor: Cursor
    vector: Sequence[int]
    """Applied when the cursor was taken."""
    place: Place

    @property
    def low(self) -> list[Position]:
        """Per partition, the position from which on what matches is unfinished."""
        return list(self.cursor.low) or [offset << INDEX_BITS for offset in self.vector]


class Waiting(NamedTuple):
    """A message that a session has to get."""

    partition: int
    position: Position
    qos: int
    retain: bool
    packet_id: int = 0
    """0: it was not sent, as far as the log tells."""
    state: int = 0
    """As in :class:`schemas.parts.Inflight`; 0 without a packet identifier."""


class _Span(NamedTuple):
    """A subscription with the same options, from one event to another."""

    options: Subscription
    made: Place | None
    """None: before everything that is looked at."""
    vector: Sequence[int] | None
    """It was new then: what was applied since this is matched, too."""
    over: Place | None = None


class QueueFold:
    """The own events of one session, in the order of its partition, from any frame on; see the module.

    Invariants: ``base`` is the latest one since the session began; ``_open`` has the number of the span of a filter
    that goes on, ``_spans`` by filter and number all spans that something at or above the base may have been matched
    against; ``_sent`` is what was sent and is not finished.
    """

    def __init__(
        self, tenant: str, client_id: str, partition: int, created: Position, node: str, held: Iterable[Subscription]
    ) -> None:
        """``created``: where the session began; ``node``: where it is, or was last, connected; ``held``: what it was
        subscribed to before the first frame."""
        self.tenant = tenant
        self.client_id = client_id
        self.partition = partition
        self.base: Base | None = None
        self.filters: Counter[str] = Counter()
        """How many of the spans have a filter."""
        self._created = created
        self._node = node
        self._epoch = -1
        self._online = False
        """It was connected, as far as the events tell."""
        self._behind: bool | None = None
        """Whether a ``progress`` that does not name it says nothing of it; None: not known."""
        self._fences = Fences()
        self._spans: FilterTrie[int, _Span] = FilterTrie()
        self._matching = self._nothing_known()
        self._open: dict[str, tuple[int, _Span]] = {}
        self._over: deque[tuple[int, str, int]] = deque()
        """Offset of the end, filter and number of spans that are over, in order."""
        self._past: deque[tuple[Sequence[int], str, int]] = deque()
        """Those of which a frame of the node shows that it had applied their end, with what it had applied."""
        self._numbers = count()
        self._sent: dict[int, Inflight] = {}
        self._got: set[int] = set()
        """Identifiers of QoS 2 that the client has received, unless they were given anew since."""
        self._entries: set[tuple[int, Position, bool]] | None = None
        """Partition, position and retain flag of what is in ``_sent``; None: to be gathered anew."""
        self._dropped = _Ranges()
        self._sealed: tuple[int, Sequence[int]] | None = None
        """Incarnation and ``depends`` of the frame that the node wrote before."""
        self._first: tuple[int, Sequence[int]] | None = None
        """Offset and ``depends`` of the first frame of the node."""
        for one in held:
            self._begin(_Span(one, None, None))

    # Frames

    def fold(
        self, offset: int, time: int, header: FrameHeader, lifecycle: Iterable[tuple[int, LifecycleEvent]]
    ) -> None:
        """Take the next frame. Its ``lifecycle`` events may be left out where they neither name the session nor are
        of :data:`OF_ALL`."""
        if self._fences.void(header.node, header.incarnation):
            return
        started = False
        for index, event in lifecycle:
            started = started or isinstance(event, NodeStarted)
            self._fences.observe(event)
            self._apply(event, Place(self.partition, offset << INDEX_BITS | index, header.depends, time), header)
        if header.node == self._node:
            self._sealed = None if started else (header.incarnation, header.depends)
            if self._first is None:
                self._first = offset, header.depends

    def covers(self, base: Base) -> bool:
        """Whether no event before the first frame can concern what lies at or above the base."""
        if self._first is None:
            return False
        offset, depends = self._first
        if offset << INDEX_BITS <= self._created:
            return True
        low = [offset_of(position) for position in base.low]
        return offset <= low[self.partition] and all(
            known <= low[p] for p, known in enumerate(depends) if p != self.partition
        )

    def _apply(self, event: AnyEvent, at: Place, header: FrameHeader) -> None:
        if at.position < self._created:
            return
        if isinstance(event, Progress):
            self._progress(event, at, header.node)
        elif isinstance(event, Measured):
            self._measured(event, at, header.incarnation)
        elif getattr(event, "tenant", None) == self.tenant and getattr(event, "client_id", None) == self.client_id:
            self._own(event, at, header.node)

    def _own(self, event: AnyEvent, at: Place, node: str) -> None:
        if isinstance(event, Connected):
            return self._connected(event, at, node)
        epoch = getattr(event, "epoch", None)
        if epoch is None or epoch < self._epoch:
            return None  # commands and the like; what is void
        self._epoch, self._entries = epoch, None
        match event:
            case Subscribed():
                self._subscribed(event, at)
            case Unsubscribed():
                for gone in event.unsubscriptions:
                    if gone.reason_code == 0:
                        self._end(gone.filter, at)
            case Disconnected() if event.expiry:
                self._online = False
                self._rebase(Base(event.cursor, event.vector, at))
            case Disconnected() | SessionEnded():
                self._forget()
            case Sending():
                self._sent |= {one.packet_id: one for one in event.messages}
                self._got -= {one.packet_id for one in event.messages}
            case Received():
                self._take(event.packet_ids)
            case Dropped():
                self._dropped.add(event.ranges)
        return None

    # How far it is

    def _connected(self, event: Connected, at: Place, node: str) -> None:
        begins = at.position == self._created or event.clean_start
        if begins:
            self._forget()
            if event.expiry:
                self._rebase(Base(Cursor([]), at.depends, at))
        self._epoch, self._node, self._online = at.position, node, event.expiry > 0
        self._behind = False if begins else None

    def _progress(self, event: Progress, at: Place, node: str) -> None:
        for named in event.sessions:
            if (named.tenant, named.client_id) == (self.tenant, self.client_id):
                if named.epoch >= self._epoch:
                    self._epoch = named.epoch
                    self._behind = bool(named.cursor.low or named.cursor.inflight)
                    self._rebase(Base(named.cursor, event.vector, at))
                return
        told = event.complete and self._online and self._behind is False and node == self._node
        if told and self._epoch < event.vector[self.partition] << INDEX_BITS:
            self._rebase(Base(Cursor([]), event.vector, at))

    def _measured(self, event: Measured, at: Place, incarnation: int) -> None:
        for row in event.clients:
            if (row.tenant, row.client_id) != (self.tenant, self.client_id):
                continue
            if row.epoch < self._epoch or row.counters.inflight or row.counters.queued:
                return
            self._behind = False
            if self._sealed is None or self._sealed[0] != incarnation:
                return
            # It was measured after that frame was sealed: what had been applied by then is finished.
            vector = self._sealed[1]
            if self.base is None or all(a >= b for a, b in zip(vector, self.base.vector, strict=True)):
                self._rebase(Base(Cursor([]), vector, at))

    def _rebase(self, base: Base) -> None:
        self.base, self._entries = base, None
        sent = [one for one in base.cursor.inflight if one.packet_id]
        self._got &= {one.packet_id for one in sent}
        # The cursor may have been taken while a PUBREC was on its way into the log.
        self._sent = {one.packet_id: _received(one) if one.packet_id in self._got else one for one in sent}
        self._prune(base)

    def _take(self, packet_ids: Iterable[int]) -> None:
        """The client has these messages of QoS 2."""
        self._got.update(packet_ids)
        for packet_id in self._got & self._sent.keys():
            self._sent[packet_id] = _received(self._sent[packet_id])

    # What it is subscribed to

    def _subscribed(self, event: Subscribed, at: Place) -> None:
        for asked in event.subscriptions:
            if asked.reason_code < 0x80:
                _, known = self._open.get(asked.filter, (0, None))
                if known is None or _judged_by(known.options) != _judged_by(asked):
                    self._end(asked.filter, at)
                    self._begin(_Span(asked, at, event.vector if known is None else None))

    def _begin(self, span: _Span) -> None:
        number, topic_filter = next(self._numbers), span.options.filter
        self.filters[topic_filter] += 1
        self._open[topic_filter] = number, span
        self._put(number, span)

    def _end(self, topic_filter: str, at: Place) -> None:
        number, span = self._open.pop(topic_filter, (-1, None))
        if span is not None:
            self._put(number, span._replace(over=at))
            self._over.append((offset_of(at.position), topic_filter, number))

    def _prune(self, base: Base) -> None:
        """Forget spans that are over and that nothing still to be judged was matched against.

        What the node writes next was made after it sealed the frame before: what had been applied by then lies below
        whatever a new subscription is matched against.
        """
        if self._sealed is None:
            return
        _, sealed = self._sealed
        while self._over and self._over[0][0] < sealed[self.partition]:
            _, topic_filter, number = self._over.popleft()
            self._past.append((sealed, topic_filter, number))
        low = [offset_of(position) for position in base.low]
        while self._past and all(a <= b for a, b in zip(self._past[0][0], low, strict=True)):
            _, topic_filter, number = self._past.popleft()
            self._spans.remove(topic_filter, number)
            self._matching.changed(topic_filter)
            self.filters[topic_filter] -= 1
            if not self.filters[topic_filter]:
                del self.filters[topic_filter]

    def _put(self, number: int, span: _Span) -> None:
        self._spans.put(span.options.filter, number, span)
        self._matching.changed(span.options.filter)

    def _forget(self) -> None:
        """The session is over."""
        self.base, self._online, self._spans = None, False, FilterTrie()
        self._matching, self._over, self._past = self._nothing_known(), deque(), deque()
        self._got = set()
        self._open, self._sent, self._entries, self._dropped, self.filters = {}, {}, None, _Ranges(), Counter()

    # What it has to get

    def named(self) -> list[Waiting]:
        """What the log names: what was sent, in the order of sending, then retained messages that wait."""
        if self.base is None:
            return []
        sent = [
            Waiting(one.partition, one.position, _qos(one), one.retain, one.packet_id, one.state)
            for one in self._sent.values()
        ]
        # One that waited may have been sent since; the same may wait once more, for another subscription.
        ids = {one.packet_id for one in self.base.cursor.inflight}
        since = Counter(_entry(one) for packet_id, one in self._sent.items() if packet_id not in ids)
        for one in self.base.cursor.inflight:
            if one.packet_id or self._dropped.has(one.partition, one.position):
                continue
            if since[_entry(one)]:
                since[_entry(one)] -= 1
            else:
                sent.append(Waiting(one.partition, one.position, one.state, one.retain))
        return sent

    def judge(self, message: Message, at: Place) -> Waiting | None:
        """How a message at or above ``low`` waits for the session; None when it does not, or is among :meth:`named`."""
        if message.tenant != self.tenant:
            return None
        hits = self._hits(message.topic, at)
        if not hits:
            return None
        if message.client_id == self.client_id:  # [MQTT-3.8.3-3]
            hits = [one for one in hits if not one.no_local]
        qos = min(message.qos, max((one.qos for one in hits), default=0))
        if not qos or self._dropped.has(at.partition, at.position):
            return None
        retain = message.retain and any(one.retain_as_published for one in hits)
        if (at.partition, at.position, retain) in self._sent_entries():
            return None
        return Waiting(at.partition, at.position, qos, retain)

    def _sent_entries(self) -> set[tuple[int, Position, bool]]:
        if self._entries is None:
            self._entries = {_entry(one) for one in self._sent.values()}
        return self._entries

    def forget(self) -> None:
        """Forget what can be worked out again."""
        self._matching, self._entries = self._nothing_known(), None

    def _nothing_known(self) -> TopicCache[list[_Span]]:
        return TopicCache(self._match, limit=_TOPICS, weigh=len)

    def _match(self, topic: str) -> list[_Span]:
        return [span for spans in self._spans.match(topic) for span in spans.values()]

    def _hits(self, topic: str, at: Place) -> list[Subscription]:
        """The subscriptions that a message was matched against, with their options then."""
        found = self._matching.known.get(topic)
        if found is None:
            found = self._matching.find(topic)
        if not found:
            return []
        standing = [span for span in found if span.over is None or _before(at, span.over)]
        held = [one for one in standing if one.made is None or not _before(at, one.made)]
        if not held:
            # New ones are matched against what came since their vector, unless another has matched it.
            offset = offset_of(at.position)
            held = [one for one in standing if one.vector is not None and offset >= one.vector[at.partition]]
        return [span.options for span in held]


class _Ranges:
    """Positions that were dropped. Invariant: after :meth:`has`, ``_ranges`` are disjoint and ascend."""

    def __init__(self) -> None:
        self._ranges: dict[int, list[tuple[Position, Position]]] = {}
        self._new: dict[int, list[tuple[Position, Position]]] = {}

    def add(self, ranges: Iterable[tuple[int, Position, Position]]) -> None:
        """(partition, first, last)."""
        for partition, first, last in ranges:
            self._new.setdefault(partition, []).append((first, last))

    def has(self, partition: int, position: Position) -> bool:
        """Whether a position lies in one of them."""
        if (new := self._new.pop(partition, None)) is not None:
            self._ranges[partition] = _merged(sorted(self._ranges.get(partition, []) + new))
        ranges = self._ranges.get(partition, [])
        at = bisect_right(ranges, position, key=lambda one: one[0])
        return at > 0 and position <= ranges[at - 1][1]


def _merged(ranges: Iterable[tuple[Position, Position]]) -> list[tuple[Position, Position]]:
    """Sorted ranges, those that overlap as one."""
    merged: list[tuple[Position, Position]] = []
    for first, last in ranges:
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged


def _received(one: Inflight) -> Inflight:
    return Inflight(one.packet_id, one.partition, one.position, AWAIT_PUBCOMP, one.retain, one.subscription_ids)


def _entry(one: Inflight) -> tuple[int, Position, bool]:
    return one.partition, one.position, one.retain


def _judged_by(options: Subscription) -> tuple[int, bool, bool]:
    """What decides how a message waits for the subscription."""
    return options.qos, options.no_local, options.retain_as_published


def _qos(one: Inflight) -> int:
    return 1 if one.state == AWAIT_PUBACK else 2


def _before(message: Place, event: Place) -> bool:
    """Whether a message was applied before an event of the session's partition."""
    if message.partition == event.partition:
        return message.position < event.position
    if event.depends and event.depends[message.partition] > offset_of(message.position):
        return True
    if message.depends and message.depends[event.partition] > offset_of(event.position):
        return False
    return (message.time, message.partition) < (event.time, event.partition)
