"""Quotas: what clients may make a node remember, and the words in which more is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain.retained import RetainedStore
from ingest.mqtt.codec import (
    ConnackPacket,
    ConnectPacket,
    ConnectProperties,
    ConnectReturnCode,
    DisconnectPacket,
    ProtocolVersion,
    PubackPacket,
    PublishPacket,
    PubrecPacket,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    Subscription,
    UnsubscribePacket,
    Will,
)
from schemas.events import Published
from schemas.frames import read_frame
from tests.unit.ingest.sim.broker import Broker, settings
from tests.unit.ingest.sim.log import Log
from tests.unit.ingest.sim.peer import Peer

V311, V5 = ProtocolVersion.V311, ProtocolVersion.V5
QUOTA, GRANTED = ReasonCode.QUOTA_EXCEEDED, ReasonCode.GRANTED_QOS_0


def connect(name: str, version: ProtocolVersion, will: Will | None = None) -> ConnectPacket:
    """CONNECT of a session that stays."""
    properties = ConnectProperties(session_expiry_interval=100) if version == V5 else ConnectProperties()
    return ConnectPacket(
        client_id=name, version=version, clean_start=False, keep_alive=0, properties=properties, will=will
    )


class House:
    """A broker with small limits and its clients."""

    def __init__(self, **limits: Any) -> None:
        self.broker = Broker(Log(3), settings(**limits))

    def client(self, name: str, version: ProtocolVersion = V5, will: Will | None = None) -> Peer:
        """One that was let in."""
        peer = Peer(self.broker, version)
        answer = peer.say(connect(name, version, will=will))[0]
        assert isinstance(answer, ConnackPacket)
        assert answer.reason_code == ReasonCode.SUCCESS
        return peer

    @property
    def published(self) -> list[bytes]:
        """Payloads in the log."""
        records = [record for partition in self.broker.log.records for record in partition]
        events = [event for r in records for event in read_frame(r.headers, r.value).event_list()]
        return [event.payload for event in events if isinstance(event, Published)]

    @property
    def store(self) -> RetainedStore:
        """Retained messages."""
        return self.broker.node.tenant("default").retained

    @property
    def retained(self) -> dict[str, bytes]:
        """Payloads of retained messages, by topic."""
        return {topic: held.payload for topic, held in self.store.match("#", [1 << 40] * 3)}


@asynccontextmanager
async def broker(**limits: Any) -> AsyncIterator[House]:
    """A broker that runs."""
    house = House(**limits)
    await house.broker.start()
    yield house
    await house.broker.stop_reading()


@pytest.mark.parametrize(("version", "code"), [(V5, QUOTA), (V311, ConnectReturnCode.SERVER_UNAVAILABLE)])
async def test_no_more_sessions_than_allowed(version: ProtocolVersion, code: int) -> None:
    """Given as many sessions as there may be, when a stranger connects, then it is refused; who has one may return."""
    async with broker(max_sessions=2) as house:
        house.client("a")
        house.client("b", V311)
        stranger = Peer(house.broker, version)
        answer = stranger.say(connect("c", version))[0]
        assert isinstance(answer, ConnackPacket)
        assert answer.reason_code == code
        assert stranger.transport.is_closing()
        house.client("a")
        assert len(house.broker.node.sessions) == 2


@pytest.mark.parametrize(("version", "code"), [(V5, QUOTA), (V311, ReasonCode.UNSPECIFIED_ERROR)])
async def test_no_more_subscriptions_than_allowed(version: ProtocolVersion, code: ReasonCode) -> None:
    """Given as many subscriptions as there may be, when one more is asked for, then it is refused; one that is there
    may change."""
    async with broker(max_subscriptions=2) as house:
        peer = house.client("a", version)
        granted = peer.say(SubscribePacket(1, (Subscription("a/#", 0), Subscription("b", 0))))[0]
        assert granted == SubackPacket(1, (ReasonCode.GRANTED_QOS_0, ReasonCode.GRANTED_QOS_0))
        assert peer.say(SubscribePacket(2, (Subscription("c", 1),)))[0] == SubackPacket(2, (code,))
        assert peer.say(SubscribePacket(3, (Subscription("b", 1),)))[0] == SubackPacket(3, (ReasonCode.GRANTED_QOS_1,))


async def test_levels_of_filters_count() -> None:
    """Given a filter of as many levels as there may be subscriptions, when another is asked for, then it is refused;
    unsubscribing makes room."""
    async with broker(max_subscriptions=4) as house:
        peer = house.client("a")
        assert peer.say(SubscribePacket(1, (Subscription("a/b/c/d", 0),)))[0] == SubackPacket(1, (GRANTED,))
        assert peer.say(SubscribePacket(2, (Subscription("a", 0),)))[0] == SubackPacket(2, (QUOTA,))
        peer.say(UnsubscribePacket(3, ("a/b/c/d",)))
        assert peer.say(SubscribePacket(4, (Subscription("a", 0),)))[0] == SubackPacket(4, (GRANTED,))


def publish(topic: str, qos: int, packet_id: int = 0, payload: bytes = b"x") -> PublishPacket:
    """A message to be retained."""
    return PublishPacket(topic, payload, qos, True, packet_id=packet_id)


async def test_no_more_retained_messages_than_allowed() -> None:
    """Given as many retained messages as there may be, when one more comes, then MQTT 5 hears 0x97; those that are
    there may change, be cleared, and make room."""
    async with broker(max_retained_messages=2) as house:
        peer = house.client("a")
        assert peer.say(publish("a", 1, 1), publish("b", 1, 2)) == [PubackPacket(1), PubackPacket(2)]
        assert peer.say(publish("c", 1, 3)) == [PubackPacket(3, QUOTA)]
        assert peer.say(publish("c", 2, 4)) == [PubrecPacket(4, QUOTA)]
        assert peer.say(publish("b", 1, 5, b"new")) == [PubackPacket(5)]
        assert house.retained == {"a": b"x", "b": b"new"}
        assert peer.say(publish("a", 1, 6, b"")) == [PubackPacket(6)]
        assert peer.say(publish("c", 2, 4)) == [PubrecPacket(4)]
        assert house.retained == {"b": b"new", "c": b"x"}


async def test_who_cannot_be_told_in_order_is_let_go() -> None:
    """Given no room for retained messages, when MQTT 3 publishes one, or MQTT 5 several at once, then the connection
    ends; what came before is answered for in the log."""
    async with broker(max_retained_messages=1) as house:
        house.client("a").say(publish("a", 1, 1))
        plain = house.client("b", V311)
        assert plain.say(publish("b", 1, 1)) == []
        assert plain.transport.is_closing()
        hasty = house.client("c")
        heard = hasty.say(publish("a", 1, 1), publish("b", 1, 2), PublishPacket("c", b"late", 1, False, packet_id=3))
        assert [packet.reason_code for packet in heard if isinstance(packet, DisconnectPacket)] == [QUOTA]
        assert PubackPacket(3) not in heard
        assert b"late" not in house.published
        assert house.retained == {"a": b"x"}


async def test_what_need_not_be_retained_is_delivered() -> None:
    """Given no room for retained messages, when QoS 0 or a will asks for it, then subscribers get the message and it
    is not kept [MQTT-3.3.1-5]."""
    async with broker(max_retained_messages=1) as house:
        listener = house.client("listener")
        listener.say(SubscribePacket(1, (Subscription("#", 0, retain_as_published=True),)))
        house.client("a").say(publish("a", 0))
        dying = house.client("b", will=Will("w", b"last words", qos=0, retain=True))
        listener.heard.clear()
        house.client("c").say(publish("c", 0))
        dying.connection.connection_lost(None)
        house.broker.drain()
        house.broker.node.dues.fire()
        house.broker.drain()
        heard = [(p.topic, p.retain) for p in listener.heard if isinstance(p, PublishPacket)]
        assert heard == [("c", False), ("w", False)]
        assert house.retained == {"a": b"x"}


async def test_retained_messages_are_bounded_in_bytes() -> None:
    """Given room for some bytes, when more are to be retained, then they are refused whatever their number; the
    count of bytes goes down with what goes."""
    async with broker(max_retained_bytes=2_600, max_packet_size=600) as house:
        peer, store = house.client("a"), house.store
        assert peer.say(publish("a", 1, 1, bytes(500))) == [PubackPacket(1)]
        assert peer.say(publish("b", 1, 2, bytes(497))) == [PubackPacket(2, QUOTA)]
        assert peer.say(publish("b", 1, 3, bytes(496))) == [PubackPacket(3)]
        assert store.bytes == 2_600
        assert peer.say(publish("a", 1, 4, bytes(501))) == [PubackPacket(4, QUOTA)]
        assert peer.say(publish("a", 1, 5, bytes(400))) == [PubackPacket(5)]
        assert store.bytes == 2_500
        assert peer.say(publish("a", 1, 6, b""), publish("b", 1, 7, b"")) == [PubackPacket(6), PubackPacket(7)]
        assert store.bytes == 0
