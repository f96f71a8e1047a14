"""Files of accounts and API keys that others kept: what is in them, as events to be.

A file of EMQX 4 (``emqx_ctl data export``) holds its applications with their secrets in clear. Anything else is CSV
with the columns ``name``, ``password``, ``role`` and, if wanted, ``tenant``. What everybody knows is left out: the
documented passwords of the originals.
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


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds."""

    logins: list[Login]
    left_out: list[str]
    """Names whose passwords everybody knows."""


def read(content: bytes, role: Role) -> Found:
    """The accounts and keys in a file; ``role`` is that of keys, which have none there. Raises StackError."""
    if len(content) > MOST_BYTES:
        raise StackError(f"The file is larger than {MOST_BYTES} bytes; split it.")
    try:
        export = content.lstrip().startswith(b"{")
        logins = list(_of_export(content, role) if export else _of_table(content))
    except (msgspec.DecodeError, UnicodeDecodeError, csv.Error) as error:
        raise StackError(f"The file can't be read: {error}.") from error
    usable = [one for one in logins if (one.name, one.password) not in KNOWN_TO_ALL]
    return Found(usable, [one.name for one in logins if one not in usable])


def _of_export(content: bytes, role: Role) -> Iterator[Login]:
    for app in msgspec.json.decode(content, type=_Export).apps:
        until = app.expired * 1000 if isinstance(app.expired, int) else 0
        given = {"name": app.id, "password": app.secret, "role": role, "label": app.name, "enabled": app.status}
        yield msgspec.convert({**given, "is_key": True, "expires": until}, Login)


def _of_table(content: bytes) -> Iterator[Login]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), strict=True)
    for row in rows:
        yield msgspec.convert({name: value for name, value in row.items() if name and value}, Login)
