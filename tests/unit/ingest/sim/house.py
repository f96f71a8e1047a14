"""A broker in memory with administrators who say who may do what, and clients that come and ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from argon2 import PasswordHasher

from domain.admin import AdminState
from ingest.mqtt.codec import (
    ConnackPacket,
    ConnectPacket,
    ConnectProperties,
    Packet,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PubrecPacket,
    Will,
)
from ingest.settings import ClientSettings
from schemas.admin import (
    AclAdded,
    AdminEvent,
    Banned,
    UserSet,
)
from schemas.commands import Order
from schemas.events import AnyEvent, Published
from schemas.frames import read_frame
from tests.stackkit.eventually import eventually
from tests.unit.ingest.sim.broker import Broker, settings
from tests.unit.ingest.sim.log import Log
from tests.unit.ingest.sim.peer import Peer

V31, V311, V5 = ProtocolVersion.V31, ProtocolVersion.V311, ProtocolVersion.V5
HASHER = PasswordHasher(1, 8, 1)
HERE = "127.0.0.1"


def order(name: str = "o") -> Order:
    return Order(name, "admin", HERE, "c", 0)


def user(name: str, password: str, tenant: str = "default", superuser: bool = False) -> UserSet:
    return UserSet(order(), "set", tenant, name, HASHER.hash(password), superuser)


def rule(allow: bool, topic: str, action: str = "all", name: str = "r", **fields: Any) -> AclAdded:
    return AclAdded(order(name), fields.pop("tenant", "default"), allow, action, topic, **fields)


def ban(kind: str, who: str, until: int = 0, tenant: str = "default") -> Banned:
    return Banned(order(), "set", tenant, kind, who, "admin", "", 0, until)


class House:
    """A broker and what its administrators say."""

    def __init__(self, clients: dict[str, Any], mqtt: dict[str, Any]) -> None:
        wanted = replace(settings(**mqtt), clients=replace(ClientSettings(), **clients))
        self.broker = Broker(Log(3), wanted)
        self._offset = 0

    @property
    def admin(self) -> AdminState:
        return self.broker.admin

    def say(self, *events: AdminEvent) -> None:
        """Events of mq.admin, applied by the node."""
        for event in events:
            assert self.admin.apply(event, self._offset, 0) == "done"
            self._offset += 1
            self.broker.server.admin_changed(event)
        self.broker.node.delivery.flush()
        self.broker.drain()

    async def join(
        self,
        name: str = "a",
        version: ProtocolVersion = V5,
        username: str | None = None,
        password: str | bytes | None = None,
        will: Will | None = None,
    ) -> tuple[Peer, ConnackPacket]:
        """A client that says CONNECT, and what it is answered."""
        peer = Peer(self.broker, version)
        secret = password.encode() if isinstance(password, str) else password
        properties = ConnectProperties(session_expiry_interval=100) if version == V5 else ConnectProperties()
        packet = ConnectPacket(version, name, False, 0, username, secret, will, properties=properties)
        peer.say(packet)
        await self.answers([peer])
        answer = peer.heard[0]
        assert isinstance(answer, ConnackPacket)
        return peer, answer

    async def answers(self, peers: list[Peer], count: int = 1) -> None:
        """Every one of these has heard so many packets."""

        def answered() -> bool:
            self.broker.drain()
            return all(len(peer.heard) >= count for peer in peers)

        await eventually(answered)

    async def client(self, name: str = "a", version: ProtocolVersion = V5, **options: Any) -> Peer:
        """One that is let in."""
        peer, answer = await self.join(name, version, **options)
        assert answer.reason_code == 0, answer
        return peer

    async def turned_away(self, version: ProtocolVersion = V5, **options: Any) -> int:
        """The code with which a client is not let in."""
        peer, answer = await self.join(options.pop("name", "a"), version, **options)
        assert answer.reason_code != 0
        assert peer.transport.is_closing()
        return answer.reason_code

    @property
    def events(self) -> list[AnyEvent]:
        """All that is in the log."""
        records = [record for partition in self.broker.log.records for record in partition]
        return [event for r in records for event in read_frame(r.headers, r.value).event_list()]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    @property
    def delivered(self) -> list[bytes]:
        return [event.payload for event in self.of(Published)]


@asynccontextmanager
async def house(*events: AdminEvent, clients: dict[str, Any] | None = None, **mqtt: Any) -> AsyncIterator[House]:
    """A broker that runs, and knows what ``events`` say."""
    made = House(clients or {}, mqtt)
    for event in events:
        made.admin.apply(event, made._offset, 0)
        made._offset += 1
    made.broker.access.begin()
    await made.broker.start()
    yield made
    made.broker.access.close()
    await made.broker.stop_reading()


def publish(topic: str, packet_id: int, qos: int = 1, payload: bytes = b"") -> PublishPacket:
    return PublishPacket(topic, payload or f"{packet_id}".encode(), qos, packet_id=packet_id if qos else 0)


def codes(heard: list[Packet]) -> list[tuple[str, int, int]]:
    return [
        (type(p).__name__[:6].lower(), p.packet_id, int(p.reason_code))
        for p in heard
        if isinstance(p, PubackPacket | PubrecPacket | PubcompPacket)
    ]
