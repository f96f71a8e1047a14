"""Files of accounts and API keys that others kept: what is in them, as events to be.

A file of EMQX 4 (``emqx_ctl data export``) holds its applications with their secrets in clear. Anything else is CSV
with the columns ``name``, ``password``, ``role`` and, if wanted, ``tenant``. What everybody knows is left out: the
documented passwords of the originals. What else a file holds is not taken, and said not to be.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from query_api.access.principal import Role
from stack.errors import StackError

KNOWN_TO_ALL: Final = frozenset({("admin", "public"), ("cedalo", "secret")})
MOST_BYTES: Final = 16 * 1024 * 1024

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """An account, or a key, to be."""

    name: Text
    password: Text
    role: Role
    tenant: Text = "*"
    is_key: bool = False
    label: Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[^\x00]*$")] = ""
    """Of a key: what it is for."""
    enabled: bool = True
    expires: int = 0
    """Of a key: milliseconds since 1970; 0 is never."""


class _App(msgspec.Struct):
    id: str
    secret: str
    name: str = ""
    status: bool = True
    expired: int | str = "undefined"


class _Export(msgspec.Struct):
    apps: list[_App]


class _User(msgspec.Struct):
    username: str


ABOUT: Final = frozenset({"version", "date"})
"""What an export says of itself."""
HASHED: Final = "their passwords are hashes that can't be taken; `mqledger account add` gives new ones"


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds."""

    logins: list[Login]
    left_out: list[str]
    """Names whose passwords everybody knows."""
    not_taken: list[str]
    """What else the file holds: a sentence without its point each, never with a value that may be secret."""


def read(content: bytes, role: Role) -> Found:
    """The accounts and keys in a file; ``role`` is that of keys, which have none there. Raises StackError."""
    if len(content) > MOST_BYTES:
        raise StackError(f"The file is larger than {MOST_BYTES} bytes; split it.")
    try:
        export = content.lstrip().startswith(b"{")
        logins = list(_of_export(content, role) if export else _of_table(content))
        not_taken = list(_rest_of_export(content) if export else _rest_of_table(content))
    except (msgspec.DecodeError, UnicodeDecodeError, csv.Error) as error:
        raise StackError(f"The file can't be read: {error}.") from error
    usable = [one for one in logins if (one.name, one.password) not in KNOWN_TO_ALL]
    return Found(usable, [one.name for one in logins if one not in usable], not_taken)


def _of_export(content: bytes, role: Role) -> Iterator[Login]:
    for app in msgspec.json.decode(content, type=_Export).apps:
        until = app.expired * 1000 if isinstance(app.expired, int) else 0
        given = {"name": app.id, "password": app.secret, "role": role, "label": app.name, "enabled": app.status}
        yield msgspec.convert({**given, "is_key": True, "expires": until}, Login)


def _rest_of_export(content: bytes) -> Iterator[str]:
    held = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    for name in sorted(held.keys() - {"apps"} - ABOUT):
        value = msgspec.json.decode(held[name])
        if name == "users" and value:
            names = ", ".join(one.username for one in msgspec.convert(value, list[_User]))
            yield f"users ({names}): {HASHED}"
        elif value:
            yield f"{name} ({len(value) if isinstance(value, list | dict) else 1}): no account and no API key"


def _of_table(content: bytes) -> Iterator[Login]:
    for row in _rows(content):
        yield msgspec.convert({name: value for name, value in row.items() if name and value}, Login)


def _rest_of_table(content: bytes) -> Iterator[str]:
    for name in _rows(content).fieldnames or ():
        if name not in Login.__struct_fields__:
            yield f"column {name}: there is no such thing in an account"


def _rows(content: bytes) -> csv.DictReader[str]:
    return csv.DictReader(io.StringIO(content.decode("utf-8-sig")), strict=True)
