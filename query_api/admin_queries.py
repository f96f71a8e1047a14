"""Rows of administration and of commands, for all dialects: users, rules, bans, accounts, keys, connections, commands.

No row holds a secret. Lists begin behind a key (``after``) and hold at most ``most`` rows, all for None.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from query_api import keyset
from query_api.store import Store

LATEST = (2**62, "", 0)
"""Before which the newest command is."""
BAN_KINDS = ("clientid", "peerhost", "username")


@dataclass(frozen=True, slots=True)
class User:
    """A user of the MQTT side."""

    username: str
    superuser: bool
    position: int
    changed_at: int
    changed_by: str


@dataclass(frozen=True, slots=True)
class Rule:
    """An access rule; of username, client id and address, empty is any."""

    id: str
    place: int
    position: int
    allow: bool
    action: str
    topic: str
    username: str
    client_id: str
    address: str
    changed_at: int
    changed_by: str


@dataclass(frozen=True, slots=True)
class Ban:
    """Who is not let in until when (0: for ever); one whose time is over is still a row."""

    kind: str
    who: str
    by: str
    reason: str
    at: int
    until: int
    position: int
    changed_at: int
    changed_by: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the admin side."""

    name: str
    role: str
    tenant: str
    tags: str
    position: int
    changed_at: int
    changed_by: str


@dataclass(frozen=True, slots=True)
class Key:
    """An API key; expires 0 is never."""

    app_id: str
    name: str
    role: str
    tenant: str
    enabled: bool
    expires: int
    position: int
    changed_at: int
    changed_by: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection to another broker; ``connected``, ``at`` and ``error`` are None while nothing is known."""

    connection_id: str
    name: str
    url: str
    username: str
    client_id: str
    reject_unauthorized: bool
    parts: list[str]
    position: int
    changed_at: int
    changed_by: str
    connected: bool | None
    at: int | None
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether a module runs, or a listener of a node (empty: of every node) takes connections."""

    node: str
    name: str
    active: bool
    position: int
    changed_at: int
    changed_by: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command in one partition (-1: mq.admin); outcome is empty while it is pending."""

    id: str
    partition: int
    verb: str
    client_id: str
    target: str
    actor: str
    address: str
    correlation: str
    at: int
    not_after: int
    time: int
    outcome: str
    codes: list[int]
    count: int
    done_at: int
    position: int
    meta: str
    """What the caller told of itself, as a JSON object; empty for nothing."""

    @property
    def place(self) -> tuple[int, str, int]:
        """What a page that ends here is continued before."""
        return self.time, self.id, self.partition


async def users(
    store: Store, tenant: str, *, prefix: str = "", after: str | None = None, most: int | None = None
) -> list[User]:
    """Users of a tenant by name. Raises UnavailableError, as all of these."""
    rows = await store.fetch("mqtt_users", *keyset.bounds((tenant,), prefix, after), most)
    return [User(*row) for row in rows]


async def user(store: Store, tenant: str, username: str) -> User | None:
    """One user."""
    return next((User(*row) for row in await store.fetch("mqtt_user", tenant, username)), None)


async def rules(
    store: Store, tenant: str, *, after: tuple[int, int] = (-(2**62), 0), most: int | None = None
) -> list[Rule]:
    """Rules of a tenant in the order in which they are asked; ``after`` is a place and a position."""
    return [Rule(*row) for row in await store.fetch("acl_rules", tenant, *after, most)]


async def rule(store: Store, tenant: str, rule_id: str) -> Rule | None:
    """One rule."""
    return next((Rule(*row) for row in await store.fetch("acl_rule", tenant, rule_id)), None)


async def bans(
    store: Store, tenant: str, *, after: tuple[str, str] | None = None, most: int | None = None
) -> list[Ban]:
    """Bans of a tenant by kind and who."""
    kind, low = after or ("", "")
    first = keyset.following(low) if after else ""
    rows = await store.fetch("bans", tenant, kind, first, keyset.following(tenant), "", "", most)
    return [Ban(*row) for row in rows]


async def ban(store: Store, tenant: str, kind: str, who: str) -> Ban | None:
    """One ban."""
    return next((Ban(*row) for row in await store.fetch("ban", tenant, kind, who)), None)


async def accounts(store: Store, tenant: str, *, after: str = "", most: int | None = None) -> list[Account]:
    """Accounts of a tenant (``*``: all there are) by name."""
    return [Account(*row) for row in await store.fetch("account_list", after, tenant, most)]


async def account(store: Store, name: str) -> Account | None:
    """One account."""
    return next((Account(*row) for row in await store.fetch("account", name)), None)


async def keys(store: Store, tenant: str, *, after: str = "", most: int | None = None) -> list[Key]:
    """API keys of a tenant (``*``: all there are) by app id."""
    return [Key(*row) for row in await store.fetch("api_key_list", after, tenant, most)]


async def key(store: Store, app_id: str) -> Key | None:
    """One API key."""
    return next((Key(*row) for row in await store.fetch("api_key", app_id)), None)


async def connections(
    store: Store, tenant: str, *, after: str | None = None, most: int | None = None
) -> list[Connection]:
    """Connections of a tenant by id."""
    rows = await store.fetch("connections", *keyset.bounds((tenant,), "", after), most)
    return [_connection(row) for row in rows]


async def connection(store: Store, tenant: str, connection_id: str) -> Connection | None:
    """One connection."""
    return next((_connection(row) for row in await store.fetch("connection", tenant, connection_id)), None)


async def plugin_switches(store: Store) -> dict[str, Switch]:
    """Modules that were ever switched, by name."""
    return {row[0]: Switch("", *row) for row in await store.fetch("plugin_switches")}


async def listener_switches(store: Store) -> dict[tuple[str, str], Switch]:
    """Listeners that were ever switched, by node (empty: every one) and name."""
    return {(row[0], row[1]): Switch(*row) for row in await store.fetch("listener_switches")}


async def commands(
    store: Store,
    tenant: str,
    *,
    client_id: str = "",
    actor: str = "",
    before: tuple[int, str, int] = LATEST,
    most: int | None = None,
) -> list[Command]:
    """Commands of a tenant, newest first, in one partition each; with a client id only its own, else an actor's."""
    if client_id:
        rows = await store.fetch("command_list_of_client", tenant, *before, most, client_id)
    elif actor:
        rows = await store.fetch("command_list_of_actor", tenant, *before, most, actor)
    else:
        rows = await store.fetch("command_list", tenant, *before, most)
    return [Command(*row) for row in rows]


async def command(store: Store, tenant: str, command_id: str) -> list[Command]:
    """The copies of one command, by partition; ``*`` looks into all tenants."""
    return [Command(*row) for row in await store.fetch("command_rows", command_id, tenant)]


def _connection(row: Any) -> Connection:
    error: str | None = row["error"]
    return Connection(**{**row, "error": None if error is None else json.loads(error)})
