"""Commands that were asked for, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from query_api import admin_queries
from query_api.access.principal import ALL_TENANTS, Permission
from query_api.admin_queries import Command as Row
from query_api.errors import NotFoundError
from query_api.native import outcomes, paging
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.shapes import Listing, Shape
from query_api.native.text import LONGEST, Count, Time
from query_api.native.times import moment, moment_or_none

section: Final = Section("commands", reads=Permission.OPERATE, writes=Permission.OPERATE)


class PartOfLog(Shape, frozen=True):
    """What a partition of the log said of a command."""

    partition: Count
    outcome: str
    """Empty while it has said nothing."""
    count: Count


class Command(Shape, frozen=True):
    """What somebody asked for, and what came of it."""

    id: str
    verb: str
    """Such as `kick`, `publish`, `user_set`."""
    client_id: str | None
    target: str
    """What else it names: a topic, a filter, a user, a rule."""
    actor: str
    address: str
    correlation: str
    asked_at: Time
    state: Literal["pending", "done"]
    outcome: str
    codes: list[int]
    count: Count
    done_at: Time | None
    partitions: list[PartOfLog]
    """One, or all of them for what concerns a whole tenant; none for a change of administration."""
    meta: dict[str, str]
    """What the caller told of itself: `client_meta_*` of BifroMQ's dialect."""


class CommandPage(Shape, frozen=True):
    """A page of commands, newest first."""

    items: list[Command]
    next: str | None


class CommandListing(Listing, frozen=True):
    """Which commands."""

    client_id: Annotated[str, Meta(max_length=LONGEST, pattern=r"^[^\x00]*$")] = ""
    actor: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")] = ""
    """Of one account; looked at only without `client_id`."""


@section.get("/commands", CommandPage, query=CommandListing, example=Example())
async def list_commands(call: Call) -> Reply:
    """Commands of the tenant, newest first; one that concerns all partitions is there once for each."""
    after = paging.opened(call)
    await call.asked.freshen()
    rows = await admin_queries.commands(
        call.asked.service.store,
        call.tenant,
        client_id=call.query.client_id,
        actor=call.query.actor,
        before=admin_queries.LATEST if after is None else (after[0], after[1], after[2]),
        most=call.query.limit + 1,
    )
    page, following = paging.cut(call, rows, lambda row: row.place)
    return Reply(CommandPage([_command([row]) for row in page], following))


@section.get("/commands/{id}", Command, example=Example({"id": "5c1e"}))
async def get_command(call: Call) -> Reply:
    """What is known of a command: the place to look after a 202."""
    await call.asked.freshen()
    principal, command_id = call.asked.principal, call.path["id"]
    scope = ALL_TENANTS if principal.everywhere else principal.tenant
    rows = await admin_queries.command(call.asked.service.store, scope, command_id)
    told = await call.asked.service.commands.find(scope, command_id)
    if not rows or told is None:
        raise NotFoundError("There is no such command.")
    return Reply(_command(rows, told))


def _command(rows: Sequence[Row], told: outcomes.Told | None = None) -> Command:
    """The command in its rows; ``told`` is what all partitions together came to."""
    first = rows[0]
    known = all(row.outcome for row in rows) if told is None else told.known
    return Command(
        first.id,
        first.verb,
        first.client_id or None,
        first.target,
        first.actor,
        first.address,
        first.correlation,
        moment(first.at),
        "done" if known else "pending",
        (first.outcome if told is None else told.outcome) if known else "",
        list(first.codes),
        sum(row.count for row in rows),
        moment_or_none(max(row.done_at for row in rows)) if known else None,
        _parts(rows, told),
        msgspec.json.decode(first.meta, type=dict[str, str]) if first.meta else {},
    )


def _parts(rows: Sequence[Row], told: outcomes.Told | None) -> list[PartOfLog]:
    """What the partitions said, by their numbers; those that did not take the command in time have no row."""
    said = {row.partition: PartOfLog(row.partition, row.outcome, row.count) for row in rows if row.partition >= 0}
    for partition, outcome in {} if told is None else told.parts.items():
        if partition >= 0:
            said.setdefault(partition, PartOfLog(partition, outcome, 0))
    return [said[partition] for partition in sorted(said)]
