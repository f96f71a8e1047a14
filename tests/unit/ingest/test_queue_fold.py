"""Whoever holds nothing finds in the log what the home of a session holds in memory, from any frame on.

``MQLEDGER_LONG_WALKS=1000`` walks that many others.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from domain.counting import Counting, Recounting
from domain.outbox import entry
from domain.queue import Place, QueueFold, Waiting
from domain.session import At, SessionState, apply
from ingest.node.session import Session
from schemas.events import (
    AnyEvent,
    Connected,
    Cursor,
    Message,
    NodeLost,
    Order,
    Progress,
    Publish,
    Published,
    Subscribed,
    Unsubscribed,
    WillFired,
)
from schemas.frames import FORMAT, FrameHeader, read_frame
from schemas.parts import Behind, Subscription, Unsubscription
from schemas.positions import offset_of
from tests.unit.ingest.sim.log import Log
from tests.unit.ingest.sim.state import queue
from tests.unit.ingest.sim.world import World
from tests.unit.ingest.test_random_walks import Step, take, walk

LONG = int(os.environ.get("MQLEDGER_LONG_WALKS", "0"))
WALKS = range(1_000_000, 1_000_000 + LONG) if LONG else range(20)


def held_at(log: Log, session: Session, start: int) -> list[Subscription]:
    """What a session was subscribed to before a frame of its partition, as the read models have it."""
    state: SessionState | None = None
    for record in log.records[session.partition][:start]:
        header = read_frame(record.headers, record.value).header
        for index, event in read_frame(record.headers, record.value).events():
            if (getattr(event, "tenant", ""), getattr(event, "client_id", "")) == session.key:
                at = At(record.partition, record.offset << 16 | index, record.timestamp, header.node, 0)
                state, _ = apply(state, event, at)
    return [] if state is None else [one.options for one in state.subscriptions.values()]


def folded(log: Log, session: Session, start: int) -> QueueFold:
    """The own events of a session from a frame of its partition on."""
    assert session.state is not None
    fold = QueueFold(
        *session.key, session.partition, session.state.created, session.state.node, held_at(log, session, start)
    )
    for record in log.records[session.partition][start:]:
        frame = read_frame(record.headers, record.value)
        fold.fold(record.offset, record.timestamp, frame.header, frame.lifecycle())
    return fold


def waiting(log: Log, fold: QueueFold) -> Iterator[Waiting]:
    """What is at or above the base and waits."""
    assert fold.base is not None
    for partition, low in enumerate(fold.base.low):
        counting = Counting()
        for record in log.records[partition][offset_of(low) :]:
            frame = read_frame(record.headers, record.value)
            for position, message in counting.fold(record.offset, record.timestamp, frame.header, frame.events()):
                at = Place(partition, position, frame.header.depends, record.timestamp)
                if position >= low and (found := fold.judge(message, at)) is not None:
                    yield found


def listed(log: Log, fold: QueueFold) -> dict[str, object]:
    """The same as :func:`queue` gives of a session, what waits in the order of the log."""
    sent: list[tuple[int, int, int]] = []
    held: dict[tuple[int, bool], list[int]] = {}
    for one in [*fold.named(), *waiting(log, fold)]:
        item = entry(one.partition, one.position, one.qos, one.retain)
        if one.packet_id:
            sent.append((one.packet_id, item, one.state))
        else:
            held.setdefault((one.partition, one.retain), []).append(item)
    return {"sent": sent, "waiting": {which: sorted(items) for which, items in held.items()}}


def check(world: World, chance: random.Random, reported: bool, seen: Counter[str]) -> None:
    """Every session whose order nothing leaves open, from a few frames."""
    broker = world.broker
    if not broker.journal.idle or broker.node.applied != world.log.ends:
        return
    for key, session in broker.node.sessions.items():
        if world.expect.known[key[1]].mixed or not session.persistent or (session.connection and not reported):
            continue
        end = len(world.log.records[session.partition])
        for start in {0, *(chance.randrange(end) for _ in range(3))}:
            fold = folded(world.log, session, start)
            if fold.base is None or not fold.covers(fold.base):
                assert start > offset_of(session.state.created), (key, start)  # type: ignore[union-attr]
                continue
            # What a new subscription finds that came just before it waits behind what came later.
            live = queue(session)
            live["waiting"] = {which: sorted(items) for which, items in live["waiting"].items()}
            assert listed(world.log, fold) == live, (key[1], start, fold.base)
            seen["online" if session.connection else "away"] += 1
            seen["sent"] += len(live["sent"])
            seen["waiting"] += sum(map(len, live["waiting"].values()))


def go(steps: list[Step], seed: int, seen: Counter[str]) -> AssertionError | None:
    """What goes wrong on a walk."""
    world, chance = World(), random.Random(seed)
    try:
        for number, step in enumerate(steps):
            take(world, step)
            if number % 5 == 0:
                world.step(world.broker.duties.measure)
            if step[0] in ("flow", "rest"):
                check(world, chance, step[0] == "rest", seen)
    except AssertionError as error:
        return error
    finally:
        world.close()
    return None


@pytest.mark.timeout(3_600 if LONG else 120)
def test_the_log_has_the_queue_that_the_home_has() -> None:
    """Given any walk, when nothing waits for the log, then both say the same of each session."""
    seen: Counter[str] = Counter()
    for seed in WALKS:
        steps = walk(seed)
        error = go(steps, seed, seen)
        if error is not None:
            raise AssertionError(f"walk {seed}") from error
    assert min(seen[name] for name in ("online", "away", "sent", "waiting")) > 100, seen


def test_what_a_subscription_on_behalf_finds_retained_is_in_the_log() -> None:
    """Given a client that is away, when somebody subscribes it to what was retained long ago, then the log names that,
    also for the next node."""
    world = World()
    try:
        for name in ("other", "kept"):
            world.connect(name)
        world.flow()
        world.publish("other", "a", 1, retain=True)
        world.publish("other", "c", 2, retain=True)
        world.flow()
        world.disconnect("kept")
        world.flow()
        world.order_subscribe("kept", "#", 1)
        world.flow()
        world.publish("other", "a/b", 1)
        world.flow()
        session = world.broker.node.sessions["default", "kept"]
        live = queue(session)
        assert sum(map(len, live["waiting"].values())) == 3
        assert listed(world.log, folded(world.log, session, 0)) == live
        world.crash()
        assert queue(world.broker.node.sessions["default", "kept"]) == live
        assert listed(world.log, folded(world.log, session, 0)) == live
    finally:
        world.close()


def test_what_was_acknowledged_just_before_a_takeover_is_told() -> None:
    """Given a client that the log knows to be behind, when it acknowledges and at once connects again, then the log
    tells that it is not, also the next node."""
    world = World()
    try:
        for name in ("other", "kept"):
            world.connect(name)
        world.flow()
        world.subscribe("kept", "+", 1)
        world.flow()
        world.publish("other", "a", 1)
        world.rest()
        world.answer("kept")
        world.connect("kept")
        world.rest()
        session = world.broker.node.sessions["default", "kept"]
        assert listed(world.log, folded(world.log, session, 0)) == {"sent": [], "waiting": {}}
        world.crash()
        assert queue(world.broker.node.sessions["default", "kept"]) == {"sent": [], "waiting": {}}
    finally:
        world.close()


def header(depends: list[int], node: str = "n", incarnation: int = 1) -> FrameHeader:
    """Of a frame; readers that have its events don't look at the rest."""
    return FrameHeader(FORMAT, node, incarnation, 0, 0, depends, {}, [])


