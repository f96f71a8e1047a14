"""Commands at the home of their target: what they come to, as ordinary events with ``command_done`` behind them.

Whether a command counts is a fold (:mod:`domain.commands`), also in the past. What it comes to is decided once the node
is in the present: when the command is applied, or at start for those that the past left open. Deciding appends; what
it says takes effect when it is applied, like anything else. A ``publish`` is no question: it is a message where it
lies. A ``retain`` comes to one, or to nothing.

A session is changed by one command at a time: while what one has come to is on its way through the log, later ones wait
in their order, so that each sees what those before it have done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from domain.commands import COMMAND_TYPES, DONE, Command, late
from domain.session import At
from ingest.mqtt.codec import ReasonCode
from ingest.mqtt.requests import NO_RETAINED, subscribe_code
from ingest.node.session import Session
from schemas.events import (
    AnyEvent,
    ClearAcl,
    CommandDone,
    Expire,
    Kick,
    Order,
    Publish,
    Retain,
    SessionEnded,
    Subscribe,
    Subscribed,
    Subscription,
    Unsubscribe,
    Unsubscribed,
    Unsubscription,
)
from schemas.registry import name_of

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection
    from ingest.node.node import Node
    from ingest.node.routes import Targets

NOT_FOUND = "not_found"
NOT_CONNECTED = "not_connected"
WRONG_USER = "wrong_user"
UNKNOWN = "unknown"
LIMIT = "limit"
STOPPED = "stopped"

_CHUNK = 2_000
"""Sessions that an ``expire`` ends before it waits for the log; how many effects may be under way for it to go on."""
_TRIES = 3
"""How often a command is decided on again because its client came back at that very moment."""
_MOST_TEXT = 512
"""Characters that a client is told."""


class Access(Protocol):
    """What the node asks of access control."""

    def may_subscribe(self, session: Session, topic_filter: str) -> bool:
        """Whether access rules let the session's client subscribe to a valid filter."""

    def forget(self, connection: Connection, topic: str) -> None:
        """Forget what is remembered of access checks of a connection: of a topic, or all when it is empty."""


class Verdict(NamedTuple):
    """What a command comes to."""

    outcome: str
    number: int = 0
    """The ``count`` of ``command_done``."""
    codes: list[int] = []  # noqa: RUF012 - never changed
    effect: AnyEvent | None = None
    size: int = 0


class Effect:
    """Owner of the event that a command has come to, until the event is applied."""

    __slots__ = ("_commands", "at", "command", "key", "text", "took", "tries")

    def __init__(
        self, commands: Commands, command: Command, at: At, key: tuple[str, str], text: str, tries: int
    ) -> None:
        self._commands = commands
        self.command = command
        self.at = at
        self.key = key
        self.text = text
        """What the client is told if it is disconnected."""
        self.took = False
        """The event was not void."""
        self.tries = tries

    def settle(self) -> None:
        """The event is being applied."""
        self._commands.settled(self)

    def subscribed(self, event: Subscribed) -> None:
        """It was a subscribe, and has taken effect."""
        self.took = True

    def unsubscribed(self, event: Unsubscribed) -> None:
        """It was an unsubscribe, likewise."""
        self.took = True

    def ended(self) -> None:
        """It was the end of a session, likewise."""
        self.took = True


class _Turn:
    """A session for which effects are on their way."""

    __slots__ = ("effects", "ends", "waiting")

    def __init__(self) -> None:
        self.effects = 0
        self.ends = False
        """One of them is the end of the session."""
        self.waiting: deque[tuple[Any, At]] = deque()


