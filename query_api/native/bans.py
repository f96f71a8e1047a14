"""Bans: clients that are not let in until a time."""

from __future__ import annotations

import time
from typing import Annotated, Final

from msgspec import Meta

from domain.access import canonical, flaw_of_ban
from query_api import admin_queries
from query_api.access.principal import Permission
from query_api.admin_queries import Ban as Row
from query_api.errors import NotFoundError
from query_api.native import etags, outcomes, paging
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.shapes import Given, Listing, Shape
from query_api.native.text import BanKind, Reason, Time
from query_api.native.times import moment, moment_or_none
from schemas.admin import Banned, Unbanned
from schemas.commands import Order

section: Final = Section("bans", writes=Permission.OPERATE)


class Ban(Shape, frozen=True):
    """Who is not let in. One whose time is over stays here until somebody removes it."""

    kind: BanKind
    who: str
    by: str
    reason: str
    at: Time
    until: Time | None
    """None: for ever."""
    active: bool


class BanPage(Shape, frozen=True):
    """A page of bans."""

    items: list[Ban]
    next: str | None


class BanGiven(Given, frozen=True):
    """A ban to be."""

    reason: Reason = ""
    seconds: Annotated[int, Meta(ge=1, le=3_153_600_000, description="How long; left out: for ever.")] | None = None


_PATH: Final = {"kind": "clientid", "who": "meter-17"}


@section.get("/bans", BanPage, query=Listing, example=Example())
async def list_bans(call: Call) -> Reply:
    """Bans by kind and who."""
    after = paging.opened(call)
    await call.asked.freshen()
    rows = await admin_queries.bans(
        call.asked.service.store,
        call.tenant,
        after=None if after is None else (after[0], after[1]),
        most=call.query.limit + 1,
    )
    page, following = paging.cut(call, rows, lambda row: (row.kind, row.who))
    return Reply(BanPage([_ban(row) for row in page], following))


@section.get("/bans/{kind}/{who}", Ban, example=Example(_PATH))
async def get_ban(call: Call) -> Reply:
    """One ban."""
    await call.asked.freshen()
    return outcomes.found(await _find(call), "ban")


@section.command(
    "PUT", "/bans/{kind}/{who}", body=BanGiven, errors=(404,), example=Example(_PATH, body={"reason": "noisy"})
)
async def put_ban(call: Call) -> Reply:
    """Ban a client id, user or address; who is connected is disconnected."""
    etags.require_match(call, await _find(call))
    now = time.time_ns() // 1_000_000
    given, tenant, mode = call.body, call.tenant, outcomes.mode(call)
    kind, who, by = call.path["kind"], _who(call), call.asked.principal.name
    until = 0 if given.seconds is None else now + given.seconds * 1000

    def make(order: Order) -> Banned:
        return Banned(order, mode, tenant, kind, who, by, given.reason, now, until)

    if flaw_of_ban(make(Order("", "", "", "", 0))):
        raise NotFoundError("There is no such address.")
    return outcomes.put(await outcomes.ask(call, make))


@section.command("DELETE", "/bans/{kind}/{who}", example=Example(_PATH))
async def delete_ban(call: Call) -> Reply:
    """Remove a ban."""
    etags.require_match(call, await _find(call))
    tenant, kind, who = call.tenant, call.path["kind"], _who(call)
    return outcomes.reply(await outcomes.ask(call, lambda order: Unbanned(order, tenant, kind, who)))


def _who(call: Call) -> str:
    who: str = call.path["who"]
    return canonical(who) if call.path["kind"] == "peerhost" else who


async def _find(call: Call) -> Ban | None:
    row = await admin_queries.ban(call.asked.service.store, call.tenant, call.path["kind"], _who(call))
    return None if row is None else _ban(row)


def _ban(row: Row) -> Ban:
    active = not row.until or row.until > time.time_ns() // 1_000_000
    return Ban(
        row.kind,  # type: ignore[arg-type]
        row.who,
        row.by,
        row.reason,
        moment(row.at),
        moment_or_none(row.until),
        active,
    )