def counted(counting: Recounting, frames: list[tuple[FrameHeader, list[AnyEvent]]], order: str) -> list[list[Message]]:
    """What counts in frames that are taken in an order: a digit each."""
    return [
        [message for _, message in counting.fold(at, 1_000 + at, frames[at][0], enumerate(frames[at][1]))]
        for at in map(int, order)
    ]


@pytest.mark.parametrize("order", ["01234", "0101234", "01220344", "0123401234"])
def test_what_counts_is_the_same_however_often_frames_are_read(order: str) -> None:
    """Given a repeated command, a repeated will, a fenced node and an older connection, when pages end between them
    and begin with what was read before, then each frame says the same as in one go."""
    mine, late = header([0]), header([0], "gone")
    said = Publish("t", "c", Order("k", "a", "", "", 0, 0, True), "a", 1, False, True, True, b"", b"")
    will, old = WillFired("t", "c", 1, "a", 1, False, b"", b""), Published("t", "c", 1, "a", 1, False, 0, b"", b"")
    came = Connected("t", "c", "", "mqtt5", 5, "", 1, "tcp", True, 0, 60, 10, 0, 0, False, True, None)
    frames: list[tuple[FrameHeader, list[AnyEvent]]] = [
        (mine, [said, will, said]),
        (mine, [said, old, came, old]),
        (late, [Published("t", "d", 1, "a", 1, False, 0, b"", b"")]),
        (mine, [NodeLost("gone", 2), will]),
        (late, [Published("t", "d", 1, "a", 1, False, 0, b"", b"")]),
    ]
    expected: list[list[Message]] = [[said, will], [old], [frames[2][1][0]], [], []]  # type: ignore[list-item]
    assert counted(Recounting(0), frames, order) == [expected[int(at)] for at in order]


