"""Sessions of people and programs that logged in: sealed tokens, kept by the client alone.

A token names the account and holds a digest of how the account was then: a new password, role or tenant, or its
removal, ends every session of it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

import msgspec

from query_api.access.principal import Role
from query_api.errors import UnauthorizedError
from query_api.tokens import BadTokenError, Tokens

_PURPOSE: Final = "session"


@dataclass(frozen=True, slots=True)
class Known:
    """An account or an API key, as the tables have it."""

    name: str
    secret: str
    """Argon2 hash."""
    role: Role
    tenant: str
    until: int = 0
    """Milliseconds since 1970; 0 is for ever. An API key that is not enabled is not known."""

    @property
    def state(self) -> bytes:
        """Changes whenever the account does."""
        return hashlib.sha256(msgspec.msgpack.encode((self.secret, self.role.value, self.tenant))).digest()[:16]


class _Sealed(msgspec.Struct, array_like=True, frozen=True):
    name: str
    state: bytes
    until: int
    chance: bytes


_decoder = msgspec.msgpack.Decoder(_Sealed)


def seal(tokens: Tokens, account: Known, until: int) -> str:
    """A token by which its bearer is this account, until a time in milliseconds since 1970."""
    sealed = _Sealed(account.name, account.state, until, secrets.token_bytes(8))
    return tokens.seal(_PURPOSE, (), msgspec.msgpack.encode(sealed))


def opened(tokens: Tokens, token: str, accounts: dict[str, Known], now: int) -> Known:
    """The account of a token that still counts. Raises UnauthorizedError."""
    try:
        sealed = _decoder.decode(tokens.open(_PURPOSE, (), token))
    except (BadTokenError, msgspec.DecodeError) as error:
        raise UnauthorizedError("not a session of ours") from error
    account = accounts.get(sealed.name)
    if account is None or account.state != sealed.state or sealed.until <= now:
        raise UnauthorizedError("the session has ended")
    return account
