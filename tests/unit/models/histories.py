"""Random histories, with everything that may go wrong in them: void epochs and incarnations, clocks set back."""

from __future__ import annotations

import random

from schemas.events import (
    AnyEvent,
    ClearAcl,
    ClientCounters,
    CommandDone,
    Counters,
    Denied,
    Dropped,
    Expire,
    Kick,
    Measured,
    NodeLost,
    NodeStarted,
    Order,
    Publish,
    Published,
    Refused,
    Retain,
    SessionEnded,
    Subscribe,
    Subscribed,
    Subscription,
    Unsubscribe,
    Unsubscribed,
    Unsubscription,
    WillFired,
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
            events.append(_event(chance, who, epochs, position(offset, index), log))
        log.frame(
            *events,
            node=chance.choice(("n1", "n1", "n2")),
            incarnation=chance.choice((0, 1, 2)),
            stamp=chance.choice((offset, offset, max(0, offset - 5))) << 16,
            after=chance.choice((0.0, 0.5, 3.0, 30.0, -1.0, 900.0)),
        )
    return log


def _event(
    chance: random.Random, who: tuple[str, str], epochs: dict[tuple[str, str], int], at: int, log: Log
) -> AnyEvent:
    tenant, client_id = who
    epoch = epochs.get(who, 0) - (chance.random() < 0.1)
    match chance.randrange(23):
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
        case 16 | 17:
            return _command(chance, tenant, client_id, log)
        case 18:
            return CommandDone(tenant, client_id, _id(chance), chance.choice(("done", "not_found")), [0], 1)
        case 19:
            return Denied(tenant, client_id, epoch, "a/b", 1, 7, "", chance.randrange(1, 3))
        case 20 | 21:
            payload = b"r" * chance.randrange(3)
            return Published(tenant, client_id, epoch, chance.choice(FILTERS), 1, True, 7, b"", payload)
        case 22:
            return WillFired(tenant, client_id, epoch, chance.choice(FILTERS), 0, chance.random() < 0.7, b"", b"will")
        case _:
            return published(b"x" * chance.randrange(9), tenant=tenant, qos=chance.randrange(3))


def _command(chance: random.Random, tenant: str, client_id: str, log: Log) -> AnyEvent:
    """Some have been asked before by the same key, some come too late."""
    command_id = _id(chance)
    not_after = chance.choice((0, log.now - 20_000, log.now + 20_000))
    order = Order(command_id, "ada", "10.0.0.9", "r", log.now, not_after, command_id.startswith("key"))
    match chance.randrange(7):
        case 0:
            return Kick(tenant, client_id, order, "why", chance.random() < 0.5)
        case 1:
            return Subscribe(tenant, client_id, order, [Subscription("a/+", 1)])
        case 2:
            return Unsubscribe(tenant, client_id, order, ["a/+"])
        case 3:
            return Expire(tenant, order, 60)
        case 4:
            return ClearAcl(tenant, client_id, order)
        case 5:
            return Retain(tenant, client_id, order, "a/b", 1, True, b"", b"xyz")
    retain, report = chance.random() < 0.5, chance.random() < 0.5
    return Publish(tenant, client_id, order, "a/b", chance.randrange(3), retain, True, report, b"", b"xyz")


def _id(chance: random.Random) -> str:
    return f"{chance.choice(('key', 'random'))}{chance.randrange(6)}"
