"""Who asks: the one way in for every dialect."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ops.loopback import is_loopback
from query_api.access import sessions
from query_api.access.credentials import MOST_CHARACTERS, Password, credentials
from query_api.access.guard import Guard
from query_api.access.passwords import Passwords
from query_api.access.principal import ALL_TENANTS, LOOPBACK, Principal
from query_api.access.roll import Roll
from query_api.access.sessions import Known
from query_api.access.settings import ANONYMOUS_ROLES, AccessSettings
from query_api.errors import ForbiddenError, UnauthorizedError
from query_api.tokens import Tokens

if TYPE_CHECKING:
    from query_api.asked import Asked

logger = logging.getLogger(__name__)

_SAFE: Final = ("GET", "HEAD", "OPTIONS")
MOST_HOST_CHARACTERS: Final = 300
"""Names have at most 253; what is remembered of hosts must be small."""
_PROXIED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers of a request that only seems to come from this machine."""


class Access:
    """Knows accounts and API keys, and what callers without any may do."""

    def __init__(
        self, settings: AccessSettings, local: bool, roll: Roll, passwords: Passwords, tokens: Callable[[], Tokens]
    ) -> None:
        """``local``: the API listens on loopback alone."""
        self._session_ms = int(settings.session * 1000)
        role = ANONYMOUS_ROLES[settings.anonymous] if local else None
        self._anonymous = Principal(LOOPBACK, role, ALL_TENANTS, anonymous=True) if role is not None else None
        self._roll = roll
        self._passwords = passwords
        self._tokens = tokens
        self._guard = Guard(time.monotonic, settings.failures_by_name, settings.failures_by_address)

    async def identify(self, asked: Asked) -> Principal:
        """Who asks. Raises UnauthorizedError, TooManyRequestsError, UnavailableError.

        Credentials that are shown must be right, also where none would do.
        """
        shown = credentials(asked.header("authorization"), asked.header("cookie"), asked.dialect.cookie)
        if shown is None:
            return self._unnamed(asked)
        if isinstance(shown, Password):
            return _principal(await self._verified(shown, asked.address))
        roll = await self._roll.current()
        return _principal(sessions.opened(self._tokens(), shown.text, roll.accounts, _now()))

    async def login(self, name: str, password: str, address: str) -> tuple[Principal, str]:
        """An account with its password becomes a session: who it is, and the token that says so.

        Raises UnauthorizedError, TooManyRequestsError, UnavailableError.
        """
        if len(name) > MOST_CHARACTERS or len(password) > MOST_CHARACTERS:
            raise UnauthorizedError("name or password is wrong")
        account = await self._verified(Password(name, password), address, keys=False)
        return _principal(account), sessions.seal(self._tokens(), account, _now() + self._session_ms)

    @property
    def session_seconds(self) -> int:
        """How long a session lasts: for a cookie's Max-Age."""
        return self._session_ms // 1000

    async def check_password(self, name: str, password: str, address: str) -> Principal | None:
        """The account of this name, if that is its password; None if there is no such account.

        For dialects that tell the two apart. Raises UnauthorizedError, TooManyRequestsError, UnavailableError.
        """
        roll = await self._roll.current()
        known = name in roll.accounts
        try:
            return _principal(await self._verified(Password(name, password), address, keys=False))
        except UnauthorizedError:
            if known:
                raise
            return None

    async def hashed(self, secret: str) -> str:
        """The argon2 hash of a secret, as events have it. Raises TooManyRequestsError."""
        return await self._passwords.hashed(secret)

    def check_origin(self, asked: Asked) -> None:
        """Raises ForbiddenError when a browser sends a change for a page of another origin."""
        if asked.method in _SAFE:
            return
        site = asked.header("sec-fetch-site")
        if site and site not in ("same-origin", "none"):
            raise ForbiddenError("this was sent by a page of another site")
        origin = asked.header("origin")
        if origin and origin.lower().partition("://")[2] != asked.header("host").lower():
            raise ForbiddenError("this was sent by a page of another origin")

    def _unnamed(self, asked: Asked) -> Principal:
        if self._anonymous is None or not _is_loopback(asked.address) or not _named_as_loopback(asked):
            raise UnauthorizedError("not logged in")
        return self._anonymous

    async def _verified(self, shown: Password, address: str, keys: bool = True) -> Known:
        roll = await self._roll.current()
        known = roll.accounts.get(shown.name) or (roll.keys.get(shown.name) if keys else None)
        if known is not None and 0 < known.until <= _now():
            known = None
        if known is not None and self._passwords.known(shown.secret, known.secret):
            return known
        self._guard.check(address, shown.name)
        if not await self._passwords.verify(shown.secret, known.secret if known is not None else None):
            self._guard.failed(address, shown.name)
            # Without the name: people type passwords there.
            logger.info("a login failed", extra={"address": address})
            raise UnauthorizedError("name or password is wrong")
        assert known is not None
        return known


def _principal(known: Known) -> Principal:
    return Principal(known.name, known.role, known.tenant)


def _named_as_loopback(asked: Asked) -> bool:
    """Whether the caller meant this machine: not a name that somebody pointed here, not a proxy for others."""
    if any(asked.header(name) for name in _PROXIED):
        return False
    named = asked.header("host")
    return len(named) <= MOST_HOST_CHARACTERS and _is_loopback(_host(named))


_is_loopback = lru_cache(maxsize=1_024)(is_loopback)


@lru_cache(maxsize=1_024)
def _host(header: str) -> str:
    """The host in a Host header, without port; empty when there is none to be read."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _now() -> int:
    return time.time_ns() // 1_000_000
