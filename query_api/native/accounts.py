"""Accounts of the admin side, and API keys: for administrators of all tenants."""

from __future__ import annotations

import secrets
from typing import Annotated, Final

from msgspec import Meta

from query_api import admin_queries
from query_api.access.names import RESERVED
from query_api.access.principal import Permission
from query_api.native import etags, outcomes, paging
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.problems import unprocessable
from query_api.native.shapes import Given, Headers, Listing, Shape
from query_api.native.text import Id, Name, Password, Reason, Role, TenantScope, Time
from query_api.native.times import milliseconds, moment, moment_or_none
from schemas.admin import AccountRemoved, AccountSet, ApiKeyRemoved, ApiKeySet
from schemas.commands import Order

section: Final = Section("accounts", reads=Permission.ADMINISTER, writes=Permission.ADMINISTER, everywhere=True)
SECRET_BYTES: Final = 32
APP_ID_BYTES: Final = 8


class Account(Shape, frozen=True):
    """An account of the admin side."""

    name: str
    role: Role
    tenant: str
    """The only tenant it sees; `*` for all."""
    tags: str
    changed_at: Time
    changed_by: str


class AccountPage(Shape, frozen=True):
    """A page of accounts."""

    items: list[Account]
    next: str | None


class NewAccount(Given, frozen=True):
    """An account to be."""

    name: Name
    password: Password
    role: Role
    tenant: TenantScope = "*"
    tags: Reason = ""


class AccountChange(Given, frozen=True):
    """What to change of an account; what is left out stays."""

    password: Password | None = None
    role: Role | None = None
    tenant: TenantScope | None = None
    tags: Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")] | None = None


class ApiKey(Shape, frozen=True):
    """An API key. Its secret is never told again."""

    app_id: str
    name: str
    role: Role
    tenant: str
    enabled: bool
    expires: Time | None
    """None: never."""
    changed_at: Time
    changed_by: str


class ApiKeyPage(Shape, frozen=True):
    """A page of API keys."""

    items: list[ApiKey]
    next: str | None


class NewApiKey(Given, frozen=True):
    """An API key to be."""

    name: Reason
    role: Role
    tenant: TenantScope = "*"
    expires: Time | None = None
    app_id: Id | None = None
    """Left out: a random one."""


class ApiKeyChange(Given, frozen=True):
    """What to change of an API key; what is left out stays."""

    name: Reason | None = None
    role: Role | None = None
    tenant: TenantScope | None = None
    enabled: bool | None = None
    expires: Time | None = None


class ApiKeyMade(Shape, frozen=True):
    """An API key with its secret, which is told only once."""

    app_id: str
    secret: str
    command: str
    """Path of the command."""


@section.get("/accounts", AccountPage, query=Listing, example=Example())
async def list_accounts(call: Call) -> Reply:
    """Accounts of the admin side by name."""
    after = paging.opened(call) or ""
    await call.asked.freshen()
    rows = await admin_queries.accounts(call.asked.service.store, "*", after=after, most=call.query.limit + 1)
    page, following = paging.cut(call, rows, lambda row: row.name)
    return Reply(AccountPage([_account(row) for row in page], following))


@section.command(
    "POST",
    "/accounts",
    body=NewAccount,
    status=201,
    example=Example(body={"name": "ops", "password": "correct horse", "role": "operator", "tenant": "default"}),
)
async def add_account(call: Call) -> Reply:
    """Add an account; 409 when there is one of this name, or an API key with it as app id."""
    given = call.body
    _require_free(given.name)
    hashed = await call.asked.service.access.hashed(given.password)

    def make(order: Order) -> AccountSet:
        return AccountSet(order, "add", given.name, hashed, given.role, given.tenant, given.tags)

    return outcomes.added(await outcomes.ask(call, make, secret=given.password), "accounts", given.name)


@section.get("/accounts/{name}", Account, example=Example({"name": "ops"}))
async def get_account(call: Call) -> Reply:
    """One account."""
    await call.asked.freshen()
    return outcomes.found(await _find_account(call), "account")


@section.command(
    "PATCH", "/accounts/{name}", body=AccountChange, example=Example({"name": "ops"}, body={"role": "viewer"})
)
async def change_account(call: Call) -> Reply:
    """Change an account."""
    etags.require_match(call, await _find_account(call))
    given, name = call.body, call.path["name"]
    hashed = await call.asked.service.access.hashed(given.password) if given.password else ""

    def make(order: Order) -> AccountSet:
        return AccountSet(order, "change", name, hashed, given.role or "", given.tenant or "", given.tags or "")

    return outcomes.reply(await outcomes.ask(call, make, secret=given.password or ""))


