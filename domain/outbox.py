"""What a session still has to get: messages not yet sent, messages sent and not finished, packet identifiers.

An *entry* is one integer that names a message in the log and how it goes to this session:
``position << 20 | partition << 4 | retain << 2 | qos``; payloads stay in the log. Only QoS 1 and 2 have entries.

QoS 1 takes packet identifiers 1 to 32767, QoS 2 32768 to 65535: those of QoS 2 are in the log before they are
used, and one that QoS 1 used shortly before a crash can never be taken for one of them. QoS 1 takes them in turn, so
that a fold of the log finds the ones that a lost node used.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator

from schemas.events import Cursor, Inflight
from schemas.positions import INDEX_BITS, Position

Entry = int

AWAIT_PUBACK = 1
AWAIT_PUBREC = 2
AWAIT_PUBCOMP = 3

_QOS2_BASE = 0x8000
_POSITION_SHIFT = 20
_NAMED = 1_024
"""Most waiting retained messages that a cursor names, so that its event fits a frame."""
_NOTHING: deque[Entry] = deque(maxlen=0)


def entry(partition: int, position: Position, qos: int, retain: bool) -> Entry:
    """The entry of a message for a session, with the QoS and retain flag it is sent with."""
    return position << _POSITION_SHIFT | partition << 4 | retain << 2 | qos


def qos_of(item: Entry) -> int:
    """1 or 2."""
    return item & 3


def retain_of(item: Entry) -> bool:
    """Whether it is sent with the retain flag."""
    return bool(item & 4)


def partition_of_entry(item: Entry) -> int:
    """The partition of the message."""
    return item >> 4 & 0xFFFF


def position_of_entry(item: Entry) -> Position:
    """The position of the message in its partition."""
    return item >> _POSITION_SHIFT


def _item(one: Inflight) -> Entry:
    """The entry of a message in the log."""
    return entry(one.partition, one.position, 1 if one.state == AWAIT_PUBACK else 2, one.retain)


class Outbox:
    """Invariants: an entry is in ``pending`` or under one identifier in ``inflight``, never both;
    ``inflight`` is in the order of sending; ``states`` has the QoS 2 identifiers of ``inflight`` and no others."""

    __slots__ = ("_next1", "_next2", "inflight", "pending", "states", "subscription_ids")

    def __init__(self) -> None:
        self.pending: deque[Entry] = _NOTHING
        self.inflight: dict[int, Entry] = {}
        self.states: dict[int, int] = {}
        self.subscription_ids: dict[Entry, tuple[int, ...]] = {}
        """Subscription identifiers to send with an entry, where there are any."""
        self._next1 = 0
        self._next2 = _QOS2_BASE - 1

    def __len__(self) -> int:
        return len(self.pending) + len(self.inflight)

    def offer(self, item: Entry, ids: tuple[int, ...] = ()) -> None:
        """Keep an entry until it can be sent."""
        if self.pending is _NOTHING:
            self.pending = deque()
        self.pending.append(item)
        if ids:
            self.subscription_ids[item] = ids

    def begin(self, item: Entry) -> int:
        """Give an entry a packet identifier and count it as sent; the identifier."""
        if item & 3 == 1:
            packet_id = self._next1 + 1
            if packet_id >= _QOS2_BASE:
                packet_id = 1
            while packet_id in self.inflight:
                packet_id = packet_id + 1 if packet_id + 1 < _QOS2_BASE else 1
            self._next1 = packet_id
        else:
            packet_id = self._next2 + 1
            if packet_id > 0xFFFF:
                packet_id = _QOS2_BASE
            while packet_id in self.inflight:
                packet_id = packet_id + 1 if packet_id < 0xFFFF else _QOS2_BASE
            self._next2 = packet_id
            self.states[packet_id] = AWAIT_PUBREC
        self.inflight[packet_id] = item
        return packet_id

    def puback(self, packet_id: int) -> bool:
        """QoS 1 is finished; False when no such identifier awaits PUBACK."""
        if packet_id in self.states:
            return False
        item = self.inflight.pop(packet_id, None)
        if item is None:
            return False
        if self.subscription_ids:
            self.subscription_ids.pop(item, None)
        return True

    def pubrec(self, packet_id: int) -> bool:
        """The client has a QoS 2 message; False when no such identifier is known."""
        if packet_id not in self.states:
            return False
        self.states[packet_id] = AWAIT_PUBCOMP
        return True

    def finish(self, packet_id: int) -> bool:
        """QoS 2 is finished (PUBCOMP, or a PUBREC that refuses); False when no such identifier is known."""
        if self.states.pop(packet_id, None) is None:
            return False
        item = self.inflight.pop(packet_id)
        self.subscription_ids.pop(item, None)
        return True

    def forget(self, packet_id: int) -> None:
        """Take back a message that turned out not to be sendable."""
        item = self.inflight.pop(packet_id, None)
        self.states.pop(packet_id, None)
        if item is not None:
            self.subscription_ids.pop(item, None)

    def drop_oldest(self) -> Entry:
        """Take the oldest unsent entry away. ``IndexError`` when there is none."""
        item = self.pending.popleft()
        self.subscription_ids.pop(item, None)
        return item

    def clear(self) -> None:
        """Forget everything: the session is over."""
        self.pending = _NOTHING
        self.inflight = {}
        self.states = {}
        self.subscription_ids = {}

    def unfinished(self) -> Iterator[tuple[int, Entry, int]]:
        """(packet identifier, entry, state) of what was sent, in the order of sending [MQTT-4.6.0-1]."""
        for packet_id, item in self.inflight.items():
            yield packet_id, item, self.states.get(packet_id, AWAIT_PUBACK)

    def cursor(self, vector: list[int]) -> Cursor:
        """How far the session is, for the log, as of the node's applied vector."""
        inflight = [
            Inflight(
                packet_id,
                partition_of_entry(item),
                position_of_entry(item),
                state,
                retain_of(item),
                list(self.subscription_ids.get(item, ())),
            )
            for packet_id, item, state in self.unfinished()
        ]
        if not self.pending:
            return Cursor([], inflight, self._next1)
        low = [offset << INDEX_BITS for offset in vector]
        named = sum(1 for item in self.pending if item & 4) <= _NAMED
        for item in self.pending:
            partition = partition_of_entry(item)
            # A retained message lies far below what comes after it: it is named. When there are very many, low covers
            # them, and with them what was acknowledged since: after a crash QoS 1 may come twice then.
            if item & 4 and named:
                ids = list(self.subscription_ids.get(item, ()))
                inflight.append(Inflight(0, partition, position_of_entry(item), item & 3, True, ids))
            elif position_of_entry(item) < low[partition]:
                low[partition] = position_of_entry(item)
        return Cursor(low, inflight, self._next1)

    def presume_sent(self, window: int) -> None:
        """The node that held the connection is gone: what fitted the window may have been sent, in order and with the
        identifiers that come next, and goes out again with DUP [MQTT-3.3.1-1]. QoS 2 was not sent unless it is in the
        log."""
        pending = self.pending
        while pending and len(self.inflight) < window and pending[0] & 3 == 1:
            self.begin(pending.popleft())

    # What follows is for folding the log of connections that another incarnation held.

    def settle(self, cursor: Cursor, vector: list[int], late: Collection[Entry] = ()) -> None:
        """Keep what the cursor says is not acknowledged, and of what waits the ``late`` entries, which came after it
        was taken; forget the rest."""
        low = cursor.low or [offset << INDEX_BITS for offset in vector]
        ids, before, states = self.subscription_ids, self.inflight, self.states
        queued = Counter(_item(one) for one in cursor.inflight if not one.packet_id)
        sent = Counter(_item(one) for one in cursor.inflight if one.packet_id and one.packet_id not in before)
        older = Counter(self.pending) if late else Counter()
        older.subtract(Counter(late))
        came_late = set(late)
        waiting = []
        for item in self.pending:
            older[item] -= 1
            if queued[item]:
                queued[item] -= 1
                waiting.append(item)  # it keeps its place among the others [MQTT-4.6.0-6]
            elif sent[item]:
                sent[item] -= 1
            elif position_of_entry(item) >= low[partition_of_entry(item)] or (item in came_late and older[item] < 0):
                waiting.append(item)
        gone = sum(1 for item in self.pending if item & 3 == 1) - sum(1 for item in waiting if item & 3 == 1)
        last_id = cursor.last_id or (self._next1 + gone - 1) % (_QOS2_BASE - 1) + 1
        self.clear()
        self._next1 = last_id
        for one in cursor.inflight:
            item = _item(one)
            if one.packet_id:
                # The cursor may have been taken while a PUBREC was on its way into the log.
                received = states.get(one.packet_id) == AWAIT_PUBCOMP and before[one.packet_id] == item
                self._restore(one.packet_id, item, AWAIT_PUBCOMP if received else one.state)
            elif queued[item]:
                queued[item] -= 1
                self.offer(item)
            if one.subscription_ids:
                self.subscription_ids[item] = tuple(one.subscription_ids)
        for item in waiting:
            self.offer(item, ids.get(item, ()))

    def settle_sending(self, messages: Iterable[Inflight]) -> None:
        """QoS 2 messages got identifiers: they count as sent, and so does QoS 1 before them."""
        started = {_item(one): one for one in messages}
        later: list[Entry] = []
        while self.pending and started:
            item = self.pending.popleft()
            one = started.pop(item, None)
            if one is not None:
                self._restore(one.packet_id, item, one.state)
            elif item & 3 == 1:
                self.begin(item)
            else:
                later.append(item)
        self.pending.extendleft(reversed(later))
        for item, one in started.items():
            self._restore(one.packet_id, item, one.state)

    def settle_dropped(self, ranges: Iterable[tuple[int, int, int]]) -> None:
        """Forget unsent entries in the ranges (partition, first, last position)."""
        dropped: dict[int, list[tuple[int, int]]] = {}
        for partition, first, last in ranges:
            dropped.setdefault(partition, []).append((first, last))
        kept: deque[Entry] = deque()
        for item in self.pending:
            position = position_of_entry(item)
            if any(first <= position <= last for first, last in dropped.get(partition_of_entry(item), ())):
                self.subscription_ids.pop(item, None)
            else:
                kept.append(item)
        self.pending = kept or _NOTHING

    def _restore(self, packet_id: int, item: Entry, state: int) -> None:
        self.inflight[packet_id] = item
        if state != AWAIT_PUBACK:
            self._next2 = packet_id
            self.states[packet_id] = state
