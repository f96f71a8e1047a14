"""A client of one version: a link with the handshakes of MQTT done as a well-behaved client does them."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from ingest.mqtt.codec import (
    AckProperties,
    ConnackPacket,
    DisconnectPacket,
    DisconnectProperties,
    Packet,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PublishProperties,
    PubrecPacket,
    PubrelPacket,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    SubscribeProperties,
    Subscription,
    UnsubackPacket,
    UnsubscribePacket,
    UnsubscribeProperties,
    Will,
    decode_publish_properties,
    encode_publish_properties,
)
from tests.mqttkit.link import WAIT, Address, Ended, Link, connect_packet
from tests.mqttkit.names import unique


class Outcome(NamedTuple):
    """How a QoS 1 or 2 publish of ours ended."""

    packet_id: int
    reason: int
    properties: AckProperties


def will(topic: str, payload: bytes = b"gone", *, qos: int = 0, retain: bool = False, delay: int = 0, **p: Any) -> Will:
    """A will; ``delay`` in seconds, further arguments are properties of its PUBLISH."""
    return Will(topic, payload, qos, retain, encode_publish_properties(PublishProperties(**p)), delay)


class Client(Link):
    """A connected client; ``connack`` is what the broker answered."""

    def __init__(
        self,
        address: Address,
        version: ProtocolVersion,
        client_id: str | None = None,
        *,
        buffer: int = 0,
        patience: float = WAIT,
        **options: Any,
    ) -> None:
        """Connect with options of :func:`connect_packet`. The broker must accept within ``patience`` seconds."""
        super().__init__(address, version, receive_buffer=buffer)
        self.client_id = unique("c") if client_id is None else client_id
        self._packet_ids = itertools.cycle(range(1, 65_536))
        try:
            self.send(connect_packet(version, self.client_id, **options))
            self.connack = self.expect(ConnackPacket, patience)
            assert self.connack.reason_code == 0, f"not accepted: {self.connack}"
        except BaseException:
            self.close()
            raise

    @property
    def session_present(self) -> bool:
        """Whether the broker went on with a session of ours."""
        return self.connack.session_present

    def next_packet_id(self) -> int:
        """A packet identifier that this client has not used lately."""
        return next(self._packet_ids)

    # -- subscriptions

    def subscribe(
        self, *filters: str | Subscription, qos: int = 0, identifier: int | None = None, **options: Any
    ) -> SubackPacket:
        """Subscribe to filters, plain ones with ``qos`` and MQTT 5 ``options``; the SUBACK."""
        packet_id = self.next_packet_id()
        subscriptions = tuple(f if isinstance(f, Subscription) else Subscription(f, qos, **options) for f in filters)
        properties = SubscribeProperties(subscription_identifier=identifier)
        self.send(SubscribePacket(packet_id, subscriptions, properties))
        return self.take(SubackPacket, packet_id=packet_id)

    def subscribed(self, *filters: str | Subscription, qos: int = 0, **options: Any) -> None:
        """Subscribe, and every filter is granted the QoS that was asked for."""
        suback = self.subscribe(*filters, qos=qos, **options)
        wanted = tuple(f.qos if isinstance(f, Subscription) else qos for f in filters)
        assert suback.reason_codes == wanted, f"asked for {wanted}, granted {suback.reason_codes}"

    def unsubscribe(self, *filters: str) -> UnsubackPacket:
        """Unsubscribe; the UNSUBACK."""
        packet_id = self.next_packet_id()
        self.send(UnsubscribePacket(packet_id, filters, UnsubscribeProperties()))
        return self.take(UnsubackPacket, packet_id=packet_id)

    # -- publishing

    def send_publish(
        self,
        topic: str,
        payload: bytes = b"",
        *,
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        packet_id: int = 0,
        alias: int = 0,
        **properties: Any,
    ) -> int:
        """Send a PUBLISH without waiting for anything; its packet identifier (0 with QoS 0)."""
        if qos and not packet_id:
            packet_id = self.next_packet_id()
        raw = encode_publish_properties(PublishProperties(**properties))
        self.send(PublishPacket(topic, payload, qos, retain, dup, packet_id, alias, raw))
        return packet_id

    def publish(self, topic: str, payload: bytes = b"", *, qos: int = 0, **options: Any) -> Outcome:
        """Publish and go through the whole handshake of the QoS; QoS 0 returns at once."""
        packet_id = self.send_publish(topic, payload, qos=qos, **options)
        return self.finish_publish(packet_id, qos)

    def finish_publish(self, packet_id: int, qos: int, timeout: float = WAIT) -> Outcome:
        """The rest of the handshake of a PUBLISH that was sent."""
        if qos == 0:
            return Outcome(0, 0, AckProperties())
        if qos == 1:
            puback = self.take(PubackPacket, timeout, packet_id=packet_id)
            return Outcome(packet_id, puback.reason_code, puback.properties)
        pubrec = self.take(PubrecPacket, timeout, packet_id=packet_id)
        if pubrec.reason_code < 0x80:
            self.send(PubrelPacket(packet_id))
            self.take(PubcompPacket, timeout, packet_id=packet_id, reason_code=ReasonCode.SUCCESS)
        return Outcome(packet_id, pubrec.reason_code, pubrec.properties)

    # -- receiving messages

    def expect_message(
        self,
        topic: str | None = None,
        payload: bytes | None = None,
        *,
        ack: bool = True,
        timeout: float = WAIT,
        **fields: Any,
    ) -> PublishPacket:
        """The next packet is this message; with ``ack`` its handshake is done too."""
        if topic is not None:
            fields["topic"] = topic
        if payload is not None:
            fields["payload"] = payload
        message = self.expect(PublishPacket, timeout, **fields)
        if ack:
            self.acknowledge(message)
        return message

    def expect_messages(self, count: int, **fields: Any) -> list[PublishPacket]:
        """The next ``count`` messages in order, acknowledged."""
        return [self.expect_message(**fields) for _ in range(count)]

    def acknowledge(self, message: PublishPacket) -> None:
        """Do what the QoS of a message asks of its receiver."""
        if message.qos == 1:
            self.send(PubackPacket(message.packet_id))
        elif message.qos == 2:
            self.send(PubrecPacket(message.packet_id))
            self.take(PubrelPacket, packet_id=message.packet_id)
            self.send(PubcompPacket(message.packet_id))

    # -- leaving

    def disconnect(self, reason: ReasonCode = ReasonCode.NORMAL_DISCONNECTION, expiry: int | None = None) -> None:
        """DISCONNECT; the broker closes the connection and sends nothing after it [MQTT-3.14.4-1]."""
        self.send(DisconnectPacket(reason, DisconnectProperties(session_expiry_interval=expiry)))
        self.drain()
        self.close()

    def drain(self) -> list[Packet]:
        """Everything up to the end of the connection, which the broker must bring about."""
        packets: list[Packet] = []
        while True:
            try:
                packets.append(self.receive())
            except Ended:
                return packets


def properties_of(message: PublishPacket) -> PublishProperties:
    """The properties of a received message."""
    return decode_publish_properties(message.properties)


def quiet(subscriber: Client, publisher: Client) -> None:
    """Nothing more was sent to ``subscriber`` of what ``publisher`` had been acknowledged for.

    A sentinel message of the publisher comes next: a broker keeps the order of one publisher [MQTT-4.6.0-5].
    """
    sentinel = unique("barrier")
    subscriber.subscribed(sentinel)
    publisher.publish(sentinel, b"sentinel", qos=1)
    subscriber.expect_message(sentinel, b"sentinel")
    subscriber.unsubscribe(sentinel)
