"""Reading from sockets pauses at bounds, and goes on after them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from ingest.log.journal import Journal
from ingest.settings import IngestSettings, LogSettings
from schemas.events import NodeStopped
from tests.unit.ingest.sim.broker import settings
from tests.unit.ingest.sim.client import Client
from tests.unit.ingest.sim.expectation import NEVER
from tests.unit.ingest.sim.world import V311, World

NAMES = [f"client {n}" for n in range(4)]


def tight(per_connection: int, together: int) -> IngestSettings:
    """Settings with small bounds on what may await the log."""
    wanted = settings(1, inbound_high_water=per_connection)
    return replace(wanted, log=replace(wanted.log, max_pending_bytes=together, max_frame_events=3))


Make = Callable[[int, int], World]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a world with such bounds and four clients that are online."""
    made: list[World] = []

    def world(per_connection: int, together: int) -> World:
        one = World([Client(name, V311, NEVER) for name in NAMES], tight(per_connection, together))
        made.append(one)
        for name in NAMES:
            one.connect(name)
        one.flow()
        return one

    yield world
    for one in made:
        one.close()


def paused(world: World) -> list[bool]:
    """Which clients are not read."""
    return [client.link is not None and client.link.transport.paused for client in world.clients.values()]


@pytest.mark.parametrize("order", [NAMES, NAMES[::-1]], ids=["forward", "backward"])
@pytest.mark.parametrize(
    ("per_connection", "together"),
    [(300, 1 << 30), (1 << 30, 600), (300, 600), (300, 1_000), (1 << 30, 150)],
    ids=["each", "all", "both", "both, all later", "all less than a frame"],
)
def test_everyone_is_read_again(make: Make, order: list[str], per_connection: int, together: int) -> None:
    """Given clients that sent more than may wait, for each of them or together, when the log has taken it, then all
    are read again, and nothing was lost."""
    world = make(per_connection, together)
    for _ in range(8):
        for name in order:
            if world.clients[name].online:
                world.publish(name, "t", 1)
    assert any(paused(world))
    world.flow()
    assert not any(paused(world))
    assert not any(client.unfinished for client in world.clients.values())
    world.finish()


def test_qos_0_is_not_shed_when_the_log_was_idle() -> None:
    """Given a journal that had nothing to do for long, when something is appended, then it does not count as stalled
    since then."""
    wanted = settings()
    journal = Journal("node", wanted.kafka, LogSettings(), cast(Any, None), lambda _: None, lambda _: None)
    journal.landed_at = time.monotonic() - 3_600
    journal.append(0, NodeStopped("node", 1), None, 64)
    assert journal.stalled < 60
