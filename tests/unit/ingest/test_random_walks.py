"""Long walks through anything that can happen, by seed: plain chance goes deeper than a search for small examples.

A walk that fails is cut down to the steps that matter, which are printed as a story to be kept in ``test_world``.
``MQLEDGER_LONG_WALKS=5000`` walks that many others.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.ingest.sim.world import LONG_MS, PARTITIONS, World

STEPS = 130
WALKS = 40
LONG = int(os.environ.get("MQLEDGER_LONG_WALKS", "0"))
SHRINK_SECONDS = 60.0

NAMES = ["kept", "plain", "brief", "fleeting", "other"]
TOPICS = ["a", "a/b", "c"]
FILTERS = ["a", "a/#", "+", "c", "#", "a/b"]
QOS = [0, 1, 1, 2, 2]

Step = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Kind:
    """One thing that can happen."""

    weight: int
    arguments: Callable[[random.Random], tuple[Any, ...]]
    needs: str = ""
    """``online`` or ``link``: what the client must have."""


def _name(chance: random.Random) -> tuple[Any, ...]:
    return (chance.choice(NAMES),)


def _partition(chance: random.Random) -> tuple[Any, ...]:
    return (chance.randrange(PARTITIONS),)


def _partitions(chance: random.Random) -> list[int]:
    return [p for p in range(PARTITIONS) if chance.random() < 0.4]


def _nothing(_: random.Random) -> tuple[Any, ...]:
    return ()


KINDS = {
    "connect": Kind(3, lambda c: (c.choice(NAMES), c.random() < 0.25, c.random() < 0.3, c.choice([0, 50]))),
    "arrive": Kind(5, _name),
    "vanish": Kind(2, _name, "link"),
    "disconnect": Kind(2, _name, "online"),
    "publish": Kind(10, lambda c: (c.choice(NAMES), c.choice(TOPICS), c.choice(QOS), c.random() < 0.25), "online"),
    "burst": Kind(5, lambda c: (c.choice(NAMES), c.choice(TOPICS), c.choice(QOS), c.randint(2, 6))),
    "clear": Kind(1, lambda c: (c.choice(NAMES), c.choice(TOPICS)), "online"),
    "subscribe": Kind(5, lambda c: (c.choice(NAMES), c.choice(FILTERS), c.choice(QOS)), "online"),
    "unsubscribe": Kind(1, lambda c: (c.choice(NAMES), c.choice(FILTERS)), "online"),
    "kick": Kind(2, lambda c: (c.choice(NAMES), c.random() < 0.6)),
    "order_subscribe": Kind(2, lambda c: (c.choice(NAMES), c.choice(FILTERS), c.choice(QOS))),
    "order_unsubscribe": Kind(1, lambda c: (c.choice(NAMES), c.choice(FILTERS))),
    "order_publish": Kind(
        2, lambda c: (c.choice(NAMES), c.choice(TOPICS), c.choice(QOS), c.random() < 0.3, c.random() < 0.8)
    ),
    "expire": Kind(1, lambda c: (c.choice([0, 100]),)),
    "hear": Kind(4, _nothing),
    "answer": Kind(8, lambda c: (c.choice(NAMES), c.randint(1, 4))),
    "stall": Kind(2, _name),
    "read_on": Kind(2, _name),
    "seal": Kind(6, _partition),
    "land": Kind(3, _partition),
    "reply": Kind(6, _partition),
    "flow": Kind(5, _nothing),
    "tick": Kind(4, _nothing),
    "rest": Kind(2, _nothing),
    "wait": Kind(2, lambda c: (c.choice([0, 1, 1, 7, LONG_MS]),)),
    "crash": Kind(2, lambda c: (_partitions(c), _partitions(c), c.choice([None, None, 0, 1, 2]))),
    "rebuild": Kind(1, lambda c: (_partitions(c),)),
    "rise": Kind(1, _nothing),
}


def walk(seed: int) -> list[Step]:
    """The steps of a walk."""
    chance = random.Random(seed)
    found = chance.choices(list(KINDS), [kind.weight for kind in KINDS.values()], k=STEPS)
    return [(name, KINDS[name].arguments(chance)) for name in found]


def take(world: World, step: Step) -> None:
    """Let it happen, if it can."""
    name, arguments = step
    needs = KINDS[name].needs
    if needs and not (world.clients[arguments[0]].online if needs == "online" else world.clients[arguments[0]].link):
        return
    if name == "arrive":
        world.connect(*arguments)
        world.flow()
    elif name == "burst":
        client, topic, qos, count = arguments
        for _ in range(count):
            if world.clients[client].online:
                world.publish(client, topic, qos)
    else:
        getattr(world, name)(*arguments)
        if name in ("flow", "rest"):
            world.check()


def failure(steps: list[Step]) -> AssertionError | None:
    """What goes wrong on a walk."""
    world = World()
    try:
        for step in steps:
            take(world, step)
        world.finish()
    except AssertionError as error:
        return error
    finally:
        world.close()
    return None


def shortest(steps: list[Step]) -> list[Step]:
    """Fewer steps that fail, too."""
    size, until = len(steps) // 2, time.monotonic() + SHRINK_SECONDS
    while size and time.monotonic() < until:
        for start in range(0, len(steps), size):
            fewer = steps[:start] + steps[start + size :]
            if failure(fewer) is not None:
                steps = fewer
                break
        else:
            size //= 2
    return steps


def seeds() -> range:
    """Always the same ones, or others when many are asked for."""
    return range(1_000_000, 1_000_000 + LONG) if LONG else range(WALKS)


@pytest.mark.timeout(3_600 if LONG else 120)
def test_nothing_goes_wrong_on_any_walk() -> None:
    """Given any walk, when everyone has come back at its end, then nobody was promised what did not come true."""
    for seed in seeds():
        steps = walk(seed)
        if failure(steps) is not None:
            steps = shortest(steps)
            story = "\n".join(f"    world.{name}{arguments}" for name, arguments in steps)
            raise AssertionError(f"walk {seed}:\n{story}") from failure(steps)
