"""Who asks: logging in, one's own password; and the API's own configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from query_api import reload as shared
from query_api.access.principal import PERMISSIONS, Permission
from query_api.native import outcomes
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.problems import ProblemError
from query_api.native.shapes import Given, Headers, Shape
from query_api.native.text import Count, Password, Role
from schemas.admin import AccountSet

section: Final = Section("access", writes=Permission.READ)
configuration: Final = Section("configuration", writes=Permission.ADMINISTER, everywhere=True)


class Me(Shape, frozen=True):
    """Who asks, and what they may do."""

    name: str
    """Of the account, or the app id of the key; `loopback` for a caller without any."""
    role: Role
    tenant: str
    """The only tenant; `*` for all."""
    acts_on: str
    """The tenant that this request was about."""
    permissions: list[str]


class Login(Given, frozen=True):
    """An account and its password."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    password: Annotated[str, Meta(min_length=1, max_length=1000)]


class Token(Shape, frozen=True):
    """A login: give the token as `Authorization: Bearer`."""

    token: str
    expires_in: Count
    """Seconds."""
    name: str
    role: Role
    tenant: str


class NewPassword(Given, frozen=True):
    """One's own password."""

    old: Annotated[str, Meta(min_length=1, max_length=1000)]
    new: Password


class Change(Shape, frozen=True):
    """A setting that differs from what is in force; secrets are not shown."""

    setting: str
    old: str
    new: str


class Reloaded(Shape, frozen=True):
    """What reading the configuration again has found."""

    version: Count
    """Of the configuration in force: 1 when the process began."""
    applied: list[Change]
    restart_required: list[Change]


@section.get(
    "/me",
    Me,
    example=Example(),
)
async def get_me(call: Call) -> Reply:
    """Who I am."""
    principal = call.asked.principal
    permissions = sorted(PERMISSIONS[principal.role])
    return Reply(Me(principal.name, principal.role.value, principal.tenant, call.tenant, [*permissions]))


@section.command(
    "POST",
    "/login",
    answer=Token,
    body=Login,
    headers=Headers,
    permission=None,
    example=Example(body={"name": "admin", "password": "correct horse"}),
)
async def login(call: Call) -> Reply:
    """Log in with an account: a token for further requests, good until the account changes or its time is up."""
    access = call.asked.service.access
    principal, token = await access.login(call.body.name, call.body.password, call.asked.address)
    shown = Token(token, access.session_seconds, principal.name, principal.role.value, principal.tenant)
    return Reply(shown, headers={"cache-control": "no-store"})


@section.command(
    "PUT",
    "/me/password",
    body=NewPassword,
    headers=Headers,
    example=Example(body={"old": "correct horse", "new": "battery staple"}),
)
async def change_password(call: Call) -> Reply:
    """Change the password of the account that asks."""
    asked, access = call.asked, call.asked.service.access
    name = asked.principal.name
    await access.login(name, call.body.old, asked.address)
    hashed = await access.hashed(call.body.new)
    told = await outcomes.ask(call, lambda order: AccountSet(order, "change", name, hashed, "", "", ""))
    return outcomes.reply(told)


@configuration.command("POST", "/reload", answer=Reloaded, headers=Headers, example=Example())
async def reload(call: Call) -> Reply:
    """Read the configuration of the API again; what can be is in force at once."""
    again = call.asked.service.reload
    if not again.configured:
        raise ProblemError(409, "not-configured", "Nobody knows where the settings of this process come from.")
    # Files are read, and perhaps a certificate with its key.
    found = await asyncio.to_thread(again.now)
    return Reply(Reloaded(found.version, _changes(found.applied), _changes(found.restart_required)))


def _changes(changes: Sequence[shared.Change]) -> list[Change]:
    return [Change(one.path, str(one.old), str(one.new)) for one in changes]
