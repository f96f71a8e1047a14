"""Random histories, with everything that may go wrong in them: void epochs and incarnations, clocks set back."""

from __future__ import annotations

import random

from schemas.events import (
    AnyEvent,
    ClientCounters,
    Counters,
    Dropped,
    Measured,
    NodeLost,
    NodeStarted,
    Refused,
    SessionEnded,
    Subscribed,
    Subscription,
    Unsubscribed,
    Unsubscription,
)
from schemas.positions import position
from tests.unit.models.log import Log, connected, disconnected, published

FILTERS = ("a", "a/+", "#", "b/c")


def history(seed: int, frames: int, clients: int = 4, partition: int = 0) -> Log:
    """A partition with so many frames of one to five events."""
    chance = random.Random(seed)
    log = Log(partition)
    epochs: dict[tuple[str, str], int] = {}
    names = [(tenant, f"p{partition}c{number}") for tenant in ("t", "u") for number in range(clients)]
    for offset in range(frames):
        events = []
        for index in range(chance.randint(1, 5)):
            who = chance.choice(names)
            events.append(_event(chance, who, epochs, position(offset, index)))
        log.frame(
            *events,
            node=chance.choice(("n1", "n1", "n2")),
            incarnation=chance.choice((0, 1, 2)),
            after=chance.choice((0.0, 0.5, 3.0, 30.0, -1.0)),
        )
    return log


def _event(chance: random.Random, who: tuple[str, str], epochs: dict[tuple[str, str], int], at: int) -> AnyEvent:
    tenant, client_id = who
    epoch = epochs.get(who, 0) - (chance.random() < 0.1)
    match chance.randrange(16):
        case 0 | 1 | 2 | 3:
            epochs[who] = at
            clean, expiry = chance.random() < 0.3, chance.choice((0, 5, 60))
            return connected(client_id, tenant=tenant, clean_start=clean, expiry=expiry, port=chance.randrange(9))
        case 4 | 5 | 6:
            asked = chance.sample(FILTERS, chance.randint(1, 3))
            code = chance.choice((0, 0, 0, 0x87))
            granted = [Subscription(name, chance.randrange(3), reason_code=code) for name in asked]
            return Subscribed(tenant, client_id, epoch, [], granted)
        case 7:
            given = [Unsubscription(name, chance.choice((0, 0, 17))) for name in chance.sample(FILTERS, 2)]
            return Unsubscribed(tenant, client_id, epoch, [], given)
        case 8 | 9:
            counters = Counters(bytes_in=chance.randrange(99))
            return disconnected(epoch, client_id, tenant=tenant, expiry=chance.choice((0, 5, 60)), counters=counters)
        case 10:
            return SessionEnded(tenant, client_id, epoch, "expired")
        case 11:
            return Dropped(tenant, client_id, epoch, "slow_consumer", chance.randrange(3), [])
        case 12:
            return Measured([ClientCounters(tenant, client_id, epoch, Counters(queued=chance.randrange(9)))])
        case 13:
            return Refused(tenant, client_id, "", "mqtt5", 5, "10.0.0.1", 1, "tcp", 0x87, "no")
        case 14 if chance.random() < 0.2:
            node, incarnation = chance.choice(("n1", "n2")), chance.choice((1, 1, 2))
            return NodeStarted(node, incarnation, -1, "1", []) if chance.random() < 0.7 else NodeLost(node, 0)
        case _:
            return published(b"x" * chance.randrange(9), tenant=tenant, qos=chance.randrange(3))
