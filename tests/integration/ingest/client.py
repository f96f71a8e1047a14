"""A small MQTT 5 client on asyncio streams, for tests whose service runs in the same loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from ingest.mqtt.codec import (
    ConnackPacket,
    ConnectPacket,
    ConnectProperties,
    Packet,
    Parser,
    ProtocolVersion,
    PubackPacket,
    PublishPacket,
    SubackPacket,
    SubscribePacket,
    Subscription,
    encode,
)

V5 = ProtocolVersion.V5
NEVER = 0xFFFFFFFF
PATIENCE = 30.0

P = TypeVar("P", bound=Packet)


class AsyncClient:
    """Invariant: ``packets`` has everything that came and was not asked for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = Parser("client", V5)
        self.packets: list[Packet] = []
        self._last_id = 0

    async def say(self, *packets: Packet) -> None:
        """Send packets in one write."""
        self._writer.write(b"".join(encode(packet, V5) for packet in packets))
        await self._writer.drain()

    async def hear(self, kind: type[P], fits: Callable[[P], bool] = lambda _: True) -> P:
        """The next packet of a kind that fits; others are kept. EOFError when the socket closes first."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for index, packet in enumerate(self.packets):
                    if isinstance(packet, kind) and fits(packet):
                        del self.packets[index]
                        return packet
                data = await self._reader.read(65_536)
                if not data:
                    raise EOFError("the server closed the connection")
                self.packets += self._parser.feed(data)

    def new_id(self) -> int:
        """A packet identifier."""
        self._last_id = self._last_id % 65_535 + 1
        return self._last_id

    async def publish(self, topic: str, *payloads: bytes) -> list[int]:
        """Publish with QoS 1, all in one write; the packet identifiers."""
        ids = [self.new_id() for _ in payloads]
        await self.say(*(PublishPacket(topic, p, qos=1, packet_id=i) for i, p in zip(ids, payloads, strict=True)))
        return ids

    async def acknowledged(self, packet_id: int) -> None:
        """Return when PUBACK came."""
        await self.hear(PubackPacket, lambda packet: packet.packet_id == packet_id)

    async def subscribe(self, topic_filter: str, qos: int = 1) -> None:
        """Subscribe and wait for SUBACK."""
        packet_id = self.new_id()
        await self.say(SubscribePacket(packet_id, (Subscription(topic_filter, qos),)))
        await self.hear(SubackPacket, lambda packet: packet.packet_id == packet_id)

    async def messages(self, count: int) -> list[PublishPacket]:
        """The next messages, acknowledged."""
        found = []
        for _ in range(count):
            packet = await self.hear(PublishPacket)
            if packet.qos:
                await self.say(PubackPacket(packet.packet_id))
            found.append(packet)
        return found

    async def close(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()


@asynccontextmanager
async def connected(port: int, client_id: str, expiry: int = NEVER, clean: bool = False) -> AsyncIterator[AsyncClient]:
    """A client that was let in, and goes without a word in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = AsyncClient(reader, writer)
    try:
        await client.say(
            ConnectPacket(V5, client_id, clean, properties=ConnectProperties(session_expiry_interval=expiry))
        )
        assert (await client.hear(ConnackPacket)).reason_code == 0
        yield client
    finally:
        await client.close()
