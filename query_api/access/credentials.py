"""What a request shows of who asks: Basic, a bearer token, or the cookie of a session. The first of these counts."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TypeAlias

from query_api.errors import UnauthorizedError

MOST_CHARACTERS = 1_024
"""Of a name, and of a secret."""


@dataclass(frozen=True, slots=True)
class Password:
    """A name, of an account or an API key, with its secret."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True)
class Token:
    """A sealed session, of a bearer or from a cookie."""

    text: str


Credentials: TypeAlias = Password | Token


def credentials(authorization: str, cookies: str, cookie: str) -> Credentials | None:
    """What the headers ``authorization`` and ``cookie`` show; ``cookie`` is the name of the one that counts.

    None when nothing is shown. Raises UnauthorizedError for what can't be read: wrong is not the same as absent.
    """
    if authorization:
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "basic":
            return _basic(rest.strip())
        if scheme.lower() == "bearer":
            return Token(rest.strip())
        raise UnauthorizedError("this scheme of authorization is not known")
    found = _cookie(cookies, cookie) if cookies else ""
    return Token(found) if found else None


def _basic(encoded: str) -> Password:
    try:
        text = b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnauthorizedError("this is no Basic authorization") from error
    name, colon, secret = text.partition(":")
    if not colon or len(name) > MOST_CHARACTERS or len(secret) > MOST_CHARACTERS:
        raise UnauthorizedError("this is no Basic authorization")
    return Password(name, secret)


def _cookie(header: str, name: str) -> str:
    try:
        jar = SimpleCookie(header)
    except CookieError:
        return ""
    return jar[name].value if name in jar else ""
