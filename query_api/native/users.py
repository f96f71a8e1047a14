"""Users of the MQTT side."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from domain.access import DEFAULT_TENANT, tenant_and_user
from query_api import admin_queries, cluster
from query_api.access.principal import Permission
from query_api.admin_queries import User as Row
from query_api.native import etags, outcomes, paging
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.problems import ProblemError
from query_api.native.shapes import Given, Listing, Shape
from query_api.native.text import LONGEST, MqttPassword, Time, Username
from query_api.native.times import moment
from schemas.admin import UserRemoved, UserSet
from schemas.commands import Order

section: Final = Section("users", reads=Permission.ADMINISTER, writes=Permission.ADMINISTER)


class User(Shape, frozen=True):
    """A user of the MQTT side. Its password is never told."""

    username: str
    superuser: bool
    """Access rules do not concern this user."""
    changed_at: Time
    changed_by: str


class UserPage(Shape, frozen=True):
    """A page of users."""

    items: list[User]
    next: str | None


class UserListing(Listing, frozen=True):
    """Which users."""

    prefix: Annotated[
        str, Meta(max_length=LONGEST, pattern=r"^[^\x00]*$", description="Only names that begin with this.")
    ] = ""


class UserGiven(Given, frozen=True):
    """A user to be."""

    password: MqttPassword
    superuser: bool = False


class NewUser(Given, frozen=True):
    """A user to be, with its name."""

    username: Username
    password: MqttPassword
    superuser: bool = False


_PATH: Final = {"username": "ada"}


@section.get("/users", UserPage, query=UserListing, example=Example())
async def list_users(call: Call) -> Reply:
    """Users of the tenant by name."""
    after = paging.opened(call)
    await call.asked.freshen()
    rows = await admin_queries.users(
        call.asked.service.store, call.tenant, prefix=call.query.prefix, after=after, most=call.query.limit + 1
    )
    page, following = paging.cut(call, rows, lambda row: row.username)
    return Reply(UserPage([_user(row) for row in page], following))


@section.command(
    "POST", "/users", body=NewUser, status=201, example=Example(body={"username": "ada", "password": "correct horse"})
)
async def add_user(call: Call) -> Reply:
    """Add a user; 409 when there is one of this name, or when the name says another tenant to every node."""
    return outcomes.added(await _set(call, call.body.username, "add"), "users", call.body.username)


@section.get("/users/{username}", User, example=Example(path=_PATH))
async def get_user(call: Call) -> Reply:
    """One user."""
    await call.asked.freshen()
    return outcomes.found(await _find(call), "user")


@section.command(
    "PUT", "/users/{username}", body=UserGiven, example=Example(_PATH, body={"password": "battery staple"})
)
async def put_user(call: Call) -> Reply:
    """Make a user, or give it another password; connections with the old one end."""
    etags.require_match(call, await _find(call))
    return outcomes.put(await _set(call, call.path["username"], outcomes.mode(call)))


@section.command("DELETE", "/users/{username}", example=Example(_PATH))
async def delete_user(call: Call) -> Reply:
    """Remove a user; its connections end."""
    etags.require_match(call, await _find(call))
    tenant, username = call.tenant, call.path["username"]
    return outcomes.reply(await outcomes.ask(call, lambda order: UserRemoved(order, tenant, username)))


async def _set(call: Call, username: str, mode: str) -> outcomes.Told:
    given, tenant = call.body, call.tenant
    await _require_that_somebody_can_be(call, username)
    hashed = await call.asked.service.access.hashed(given.password)

    def make(order: Order) -> UserSet:
        return UserSet(order, mode, tenant, username, hashed, given.superuser)

    return await outcomes.ask(call, make, secret=given.password)


async def _require_that_somebody_can_be(call: Call, username: str) -> None:
    """Raises ProblemError for a name that says another tenant to every node: no client could log in with it."""
    tenant, user = tenant_and_user(username, DEFAULT_TENANT)
    if call.tenant != DEFAULT_TENANT or user == username:
        return
    nodes = [one for one in await cluster.nodes(call.asked.service.store) if one.running]
    if nodes and all(one.limits.get("tenant_from_username") for one in nodes):
        text = f"Nobody could be this user: clients who say `{username}` are `{user}` of the tenant `{tenant}`"
        raise ProblemError(
            409, "named-otherwise", f"{text} (mqtt.tenant_from). Add that one, with `tenant` of the request."
        )


async def _find(call: Call) -> User | None:
    row = await admin_queries.user(call.asked.service.store, call.tenant, call.path["username"])
    return None if row is None else _user(row)


def _user(row: Row) -> User:
    return User(row.username, row.superuser, moment(row.changed_at), row.changed_by)
