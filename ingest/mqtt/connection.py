"""One MQTT connection: bytes in, events to the log; what the node says back, bytes out.

The order of things: a packet is decided on (:mod:`ingest.mqtt.connect`, then :mod:`ingest.mqtt.requests`), its event
appended, and answered when the node applies the event. No task and no future per message or connection; time-outs are
the wheel's (:mod:`ingest.mqtt.timers`), the socket is :mod:`ingest.mqtt.socket`'s.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from domain.access import Action, Decision, Who
from ingest.access.rights import ALL, Judge, Rights
from ingest.mqtt import connect, entering
from ingest.mqtt.codec import (
    ConnackPacket,
    ConnectPacket,
    DisconnectPacket,
    DisconnectProperties,
    Packet,
    Parser,
    ProtocolError,
    ProtocolVersion,
    ReasonCode,
    UnsupportedProtocolVersion,
    encode,
)
from ingest.mqtt.denials import answer, report
from ingest.mqtt.requests import EVENT_BYTES, HANDLERS, take
from ingest.mqtt.resend import Resend
from ingest.mqtt.socket import Socket
from ingest.mqtt.states import CLOSED, CONNECTING, NEW, OPEN
from schemas.events import (
    Connected,
    Counters,
    Cursor,
    Denied,
    Disconnected,
    Published,
    Refused,
)

if TYPE_CHECKING:
    from ingest.mqtt.server import Server
    from ingest.node.session import Session

_V5 = ProtocolVersion.V5


class Connection(Socket):
    """Invariants: ``session`` is set from the moment the node applied ``connected``; ``epoch`` never changes then;
    once ``CLOSED``, nothing more is appended and nothing more is sent."""

    __slots__ = (
        "aliases",
        "asking",
        "client_id",
        "connected_event",
        "credential",
        "dropped",
        "ended",
        "eof",
        "epoch",
        "held",
        "inbound",
        "judge",
        "keep_alive",
        "last_in",
        "listener",
        "max_out",
        "messages_in",
        "messages_out",
        "most_receiving",
        "packets_in",
        "parser",
        "partition",
        "pending",
        "receiving",
        "reported",
        "resend",
        "rights",
        "session",
        "slot",
        "subscribing",
        "tenant",
        "version",
        "window",
    )

    def __init__(self, server: Server, listener: str) -> None:
        super().__init__(server)
        self.listener = listener
        self.parser = Parser("server", max_packet_size=server.settings.max_packet_size)
        self.session: Session | None = None
        self.connected_event: Connected | None = None
        self.asking: ConnectPacket | None = None
        """What waits until its password is verified."""
        self.credential = ""
        """The stored hash that the password was verified with."""
        self.rights: Rights = ALL
        self.judge: Judge | None = None
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
        self.window = 0
        self.max_out = 0
        self.resend: Resend | None = None
        self.eof = False
        """The client has closed its side of the socket."""
        self.ended = False
        """The end of this connection is in the log, or need not be."""
        self.packets_in = self.messages_in = self.messages_out = self.dropped = 0
        self.reported = -1

    def to_resend(self) -> Resend:
        """``resend``, made when first needed."""
        if self.resend is None:
            self.resend = Resend()
        return self.resend

    # The socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client's socket is open. It has ``connect_timeout`` to say CONNECT."""
        super().connection_made(transport)
        self.server.opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client. Packets are handled in order; an error ends the connection."""
        if self.state == CLOSED:
            return
        server = self.server
        size = len(data)
        self.bytes_in += size
        self.reads += 1
        server.counters.bytes_in += size
        self.last_in = server.timers.now
        parser = self.parser
        packets = parser.feed(data)
        self.packets_in += len(packets)
        if self.state == OPEN:
            if len(packets) == 1:
                kind = type(packets[0])
                server.packets_in[kind] += 1
                HANDLERS[kind](self, packets[0])
            else:
                take(self, packets)
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
        self.log_end(ReasonCode.UNSPECIFIED_ERROR, reason, "network", True)
        self.close(reason)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The socket is gone."""
        was, self.state = self.state, CLOSED
        self.server.closed(self)
        if was == OPEN and not self.ended:
            reason = "connection lost" if exc is None else f"connection lost: {exc}"
            self.log_end(ReasonCode.UNSPECIFIED_ERROR, reason, "network", True)
        self.transport = None

    def resume_writing(self) -> None:
        """The socket has drained."""
        self.blocked = False
        if self.session is not None and self.state == OPEN:
            self.server.delivery.later(self.session)
            self.server.soon_flush()

    def resume_reading(self) -> None:
        """Take bytes again, when the connection itself has room."""
        if self.paused and self.state != CONNECTING and self.pending <= self.server.settings.inbound_high_water:
            self.paused = False
            self.last_in = self.server.timers.now
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    # CONNECT

    def _take_early(self, packets: list[Packet]) -> None:
        for packet in packets:
            if self.state == OPEN:
                take(self, [packet])
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
        self.client_id = packet.client_id
        self.state = CONNECTING
        entering.begin(self, packet)

    def verified(self, known: bool) -> None:
        """Whether the password is right is known now; unless ``known`` is False: it took too long, or failed."""
        packet, self.asking = self.asking, None
        if packet is not None:  # else it has waited for too long
            entering.go_on(self, packet, known)

    def connected(self, session: Session, present: bool) -> None:
        """The node applied ``connected``: the client may be told [MQTT-3.2.2-1]."""
        assert self.connected_event is not None
        self.session = session
        self.epoch = session.epoch
        if self.state == CLOSED:
            self.log_end(ReasonCode.UNSPECIFIED_ERROR, "connection lost before CONNACK", "network", True)
            return
        session.connection = self
        self.state = OPEN
        if why := self.server.access.opened(self):
            self._turn_away(why)
            return
        self.write(encode(connect.accepted(self.connected_event, present, self.server.settings), self.version))
        self.server.timers.watch(self)
        if self.held is not None or self.eof or self.paused:
            self.server.loop.call_soon(self._drain_held)

    def _turn_away(self, why: str) -> None:
        """What let the client in has changed before it was told."""
        self.log_end(ReasonCode.ADMINISTRATIVE_ACTION, why, "server", False)
        self.write(encode(ConnackPacket(False, ReasonCode.NOT_AUTHORIZED), self.version))
        self.close(why)

    def refused(self, event: Refused) -> None:
        """The node applied ``refused``: the client is told and let go [MQTT-3.1.4-2]."""
        if self.state == CLOSED:
            return
        self.write(encode(ConnackPacket(False, ReasonCode(event.reason_code)), self.version))
        self.close(event.reason)

    def _drain_held(self) -> None:
        held, self.held = self.held or [], None
        if self.state == OPEN:
            take(self, held)
        if self.parser.error is not None and self.state == OPEN:
            self._protocol_error(self.parser.error)
        self.resume_reading()
        self.server.delivery.flush()
        if self.eof and self.state == OPEN and not self.pending:
            self._lose("the client closed its side")

    # Access

    def grant(self, rights: Rights) -> None:
        """The client has these rights from here on."""
        self.rights = rights
        self.judge = None

    def judged(self) -> Judge:
        """Who says what the client may do, by the rules as they are now."""
        if self.judge is None:
            who = Who(self.client_id, self.connected_event.username, self.peer[0])  # type: ignore[union-attr]
            self.judge = Judge(self.rights, who, self.server.access.settings.acl_cache)
        return self.judge.fresh()

    def may(self, action: Action, topic: str) -> Decision:
        """What access rules say of a publish to a topic name, or of a subscription to a valid topic filter."""
        return self.judged().check(action, topic)

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
        size = EVENT_BYTES + len(event.topic) + len(event.payload) + len(event.properties)
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
                self.server.delivery.to_flush.append(self)

    def denied(self, event: Denied) -> None:
        """A publish of this client that was denied was applied."""
        answer(self, event)

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
        self.settle(EVENT_BYTES)
        if answer and self.state != CLOSED:
            self.receiving -= 1
            self.write(answer)

    def taken_over(self) -> None:
        """Another connection has the client id now [MQTT-3.1.4-3]."""
        self.ended = True
        self._say_goodbye(ReasonCode.SESSION_TAKEN_OVER, "")
        self.close("taken over")

    def session_ended(self, text: str) -> None:
        """The session is over by an order: so is the connection, and the client is told why."""
        self.ended = True
        self._say_goodbye(ReasonCode.ADMINISTRATIVE_ACTION, text)
        self.close(text)

    # The end

    def connect_overdue(self) -> None:
        """CONNECT did not come in time, or its password was not verified, or the log did not take it in time."""
        if self.state == NEW:
            self.close("no CONNECT in time")
        elif self.state == CONNECTING and self.asking is not None:
            self.server.timers.accepted(self)
            self.verified(False)
        elif self.state == CONNECTING:
            self.write(encode(ConnackPacket(False, ReasonCode.SERVER_UNAVAILABLE), self.version))
            self.close("the log did not take the connection in time")

    def stop(self, reason: ReasonCode, text: str) -> None:
        """End the connection from our side, with the reason for log and client."""
        if self.state == OPEN:
            self.disconnect(reason, text)
        elif self.state != CLOSED:
            self.close(text)

    def _protocol_error(self, error: ProtocolError) -> None:
        self.server.protocol_error(self, error)
        if self.state == OPEN:
            self.disconnect(error.reason, str(error))
            return
        if isinstance(error, UnsupportedProtocolVersion):
            version = _V5 if error.level >= 5 else ProtocolVersion.V311
            self.write(encode(ConnackPacket(False, error.reason), version))  # [MQTT-3.1.2-2]
        elif self.parser.version == _V5:
            self.write(encode(ConnackPacket(False, error.reason), _V5))
        self.close(str(error))

    def disconnect(self, reason: ReasonCode, text: str) -> None:
        self.log_end(reason, text, "server", True)
        self._say_goodbye(reason, text)
        self.close(text)

    def _say_goodbye(self, reason: ReasonCode, text: str) -> None:
        if self.version == _V5 and self.state == OPEN:  # [MQTT-3.14.0-1]
            told = text if self.connected_event is not None and self.connected_event.request_problem else ""
            properties = DisconnectProperties(reason_string=told or None)
            self.send(DisconnectPacket(reason, properties))

    def log_end(self, code: int, reason: str, by: str, will: bool, expiry: int | None = None) -> None:
        if self.ended or self.connected_event is None:
            return
        self.ended = True
        session = self.session
        if session is None or session.epoch != self.epoch:
            return
        report(self)
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
        """The connection's counters, for the log, where they are then known."""
        session = self.session
        outbox = session.outbox if session is not None else None
        if session is not None:
            session.reported = len(outbox.pending) if outbox is not None else 0
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
            self.reads,
            self.writes,
        )

    def send(self, packet: Packet) -> None:
        data = encode(packet, self.version)
        if self.max_out and len(data) > self.max_out:
            data = encode(_without_words(packet), self.version)
        self.write(data)


def _without_words(packet: Any) -> Any:
    """The packet without its reason string, for a client whose packets must be small [MQTT-3.14.2-3]."""
    return type(packet)(*[getattr(packet, f) for f in packet.__struct_fields__ if f != "properties"])
