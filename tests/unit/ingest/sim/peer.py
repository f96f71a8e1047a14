"""A client that does nothing by itself, for tests of what packets are answered with."""

from __future__ import annotations

from ingest.mqtt.codec import Packet, Parser, ProtocolVersion, encode
from tests.unit.ingest.sim.broker import Broker


class Peer:
    """A client that says what it is told and keeps what it hears."""

    def __init__(self, broker: Broker, version: ProtocolVersion) -> None:
        self._broker = broker
        self._version = version
        self._parser = Parser("client", version)
        self.heard: list[Packet] = []
        self.connection, self.transport = broker.accept(self._hear)

    def _hear(self, data: bytes) -> None:
        self.heard += self._parser.feed(data)

    def say(self, *packets: Packet) -> list[Packet]:
        """The answers to packets that come together, when everything has been through the log."""
        self.heard.clear()
        self.connection.data_received(b"".join(encode(packet, self._version) for packet in packets))
        self._broker.drain()
        return list(self.heard)
