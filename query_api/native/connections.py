"""Connections to other brokers, and how they are."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from query_api import admin_queries
from query_api import connections as shared
from query_api.access.principal import Permission
from query_api.admin_queries import Connection as Row
from query_api.errors import InvalidError
from query_api.native import etags, outcomes, paging
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.problems import unprocessable
from query_api.native.shapes import Given, Listing, Shape
from query_api.native.text import BASE64, Id, Time
from query_api.native.times import moment, moment_or_none

section: Final = Section("connections", writes=Permission.CONNECTIONS)
Words = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[!-~]([ -~]*[!-~])?$(?!\n)")]
Url = Annotated[
    str,
    Meta(
        max_length=1000,
        pattern=r"^(mqtts?|wss?)://([A-Za-z0-9]([A-Za-z0-9-]{0,40}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,40}"
        r"[A-Za-z0-9])?){0,4}|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~-]*)*$(?!\n)",
        examples=["mqtts://broker.example.com:8883"],
    ),
]
Sealed = Annotated[
    str, Meta(max_length=80_000, pattern=BASE64, description="PEM or DER in Base64. Kept sealed, never returned.")
]


class LinkFailure(Shape, frozen=True):
    """Why it is not connected."""

    code: str
    errno: int
    syscall: str
    address: str
    port: int
    hostname: str
    message: str


class Connection(Shape, frozen=True):
    """A connection to another broker."""

    id: str
    name: str
    url: str
    username: str | None
    client_id: str | None
    verify: bool
    """Whether the other side's certificate must be one to believe."""
    sealed: list[str]
    """Which of `password`, `ca`, `cert` and `key` it has."""
    connected: bool | None
    """None: nothing is known yet."""
    since: Time | None
    error: LinkFailure | None
    changed_at: Time
    changed_by: str


class ConnectionPage(Shape, frozen=True):
    """A page of connections."""

    items: list[Connection]
    next: str | None


class ConnectionGiven(Given, frozen=True):
    """A connection to be."""

    name: Words
    url: Url
    username: Words | None = None
    password: Annotated[str, Meta(min_length=1, max_length=1000, description="Kept sealed, never returned.")] | None = (
        None
    )
    client_id: Words | None = None
    verify: bool = True
    ca: Sealed = ""
    cert: Sealed = ""
    key: Sealed = ""


class NewConnection(ConnectionGiven, frozen=True, kw_only=True):
    """A connection to be, with its id."""

    id: Id


_PATH: Final = {"connection_id": "north"}
_GIVEN: Final = {"name": "North", "url": "mqtt://127.0.0.1:1883"}


@section.get("/connections", ConnectionPage, query=Listing, example=Example())
async def list_connections(call: Call) -> Reply:
    """Connections to other brokers by id."""
    after = paging.opened(call)
    await call.asked.freshen()
    rows = await admin_queries.connections(
        call.asked.service.store, call.tenant, after=after, most=call.query.limit + 1
    )
    page, following = paging.cut(call, rows, lambda row: row.connection_id)
    return Reply(ConnectionPage([_connection(row) for row in page], following))


@section.command(
    "POST", "/connections", body=NewConnection, status=201, example=Example(body={"id": "north", **_GIVEN})
)
async def add_connection(call: Call) -> Reply:
    """Add a connection; 409 when there is one of this id or name, or as many as there may be."""
    return outcomes.added(await _put(call, call.body.id, "add"), "connections", call.body.id)


@section.get("/connections/{connection_id}", Connection, example=Example(_PATH))
async def get_connection(call: Call) -> Reply:
    """One connection, and how it is."""
    await call.asked.freshen()
    return outcomes.found(await _find(call), "connection")


@section.command("PUT", "/connections/{connection_id}", body=ConnectionGiven, example=Example(_PATH, body=_GIVEN))
async def put_connection(call: Call) -> Reply:
    """Make or replace a connection."""
    etags.require_match(call, await _find(call))
    told = await _put(call, call.path["connection_id"], outcomes.mode(call))
    return outcomes.put(told) if call.headers.if_match or call.headers.if_none_match else outcomes.reply(told)


@section.command("DELETE", "/connections/{connection_id}", example=Example(_PATH))
async def delete_connection(call: Call) -> Reply:
    """Remove a connection."""
    etags.require_match(call, await _find(call))
    told = await shared.remove(call.asked.service, outcomes.asker(call), call.tenant, call.path["connection_id"])
    return outcomes.reply(told)


async def _put(call: Call, connection_id: str, mode: str) -> outcomes.Told:
    given = call.body
    parts = {name: _decoded(name, getattr(given, name)) for name in ("ca", "cert", "key")}
    parts["password"] = (given.password or "").encode()
    draft = shared.Draft(
        connection_id, given.name, given.url, given.username or "", given.client_id or "", given.verify, parts
    )
    try:
        asker = outcomes.asker(call, msgspec.msgpack.encode(parts))
        return await shared.put(call.asked.service, asker, call.tenant, draft, mode)
    except InvalidError as error:
        raise unprocessable(str(error)) from error


def _decoded(name: str, text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Base64Error as error:
        raise unprocessable(f"`{name}` is not Base64.") from error


async def _find(call: Call) -> Connection | None:
    row = await admin_queries.connection(call.asked.service.store, call.tenant, call.path["connection_id"])
    return None if row is None else _connection(row)


def _connection(row: Row) -> Connection:
    return Connection(
        row.connection_id,
        row.name,
        row.url,
        row.username or None,
        row.client_id or None,
        row.reject_unauthorized,
        list(row.parts),
        row.connected,
        moment_or_none(row.at or 0),
        None if row.error is None else _failure(row.error),
        moment(row.changed_at),
        row.changed_by,
    )


def _failure(error: Any) -> LinkFailure:
    return LinkFailure(**{name: error.get(name, "") for name in LinkFailure.__struct_fields__})
