"""What waits for an event to come back from the log, to answer the packet that asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.mqtt.codec import ProtocolVersion, ReasonCode, SubackPacket, UnsubackPacket
from ingest.mqtt.states import CLOSED
from schemas.events import Subscribed, Unsubscribed

if TYPE_CHECKING:
    from ingest.mqtt.connection import Connection


class Answer:
    """Acts when the node applies the event: gives the client its room back and sends what the packet asked for."""

    __slots__ = ("connection", "packet_id", "size")

    def __init__(self, connection: Connection, packet_id: int, size: int) -> None:
        self.connection = connection
        self.packet_id = packet_id
        self.size = size

    def settle(self) -> None:
        """The event no longer waits for the log."""
        self.connection.settle(self.size)

    def subscribed(self, event: Subscribed) -> None:
        """A subscribe is in the log: SUBACK [MQTT-3.8.4-1]."""
        connection = self.connection
        if connection.subscribing is not None:
            connection.subscribing.difference_update(s.filter for s in event.subscriptions)
        if connection.state == CLOSED:
            return
        codes = [ReasonCode(s.reason_code) for s in event.subscriptions]
        if connection.version != ProtocolVersion.V5:
            codes = [code if code < 0x80 else ReasonCode.UNSPECIFIED_ERROR for code in codes]
            if connection.version == ProtocolVersion.V31 and any(code >= 0x80 for code in codes):
                connection.disconnect(ReasonCode.UNSPECIFIED_ERROR, "MQTT 3.1 has no words to refuse a subscription")
                return
        connection.send(SubackPacket(self.packet_id, tuple(codes)))

    def unsubscribed(self, event: Unsubscribed) -> None:
        """An unsubscribe is in the log: UNSUBACK [MQTT-3.10.4-4]."""
        connection = self.connection
        if connection.state != CLOSED:
            codes = tuple(ReasonCode(u.reason_code) for u in event.unsubscriptions)
            connection.send(UnsubackPacket(self.packet_id, codes if connection.version == ProtocolVersion.V5 else ()))