@section.command("DELETE", "/accounts/{name}", example=Example({"name": "ops"}))
async def delete_account(call: Call) -> Reply:
    """Remove an account; 409 for the last administrator."""
    etags.require_match(call, await _find_account(call))
    name = call.path["name"]
    return outcomes.reply(await outcomes.ask(call, lambda order: AccountRemoved(order, name)))


@section.get("/api-keys", ApiKeyPage, query=Listing, example=Example())
async def list_api_keys(call: Call) -> Reply:
    """API keys by app id."""
    after = paging.opened(call) or ""
    await call.asked.freshen()
    rows = await admin_queries.keys(call.asked.service.store, "*", after=after, most=call.query.limit + 1)
    page, following = paging.cut(call, rows, lambda row: row.app_id)
    return Reply(ApiKeyPage([_key(row) for row in page], following))


@section.command(
    "POST",
    "/api-keys",
    answer=ApiKeyMade,
    body=NewApiKey,
    headers=Headers,
    status=201,
    example=Example(body={"name": "dashboard", "role": "viewer", "tenant": "default"}),
)
async def add_api_key(call: Call) -> Reply:
    """Add an API key; the answer tells its secret, once. No idempotency key: a repetition would have another secret."""
    given = call.body
    app_id = given.app_id or secrets.token_hex(APP_ID_BYTES)
    _require_free(app_id)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    hashed = await call.asked.service.access.hashed(secret)

    expires = _expires(given.expires)

    def make(order: Order) -> ApiKeySet:
        return ApiKeySet(order, "add", app_id, hashed, given.name, given.role, given.tenant, True, expires)

    told = await outcomes.ask(call, make)
    made = ApiKeyMade(app_id, secret, outcomes.path_of(told))
    return outcomes.added(told, "api-keys", app_id, body=made)


@section.get("/api-keys/{app_id}", ApiKey, example=Example({"app_id": "6f2d"}))
async def get_api_key(call: Call) -> Reply:
    """One API key."""
    await call.asked.freshen()
    row = await admin_queries.key(call.asked.service.store, call.path["app_id"])
    return outcomes.found(None if row is None else _key(row), "API key")


@section.command(
    "PATCH", "/api-keys/{app_id}", body=ApiKeyChange, example=Example({"app_id": "6f2d"}, body={"enabled": False})
)
async def change_api_key(call: Call) -> Reply:
    """Change an API key."""
    row = await admin_queries.key(call.asked.service.store, call.path["app_id"])
    old = outcomes.present(row, "API key")
    etags.require_match(call, _key(old))
    given = call.body
    expires = _expires(given.expires)

    def make(order: Order) -> ApiKeySet:
        return ApiKeySet(
            order,
            "change",
            old.app_id,
            "",
            old.name if given.name is None else given.name,
            given.role or old.role,
            given.tenant or old.tenant,
            old.enabled if given.enabled is None else given.enabled,
            expires or old.expires,
        )

    return outcomes.reply(await outcomes.ask(call, make))


@section.command("DELETE", "/api-keys/{app_id}", example=Example({"app_id": "6f2d"}))
async def delete_api_key(call: Call) -> Reply:
    """Remove an API key."""
    app_id = call.path["app_id"]
    row = await admin_queries.key(call.asked.service.store, app_id)
    etags.require_match(call, None if row is None else _key(row))
    return outcomes.reply(await outcomes.ask(call, lambda order: ApiKeyRemoved(order, app_id)))


def _require_free(name: str) -> None:
    if name in RESERVED:
        raise unprocessable("The name is reserved.")


def _expires(text: str | None) -> int:
    """Milliseconds since 1970; 0 for never. Raises ProblemError for a day that is none."""
    try:
        return 0 if text is None else milliseconds(text)
    except ValueError as error:
        raise unprocessable("`expires` is no time.") from error


async def _find_account(call: Call) -> Account | None:
    row = await admin_queries.account(call.asked.service.store, call.path["name"])
    return None if row is None else _account(row)


def _account(row: admin_queries.Account) -> Account:
    return Account(
        row.name,
        row.role,  # type: ignore[arg-type]
        row.tenant,
        row.tags,
        moment(row.changed_at),
        row.changed_by,
    )


def _key(row: admin_queries.Key) -> ApiKey:
    return ApiKey(
        row.app_id,
        row.name,
        row.role,  # type: ignore[arg-type]
        row.tenant,
        row.enabled,
        moment_or_none(row.expires),
        moment(row.changed_at),
        row.changed_by,
    )
