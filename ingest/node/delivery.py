"""Messages to sessions: send, or keep the position.

A session that is connected here and keeps up gets a message in the moment it is applied, encoded once per protocol
version, QoS and retain flag for all receivers, and written once per connection and frame. Any other session gets an
entry in its outbox; payloads stay in the log and are looked up (ring, then log) when their turn comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from domain.outbox import AWAIT_PUBCOMP, Entry, Outbox, partition_of_entry, position_of_entry, retain_of
from ingest.mqtt.codec import message_expiry
from ingest.mqtt.outgoing import PACKET_ID, pubrel, whole_parts
from ingest.node.counters import Counters
from ingest.node.payloads import Payloads
from ingest.node.ring import Ring
from ingest.node.routes import Targets
from ingest.node.session import Home, Session
from ingest.settings import MqttSettings
from schemas.events import AnyEvent, Dropped, Inflight, Message, Sending
from schemas.positions import Position

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection
    from ingest.mqtt.resend import Resend
    from ingest.mqtt.socket import Socket

Append = Callable[[int, AnyEvent, object | None, int], None]


class _Drops:
    """Messages of one session that were dropped since the last report, for one reason."""

    __slots__ = ("count", "epoch", "open", "ranges")

    def __init__(self, epoch: Position) -> None:
        self.epoch = epoch
        """Of the session when the first was dropped."""
        self.count = 0
        self.ranges: dict[int, list[list[int]]] = {}
        self.open = True

    def add(self, item: Entry) -> None:
        """One more, in the order of the partition; neighbours share a range while nothing was kept between them."""
        self.count += 1
        position = position_of_entry(item)
        ranges = self.ranges.setdefault(partition_of_entry(item), [])
        if ranges and self.open:
            ranges[-1][1] = max(ranges[-1][1], position)
        else:
            ranges.append([position, position])
        self.open = True


class Delivery:
    """Invariant: at the end of every callback, whatever was put into a connection's ``out`` is written (``flush``)."""

    def __init__(
        self,
        settings: MqttSettings,
        homes: list[Home],
        ring: Ring,
        payloads: Payloads,
        append: Append,
        now: Callable[[], int],
        counters: Counters,
    ) -> None:
        self._settings = settings
        self._homes = homes
        self._ring = ring
        self._payloads = payloads
        self._append = append
        self._now = now
        self._counters = counters
        self._messages_out = counters.messages_out
        self.to_flush: list[Socket] = []
        """Connections with something in ``out``."""
        self.to_pump: set[Session] = set()
        """Sessions that may have room for what waits."""
        self._drops: dict[tuple[Session, str], _Drops] = {}
        self.catching_up = True
        """While the past is folded, queue limits are not applied: what they dropped is in the log."""
        self.turned: set[Session] = set()
        """Sessions whose queue has begun, or ended, since its length was last reported."""
        self.moved_away: set[Session] = set()
        """Sessions that are away and whose queue changed since it was last reported."""

    # Now

    def fan_out(self, message: Message, targets: Targets, partition: int, position: Position) -> None:
        """A message that was applied, to everyone it matches."""
        published_qos = message.qos
        base = position << 20 | partition << 4
        encoded: dict[int, tuple[bytes, bytes]] = {}
        for target in targets:
            session = target.session
            to = target
            if target.no_local and session.client_id == message.client_id:
                if target.from_others is None:
                    continue
                to = target.from_others
            qos = to.qos if to.qos < published_qos else published_qos  # noqa: FURB136 - half the time of min()
            retain = message.retain and to.retain_as_published
            connection = session.connection
            if connection is not None and connection.can_take(qos):
                key = connection.version << 4 | retain << 2 | qos
                parts = encoded.get(key)
                if parts is None or to.ids:
                    parts = whole_parts(message, connection.version, qos, retain, to.ids, 0)
                    if not to.ids:
                        encoded[key] = parts
                self._send_now(session, connection, base | retain << 2 | qos, parts, to.ids)
            elif qos:
                if connection is not None:
                    self.to_pump.add(session)
                elif not session.persistent:
                    continue
                self._keep(session, base | retain << 2 | qos, to.ids)
            elif connection is not None:
                self._drop(session, "slow_consumer", None)

    def _send_now(
        self, session: Session, connection: Connection, item: Entry, parts: tuple[bytes, bytes], ids: tuple[int, ...]
    ) -> None:
        head, tail = parts
        qos = item & 3
        if connection.max_out and len(head) + len(tail) + (qos and 2) > connection.max_out:  # [MQTT-3.1.2-24]
            self._drop(session, "packet_too_large", None)
            return
        out = connection.out
        out.append(head)
        if qos:
            outbox = session.outbox or session.box()
            out.append(PACKET_ID[outbox.begin(item)])
            if ids:
                outbox.subscription_ids[item] = ids
            if session.persistent:
                self._homes[session.partition].dirty.add(session)
        out.append(tail)
        connection.messages_out += 1
        self._messages_out[qos] += 1
        if not connection.to_flush:
            connection.to_flush = True
            self.to_flush.append(connection)

    def retained(
        self,
        session: Session,
        message: Message,
        partition: int,
        position: Position,
        qos: int,
        ids: tuple[int, ...],
        time: int,
    ) -> None:
        """A retained message for a new subscription [MQTT-3.3.1-9]."""
        qos = min(qos, message.qos)
        connection = session.connection
        if qos:
            if connection is not None or session.persistent:
                self._keep(session, position << 20 | partition << 4 | 4 | qos, ids)
                self.to_pump.add(session)
        elif connection is not None and not connection.blocked:
            waited = self._waited(message, time)
            if waited is None:
                return
            head, tail = whole_parts(message, connection.version, 0, True, ids, waited)
            if connection.max_out and len(head) + len(tail) > connection.max_out:
                self._drop(session, "packet_too_large", None)
                return
            self._publish(connection, 0, head, tail)

    def _publish(self, connection: Connection, qos: int, *parts: bytes) -> None:
        connection.out.extend(parts)
        connection.messages_out += 1
        self._messages_out[qos] += 1
        if not connection.to_flush:
            connection.to_flush = True
            self.to_flush.append(connection)

    def enqueue(self, connection: Socket) -> None:
        """The connection has something in ``out`` and marked itself: write it at the next ``flush``."""
        self.to_flush.append(connection)

    def flush(self) -> None:
        """Send what sessions wait for and write every connection once."""
        while self.to_pump:
            self.pump(self.to_pump.pop())
        to_flush = self.to_flush
        if to_flush:
            self.to_flush = []
            self._counters.bytes_out += sum([connection.flush() for connection in to_flush])

    def later(self, session: Session) -> None:
        """The session may have room for more: look at the next ``flush``."""
        self.to_pump.add(session)

    # Later

    def resume(self, session: Session) -> None:
        """A session is connected again: send again what is unfinished, in order [MQTT-4.4.0-1], then what waits."""
        connection, outbox = session.connection, session.outbox
        if connection is not None and outbox is not None:
            unlogged, session.unlogged = session.unlogged, None
            if unlogged:
                self._send_first(session, connection, outbox, unlogged)
            else:
                connection.to_resend().again(outbox.inflight)
            self.to_pump.add(session)

    def _send_first(self, session: Session, connection: Connection, outbox: Outbox, unlogged: set[int]) -> None:
        """Some QoS 2 identifiers were given by a connection whose ``sending`` came too late and is void."""
        sending, resend = [], connection.to_resend()
        for packet_id, item in outbox.inflight.items():
            if packet_id not in unlogged:
                resend.again((packet_id,))
            elif session.persistent:
                sending.append(_inflight(outbox, packet_id, item))
                resend.after_log(packet_id)
            else:
                resend.later(packet_id)
        self._log_sending(session, sending)

    def pump(self, session: Session) -> None:
        """Send as much as the window and the socket allow."""
        connection, outbox = session.connection, session.outbox
        if connection is None or outbox is None or session.reading:
            return
        if connection.resend and not self._send_again(session, connection, outbox, connection.resend):
            return
        sending: list[Inflight] = []
        pending = outbox.pending
        moved = False
        while pending and len(outbox.inflight) < connection.window and not connection.blocked:
            item = pending[0]
            found = self._find(session, item)
            if found is None:
                break
            pending.popleft()
            moved = True
            message, time = found
            waited = self._waited(message, time)
            if waited is None:
                outbox.subscription_ids.pop(item, None)
                self._drop(session, "expired", item)
                continue
            packet_id = outbox.begin(item)
            if item & 3 == 2 and session.persistent:
                sending.append(_inflight(outbox, packet_id, item))
                connection.to_resend().after_log(packet_id)
            elif sending:  # it stays behind the QoS 2 messages before it [MQTT-4.6.0-6]
                connection.to_resend().later(packet_id)
            else:
                self._send(session, connection, outbox, packet_id, item, message, waited, False)
        self._log_sending(session, sending)
        if moved and session.persistent:
            self._homes[session.partition].dirty.add(session)

    def _log_sending(self, session: Session, sending: list[Inflight]) -> None:
        if sending:
            if session.unlogged is None:
                session.unlogged = set()
            session.unlogged.update(one.packet_id for one in sending)
            event = Sending(session.tenant, session.client_id, session.epoch, sending)
            self._append(session.partition, event, None, 96 + 48 * len(sending))

    def sending_logged(self, session: Session, messages: list[Inflight]) -> None:
        """QoS 2 identifiers are in the log: now the messages may go."""
        if session.unlogged is not None:
            session.unlogged.difference_update(one.packet_id for one in messages)
        connection = session.connection
        if connection is not None:
            if connection.resend is not None:
                connection.resend.logged(one.packet_id for one in messages)
            self.to_pump.add(session)

    def _send_again(self, session: Session, connection: Connection, outbox: Outbox, resend: Resend) -> bool:
        while resend:
            if connection.blocked or len(outbox.inflight) - len(resend) >= connection.window:
                return False
            packet_id = resend.queue[0]
            if packet_id in resend.awaiting_log:
                return False
            item = outbox.inflight.get(packet_id)
            if item is not None and outbox.states.get(packet_id) == AWAIT_PUBCOMP:
                connection.write(pubrel(packet_id))
            elif item is not None:
                found = self._find(session, item)
                if found is None:
                    return False
                message, time = found
                waited = self._waited(message, time)
                first = packet_id in resend.first
                self._send(session, connection, outbox, packet_id, item, message, waited or 0, not first)
            resend.sent()
        return True

    def _send(
        self,
        session: Session,
        connection: Connection,
        outbox: Outbox,
        packet_id: int,
        item: Entry,
        message: Message,
        waited: int,
        dup: bool,
    ) -> None:
        ids = outbox.subscription_ids.get(item, ())
        head, tail = whole_parts(message, connection.version, item & 3, retain_of(item), ids, waited, dup)
        if connection.max_out and len(head) + len(tail) + 2 > connection.max_out:
            outbox.forget(packet_id)
            self._drop(session, "packet_too_large", item)
            return
        self._publish(connection, item & 3, head, PACKET_ID[packet_id], tail)

    def _find(self, session: Session, item: Entry) -> tuple[Message, int] | None:
        partition, position = partition_of_entry(item), position_of_entry(item)
        found = self._ring.get(partition, position) or self._payloads.get(partition, position)
        if found is None:
            session.reading = True
            self._payloads.want(partition, position, lambda: self._was_read(session))
        return found

    def _was_read(self, session: Session) -> None:
        session.reading = False
        self.to_pump.add(session)
        self.flush()

    def _waited(self, message: Message, time: int) -> int | None:
        """Whole seconds since a message was published, or None when it has expired meanwhile [MQTT-3.3.2-5]."""
        expiry = message_expiry(message.properties) if message.properties else None
        if expiry is None:
            return 0
        waited = max(0, self._now() - time) // 1000
        return None if waited >= expiry else waited

    # Keeping and dropping

    def _keep(self, session: Session, item: Entry, ids: tuple[int, ...]) -> None:
        outbox = session.outbox or session.box()
        if self.catching_up:
            outbox.offer(item, ids)
            state = session.state
            if state is not None and state.online:
                self._homes[session.partition].unsettled.add(session)
            return
        if len(outbox.pending) >= self._settings.max_queued_messages:
            if self._settings.queue_policy == "drop_newest":
                self._drop(session, "queue_full", item)
                return
            self._drop(session, "queue_full", outbox.drop_oldest())
        elif self._drops and (drops := self._drops.get((session, "queue_full"))) is not None:
            drops.open = self._settings.queue_policy == "drop_oldest"
        outbox.offer(item, ids)
        if session.connection is None:
            self.moved_away.add(session)
            if not session.reported:
                self.turned.add(session)
        elif session.persistent and not session.behind:
            self._homes[session.partition].dirty.add(session)  # the next progress must not pass it over

    def _drop(self, session: Session, reason: str, item: Entry | None) -> None:
        self._counters.dropped(reason)
        connection = session.connection
        if connection is not None:
            connection.dropped += 1
        drops = self._drops.get((session, reason))
        if drops is None:
            drops = self._drops[session, reason] = _Drops(session.epoch)
        if item is None:
            drops.count += 1
        else:
            drops.add(item)

    def report_drops(self) -> None:
        """Append what was dropped since the last report."""
        if not self._drops:
            return
        reports, self._drops = self._drops, {}
        for (session, reason), drops in reports.items():
            ranges = [(p, first, last) for p, found in drops.ranges.items() for first, last in found]
            epoch = max(session.epoch, drops.epoch)  # a session that is over has none
            event = Dropped(session.tenant, session.client_id, epoch, reason, drops.count, ranges)
            self._append(session.partition, event, None, 160 + 24 * len(ranges))


def _inflight(outbox: Outbox, packet_id: int, item: Entry) -> Inflight:
    return Inflight(
        packet_id,
        partition_of_entry(item),
        position_of_entry(item),
        outbox.states.get(packet_id, 1),
        retain_of(item),
        list(outbox.subscription_ids.get(item, ())),
    )
