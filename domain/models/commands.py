"""Commands as rows: which count, which came too late, what came of them.

A batch is cut anywhere, and the rows of earlier ones are not held. So it says per id what is to be done to the table,
in three parts that are applied in this order and come to the same as one event after the other:

1. ``put``: commands that count; a row of the same id, from before its window, gives way.
2. ``late``: commands that came too late; nothing where the id has a row.
3. ``done``: outcomes; nothing where there is no row, or where it has an outcome.

Ids of keyed commands come of their keys and those of the others are random: they are never the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from domain.commands import DONE, LATE, Command
from domain.models.tables import COMMANDS, Row
from domain.session import At
from schemas.commands import ClearAcl, CommandDone, Order, Publish, Retain, Subscribe, Unsubscribe
from schemas.registry import name_of

OUTCOME = COMMANDS.columns.index("outcome")
"""Where the outcome stands in a row; behind it codes, count, position and time of the outcome, and ``meta``."""

Done = tuple[str, str, list[int], int, int, int]
"""Id, outcome, codes, count, position and partition time."""

_PENDING: Row = ("", [], 0, 0, 0)


class CommandBatch:
    """What a batch does to the table ``commands``. Invariant: an id is in ``put``, or else in ``late`` and ``done``."""

    def __init__(self) -> None:
        self.puts: dict[str, Row] = {}
        self.lates: dict[str, Row] = {}
        self.dones: dict[str, Done] = {}

    def put(self, row: Row) -> None:
        """A command that counts."""
        self.puts[row[0]] = row
        self.lates.pop(row[0], None)
        self.dones.pop(row[0], None)

    def late(self, row: Row) -> None:
        """A command that came too late."""
        if row[0] not in self.puts:
            self.lates.setdefault(row[0], row)

    def done(self, done: Done) -> None:
        """What came of a command."""
        row = self.puts.get(done[0])
        if row is None:
            self.dones.setdefault(done[0], done)
        elif row[OUTCOME] == "":
            self.puts[done[0]] = with_outcome(row, done)


def command_row(event: Command, at: At) -> Row:
    """The row of a command that counts: pending, or a message that is published by being here."""
    row = (*_head(event, at), *_PENDING, meta_of(event.order))
    if isinstance(event, Publish) and not event.report:
        return with_outcome(row, (row[0], DONE, [], 0, at.position, at.time))
    return row


def late_row(event: Command, at: At) -> Row:
    """The row of a command that came too late."""
    return (*_head(event, at), LATE, [], 0, at.position, at.time, meta_of(event.order))


def done_of(event: CommandDone, at: At) -> Done:
    """What the outcome of a command changes."""
    return (event.id, event.outcome, event.codes, event.count, at.position, at.time)


def with_outcome(row: Row, done: Done) -> Row:
    """The row of a command with its outcome."""
    return (*row[:OUTCOME], *done[1:], row[-1])


def meta_of(order: Order) -> str:
    """What the caller told of itself, as a JSON object; empty for nothing."""
    return msgspec.json.encode(order.meta).decode() if order.meta else ""


def order_row(
    order: Order, *, partition: int, tenant: str, position: int, time: int, verb: str, client_id: str, target: str
) -> Row:
    """The columns of ``commands`` up to the outcome."""
    return (
        order.id,
        partition,
        tenant,
        position,
        time,
        verb,
        client_id,
        target,
        order.actor,
        order.address,
        order.correlation,
        order.keyed,
        order.fingerprint,
        order.at,
        order.not_after,
    )


def _head(event: Command, at: At) -> Row:
    target = _TARGETS.get(type(event))
    return order_row(
        event.order,
        partition=at.partition,
        tenant=event.tenant,
        position=at.position,
        time=at.time,
        verb=name_of(event.KIND),
        client_id=getattr(event, "client_id", ""),
        target=target(event) if target else "",
    )


_TARGETS: dict[type[Any], Callable[[Any], str]] = {
    Publish: lambda event: event.topic,
    Retain: lambda event: event.topic,
    ClearAcl: lambda event: event.topic,
    Subscribe: lambda event: next((one.filter for one in event.subscriptions), ""),
    Unsubscribe: lambda event: next(iter(event.filters), ""),
}
"""What commands name beside a client."""
