"""Stories on a whole node: each a way in which something could be lost, doubled or held for ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.ingest.sim.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A broker without a past, five clients that have said nothing yet."""
    made = World()
    yield made
    made.close()


def test_messages_go_their_way(world: World) -> None:
    """Given a subscriber, when a message is published with each QoS, then it comes."""
    world.connect("kept")
    world.connect("plain")
    world.flow()
    world.subscribe("kept", "a/#", 2)
    world.flow()
    payloads = [world.publish("plain", "a/b", qos) for qos in (0, 1, 2)]
    world.flow()
    world.answer("kept")
    world.flow()
    assert sorted(d.payload for d in world.clients["kept"].delivered) == payloads
    world.finish()


def test_a_takeover_voids_identifiers_that_were_not_in_the_log(world: World) -> None:
    """Given QoS 2 identifiers of a connection whose successor is already in the log, when the successor sends with
    them and the node dies, then the client gets nothing twice [MQTT-4.3.3-2]."""
    world.connect("brief")
    world.flow()
    world.subscribe("brief", "c", 2)
    for _ in range(5):
        world.publish("brief", "c", 2)
    world.seal(2)
    world.connect("brief")
    world.flow()
    world.answer("brief", 2)
    world.flow()
    world.crash(landing=[1, 2])
    world.finish()


def test_progress_says_nothing_of_a_connection_that_came_after_it(world: World) -> None:
    """Given messages for a client that connects, when progress is written before the node has applied that, and the
    node dies, then they are not lost."""
    world.connect("plain")
    world.connect("other")
    world.flow()
    world.subscribe("other", "c", 1)
    world.flow()
    for _ in range(4):
        world.publish("plain", "c", 1, True)
    world.connect("plain")
    world.flow()
    world.connect("other", will=True)
    world.tick()
    world.flow()
    world.crash(landing=[0, 1], late=[2], begun=1)
    world.finish()


def test_progress_names_who_has_a_queue(world: World) -> None:
    """Given a client whose socket is full, and another of its partition that moves, when progress is written and the
    node dies, then what waits for the first is not lost."""
    world.connect("kept")
    world.connect("brief")
    world.connect("plain")
    world.flow()
    world.subscribe("kept", "a", 1)
    world.subscribe("brief", "a/b", 1)
    world.flow()
    assert world.broker.node.sessions["default", "kept"].partition == 2
    assert world.broker.node.sessions["default", "brief"].partition == 2
    world.publish("plain", "a", 1)
    world.flow()
    world.answer("kept")
    world.stall("kept")
    world.publish("plain", "a", 0)
    world.flow()
    world.rest()
    world.publish("plain", "a", 1)
    world.publish("plain", "a/b", 1)
    world.flow()
    world.tick()
    world.flow()
    world.crash()
    world.finish()


def test_a_pubrec_in_the_log_is_not_forgotten(world: World) -> None:
    """Given a PUBREC on its way into the log when progress is written, when the client has released the message and
    the node dies, then it is not sent again [MQTT-4.3.3-6]."""
    world.connect("kept")
    world.flow()
    world.subscribe("kept", "a/#", 2)
    for _ in range(4):
        world.publish("kept", "a/b", 2)
    world.flow()
    world.answer("kept", 3)
    world.tick()
    world.flow()
    world.crash(begun=2)
    world.finish()


def test_a_message_may_be_due_as_retained_and_for_itself(world: World) -> None:
    """Given a message in a queue, when a new subscription brings it again as retained, and the node dies, then it
    comes for both."""
    world.connect("other")
    world.flow()
    world.subscribe("other", "c", 1)
    world.flow()
    world.connect("kept")
    world.flow()
    for _ in range(4):
        world.publish("kept", "c", 1, True)
    world.flow()
    world.subscribe("other", "+", 1)
    world.flow()
    world.tick()
    world.flow()
    world.crash()
    world.finish()


def test_a_queue_is_the_same_after_a_restart(world: World) -> None:
    """Given a client that subscribes and leaves without waiting, when the log is folded, then its queue is the one
    that the live node has."""
    world.connect("other")
    world.flow()
    world.publish("other", "a/b", 2, True)
    world.connect("plain")
    world.flow()
    world.subscribe("plain", "#", 2)
    world.disconnect("plain")
    world.flow()
    assert len(world.broker.node.sessions["default", "plain"].outbox or ()) == 1
    world.finish()


def test_what_was_acknowledged_long_ago_stays_so(world: World) -> None:
    """Given a queue that was sent and acknowledged between two progress events, when the node dies later, then it is
    not sent again."""
    world.connect("plain")
    world.flow()
    world.subscribe("plain", "a", 1)
    world.flow()
    world.disconnect("plain")
    world.connect("kept")
    world.flow()
    for _ in range(2):
        world.publish("kept", "a", 1)
    world.flow()
    world.connect("plain")
    world.flow()
    world.answer("plain")
    world.rest()
    world.crash()
    world.finish()


def test_a_rebuilt_producer_speaks_for_older_connections(world: World) -> None:
    """Given connections of an incarnation that another continues, when they acknowledge and the node dies, then
    nothing comes again, and the late frame of the first is void."""
    world.connect("plain")
    world.connect("kept")
    world.flow()
    world.subscribe("plain", "a", 1)
    world.flow()
    world.publish("kept", "a", 1)
    world.seal(0)
    world.seal(1)
    world.seal(2)
    world.rebuild(late=[0, 1, 2])
    world.flow()
    while world.zombies:
        world.rise()
    world.publish("kept", "a", 1)
    world.flow()
    world.answer("plain")
    world.rest()
    world.crash()
    world.finish()
    assert [d.payload for d in world.clients["plain"].delivered] == [b"kept 0", b"kept 1"]


@pytest.mark.parametrize("qos", [1, 2])
def test_what_a_filter_that_was_given_back_has_delivered_does_not_come_again(world: World, qos: int) -> None:
    """Given a client that subscribes, publishes, unsubscribes and subscribes otherwise without waiting, when all of it
    is applied, then a message that the first filter delivered does not come again by the second [MQTT-4.3.3-2]."""
    world.connect("brief")
    world.flow()
    world.subscribe("brief", "a/#", qos)
    for _ in range(2):
        world.publish("brief", "a/b", qos)
    world.unsubscribe("brief", "a/#")
    world.subscribe("brief", "a/b", qos)
    world.finish()
    assert len(world.clients["brief"].delivered) == 2
