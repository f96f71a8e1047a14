"""However a connection ends, the log says so, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.mqtt.codec import ProtocolVersion, SubscribePacket, Subscription, encode
from ingest.mqtt.states import CLOSED
from tests.unit.ingest.sim.broker import settings
from tests.unit.ingest.sim.client import Client
from tests.unit.ingest.sim.expectation import NEVER
from tests.unit.ingest.sim.world import World

V31, V5 = ProtocolVersion.V31, ProtocolVersion.V5


@pytest.fixture
def world() -> Iterator[World]:
    """A broker with a client of MQTT 3.1 and one of MQTT 5."""
    made = World([Client("old", V31, NEVER), Client("new", V5, NEVER)], settings(1, slow_consumer_timeout=0.0))
    made.connect("old")
    made.connect("new")
    made.flow()
    yield made
    made.close()


def online(world: World, name: str) -> bool:
    """Whether the log says that a client is connected."""
    state = world.broker.node.sessions["default", name].state
    return state is not None and state.online


def test_a_refused_subscription_of_mqtt_31_ends_in_the_log(world: World) -> None:
    """Given a client of MQTT 3.1, which has no word for it, when a subscription is refused, then its connection ends
    in the log, too."""
    link = world.clients["old"].link
    assert link is not None
    world.step(lambda: link.outgoing.extend(encode(SubscribePacket(1, (Subscription("a/#/b", 1),)), V31)))
    world.flow()
    assert link.transport.lost
    assert not online(world, "old")
    assert world.broker.node.sessions["default", "old"].connection is None


def test_a_client_that_does_not_read_its_end_is_let_go(world: World) -> None:
    """Given a client that reads nothing, when its connection is closed with bytes that wait for it, then the socket is
    cut after a while."""
    link = world.clients["new"].link
    assert link is not None
    link.transport.reads = False
    world.step(lambda: link.outgoing.extend(b"\xf1\x00"))  # a reserved bit: DISCONNECT is said to a socket that is full
    assert link.connection.state == CLOSED
    assert link.connection in world.broker.server.connections
    timers = world.broker.server.timers

    def later() -> None:
        for held in timers._closing:
            timers._closing[held] -= 3_600
        world.broker.server.tick()

    world.step(later)
    assert link.transport.lost
    assert link.connection not in world.broker.server.connections
    world.flow()
    assert not online(world, "new")