def test_of_what_counts_the_latest_is_remembered() -> None:
    def said(number: int) -> Publish:
        return Publish("t", "c", Order(str(number), "a", "", "", 0, 0, True), "a", 1, False, True, True, b"", b"")

    def wills(*epochs: int) -> list[AnyEvent]:
        return [WillFired("t", "c", epoch, "a", 1, False, b"", b"") for epoch in epochs]

    frames = [
        (header([0]), [*map(said, range(10)), *wills(*range(10))]),
        (header([0]), [said(9), said(8), said(1), *wills(9, 8, 1)]),
    ]
    counting = Recounting(0)
    assert len(counted(counting, frames, "0")[0]) == 20
    counting.forget(2)
    assert counted(counting, frames, "1") == [[said(1), *wills(1)]]


def test_subscriptions_that_are_over_are_forgotten() -> None:
    """Given a client that changes a subscription again and again, when the log tells that nothing from before is
    unfinished, then only those are looked at that may have matched what is left."""
    fold = QueueFold("t", "c", 0, 0, "n", [])
    came = Connected("t", "c", "", "mqtt5", 5, "", 1, "tcp", True, 0, 60, 10, 0, 0, False, True, None)
    epoch = 0
    fold.fold(0, 0, header([0, 0]), [(0, came)])
    for at in range(1, 1_000):
        qos = 1 + at % 2
        fold.fold(at, at, header([at, at]), [(0, Subscribed("t", "c", epoch, [at, at], [Subscription("#", qos)]))])
    message = Published("t", "d", 0, "a", 2, False, 0, b"", b"")
    place = Place(1, 500 << 16, [500, 500], 500)
    assert fold.judge(message, place) == Waiting(1, place.position, 1 + 500 % 2, False)
    assert fold.filters["#"] == 999
    unfinished = Behind("t", "c", epoch, Cursor([990 << 16] * 2))
    fold.fold(1_000, 1_000, header([1_000, 1_000]), [(0, Progress([1_000, 1_000], [unfinished]))])
    fold.fold(1_001, 1_001, header([1_001, 1_001]), [(0, Progress([1_001, 1_001], [unfinished]))])
    assert fold.filters["#"] == 999  # nothing tells when the others ended, as the home saw it
    finished = Behind("t", "c", epoch, Cursor([1_001 << 16] * 2))
    fold.fold(1_002, 1_002, header([1_002, 1_002]), [(0, Progress([1_002, 1_002], [finished]))])
    assert fold.filters == {"#": 1}
    late = Place(1, 1_001 << 16, [1_001, 1_001], 1_001)
    assert fold.judge(message, late) == Waiting(1, late.position, 1 + 999 % 2, False)
    gone = Unsubscribed("t", "c", epoch, [1_003, 1_003], [Unsubscription("#", 0)])
    fold.fold(1_003, 1_003, header([1_003, 1_003]), [(0, gone)])
    fold.forget()
    assert fold.judge(message, late) == Waiting(1, late.position, 1 + 999 % 2, False)
    for at in (1_004, 1_005, 1_006):
        done = Behind("t", "c", epoch, Cursor([]))
        fold.fold(at, at, header([at, at]), [(0, Progress([at, at], [done]))])
    assert not fold.filters


def test_the_same_subscription_again_is_the_same() -> None:
    fold = QueueFold("t", "c", 0, 0, "n", [Subscription("#", 1)])
    for at in range(100):
        fold.fold(at, at, header([at]), [(0, Subscribed("t", "c", 0, [at], [Subscription("#", 1)]))])
    assert fold.filters == {"#": 1}
