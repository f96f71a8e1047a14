"""What clients may expect, known from what they said and were told alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from domain.topics import matches
from tests.unit.ingest.sim.client import Client, Delivery

NEVER = 0xFFFFFFFF


@dataclass
class Asked:
    """A subscription as its client knows it."""

    filter: str
    qos: int
    packet_id: int
    asked: int
    granted: bool = False
    left: int | None = None
    """When UNSUBACK came."""
    leaving: bool = False


@dataclass
class Message:
    """A message as its publisher knows it."""

    payload: bytes
    publisher: str
    topic: str
    qos: int
    retain: bool
    number: int
    sent: int
    times: int = 1
    """How often the publisher has sent it."""
    taken: int | None = None
    """When PUBACK or PUBREC came."""
    owed: set[str] = field(default_factory=set)
    """Clients that must get it once it is taken."""


@dataclass
class WillWatch:
    """A will, and whether it must be published."""

    payload: bytes
    fires: bool | None = None
    """None: it may or may not."""
    cancelled: bool = False
    """DISCONNECT was said; nobody knows yet whether it is in the log."""
    delay: int = 0


@dataclass
class Knowledge:
    """What is known of one client's session."""

    client: Client
    kept: bool | None = False
    """Whether the server keeps a session for it; None when nobody knows."""
    persistent: bool = False
    asked: list[Asked] = field(default_factory=list)
    will: WillWatch | None = None
    seen: int = 0
    taken: int = 0
    expected: bool | None = None
    """Session present to come with the next CONNACK."""
    told: bool = True
    """CONNACK was looked at."""
    firsts: dict[tuple[str, str, int, int], int] = field(default_factory=dict)
    here: Counter[bytes] = field(default_factory=Counter)
    """Deliveries of this connection."""
    exactly: Counter[bytes] = field(default_factory=Counter)
    done: set[bytes] = field(default_factory=set)
    """Messages whose acknowledgement is in the log."""
    mixed: bool = False
    """Subscriptions changed while messages were under way: which of them it gets is a matter of order."""
    ordered: set[str] = field(default_factory=set)
    """Filters that somebody has subscribed it to: nobody has told it so."""
    kicked: bool = False
    """Somebody has ordered its end, and it is not known to be done yet."""


