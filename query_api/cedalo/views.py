"""The documented object of a connection, as it is shown: password and key are left out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

from query_api.admin_queries import Connection


class Credentials(msgspec.Struct, rename="camel", omit_defaults=True):
    """Who the broker is told to be asked by; there is a password if it was given."""

    username: str = ""
    client_id: str = ""


class Encoded(msgspec.Struct):
    """A certificate."""

    data: str
    encoding: str = "base64"


class Error(msgspec.Struct, omit_defaults=True):
    """Why it is not connected."""

    code: str
    errno: int = 0
    syscall: str = ""
    address: str = ""
    port: int = 0
    hostname: str = ""


class Status(msgspec.Struct, omit_defaults=True):
    """How it is, and since when in milliseconds."""

    connected: bool
    timestamp: int
    error: Error | None = None


class View(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A connection."""

    id: str
    name: str
    url: str
    credentials: Credentials | None = None
    ca: Encoded | None = None
    cert: Encoded | None = None
    reject_unauthorized: bool
    status: Status


def view(connection: Connection, certificates: Mapping[str, bytes]) -> View:
    """A connection as the dialect shows it."""
    shown = {name: Encoded(b64encode(part).decode()) for name, part in certificates.items()}
    named = connection.username or connection.client_id
    return View(
        id=connection.connection_id,
        name=connection.name,
        url=connection.url,
        credentials=Credentials(connection.username, connection.client_id) if named else None,
        ca=shown.get("ca"),
        cert=shown.get("cert"),
        reject_unauthorized=connection.reject_unauthorized,
        status=_status(connection),
    )


def reason(error: Mapping[str, Any]) -> str:
    """An error in one line, as the original has it: ``connect ECONNREFUSED 127.0.0.1:1884``."""
    code, syscall, where = error["code"], error.get("syscall", ""), error.get("hostname") or error.get("address", "")
    if syscall not in ("connect", "getaddrinfo") or not where:
        return str(error.get("message") or code)
    port = f":{error['port']}" if error.get("port") else ""
    return f"{syscall} {code} {where}{port}"


def _status(connection: Connection) -> Status:
    if connection.connected is None or connection.at is None:
        return Status(False, connection.changed_at)
    return Status(connection.connected, connection.at, _error(connection.error))


def _error(error: Mapping[str, Any] | None) -> Error | None:
    return None if error is None else msgspec.convert({**error}, Error)
