"""Users of this dialect are the accounts of the admin side, with tags. A tag that names a role gives it.

Accounts belong to no tenant: who sees one tenant alone may change nothing but its own password.
"""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api import admin_queries
from query_api.access.credentials import MOST_CHARACTERS
from query_api.access.names import usable_name, usable_password
from query_api.access.principal import ALL_TENANTS, Permission, Role
from query_api.admin_queries import Account
from query_api.asked import Asked
from query_api.emq2.answers import (
    ADMIN_STAYS,
    EMPTY_LOGIN,
    NO_USER,
    UNKNOWN,
    USER_EXISTS,
    WRONG_LOGIN,
    WRONG_OLD_PASSWORD,
    WRONG_TYPE,
    CodedError,
    done,
    result,
)
from query_api.emq2.bodies import Body, body
from query_api.emq2.dialect import EMQ2
from query_api.emq2.outcomes import settled
from query_api.emq2.paths import BASE, name_after
from query_api.emq2.views import User
from query_api.endpoint import endpoint
from query_api.errors import ForbiddenError, UnauthorizedError
from query_api.keyset import storable
from query_api.service import Service
from schemas.admin import AccountRemoved, AccountSet

ADMIN: Final = "admin"
ROLES: Final = {**{role.value: role for role in Role}, ADMIN: Role.ADMINISTRATOR}
OTHERWISE: Final = Role.OPERATOR
"""Role of a new account whose tags name none: the original lets it do everything, this lets it do what is no
administration."""


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file."""
    administer = dict.fromkeys(("GET", "POST", "PUT", "DELETE"), Permission.ADMINISTER)
    one = f"{BASE}/users/{{name:path}}"
    change = f"{BASE}/change_pwd/{{name:path}}"
    every = {"GET": _users, "POST": _add}
    each = {"GET": _users, "PUT": _change_tags, "DELETE": _remove}
    return [
        endpoint(service, EMQ2, f"{BASE}/users", every, permissions=administer),
        endpoint(service, EMQ2, one, each, permissions=administer),
        endpoint(service, EMQ2, f"{BASE}/auth", {"POST": _check}, permissions={"POST": None}),
        endpoint(service, EMQ2, change, {"PUT": _change_password}, permissions={"PUT": Permission.READ}),
    ]


async def _users(asked: Asked) -> ASGIResponse:
    asked.everywhere()
    name = name_after(asked, "users")
    await asked.freshen()
    store = asked.service.store
    if not name:
        return result(asked, [_view(one) for one in await admin_queries.accounts(store, ALL_TENANTS)])
    one = await admin_queries.account(store, name)
    return result(asked, _view(one) if one is not None else [])


async def _add(asked: Asked) -> ASGIResponse:
    asked.everywhere()
    given = await body(asked, {"username": str, "password": str, "tags": str})
    name, password, tags = _filled(given["username"]), _new_password(given["password"]), _tags(given)
    if not usable_name(name):
        raise CodedError(WRONG_TYPE, "params type error")
    hashed = await asked.service.access.hashed(password)
    outcome = await asked.service.commands.admin(
        asked.asker(secret=password.encode()),
        lambda order: AccountSet(order, "add", name, hashed, _role(tags) or OTHERWISE.value, ALL_TENANTS, tags),
        in_force=False,
    )
    if settled(outcome) == "exists":
        raise CodedError(USER_EXISTS, "User already exist")
    return done(asked)


async def _change_tags(asked: Asked) -> ASGIResponse:
    asked.everywhere()
    name = name_after(asked, "users")
    tags = _tags(await body(asked, {"tags": str}))
    outcome = await asked.service.commands.admin(
        asked.asker(), lambda order: AccountSet(order, "change", name, "", _role(tags), "", tags), in_force=False
    )
    _applied(settled(outcome))
    return done(asked)


async def _remove(asked: Asked) -> ASGIResponse:
    asked.everywhere()
    name = name_after(asked, "users")
    if name == ADMIN:
        raise CodedError(ADMIN_STAYS, "admin cannot be deleted")
    outcome = await asked.service.commands.admin(
        asked.asker(), lambda order: AccountRemoved(order, name), in_force=False
    )
    _applied(settled(outcome))
    return done(asked)


async def _check(asked: Asked) -> ASGIResponse:
    given = await body(asked, {"username": str, "password": str})
    name, password = _filled(given["username"]), _filled(given["password"])
    try:
        await asked.service.access.login(name, password, asked.address)
    except UnauthorizedError as error:
        # One text for both: whether there is such an account is nobody's business who can't log in.
        raise CodedError(WRONG_LOGIN, "Username or password error") from error
    return done(asked)


async def _change_password(asked: Asked) -> ASGIResponse:
    """By the account itself, or by an administrator; the old password is needed of both."""
    name = name_after(asked, "change_pwd")
    principal = asked.principal
    if name != principal.name and not (principal.everywhere and principal.may(Permission.ADMINISTER)):
        raise ForbiddenError("this account may only change its own password")
    given = await body(asked, {}, dict.fromkeys(("password", "oldpassword", "new_pwd", "old_pwd"), str))
    old, new = _either(given, "oldpassword", "old_pwd"), _new_password(_either(given, "password", "new_pwd"))
    if await admin_queries.account(asked.service.store, name) is None:
        raise CodedError(NO_USER, "User not found")
    try:
        await asked.service.access.login(name, old, asked.address)
    except UnauthorizedError as error:
        raise CodedError(WRONG_OLD_PASSWORD, "OldPassword error") from error
    hashed = await asked.service.access.hashed(new)
    outcome = await asked.service.commands.admin(
        asked.asker(secret=new.encode()),
        lambda order: AccountSet(order, "change", name, hashed, "", "", ""),
        in_force=False,
    )
    _applied(settled(outcome))
    return done(asked)


def _applied(outcome: str) -> None:
    if outcome == "not_found":
        raise CodedError(NO_USER, "User not found")
    if outcome == "last_administrator":
        raise CodedError(ADMIN_STAYS, "admin cannot be deleted")
    if outcome != "done":
        raise CodedError(UNKNOWN, outcome)


def _filled(text: str) -> str:
    if not text:
        raise CodedError(EMPTY_LOGIN, "empty username or password")
    if len(text) > MOST_CHARACTERS or not storable(text):
        raise CodedError(WRONG_TYPE, "params type error")
    return text


def _new_password(text: str) -> str:
    if not usable_password(_filled(text)):
        raise CodedError(WRONG_TYPE, "params type error")
    return text


def _tags(given: Body) -> str:
    tags: str = given["tags"]
    if len(tags) > MOST_CHARACTERS or not storable(tags):
        raise CodedError(WRONG_TYPE, "params type error")
    return tags


def _either(given: Body, documented: str, coded: str) -> str:
    """A member that document and code name differently. Raises CodedError."""
    found = given.get(documented, given.get(coded))
    if found is None:
        raise CodedError(107, "params error")
    return str(found)


def _role(tags: str) -> str:
    """The first role that tags name; empty, which leaves an account the one that it has, when they name none."""
    return next((ROLES[tag].value for tag in tags.replace(",", " ").split() if tag in ROLES), "")


def _view(account: Account) -> User:
    return User(account.name, account.tags or account.role)
