"""One MQTT connection: bytes in, events to the log; what the node says back, bytes out.

The order of things: a packet is decided on (``handlers``), its event appended, and answered when the node applies
the event. Only what says nothing new (PINGREQ, a repeated QoS 2 publish) is answered at once. No task and no future
per message or connection; time-outs are the wheel's (:mod:`ingest.mqtt.timers`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from domain.topics import SHARE_PREFIX, valid_filter
from ingest.mqtt import connect
from ingest.mqtt.codec import (
    AuthPacket,
    ConnackPacket,
    ConnectPacket,
    DisconnectPacket,
    DisconnectProperties,
    Packet,
    Parser,
    PingReqPacket,
    PingRespPacket,
    ProtocolError,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PubrecPacket,
    PubrelPacket,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    UnsubackPacket,
    UnsubscribePacket,
    UnsupportedProtocolVersion,
    encode,
)
from ingest.mqtt.outgoing import pubrec, pubrel
from schemas.events import (
    Connected,
    Counters,
    Cursor,
    Disconnected,
    Published,
    Received,
    Refused,
    Released,
    Subscribed,
    Subscription,
    Unsubscribed,
    Unsubscription,
)
from schemas.positions import partition_of

if TYPE_CHECKING:
    from ingest.mqtt.server import Server
    from ingest.node.session import Session
    from ingest.settings import MqttSettings

log = logging.getLogger(__name__)

NEW, CONNECTING, OPEN, CLOSED = range(4)

_PINGRESP = encode(PingRespPacket(), ProtocolVersion.V311)
_NOTHING: deque[int] = deque(maxlen=0)
_NO_IDS: frozenset[int] = frozenset()
_EVENT_BYTES = 96
_V5 = ProtocolVersion.V5
_GRANTED = (ReasonCode.GRANTED_QOS_0, ReasonCode.GRANTED_QOS_1, ReasonCode.GRANTED_QOS_2)


class Connection(asyncio.Protocol):
    """Invariants: ``session`` is set from the moment the node applied ``connected``; ``epoch`` never changes then;
    once ``CLOSED``, nothing more is appended and nothing more is sent."""

    __slots__ = (
        "aliases",
        "awaiting_log",
        "blocked",
        "blocked_since",
        "bytes_in",
        "bytes_out",
        "client_id",
        "connected_event",
        "dropped",
        "ended",
        "eof",
        "epoch",
        "first_sending",
        "held",
        "inbound",
        "keep_alive",
        "last_in",
        "listener",
        "max_out",
        "messages_in",
        "messages_out",
        "most_receiving",
        "out",
        "packets_in",
        "packets_out",
        "parser",
        "partition",
        "paused",
        "peer",
        "pending",
        "receiving",
        "reported",
        "resend",
        "server",
        "session",
        "slot",
        "state",
        "subscribing",
        "tenant",
        "to_flush",
        "transport",
        "version",
        "window",
    )

    def __init__(self, server: Server, listener: str) -> None:
        self.server = server
        self.listener = listener
        self.state = NEW
        self.transport: asyncio.Transport | None = None
        self.parser = Parser("server", max_packet_size=server.settings.max_packet_size)
        self.peer: tuple[str, int] = ("", 0)
        self.session: Session | None = None
        self.connected_event: Connected | None = None
        self.tenant = ""
        self.client_id = ""
        self.partition = 0
        self.epoch = -1
        self.version = ProtocolVersion.V311
        self.keep_alive = 0.0
        """Seconds of silence after which the client counts as gone; 0 never."""
        self.last_in = server.timers.now
        self.slot = 0
        """Where the wheel of time-outs has it."""
        self.held: list[Packet] | None = None
        self.aliases: dict[int, str] | None = None
        self.subscribing: set[str] | None = None
        self.inbound: set[int] | None = None
        """Packet identifiers of QoS 2 publishes that are appended and not applied yet."""
        self.most_receiving = 0x1_0000
        """Those that there may be; a client of MQTT 3 was told of no limit and has no more identifiers."""
        self.receiving = 0
        """QoS 1 and 2 publishes of the client that are not finished."""
        self.pending = 0
        """Bytes appended for this client and not applied yet, about."""
        self.paused = False
        self.out: list[bytes] = []
        self.to_flush = False
        self.blocked = False
        self.blocked_since = 0.0
        self.window = 0
        self.max_out = 0
        self.resend: deque[int] = _NOTHING
        """Packet identifiers to be sent again before anything else."""
        self.first_sending: set[int] | frozenset[int] = _NO_IDS
        """Those among them that go out for the first time."""
        self.awaiting_log: set[int] | frozenset[int] = _NO_IDS
        """Those among them that may go only when their identifiers are in the log (QoS 2)."""
        self.eof = False
        """The client has closed its side of the socket."""
        self.ended = False
        """The end of this connection is in the log, or need not be."""
        self.packets_in = self.packets_out = self.messages_in = self.messages_out = 0
        self.bytes_in = self.bytes_out = self.dropped = 0
        self.reported = -1

    def to_resend(self) -> deque[int]:
        """``resend``, made when first needed."""
        if self.resend is _NOTHING:
            self.resend = deque()
        return self.resend

    def send_later(self, packet_id: int) -> None:
        """A message that has its identifier goes out, for the first time, behind what is in ``resend``."""
        if self.first_sending is _NO_IDS:
            self.first_sending = set()
        cast(set[int], self.first_sending).add(packet_id)
        self.to_resend().append(packet_id)

    def await_log(self, packet_id: int) -> None:
        """The same, but not before its identifier is in the log."""
        if self.awaiting_log is _NO_IDS:
            self.awaiting_log = set()
        cast(set[int], self.awaiting_log).add(packet_id)
        self.send_later(packet_id)

    def logged(self, packet_ids: Iterable[int]) -> None:
        """Identifiers are in the log."""
        if self.awaiting_log is not _NO_IDS:
            cast(set[int], self.awaiting_log).difference_update(packet_ids)

    def sent_again(self) -> None:
        """The first of ``resend`` went out."""
        packet_id = self.resend.popleft()
        if packet_id in self.first_sending:
            cast(set[int], self.first_sending).discard(packet_id)

    # The socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client's socket is open. It has ``connect_timeout`` to say CONNECT."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = (str(peer[0]), int(peer[1])) if peer else ("", 0)
        self.transport.set_write_buffer_limits(high=self.server.settings.outbound_high_water)
        self.server.opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client. Packets are handled in order; an error ends the connection."""
        if self.state == CLOSED:
            return
        server = self.server
        size = len(data)
        self.bytes_in += size
        server.counters.bytes_in += size
        self.last_in = server.timers.now
        parser = self.parser
        packets = parser.feed(data)
        self.packets_in += len(packets)
        if self.state == OPEN:
            if len(packets) == 1:
                kind = type(packets[0])
                server.packets_in[kind] += 1
                _HANDLERS[kind](self, packets[0])
            else:
                self._take(packets)
        else:
            self._take_early(packets)
        if parser.error is not None:
            self._on_error(parser.error)
        if server.journal.pending_bytes > server.max_pending:
            self.pause_reading()
            server.paused.add(self)
        delivery = server.delivery
        if delivery.to_flush or delivery.to_pump:
            delivery.flush()

    def _on_error(self, error: ProtocolError) -> None:
        if self.state == CONNECTING:
            self._hold(None)
        elif self.state != CLOSED:
            self._protocol_error(error)

    def eof_received(self) -> bool:
        """The client will send no more. What it sent is still answered before the socket is let go."""
        self.eof = True
        if self.state == OPEN and not self.pending:
            self._lose("the client closed its side")
        return self.state in (CONNECTING, OPEN)

    def _lose(self, reason: str) -> None:
        self._log_end(ReasonCode.UNSPECIFIED_ERROR, reason, "network", True)
        self.close(reason)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The socket is gone."""
        was, self.state = self.state, CLOSED
        self.server.closed(self)
        if was == OPEN and not self.ended:
            reason = "connection lost" if exc is None else f"connection lost: {exc}"
            self._log_end(ReasonCode.UNSPECIFIED_ERROR, reason, "network", True)
        self.transport = None

    def pause_writing(self) -> None:
        """The socket is full: messages wait in the outbox until it drains."""
        self.blocked = True
        self.blocked_since = self.server.timers.now

    def resume_writing(self) -> None:
        """The socket has drained."""
        self.blocked = False
        if self.session is not None and self.state == OPEN:
            self.server.delivery.later(self.session)
            self.server.soon_flush()

    def flush(self) -> None:
        """Write what was gathered."""
        self.to_flush = False
        if not self.out:
            return
        out = self.out
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        if self.state != CLOSED and self.transport is not None:
            size = len(data)
            self.bytes_out += size
            self.server.counters.bytes_out += size
            self.transport.write(data)

    def write(self, data: bytes) -> None:
        """Bytes to be written with everything else of this callback."""
        self.packets_out += 1
        self.server.packets_out[data[0] >> 4] += 1
        self.out.append(data)
        if not self.to_flush:
            self.to_flush = True
            self.server.delivery.enqueue(self)

    def pause_reading(self) -> None:
        """Stop taking bytes from the client until :meth:`resume_reading`."""
        if not self.paused and self.transport is not None and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again, when the connection itself has room."""
        if self.paused and self.state != CONNECTING and self.pending <= self.server.settings.inbound_high_water:
            self.paused = False
            self.last_in = self.server.timers.now
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    def _take(self, packets: list[Packet]) -> None:
        """Handle packets in order. A run of plain publishes (QoS 1, a topic by name) goes to the log at once."""
        server = self.server
        tenant, client_id, epoch = self.tenant, self.client_id, self.epoch
        counts = server.packets_in
        run: list[Published] = []
        size = 0
        receiving, most, plain_topic = self.receiving, self.most_receiving, server.plain_topic
        for packet in packets:
            kind = type(packet)
            counts[kind] += 1
            if isinstance(packet, PublishPacket):
                topic, payload, properties = packet.topic, packet.payload, packet.properties
                if packet.qos == 1 and receiving < most and 0 < len(topic) <= plain_topic and not packet.topic_alias:
                    receiving += 1
                    size += _EVENT_BYTES + len(topic) + len(payload) + len(properties)
                    run.append(
                        Published(
                            tenant, client_id, epoch, topic, 1, packet.retain, packet.packet_id, properties, payload
                        )
                    )
                    continue
            if run:
                self._append_run(run, size)
                run, size = [], 0
            if self.state != OPEN:
                return
            _HANDLERS[kind](self, packet)
            receiving = self.receiving
        if run:
            self._append_run(run, size)

    def _append_run(self, run: list[Published], size: int) -> None:
        self.messages_in += len(run)
        self.receiving += len(run)
        self.pending += size
        self.server.extend(self.partition, run, self, size)
        if self.pending > self.server.settings.inbound_high_water:
            self.pause_reading()

    # CONNECT

    def _take_early(self, packets: list[Packet]) -> None:
        for packet in packets:
            if self.state == OPEN:
                self._take([packet])
                continue
            if self.state == CONNECTING:
                self._hold(packet)
            elif self.state == NEW:
                self.server.packets_in[type(packet)] += 1
                if isinstance(packet, ConnectPacket):
                    self._connect(packet)
                else:  # [MQTT-3.1.0-1]
                    self.close("the first packet is not CONNECT")

    def _hold(self, packet: Packet | None) -> None:
        """A client may send before CONNACK; what it sends waits."""
        if self.held is None:
            self.held = []
        if packet is not None:
            self.held.append(packet)
        self.pause_reading()

    def _connect(self, packet: ConnectPacket) -> None:
        self.version = packet.version
        server = self.server
        decision = connect.decide(packet, server.settings, self.peer, self.listener, server.new_client_id)
        self.client_id = decision.client_id
        self.tenant = decision.tenant
        self.partition = partition_of(self.tenant, self.client_id, server.partitions)
        self.state = CONNECTING
        if server.overloaded:
            self.write(encode(ConnackPacket(False, ReasonCode.SERVER_UNAVAILABLE), self.version))
            self.close("the log does not take connections now")
            return
        server.append(self.partition, decision, self, 512 + _will_size(packet))
        if isinstance(decision, Connected):
            self.connected_event = decision
            self.window = min(decision.receive_maximum, server.settings.max_inflight)
            self.max_out = decision.max_packet_size
            self.keep_alive = decision.keep_alive * 1.5  # [MQTT-3.1.2-22]
        if packet.version == _V5:
            self.aliases = {}
            self.most_receiving = server.settings.receive_maximum

    def connected(self, session: Session, present: bool) -> None:
        """The node applied ``connected``: the client may be told [MQTT-3.2.2-1]."""
        assert self.connected_event is not None
        self.session = session
        self.epoch = session.epoch
        if self.state == CLOSED:
            self._log_end(ReasonCode.UNSPECIFIED_ERROR, "connection lost before CONNACK", "network", True)
            return
        session.connection = self
        self.state = OPEN
        self.write(encode(connect.accepted(self.connected_event, present, self.server.settings), self.version))
        self.server.timers.watch(self)
        if self.held is not None or self.eof or self.paused:
            self.server.loop.call_soon(self._drain_held)

    def refused(self, event: Refused) -> None:
        """The node applied ``refused``: the client is told and let go [MQTT-3.1.4-2]."""
        if self.state == CLOSED:
            return
        self.write(encode(ConnackPacket(False, ReasonCode(event.reason_code)), self.version))
        self.close(event.reason)

    def _drain_held(self) -> None:
        held, self.held = self.held or [], None
        if self.state == OPEN:
            self._take(held)
        if self.parser.error is not None and self.state == OPEN:
            self._protocol_error(self.parser.error)
        self.resume_reading()
        self.server.delivery.flush()
        if self.eof and self.state == OPEN and not self.pending:
            self._lose("the client closed its side")

    # From the client

    def _on_publish(self, packet: PublishPacket) -> None:
        topic = packet.topic
        if packet.topic_alias or not topic:
            resolved = self._alias(packet)
            if resolved is None:
                return
            topic = resolved
        server = self.server
        qos = packet.qos
        self.messages_in += 1
        if qos:
            if self.receiving >= self.most_receiving and self._over_receive_maximum(packet):
                return
            if qos == 2 and self._seen(packet.packet_id):
                return
            self.receiving += 1
        elif server.shedding(self):
            server.counters.dropped("log_away")
            return
        if len(topic) > server.plain_topic and topic.count("/") >= server.plain_topic:
            self._disconnect(ReasonCode.TOPIC_NAME_INVALID, "the topic name has too many levels")
            return
        payload, properties = packet.payload, packet.properties
        event = Published(
            self.tenant, self.client_id, self.epoch, topic, qos, packet.retain, packet.packet_id, properties, payload
        )
        size = _EVENT_BYTES + len(topic) + len(payload) + len(properties)
        self.pending += size
        server.append(self.partition, event, self, size)
        if self.pending > server.high_water:
            self.pause_reading()

    def _over_receive_maximum(self, packet: PublishPacket) -> bool:
        if packet.qos == 2 and packet.dup:
            return False
        # [MQTT-3.3.4-9]
        self._disconnect(ReasonCode.RECEIVE_MAXIMUM_EXCEEDED, "more publishes in flight than the receive maximum")
        return True

    def _seen(self, packet_id: int) -> bool:
        """A QoS 2 publish that is already in the log, or on its way there, is not published again [MQTT-4.3.3-10]."""
        session = self.session
        assert session is not None
        if session.inbound is not None and packet_id in session.inbound:
            self.write(pubrec(packet_id))
            return True
        if self.inbound is None:
            self.inbound = set()
        if packet_id in self.inbound:
            return True
        self.inbound.add(packet_id)
        return False

    def _alias(self, packet: PublishPacket) -> str | None:
        aliases = self.aliases
        if aliases is None or packet.topic_alias > self.server.settings.topic_alias_maximum:  # [MQTT-3.2.2-17]
            self._disconnect(ReasonCode.TOPIC_ALIAS_INVALID, "the topic alias is above the maximum")
            return None
        if packet.topic:
            aliases[packet.topic_alias] = packet.topic
            return packet.topic
        topic = aliases.get(packet.topic_alias)
        if topic is None:
            self._disconnect(ReasonCode.PROTOCOL_ERROR, "the topic alias was never set")
        return topic

    def _on_puback(self, packet: PubackPacket) -> None:
        session = self.session
        assert session is not None
        outbox = session.outbox
        if outbox is None or not outbox.puback(packet.packet_id):
            return
        if session.persistent:
            self.server.homes[session.partition].dirty.add(session)
        if outbox.pending or self.resend:
            self.server.delivery.later(session)

    def _on_pubrec(self, packet: PubrecPacket) -> None:
        session = self.session
        assert session is not None
        outbox, packet_id = session.outbox, packet.packet_id
        if outbox is None or packet_id not in outbox.states:
            self._write_packet(PubrelPacket(packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND))
        elif packet.reason_code >= 0x80:  # [MQTT-4.3.3-4]
            outbox.finish(packet_id)
            self._moved(session)
        elif session.persistent:
            event = Received(session.tenant, session.client_id, self.epoch, [packet_id])
            self._append(event, _Answer(self, packet_id, _EVENT_BYTES))
        else:
            outbox.pubrec(packet_id)
            self.write(pubrel(packet_id))

    def _on_pubcomp(self, packet: PubcompPacket) -> None:
        session = self.session
        assert session is not None
        if session.outbox is not None and session.outbox.finish(packet.packet_id):
            self._moved(session)

    def _moved(self, session: Session) -> None:
        if session.persistent:
            self.server.homes[session.partition].dirty.add(session)
        self.server.delivery.later(session)

    def _on_pubrel(self, packet: PubrelPacket) -> None:
        session = self.session
        assert session is not None
        packet_id = packet.packet_id
        if session.inbound is None or packet_id not in session.inbound:
            self._write_packet(PubcompPacket(packet_id, ReasonCode.PACKET_IDENTIFIER_NOT_FOUND))
            return
        event = Released(self.tenant, self.client_id, self.epoch, packet_id)
        self.pending += _EVENT_BYTES
        self.server.append(self.partition, event, self, _EVENT_BYTES)

    def _on_subscribe(self, packet: SubscribePacket) -> None:
        identifier = packet.properties.subscription_identifier or 0
        settings = self.server.settings
        asked = [
            Subscription(
                s.topic_filter,
                s.qos,
                s.no_local,
                s.retain_as_published,
                s.retain_handling,
                identifier,
                _subscribe_code(s.topic_filter, s.qos, settings),
            )
            for s in packet.subscriptions
        ]
        if self.subscribing is None:
            self.subscribing = set()
        self.subscribing.update(s.filter for s in asked if s.reason_code < 0x80)
        vector = list(self.server.node.applied)
        size = _EVENT_BYTES + 9 * len(vector) + sum(24 + len(s.filter) for s in asked)
        answer = _Answer(self, packet.packet_id, size)
        self.server.node.ring.pins[answer] = vector
        self._append(Subscribed(self.tenant, self.client_id, self.epoch, vector, asked), answer)

    def _on_unsubscribe(self, packet: UnsubscribePacket) -> None:
        session = self.session
        assert session is not None
        assert session.state is not None
        held, coming = session.state.subscriptions, self.subscribing or ()
        gone: set[str] = set()
        codes = []
        for f in packet.topic_filters:
            there = f not in gone and (f in held or f in coming)
            codes.append(Unsubscription(f, 0 if there else int(ReasonCode.NO_SUBSCRIPTION_EXISTED)))
            gone.add(f)
        vector = list(self.server.node.applied)
        size = _EVENT_BYTES + 9 * len(vector) + sum(8 + len(f) for f in packet.topic_filters)
        event = Unsubscribed(self.tenant, self.client_id, self.epoch, vector, codes)
        self._append(event, _Answer(self, packet.packet_id, size))

    def _append(self, event: Subscribed | Unsubscribed | Received, answer: _Answer) -> None:
        self.pending += answer.size
        self.server.append(self.partition, event, answer, answer.size)
        if self.pending > self.server.high_water:
            self.pause_reading()

    def _on_pingreq(self, packet: PingReqPacket) -> None:
        self.write(_PINGRESP)  # [MQTT-3.12.4-1]

    def _on_disconnect(self, packet: DisconnectPacket) -> None:
        assert self.connected_event is not None
        expiry = self.connected_event.expiry
        wanted = packet.properties.session_expiry_interval
        if wanted is not None:
            if expiry == 0 and wanted:  # [MQTT-3.1.2.11.2]
                self._disconnect(ReasonCode.PROTOCOL_ERROR, "a session without expiry cannot get one at DISCONNECT")
                return
            expiry = min(wanted, self.server.settings.max_session_expiry)
        # Only 0x00 cancels the will [MQTT-3.14.4-3].
        will = packet.reason_code != ReasonCode.NORMAL_DISCONNECTION
        self._log_end(packet.reason_code, packet.properties.reason_string or "", "client", will, expiry)
        self.close("the client said DISCONNECT")

    def _on_forbidden(self, packet: Packet) -> None:
        self._disconnect(ReasonCode.PROTOCOL_ERROR, f"{type(packet).__name__} is not expected here")

    # From the node

    def can_take(self, qos: int) -> bool:
        """Whether a message may be sent at this moment, ahead of nothing that waits [MQTT-3.3.4-9]."""
        if self.blocked:
            return False
        if qos == 0:
            return True
        session = self.session
        outbox = session.outbox  # type: ignore[union-attr]
        if outbox is None:
            return qos == 1 or not session.persistent  # type: ignore[union-attr]
        return not (
            outbox.pending or self.resend or len(outbox.inflight) >= self.window or (qos == 2 and session.persistent)  # type: ignore[union-attr]
        )

    def published(self, event: Published, answer: bytes) -> None:
        """A publish of this client was applied: PUBACK or PUBREC, or nothing (QoS 0, or the publish was void)."""
        size = _EVENT_BYTES + len(event.topic) + len(event.payload) + len(event.properties)
        if self.paused or self.eof:
            self.settle(size)
        else:
            self.pending -= size
        qos = event.qos
        if qos == 2 and self.inbound is not None:
            self.inbound.discard(event.packet_id)
        if answer and self.state == OPEN:
            if qos == 1:
                self.receiving -= 1
            self.out.append(answer)
            self.packets_out += 1
            self.server.packets_out[answer[0] >> 4] += 1
            if not self.to_flush:
                self.to_flush = True
                self.server.delivery.enqueue(self)

    def settle(self, size: int) -> None:
        """Bytes of this client no longer wait for the log."""
        self.pending = pending = self.pending - size
        if pending == 0 and self.eof and self.state == OPEN:
            self.server.loop.call_soon(self._lose, "the client closed its side")
        if self.paused and pending <= self.server.settings.inbound_high_water >> 1:
            if self.server.paused:
                self.server.paused.add(self)  # the node as a whole is full: it goes on with the others
            else:
                self.resume_reading()

    def released(self, answer: bytes) -> None:
        """A PUBREL is in the log: PUBCOMP, or nothing when it was void."""
        self.settle(_EVENT_BYTES)
        if answer and self.state != CLOSED:
            self.receiving -= 1
            self.write(answer)

    def answer_subscribe(self, packet_id: int, event: Subscribed) -> None:
        """A subscribe is in the log: SUBACK [MQTT-3.8.4-1]."""
        if self.subscribing is not None:
            self.subscribing.difference_update(s.filter for s in event.subscriptions)
        if self.state == CLOSED:
            return
        codes = [ReasonCode(s.reason_code) for s in event.subscriptions]
        if self.version != _V5:
            codes = [code if code < 0x80 else ReasonCode.UNSPECIFIED_ERROR for code in codes]
            if self.version == ProtocolVersion.V31 and any(code >= 0x80 for code in codes):
                self._disconnect(ReasonCode.UNSPECIFIED_ERROR, "MQTT 3.1 has no words to refuse a subscription")
                return
        self._write_packet(SubackPacket(packet_id, tuple(codes)))

    def answer_unsubscribe(self, packet_id: int, event: Unsubscribed) -> None:
        """An unsubscribe is in the log: UNSUBACK [MQTT-3.10.4-4]."""
        if self.state != CLOSED:
            codes = tuple(ReasonCode(u.reason_code) for u in event.unsubscriptions)
            self._write_packet(UnsubackPacket(packet_id, codes if self.version == _V5 else ()))

    def taken_over(self) -> None:
        """Another connection has the client id now [MQTT-3.1.4-3]."""
        self.ended = True
        self._say_goodbye(ReasonCode.SESSION_TAKEN_OVER, "")
        self.close("taken over")

    # The end

    @property
    def is_closed(self) -> bool:
        """Whether nothing more comes of this connection."""
        return self.state == CLOSED

    def connect_overdue(self) -> None:
        """CONNECT did not come in time, or the log did not take it in time."""
        if self.state == NEW:
            self.close("no CONNECT in time")
        elif self.state == CONNECTING:
            self.write(encode(ConnackPacket(False, ReasonCode.SERVER_UNAVAILABLE), self.version))
            self.close("the log did not take the connection in time")

    def stop(self, reason: ReasonCode, text: str) -> None:
        """End the connection from our side, with the reason for log and client."""
        if self.state == OPEN:
            self._disconnect(reason, text)
        elif self.state != CLOSED:
            self.close(text)

    def _protocol_error(self, error: ProtocolError) -> None:
        self.server.protocol_error(self, error)
        if self.state == OPEN:
            self._disconnect(error.reason, str(error))
            return
        if isinstance(error, UnsupportedProtocolVersion):
            version = _V5 if error.level >= 5 else ProtocolVersion.V311
            self.write(encode(ConnackPacket(False, error.reason), version))  # [MQTT-3.1.2-2]
        elif self.parser.version == _V5:
            self.write(encode(ConnackPacket(False, error.reason), _V5))
        self.close(str(error))

    def _disconnect(self, reason: ReasonCode, text: str) -> None:
        self._log_end(reason, text, "server", True)
        self._say_goodbye(reason, text)
        self.close(text)

    def _say_goodbye(self, reason: ReasonCode, text: str) -> None:
        if self.version == _V5 and self.state == OPEN:  # [MQTT-3.14.0-1]
            told = text if self.connected_event is not None and self.connected_event.request_problem else ""
            properties = DisconnectProperties(reason_string=told or None)
            self._write_packet(DisconnectPacket(reason, properties))

    def _log_end(self, code: int, reason: str, by: str, will: bool, expiry: int | None = None) -> None:
        if self.ended or self.connected_event is None:
            return
        self.ended = True
        session = self.session
        if session is None or session.epoch != self.epoch:
            return
        vector = list(self.server.node.applied)
        outbox = session.outbox
        cursor = outbox.cursor(vector) if outbox is not None and session.persistent else Cursor([])
        session.connection = None
        event = Disconnected(
            self.tenant,
            self.client_id,
            self.epoch,
            int(code),
            reason[:1024],
            by,
            self.connected_event.expiry if expiry is None else expiry,
            will,
            vector,
            cursor,
            self.measured(),
        )
        size = 320 + 9 * len(vector) + 32 * len(cursor.inflight)
        self.server.append(self.partition, event, None, size)

    def measured(self) -> Counters:
        """The connection's counters."""
        session = self.session
        outbox = session.outbox if session is not None else None
        return Counters(
            len(outbox.inflight) if outbox is not None else 0,
            len(outbox.pending) if outbox is not None else 0,
            len(session.inbound) if session is not None and session.inbound is not None else 0,
            self.packets_in,
            self.packets_out + self.messages_out,
            self.messages_in,
            self.messages_out,
            self.bytes_in,
            self.bytes_out,
            self.dropped,
        )

    def close(self, why: str) -> None:
        """Let the socket go, after what is written."""
        if self.state == CLOSED:
            return
        self.flush()
        self.state = CLOSED
        transport = self.transport
        if transport is not None:
            if self.blocked:
                transport.abort()
            else:
                transport.close()
                self.server.timers.closing(self)

    def cut(self) -> None:
        """Let the socket go at once."""
        if self.transport is not None:
            self.transport.abort()

    def _write_packet(self, packet: Packet) -> None:
        data = encode(packet, self.version)
        if self.max_out and len(data) > self.max_out:
            data = encode(_without_words(packet), self.version)
        self.write(data)


