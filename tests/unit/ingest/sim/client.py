"""An MQTT client by the book, which acknowledges when it is told to and remembers what it must."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingest.mqtt.codec import (
    ConnackPacket,
    ConnectPacket,
    ConnectProperties,
    DisconnectPacket,
    Packet,
    Parser,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PubrecPacket,
    PubrelPacket,
    SubackPacket,
    SubscribePacket,
    Subscription,
    UnsubackPacket,
    UnsubscribePacket,
    Will,
    encode,
)
from tests.unit.ingest.sim.transport import Transport

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection
    from tests.unit.ingest.sim.broker import Broker

V5 = ProtocolVersion.V5


class Link:
    """One socket of a client."""

    def __init__(self, client: Client, broker: Broker) -> None:
        self.parser = Parser("client", client.version)
        self.outgoing = bytearray()
        self.open = False
        """CONNACK came."""
        self.window = 0
        self.unfinished: dict[int, tuple[bytes, bool]] = {}
        """What came and is not acknowledged: payload and retain flag, by packet identifier."""
        self.finished: set[bytes] = set()
        self._client = client
        self.connection: Connection
        self.transport: Transport
        self.connection, self.transport = broker.accept(self.receive)

    def receive(self, data: bytes) -> None:
        """Bytes from the server."""
        if self._client.link is not self:
            return
        for packet in self.parser.feed(data):
            self._client.handle(packet)
        assert self.parser.error is None, self.parser.error

    def pump(self) -> bool:
        """Hand over what was said, when the server reads; whether there was anything."""
        if not self.outgoing or self.transport.paused or self.transport.is_closing():
            return False
        data = bytes(self.outgoing)
        self.outgoing.clear()
        self.connection.data_received(data)
        return True


@dataclass
class Outgoing:
    """A publish of the client that is not finished."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    released: bool = False


