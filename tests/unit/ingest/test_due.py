"""Wills and sessions that fall due, and how much is remembered of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.ingest.sim.world import WILL_TOPIC, World


@pytest.fixture
def world() -> Iterator[World]:
    """A broker; one client listens to wills."""
    made = World()
    made.connect("other")
    made.flow()
    made.subscribe("other", WILL_TOPIC, 1)
    made.flow()
    yield made
    made.close()


def wills(world: World) -> int:
    """How many wills the listener got."""
    world.answer("other")
    return len(world.clients["other"].delivered)


def test_a_client_that_comes_and_goes_leaves_nothing_behind(world: World) -> None:
    """Given a session that expires in the end, when its client comes and goes very often, then what is remembered to
    fall due does not grow with it."""
    for _ in range(1_500):
        world.connect("brief", will=True, delay=50)
        world.flow()
        world.vanish("brief")
        world.flow()
    assert len(world.broker.node.dues) < 1_500
    world.wait(200_000)
    world.tick()
    world.flow()
    assert not world.broker.node.dues
    assert ("default", "brief") not in world.broker.node.sessions
    assert wills(world) == 1


@pytest.mark.parametrize("delay", [0, 50])
def test_a_will_is_fired_by_the_next_node(world: World, delay: int) -> None:
    """Given a client with a will, when its node dies, then the next one publishes it, after its delay, once."""
    world.connect("kept", will=True, delay=delay)
    world.flow()
    world.crash()
    world.connect("other")
    world.tick()
    world.flow()
    assert wills(world) == (0 if delay else 1)
    world.wait(60_000)
    world.tick()
    world.tick()
    world.flow()
    world.tick()
    world.flow()
    assert wills(world) == 1
    world.rest()
    world.crash()
    world.connect("other")
    world.flow()
    assert wills(world) == 1


def test_a_will_is_cancelled_by_coming_back(world: World) -> None:
    """Given a will that waits, when its client takes its session up again, then it is not published, also after a
    crash [MQTT-3.1.3-9]."""
    world.connect("kept", will=True, delay=50)
    world.flow()
    world.vanish("kept")
    world.flow()
    world.connect("kept")
    world.flow()
    world.crash()
    world.connect("other")
    world.wait(60_000)
    world.tick()
    world.flow()
    assert wills(world) == 0
