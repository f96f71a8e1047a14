"""What a request says in its headers: names don't care for case, values are UTF-8 without surrounding space."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import replace
from typing import Final

import msgspec

from domain.access import valid_tenant
from query_api.asked import Asked
from query_api.bifromq.answers import WordError
from query_api.commands.outcome import Asker
from query_api.keyset import storable
from query_api.requests import SPACES

META: Final = "client_meta_"
REQUEST_ID: Final = "req_id"
MOST_META: Final = 32
MOST_META_CHARACTERS: Final = 512
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_LONG: Final = range(-(2**63), 2**63)


def given(asked: Asked, name: str) -> str | None:
    """The first header of this name; None when it is absent. Raises WordError for what no name can have."""
    wanted = name.encode()
    for one, value in asked.request.scope["headers"]:
        if one == wanted:
            return _text(value, name)
    return None


def required(asked: Asked, name: str) -> str:
    """A header that must be there, though it may be empty. Raises WordError."""
    found = given(asked, name)
    if found is None:
        raise WordError(400, f"header not found: {name}")
    return found


def named(asked: Asked, name: str) -> str:
    """A header that must be there and say something. Raises WordError."""
    found = required(asked, name)
    if not found:
        raise WordError(400, f"header not found: {name}")
    return found


def number(text: str) -> int:
    """A number in a header. Raises WordError, in the words of the original."""
    if not _INTEGER.fullmatch(text):
        raise WordError(400, f'For input string: "{text[:100]}"')
    return int(text)


def tenant(asked: Asked) -> str:
    """The tenant that is meant, which the caller may see. Raises WordError, ForbiddenError."""
    name = given(asked, "tenant_id")
    if not name or not valid_tenant(name):
        raise WordError(400)
    return asked.of_tenant(name)


def request_id(asked: Asked) -> int:
    """The number by which the caller names the request; a random one without it."""
    found = _given_id(asked)
    if found is None:
        found = getattr(asked.request.state, REQUEST_ID, None)
    if found is None:
        found = secrets.randbits(63)
        setattr(asked.request.state, REQUEST_ID, found)
    return found


def metadata(asked: Asked) -> dict[str, str]:
    """What the caller tells of the client in whose name it asks. Raises WordError for too much of it."""
    prefix = META.encode()
    found = {}
    for name, value in asked.request.scope["headers"]:
        if name.startswith(prefix) and len(name) > len(prefix):
            found[name[len(prefix) :].decode("latin-1")] = _text(value, META)
    if len(found) > MOST_META or sum(map(len, (*found, *found.values()))) > MOST_META_CHARACTERS:
        raise WordError(400, f"too much in {META}*")
    return found


def asker(asked: Asked, body: bytes = b"") -> Asker:
    """Who asks, under the request id: the same request under the same id is one command, another one another.

    Raises WordError for too much metadata, which go into the log with the command.
    """
    names = (asked.method, asked.raw_path, asked.principal.name, _said(asked), body)
    key = ""
    if (found := _given_id(asked)) is not None:
        key = f"{found}-{hashlib.sha256(msgspec.msgpack.encode(names)).hexdigest()[:40]}"
    return replace(asked.asker(key), correlation=str(request_id(asked)), meta=metadata(asked))


def _said(asked: Asked) -> list[tuple[bytes, bytes]]:
    """The headers of the dialect: these, and all with an underscore."""
    headers = asked.request.scope["headers"]
    return sorted((name, value) for name, value in headers if b"_" in name or name in (b"topic", b"qos"))


def _given_id(asked: Asked) -> int | None:
    text = asked.header(REQUEST_ID)
    return int(text) if _INTEGER.fullmatch(text) and int(text) in _LONG else None


def _text(value: bytes, name: str) -> str:
    text = value.decode("utf-8", "surrogateescape").strip(SPACES)
    if not storable(text):
        raise WordError(400, f"header not readable: {name}")
    return text