class Expectations:
    """Messages, sessions, and what follows. Time is a counter of steps."""

    def __init__(self, clients: list[Client]) -> None:
        self.now = 0
        self.known = {client.client_id: Knowledge(client) for client in clients}
        self.messages: dict[bytes, Message] = {}
        self.wills: dict[bytes, WillWatch] = {}
        self.retaining = False
        """Somebody retains a message; how that is ordered with a subscription of this moment is nobody's to know."""

    # What clients say

    def connecting(self, client: Client, clean: bool, will: WillWatch | None) -> None:
        """CONNECT is said."""
        known = self.known[client.client_id]
        self.gone(client, taken_over=True)
        known.expected = False if clean else known.kept
        known.kept = None
        known.told = False
        known.persistent = client.expiry > 0 if client.version == 5 else not clean
        known.will = will
        if will is not None:
            self.wills[will.payload] = will
        if clean:
            self.forget(client)

    def gone(self, client: Client, taken_over: bool = False) -> None:
        """The socket is gone."""
        known = self.known[client.client_id]
        if known.kicked:
            known.kept = None
            self.forget(client)
        elif client.online:
            known.kept = known.persistent
        if client.online:
            will = known.will
            if will is not None and not will.cancelled and will.delay == 0:
                will.fires = True
        if not known.persistent:
            self.forget(client)
        if not taken_over:
            known.will = None
        known.here.clear()

    def disconnecting(self, client: Client) -> None:
        """DISCONNECT is said."""
        known = self.known[client.client_id]
        if known.kicked:
            known.will = None  # which of the two comes first is a matter of order
        if known.will is not None:
            known.will.cancelled = True
        self.gone(client)

    def kicking(self, client: Client) -> None:
        """Somebody orders its end."""
        known = self.known[client.client_id]
        known.kicked = client.ended = True
        known.kept = known.expected = None
        self.forget(client)
        for will in self.wills.values():
            if will.payload.startswith(f"will {client.client_id} ".encode()) and will.fires is None:
                will.cancelled = False

    def settled(self) -> None:
        """Everything said so far is in the log."""
        self.retaining = False
        for known in self.known.values():
            link = known.client.link  # one that reads nothing hears of its end later
            known.kicked = known.kicked and link is not None and link.transport.is_closing()
        for will in self.wills.values():
            if will.cancelled and will.fires is None:
                will.fires = False

    def reported(self) -> None:
        """The node has written how far every session is."""
        for known in self.known.values():
            client = known.client
            link = client.link
            if client.online and link is not None and link.transport.reads and not link.outgoing:
                known.done.update(link.finished)

    def died(self) -> None:
        """The node is gone: nobody knows what of the last words is in the log."""
        for known in self.known.values():
            client = known.client
            if client.link is not None:
                self.gone(client)
        for will in self.wills.values():
            if will.cancelled and will.fires is None:
                will.cancelled = False

    def waited(self) -> None:
        """A long time has passed."""
        for known in self.known.values():
            if not known.client.online and known.client.expiry < NEVER:
                known.kept = False if known.kept is False else None
                known.expected = False if known.expected is False else None
                self.forget(known.client)

    def forget(self, client: Client) -> None:
        """Its session may be over: nothing is owed to it any more."""
        known = self.known[client.client_id]
        for asked in known.asked:
            asked.granted = False
        for message in self.messages.values():
            message.owed.discard(client.client_id)

    def publishing(self, message: Message) -> None:
        """A message is said."""
        self.messages[message.payload] = message
        for name, known in self.known.items():
            if message.qos and self._certain_qos(known, message.topic):
                message.owed.add(name)

    def _certain_qos(self, known: Knowledge, topic: str) -> int:
        if not known.client.online and not (known.persistent and known.kept):
            return 0
        certain = [a for a in known.asked if a.granted and not a.leaving and a.filter not in known.ordered]
        found = [a for a in certain if matches(a.filter, topic)]
        return max((a.qos for a in found), default=0)

    def subscribing(self, client: Client, topic_filter: str, qos: int, packet_id: int) -> None:
        """SUBSCRIBE is said."""
        known = self.known[client.client_id]
        before = [a for a in known.asked if a.filter == topic_filter]
        if before or self.retaining or topic_filter in known.ordered:
            known.mixed = True
            self._release(client, topic_filter)
        for asked in before:
            asked.granted = False
        known.asked.append(Asked(topic_filter, qos, packet_id, self.now))

    def unsubscribing(self, client: Client, topic_filter: str) -> None:
        """UNSUBSCRIBE is said."""
        known = self.known[client.client_id]
        known.mixed = True
        self._release(client, topic_filter)
        for asked in known.asked:
            if asked.filter == topic_filter:
                asked.leaving = True

    def ordering(self, client: Client, topic_filter: str) -> None:
        """Somebody subscribes it, with a QoS that need not be its own."""
        known = self.known[client.client_id]
        if self.retaining or topic_filter in known.ordered or any(a.filter == topic_filter for a in known.asked):
            known.mixed = True
        known.ordered.add(topic_filter)
        self._release(client, topic_filter)

    def retain(self) -> None:
        """Somebody retains a message."""
        self.retaining = True
        for known in self.known.values():
            known.mixed = known.mixed or bool(known.ordered) or not all(asked.granted for asked in known.asked)

    def _release(self, client: Client, topic_filter: str) -> None:
        for message in self.messages.values():
            if matches(topic_filter, message.topic):
                message.owed.discard(client.client_id)

    # What clients are told

    def listen(self, client: Client) -> None:
        """Look at what came since the last time."""
        known = self.known[client.client_id]
        if client.connack is not None and not known.told:
            self._connack(known, client.connack.session_present)
        for suback in client.subacks:
            for asked in known.asked:
                if asked.packet_id == suback.packet_id and asked.left is None:
                    newest = [a for a in known.asked if a.filter == asked.filter][-1]
                    asked.granted = asked is newest
        client.subacks.clear()
        if client.unsubacks:
            for asked in known.asked:
                if asked.leaving and asked.left is None:
                    asked.left = self.now
            client.unsubacks.clear()
        for payload in client.acknowledged[known.taken :]:
            if (message := self.messages.get(payload)) is not None and message.taken is None:
                message.taken = self.now
        known.taken = len(client.acknowledged)
        for delivery in client.delivered[known.seen :]:
            self._delivered(known, delivery)
        known.seen = len(client.delivered)

    def _connack(self, known: Knowledge, present: bool) -> None:
        client = known.client
        assert known.expected is None or present is known.expected, (
            f"{client.client_id}: session present is {present} and should be {known.expected}"
        )
        known.told = True
        known.kept = known.persistent
        if not present:
            known.asked.clear()
            known.firsts.clear()
            known.done.clear()
            known.mixed = False
        else:
            for message in self.messages.values():
                if message.publisher == client.client_id and message.taken is None and message.qos:
                    message.times += 1

    def _delivered(self, known: Knowledge, delivery: Delivery) -> None:
        message = self.messages.get(delivery.payload)
        if message is None:
            return
        who = known.client.client_id
        assert delivery.topic == message.topic
        assert delivery.qos <= message.qos
        fitting = [a for a in known.asked if matches(a.filter, message.topic)]
        fitting += [Asked(f, 2, 0, 0) for f in known.ordered if matches(f, message.topic)]
        assert fitting, f"{who} got {message} without a subscription"
        if delivery.retain:
            assert message.retain, f"{who} got {message} as retained"
            return
        assert any(a.left is None or a.left >= message.sent for a in fitting), f"{who} got {message} after UNSUBACK"
        assert any(message.taken is None or message.taken >= a.asked for a in fitting), (
            f"{who} got {message}, which is older than its subscription"
        )
        self._in_order(known, message, delivery)
        assert message.times > 1 or message.payload not in known.done, f"{who} got {message}, acknowledged long ago"
        known.here[message.payload] += 1
        assert known.here[message.payload] <= message.times, f"{who} got {message} twice on one connection"
        if message.qos == 2 and delivery.qos == 2:
            known.exactly[message.payload] += 1
            assert known.exactly[message.payload] == 1, f"{who} got {message} twice"

    def _in_order(self, known: Knowledge, message: Message, delivery: Delivery) -> None:
        key = (message.publisher, message.topic, message.qos, delivery.qos)
        if message.times > 1 or known.exactly[b"first" + message.payload]:
            return  # what its publisher repeats has no place of its own
        known.exactly[b"first" + message.payload] += 1
        last = known.firsts.get(key, -1)
        assert message.number > last, f"{known.client.client_id} got {message} after number {last}"
        known.firsts[key] = message.number

    # At the end

    def missing(self) -> list[str]:
        """What was acknowledged to its publisher and never delivered to whom it was due."""
        lost = []
        for message in self.messages.values():
            if message.taken is None:
                continue
            for name in message.owed:
                got = [d for d in self.known[name].client.delivered if d.payload == message.payload and not d.retain]
                if not got:
                    lost.append(f"{name} never got {message}")
        return lost