@dataclass
class Delivery:
    """A message as it came, the first time its packet identifier was seen."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool


@dataclass
class Client:
    """Invariant: ``unfinished`` and ``received`` are what MQTT calls the session state of the client."""

    client_id: str
    version: ProtocolVersion
    expiry: int
    receive_maximum: int = 65_535
    link: Link | None = None
    unfinished: dict[int, Outgoing] = field(default_factory=dict)
    received: dict[int, bytes] = field(default_factory=dict)
    """QoS 2 messages by packet identifier, until they are released."""
    to_answer: deque[Packet] = field(default_factory=deque)
    delivered: list[Delivery] = field(default_factory=list)
    last_id: int = 0
    connack: ConnackPacket | None = None
    must_clean: bool = False
    """It has thrown its state away, and not heard that the server has, too."""
    ended: bool = False
    """Somebody has ended its session, which it has not heard: a CONNACK of the next one may be lost, and then nothing
    tells the client that what it remembers is of another session."""
    subacks: list[SubackPacket] = field(default_factory=list)
    unsubacks: list[UnsubackPacket] = field(default_factory=list)
    acknowledged: list[bytes] = field(default_factory=list)
    """Payloads of the publishes that the server has taken (PUBACK, PUBREC)."""
    goodbye: DisconnectPacket | None = None

    def connect(self, broker: Broker, clean: bool, will: Will | None = None) -> None:
        """Open a socket and say CONNECT."""
        self.lose()
        self.link = Link(self, broker)
        self.connack = None
        self.goodbye = None
        clean = clean or self.must_clean
        self.must_clean = clean
        if clean:
            self.unfinished.clear()
            self.received.clear()
        properties = ConnectProperties()
        if self.version == V5:
            properties = ConnectProperties(
                session_expiry_interval=self.expiry, receive_maximum=min(self.receive_maximum, 65_535)
            )
        self._say(
            ConnectPacket(
                client_id=self.client_id,
                version=self.version,
                clean_start=clean,
                keep_alive=0,
                properties=properties,
                will=will,
            )
        )

    @property
    def online(self) -> bool:
        """Whether it has a socket and was let in."""
        return self.link is not None and self.link.open

    def vanish(self) -> None:
        """The socket breaks; what was under way is lost."""
        link = self.link
        self.lose()
        if link is not None:
            link.transport.vanish()

    def lose(self) -> None:
        """Forget the socket."""
        self.link = None
        self.to_answer.clear()
        self.subacks.clear()
        self.unsubacks.clear()

    def disconnect(self) -> None:
        """Say DISCONNECT and close."""
        link = self.link
        assert link is not None
        self._say(DisconnectPacket())
        link.pump()
        self.lose()

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Publish a message."""
        packet_id = self._new_id() if qos else 0
        if qos:
            self.unfinished[packet_id] = Outgoing(topic, payload, qos, retain)
        self._say(PublishPacket(topic, payload, qos=qos, retain=retain, packet_id=packet_id))

    def subscribe(self, topic_filter: str, qos: int) -> int:
        """Subscribe; the packet identifier."""
        packet_id = self._new_id()
        self._say(SubscribePacket(packet_id, (Subscription(topic_filter, qos),)))
        return packet_id

    def unsubscribe(self, topic_filter: str) -> int:
        """Unsubscribe; the packet identifier."""
        packet_id = self._new_id()
        self._say(UnsubscribePacket(packet_id, (topic_filter,)))
        return packet_id

    def answer(self, count: int = 1_000_000) -> bool:
        """Send acknowledgements that are due, oldest first; whether there were any."""
        link = self.link
        some = False
        while self.to_answer and count and link is not None:
            packet = self.to_answer.popleft()
            if isinstance(packet, PubackPacket | PubcompPacket):
                payload, retain = link.unfinished.pop(packet.packet_id, (b"", False))
                if not retain:
                    link.finished.add(payload)
            self._say(packet)
            count -= 1
            some = True
        return some

    def handle(self, packet: Packet) -> None:
        """A packet of the server."""
        link = self.link
        assert link is not None
        match packet:
            case ConnackPacket():
                self._connack(packet, link)
            case PublishPacket():
                self._publish(packet, link)
            case PubackPacket(packet_id=packet_id):
                self._taken(self.unfinished.pop(packet_id, None))
            case PubrecPacket(packet_id=packet_id):
                if (outgoing := self.unfinished.get(packet_id)) is not None:
                    self._taken(None if outgoing.released else outgoing)
                    outgoing.released = True
                    self._say(PubrelPacket(packet_id))
            case PubcompPacket(packet_id=packet_id):
                self.unfinished.pop(packet_id, None)
            case PubrelPacket(packet_id=packet_id):
                self.received.pop(packet_id, None)
                self.to_answer.append(PubcompPacket(packet_id))
            case SubackPacket():
                self.subacks.append(packet)
            case UnsubackPacket():
                self.unsubacks.append(packet)
            case DisconnectPacket():
                self.goodbye = packet
            case _:
                raise AssertionError(f"a server does not send {packet}")

    def _connack(self, packet: ConnackPacket, link: Link) -> None:
        assert packet.reason_code == 0, packet
        self.connack = packet
        self.must_clean = False
        link.open = True
        link.window = min(3, self.receive_maximum)
        if not packet.session_present:
            self.ended = False
            self.unfinished.clear()
            self.received.clear()
        for packet_id, outgoing in self.unfinished.items():
            if outgoing.released:
                self._say(PubrelPacket(packet_id))
            else:
                self._say(
                    PublishPacket(
                        outgoing.topic,
                        outgoing.payload,
                        qos=outgoing.qos,
                        retain=outgoing.retain,
                        packet_id=packet_id,
                        dup=True,
                    )
                )

    def _publish(self, packet: PublishPacket, link: Link) -> None:
        packet_id, qos = packet.packet_id, packet.qos
        if qos:
            before = link.unfinished.get(packet_id)
            now = packet.payload, packet.retain
            assert before is None or (before == now and packet.dup), f"identifier {packet_id} used twice"
            link.unfinished[packet_id] = now
            assert len(link.unfinished) <= link.window, "more in flight than the receive maximum"
        if qos == 2:
            self.to_answer.append(PubrecPacket(packet_id))
            if packet_id in self.received and not (self.ended and self.received[packet_id] != packet.payload):
                assert self.received[packet_id] == packet.payload, f"identifier {packet_id} was not released"
                return
            self.received[packet_id] = packet.payload
        elif qos:
            self.to_answer.append(PubackPacket(packet_id))
        self.delivered.append(Delivery(packet.topic, packet.payload, qos, packet.retain, packet.dup))

    def _taken(self, outgoing: Outgoing | None) -> None:
        if outgoing is not None:
            self.acknowledged.append(outgoing.payload)

    def _new_id(self) -> int:
        while True:
            self.last_id = self.last_id % 65_535 + 1
            if self.last_id not in self.unfinished:
                return self.last_id

    def _say(self, packet: Packet) -> None:
        assert self.link is not None
        self.link.outgoing += encode(packet, self.version)