class _Answer:
    """Acts when an event of this client is applied: gives its room back, and answers the packet that asked for it."""

    __slots__ = ("connection", "packet_id", "size")

    def __init__(self, connection: Connection, packet_id: int, size: int) -> None:
        self.connection = connection
        self.packet_id = packet_id
        self.size = size

    def settle(self) -> None:
        self.connection.settle(self.size)

    def subscribed(self, event: Subscribed) -> None:
        self.connection.answer_subscribe(self.packet_id, event)

    def unsubscribed(self, event: Unsubscribed) -> None:
        self.connection.answer_unsubscribe(self.packet_id, event)


def _without_words(packet: Any) -> Any:
    """The packet without its reason string, for a client whose packets must be small [MQTT-3.14.2-3]."""
    return type(packet)(*[getattr(packet, f) for f in packet.__struct_fields__ if f != "properties"])


def _subscribe_code(topic_filter: str, qos: int, settings: MqttSettings) -> int:
    if topic_filter.startswith(SHARE_PREFIX):
        return int(ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED)
    if not valid_filter(topic_filter, settings.max_topic_levels):
        return int(ReasonCode.TOPIC_FILTER_INVALID)
    if len(topic_filter.encode()) > settings.max_topic_filter_bytes:
        return int(ReasonCode.TOPIC_FILTER_INVALID)
    return int(_GRANTED[qos])


def _will_size(packet: ConnectPacket) -> int:
    will = packet.will
    return 0 if will is None else len(will.payload) + len(will.topic) + len(will.properties)


_HANDLERS: dict[type, Any] = {
    PublishPacket: Connection._on_publish,
    PubackPacket: Connection._on_puback,
    PubrecPacket: Connection._on_pubrec,
    PubrelPacket: Connection._on_pubrel,
    PubcompPacket: Connection._on_pubcomp,
    SubscribePacket: Connection._on_subscribe,
    UnsubscribePacket: Connection._on_unsubscribe,
    PingReqPacket: Connection._on_pingreq,
    DisconnectPacket: Connection._on_disconnect,
    ConnectPacket: Connection._on_forbidden,  # a second one [MQTT-3.1.0-2]
    AuthPacket: Connection._on_forbidden,
}
