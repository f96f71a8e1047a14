"""Commands on a whole node, step by step: what they come to, and races with everything else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas.events import Publish
from schemas.positions import partition_of
from tests.unit.ingest.sim.broker import settings
from tests.unit.ingest.sim.world import PARTITIONS, World


@pytest.fixture
def world() -> Iterator[World]:
    """A broker without a past, five clients that have said nothing yet."""
    made = World()
    yield made
    made.close()


def told(world: World, *names: str) -> list[tuple[str, int]]:
    """Outcome and count of commands."""
    world.flow()
    outcomes = world.outcomes()
    return [(outcomes[name].outcome, outcomes[name].count) for name in names]


def test_a_kick_ends_connection_and_session(world: World) -> None:
    """Given a connected client with a will, when it is kicked, then it is told who wants it so and why, its session is
    over and its will is published; a second kick finds nobody."""
    world.connect("kept", will=True, delay=50)
    world.flow()
    one, two = world.kick("kept", True), world.kick("kept", True)
    assert told(world, one, two) == [("done", 1), ("not_found", 0)]
    goodbye = world.clients["kept"].goodbye
    assert goodbye is not None
    assert goodbye.reason_code == 0x98
    assert goodbye.properties.reason_string == "kicked by ann: so it is"
    assert world.shadow().wills == [b"will kept 1"]
    assert ("default", "kept") not in world.broker.node.sessions
    world.finish()


def test_a_disconnect_leaves_the_session(world: World) -> None:
    """Given a client with a session, when it is only disconnected, then its queue goes on; when it is away, then the
    command says so."""
    world.connect("plain")
    world.connect("kept")
    world.flow()
    world.subscribe("plain", "a", 1)
    world.flow()
    one = world.kick("plain", False)
    assert told(world, one) == [("done", 1)]
    world.publish("kept", "a", 1)
    assert told(world, world.kick("plain", False)) == [("not_connected", 0)]
    assert len(world.broker.node.sessions["default", "plain"].outbox or ()) == 1
    world.check()
    assert told(world, world.kick("plain", True)) == [("done", 1)]
    world.finish()


def test_a_client_that_comes_back_at_the_moment_it_is_kicked_is_kicked_again(world: World) -> None:
    """Given a kick that is decided while a newer connection of its client is on its way through the log, when both are
    applied, then the session is over all the same."""
    world.connect("plain")
    world.flow()
    world.kick("plain", True)
    world.connect("plain")
    partition = world.broker.node.sessions["default", "plain"].partition
    world.seal(partition)
    world.land(partition)
    world.hear()  # the kick lies before the newer connection
    world.flow()
    assert ("default", "plain") not in world.broker.node.sessions
    assert not world.clients["plain"].online
    world.finish()


def test_publishes_behind_a_kick_are_void(world: World) -> None:
    """Given a client whose QoS 2 publishes are on their way, when it is kicked between them, then the live node and a
    fold take the same ones."""
    world.connect("kept")
    world.connect("plain")
    world.flow()
    world.subscribe("kept", "#", 2)
    world.flow()
    world.publish("plain", "a", 2)
    world.seal(world.broker.node.sessions["default", "plain"].partition)
    world.kick("plain", True)
    world.publish("plain", "b", 2)
    world.flow()
    world.check()
    world.finish()


def test_a_command_that_the_node_died_over_is_decided_by_the_next(world: World) -> None:
    """Given a kick in the log, when the node dies before it has decided, then the next one does; one that came too late
    by then is answered as unknown."""
    world.connect("plain")
    world.flow()
    world.disconnect("plain")
    world.flow()
    kick = world.kick("plain", True)
    world.crash()
    assert told(world, kick) == [("done", 1)]
    assert ("default", "plain") not in world.broker.node.sessions
    world.connect("plain")
    world.flow()
    late = world.kick("plain", True, patience=100)
    world.wait(200)
    world.crash()
    assert told(world, late) == [("unknown", 0)]
    assert ("default", "plain") in world.broker.node.sessions
    world.finish()


def test_a_command_that_came_too_late_is_void(world: World) -> None:
    """Given a kick that is appended when its time is over, when it is applied, then nothing happens and nothing is
    said: every fold sees it by itself."""
    world.connect("plain")
    world.flow()
    kick = world.kick("plain", True, patience=-1)
    world.flow()
    assert kick not in world.outcomes()
    assert world.clients["plain"].online
    world.finish()


def test_subscriptions_of_somebody_away(world: World) -> None:
    """Given a session that is away and a retained message, when it is subscribed by command, then its queue has the
    retained message and what comes then; unsubscribed, nothing more."""
    world.connect("kept")
    world.connect("plain")
    world.flow()
    world.publish("kept", "a", 1, True)
    world.disconnect("plain")
    world.flow()
    one, two = world.order_subscribe("plain", "a", 1), world.order_subscribe("plain", "a", 2)
    world.flow()
    world.publish("kept", "a", 1)
    three, four = world.order_unsubscribe("plain", "a"), world.order_unsubscribe("plain", "a")
    world.flow()
    world.publish("kept", "a", 1)
    assert told(world, one, two, three, four) == [("done", 1), ("done", 0), ("done", 1), ("done", 0)]
    assert [world.outcomes()[name].codes for name in (one, two, three, four)] == [[1], [2], [0], [17]]
    assert len(world.broker.node.sessions["default", "plain"].outbox or ()) == 3
    world.check()
    world.finish()


def test_expiry_by_command(world: World) -> None:
    """Given a session away for long, one away for a moment, and one online, when those away for long are ended, then it
    is the first; when all are, then the one online is disconnected, too."""
    for name in ("plain", "other", "kept"):
        world.connect(name)
    world.flow()
    world.disconnect("plain")
    world.flow()
    world.wait(60_000)
    world.disconnect("other")
    world.flow()
    world.expire(30)
    world.flow()
    assert sorted(name for _, name in world.broker.node.sessions) == ["kept", "other"]
    world.expire(0)
    world.flow()
    assert not world.broker.node.sessions
    assert not world.clients["kept"].online
    world.check()
    world.finish()


def test_publishing_by_command(world: World) -> None:
    """Given one subscriber, when somebody publishes, then it comes, is retained when that was asked, and the outcome
    tells how many sessions it went to; what is only retained goes to nobody."""
    world.connect("kept")
    world.flow()
    world.subscribe("kept", "a", 1)
    world.flow()
    one = world.order_publish("nobody", "a", 1, True)
    two = world.order_publish("nobody", "a", 1, True, deliver=False)
    three = world.order_publish("nobody", "b", 1, False)
    assert told(world, one, two, three) == [("done", 1), ("done", 0), ("done", 0)]
    assert [d.payload for d in world.clients["kept"].delivered] == [f"order {one}".encode()]
    retained = world.broker.node.routes["default"].retained
    assert retained.get("a") is not None
    assert retained.get("a").payload == f"order {two}".encode()  # type: ignore[union-attr]
    assert retained.get("b") is None
    world.check()
    world.finish()


def test_what_there_is_no_room_for_is_not_retained_by_command() -> None:
    """Given as many retained messages as there may be, when somebody publishes one more, then nobody gets it and the
    outcome says so; one that takes the place of another is retained, and clearing makes room."""
    world = World(wanted=settings(3, max_retained_messages=1))
    world.connect("plain")
    world.flow()
    world.subscribe("plain", "#", 1)
    world.flow()
    assert told(world, world.order_publish("nobody", "a", 1, True)) == [("done", 1)]
    refused = [world.order_publish("nobody", "b", 0, True), world.order_publish("nobody", "b", 1, True, deliver=False)]
    assert told(world, *refused) == [("limit", 0), ("limit", 0)]
    last = world.order_publish("nobody", "a", 1, True)
    assert told(world, last) == [("done", 1)]
    retained = world.broker.node.routes["default"].retained
    assert retained.get("a").payload == f"order {last}".encode()  # type: ignore[union-attr]
    for outcome in ("done", "not_found"):
        cleared = world.order_publish("nobody", "a", 1, True, deliver=False, clear=True)
        assert told(world, cleared) == [(outcome, 0)]
    assert told(world, world.order_publish("nobody", "b", 1, True)) == [("done", 1)]
    assert [d.topic for d in world.clients["plain"].delivered] == ["a", "a", "b"]
    assert world.broker.node.counters.totals["retained.refused"] == 2
    world.check()
    world.finish()
    world.close()


@pytest.mark.parametrize("crash", [False, True])
def test_what_is_retained_is_cleared_although_neither_was_decided_when_it_was_asked(world: World, crash: bool) -> None:
    """Given a message to be retained and its clear in the log before the home has decided either, then both are done,
    also by the next life of the node; and there is nothing more to clear."""
    orders = [world.order_publish("nobody", "a", 1, True, deliver=False)]
    orders += [world.order_publish("nobody", "a", 1, True, deliver=False, clear=True) for _ in range(2)]
    if crash:
        world.crash(landing=[])
    assert told(world, *orders) == [("done", 0), ("done", 0), ("not_found", 0)]
    assert world.broker.node.routes["default"].retained.get("a") is None
    world.check()
    world.finish()


def test_without_the_retainer_nothing_is_retained_by_command(world: World) -> None:
    """Given a stopped retainer, when somebody publishes, then it comes and is not retained; what would only be retained
    or cleared says so; the retained message stays."""
    world.connect("kept")
    world.flow()
    world.subscribe("kept", "b", 1)
    world.flow()
    first = world.order_publish("nobody", "a", 1, True)
    assert told(world, first) == [("done", 0)]
    world.broker.node.quotas.switch_retainer(False)
    only = [world.order_publish("nobody", "a", 1, True, deliver=False, clear=clear) for clear in (False, True)]
    assert told(world, *only) == [("stopped", 0)] * 2
    assert told(world, world.order_publish("nobody", "b", 1, True)) == [("done", 1)]
    world.broker.node.quotas.switch_retainer(True)
    retained = world.broker.node.routes["default"].retained
    assert retained.get("a").payload == f"order {first}".encode()  # type: ignore[union-attr]
    assert retained.get("b") is None
    world.check()
    world.finish()


def test_a_node_that_ends_before_it_has_answered_publishes_once(world: World) -> None:
    """Given a message to be retained that the node has published, when it ends before the outcome is in the log, then
    its next life says the outcome and publishes nothing again."""
    one = world.order_publish("nobody", "a", 1, True)
    partition = partition_of("default", "nobody", PARTITIONS)
    world.hear()
    world.seal(partition)
    world.crash(landing=[partition])
    assert told(world, one) == [("done", 0)]
    events = [e for o in range(world.log.ends[partition]) for e in world.log.read(partition, o).events()]
    assert sum(isinstance(event, Publish) for event in events) == 1
    world.finish()


def test_overlapping_retained_messages_of_one_who_leaves_at_once(world: World) -> None:
    """Given a retained message and two filters that match it, when a client subscribes to both and leaves without
    waiting, then a fold of the log has it twice in the queue, as the live node has [MQTT-3.3.1-9]."""
    world.connect("other")
    world.flow()
    world.publish("other", "a", 1, True)
    world.connect("brief")
    world.flow()
    world.subscribe("brief", "a/#", 2)
    world.subscribe("brief", "a", 2)
    world.disconnect("brief")
    world.flow()
    world.check()
    world.finish()