class Commands:
    """Invariants: ``_under_way`` has the sessions for which an effect is not applied yet, with what waits for that;
    homes have in ``open`` the commands that count and have no outcome in the log."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._live = False
        self._under_way: dict[tuple[str, str], _Turn] = {}
        self._fresh: list[tuple[Command, At]] = []
        """Commands of the frame that is being applied: decided on at its end, when all of it is applied."""
        self._settled: list[Effect] = []
        self._work: deque[Iterator[None]] = deque()
        self._verdicts: dict[type, Callable[[Session, Any], Verdict]] = {
            Kick: self._kick,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            ClearAcl: self._clear_acl,
        }

    @property
    def busy(self) -> bool:
        """Whether something that was decided is not applied yet."""
        return bool(self._under_way or self._work)

    # Applying

    def take(self, event: Command, at: At, owner: Any) -> bool:
        """A command is applied; False when it is void."""
        if not self._counts(event.order, at):
            return False
        self._node.homes[at.partition].open[event.order.id] = event, at, None
        if self._live:
            self._fresh.append((event, at))
        return True

    def publish(self, event: Publish, at: At, stamp: int) -> bool:
        """A message is published by command, here and now; False when nobody gets it."""
        if not self._counts(event.order, at):
            return False
        node = self._node
        routes = node.tenant(event.tenant)
        nothing = event.retain and _only_clears(event) and routes.retained.get(event.topic) is None
        if event.retain:
            node.retain(routes, event, at.partition, at.position, at.time, stamp)
        targets = routes.cache.find(event.topic) if event.deliver else ()
        if targets:
            node.delivery.fan_out(event, targets, at.partition, at.position)
        opened = node.homes[at.partition].open
        command = opened[event.order.id][0] if event.order.id in opened else event  # the former: of a retain
        if event.report or command is not event:
            verdict = Verdict(NOT_FOUND) if nothing else Verdict(DONE, _matched(targets, event.client_id))
            opened[event.order.id] = command, at, verdict
            if self._live:
                self._done(command, at.partition, verdict)
        return event.deliver

    def done(self, event: CommandDone, at: At, owner: Any) -> None:
        """The outcome of a command is in the log."""
        self._node.homes[at.partition].open.pop(event.id, None)

    def settled(self, effect: Effect) -> None:
        """An effect is being applied; at the end of its frame things go on."""
        self._settled.append(effect)

    def begin(self) -> None:
        """The past is folded, and what it left open is decided: unless it is too late by now."""
        self._live = True
        now = self._node.now()
        for home in self._node.homes:
            for event, at, verdict in list(home.open.values()):
                if verdict is not None:
                    self._done(event, at.partition, verdict)
                elif late(event.order, now):
                    self._done(event, at.partition, Verdict(UNKNOWN))
                else:
                    self._in_turn(event, at)
        self.go_on()

    def go_on(self) -> None:
        """Decide what was applied, or has waited for something that was. Called at the end of each frame."""
        if self._settled:
            settled, self._settled = self._settled, []
            for effect in settled:
                self._applied(effect)
        if self._fresh:
            fresh, self._fresh = self._fresh, []
            for event, at in fresh:
                self._in_turn(event, at)
        while self._work and len(self._under_way) < _CHUNK:
            if next(self._work[0], _OVER) is _OVER:
                self._work.popleft()

    def _applied(self, effect: Effect) -> None:
        turn = self._under_way[effect.key]
        turn.effects -= 1
        if not effect.took and effect.tries < _TRIES:
            self._once_more(effect)
        if not turn.effects:
            del self._under_way[effect.key]
            for event, at in turn.waiting:
                self._in_turn(event, at)

    # Deciding

    def _counts(self, order: Order, at: At) -> bool:
        if late(order, at.time) or self._node.homes[at.partition].window.repeated(order, at.time):
            self._node.counters.totals["events.void"] += 1
            return False
        return True

    def _in_turn(self, event: Any, at: At) -> None:
        if isinstance(event, Expire):
            self._work.append(self._expire(event, at))
        elif isinstance(event, Retain):
            self._retain(event, at)
        elif (turn := self._under_way.get((event.tenant, event.client_id))) is not None:
            turn.waiting.append((event, at))
        else:
            verdict = self._decide(event, at, 0)
            self._done(event, at.partition, verdict)

    def _once_more(self, effect: Effect) -> None:
        """The effect was void: the client came back, or went, at that very moment. The outcome is in the log already,
        and is made true."""
        event, at = effect.command, effect.at
        if not isinstance(event, Expire):
            self._decide(event, at, effect.tries + 1)
            return
        session = self._node.sessions.get(effect.key)
        if session is not None and _concerns(event, at, session):
            self._end(session, event, at, effect.tries + 1)

    def _decide(self, event: Any, at: At, tries: int) -> Verdict:
        session = self._node.sessions.get((event.tenant, event.client_id))
        verdict = self._verdict(session if session is None or session.partition == at.partition else None, event)
        if verdict.effect is not None:
            text = farewell("kicked", event.order, event.reason) if isinstance(event, Kick) else ""
            self._append(Effect(self, event, at, (event.tenant, event.client_id), text, tries), verdict)
        return verdict

    def _verdict(self, session: Session | None, event: Any) -> Verdict:
        if session is None or session.state is None:
            return Verdict(NOT_FOUND)
        username = getattr(event, "username", None)
        if username is not None and username != session.state.connection.username:
            return Verdict(WRONG_USER)
        return self._verdicts[type(event)](session, event)

    def _append(self, effect: Effect, verdict: Verdict) -> None:
        assert verdict.effect is not None
        turn = self._under_way.setdefault(effect.key, _Turn())
        turn.effects += 1
        turn.ends = turn.ends or isinstance(verdict.effect, SessionEnded)
        if isinstance(verdict.effect, Subscribed):
            self._node.ring.pins[effect] = verdict.effect.vector
        self._node.append(effect.at.partition, verdict.effect, effect, verdict.size)

    def _done(self, event: Any, partition: int, verdict: Verdict) -> None:
        client_id = getattr(event, "client_id", "")
        outcome = CommandDone(
            event.tenant, client_id, event.order.id, verdict.outcome, verdict.codes, verdict.number
        )  # fmt: skip
        self._node.counters.totals[f"commands.{_VERBS[type(event)]}.{verdict.outcome}"] += 1
        self._node.append(partition, outcome, None, 128 + len(client_id) + 2 * len(verdict.codes))

    def _retain(self, event: Retain, at: At) -> None:
        """Publish the message if it may be retained, as those of clients; its outcome follows when it is applied."""
        quotas, size = self._node.quotas, len(event.payload) + len(event.properties)
        if not quotas.retainer and not event.deliver:
            self._done(event, at.partition, Verdict(STOPPED))
        elif quotas.retainer and event.payload and not quotas.may_retain(event.tenant, event.topic, size):
            self._node.counters.totals["retained.refused"] += 1
            self._done(event, at.partition, Verdict(LIMIT))
        else:
            # The same id, for the outcome; that it counts is decided.
            order = msgspec.structs.replace(event.order, keyed=False, not_after=0)
            message = Publish(
                event.tenant,
                event.client_id,
                order,
                event.topic,
                event.qos,
                quotas.retainer,
                event.deliver,
                False,
                event.properties,
                event.payload,
            )
            self._node.append(at.partition, message, None, 256 + len(event.topic) + size)

    def _kick(self, session: Session, event: Kick) -> Verdict:
        if event.end_session:
            return Verdict(DONE, 1, [], SessionEnded(*session.key, session.epoch, "kick"), 128)
        if session.connection is None:
            return Verdict(NOT_CONNECTED)
        session.connection.disconnect(ReasonCode.ADMINISTRATIVE_ACTION, farewell("kicked", event.order, event.reason))
        return Verdict(DONE, 1)

    def _subscribe(self, session: Session, event: Subscribe) -> Verdict:
        assert session.state is not None
        known = session.state.subscriptions
        new = {s.filter for s in event.subscriptions}.difference(known)
        room = not new or len(new) <= self._node.quotas.subscriptions_left(session.tenant)
        asked = [self._judged(session, s, room) for s in event.subscriptions]
        codes = [s.reason_code for s in asked]
        vector = list(self._node.applied)
        effect = Subscribed(*session.key, session.epoch, vector, asked)
        granted = {s.filter for s in asked if s.reason_code < 0x80}
        size = 96 + 9 * len(vector) + sum(24 + len(s.filter) for s in asked)
        return Verdict(DONE, len(granted & new), codes, effect if granted else None, size)

    def _judged(self, session: Session, asked: Subscription, room: bool) -> Subscription:
        node = self._node
        code = int(ReasonCode.UNSPECIFIED_ERROR)
        if 0 <= asked.qos <= 2:
            code = subscribe_code(asked.filter, asked.qos, node.settings.mqtt) if room else ReasonCode.QUOTA_EXCEEDED
        if code < 0x80 and node.access is not None and not node.access.may_subscribe(session, asked.filter):
            code = ReasonCode.NOT_AUTHORIZED
        return Subscription(
            asked.filter,
            asked.qos,
            asked.no_local,
            asked.retain_as_published,
            asked.retain_handling if node.quotas.retainer else NO_RETAINED,
            asked.subscription_id,
            int(code),
        )

    def _unsubscribe(self, session: Session, event: Unsubscribe) -> Verdict:
        assert session.state is not None
        there = {f for f in event.filters if f in session.state.subscriptions}
        left = set(there)
        gone = []
        for f in event.filters:
            gone.append(Unsubscription(f, 0 if f in left else int(ReasonCode.NO_SUBSCRIPTION_EXISTED)))
            left.discard(f)
        vector = list(self._node.applied)
        effect = Unsubscribed(*session.key, session.epoch, vector, gone) if there else None
        size = 96 + 9 * len(vector) + sum(8 + len(f) for f in event.filters)
        return Verdict(DONE, len(there), [u.reason_code for u in gone], effect, size)

    def _clear_acl(self, session: Session, event: ClearAcl) -> Verdict:
        if session.connection is None:
            return Verdict(NOT_CONNECTED)
        if self._node.access is not None:
            self._node.access.forget(session.connection, event.topic)
        return Verdict(DONE, 1)

    def _expire(self, event: Expire, at: At) -> Iterator[None]:
        """End sessions, some at a time; those that began behind the command are no concern of it."""
        ended = 0
        for session in self._expired(event, at):
            turn = self._under_way.get(session.key)
            if (turn is None or not turn.ends) and _concerns(event, at, session):
                self._end(session, event, at, 0)
                ended += 1
                if ended % _CHUNK == 0:
                    yield
        self._done(event, at.partition, Verdict(DONE, ended))

    def _end(self, session: Session, event: Expire, at: At, tries: int) -> None:
        effect = Effect(self, event, at, session.key, farewell("session ended", event.order, ""), tries)
        ending = SessionEnded(*session.key, session.epoch, "expire")
        self._append(effect, Verdict(DONE, 1, [], ending, 128))

    def _expired(self, event: Expire, at: At) -> list[Session]:
        return [
            session
            for session in self._node.sessions.values()
            if session.partition == at.partition and session.tenant == event.tenant and _concerns(event, at, session)
        ]


_OVER = object()
_VERBS = {kind: name_of(kind.KIND) for kind in COMMAND_TYPES}


def farewell(what: str, order: Order, reason: str) -> str:
    """What a client is told that has to go: who wants it so, and why."""
    text = f"{what} by {order.actor}: {reason}" if reason else f"{what} by {order.actor}"
    return "".join(char if char.isprintable() else " " for char in text)[:_MOST_TEXT]


def _concerns(event: Expire, at: At, session: Session) -> bool:
    state = session.state
    if state is None or state.created > at.position:
        return False
    return not event.expiry or (not state.online and state.disconnected_at + event.expiry * 1000 <= at.time)


def _only_clears(event: Publish) -> bool:
    """Whether a retained message was to be cleared, and nobody told: then there must be one."""
    return not event.payload and not event.deliver


def _matched(targets: Targets, client_id: str) -> int:
    """How many sessions get a message of a client."""
    return sum(
        not (t.no_local and t.from_others is None and t.session.client_id == client_id) for t in targets
    )  # fmt: skip
