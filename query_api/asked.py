"""One request, as handlers of every dialect see it: what it asks, who asks, and how fresh the answer is."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from litestar import Request

from domain.access import valid_tenant
from query_api.access.principal import ALL_TENANTS, Permission, Principal
from query_api.commands.outcome import Asker
from query_api.dialect import Dialect
from query_api.errors import ForbiddenError, InvalidError, TooLargeError, UnauthorizedError
from query_api.freshness import Freshness
from query_api.requests import Query, parse_query, trimmed

if TYPE_CHECKING:
    from query_api.service import Service

AT_LEAST_HEADER: Final = "mqledger-at-least"
CORRELATION_HEADER: Final = "x-correlation-id"
KEY_HEADER: Final = "idempotency-key"
MOST_BODY_BYTES: Final = 1_048_576
BODY_SECONDS: Final = 15.0
"""How long a whole body may take."""
MOST_KEY_CHARACTERS: Final = 255
_CORRELATION: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Asked:
    """One request. Owned by its handler."""

    def __init__(self, service: Service, dialect: Dialect, request: Request[Any, Any, Any], route: str) -> None:
        self.service = service
        self.dialect = dialect
        self.route = route
        """As what it is counted; a handler of several kinds of paths says which one it was."""
        self.request = request
        self._principal: Principal | None = None
        self._freshness: Freshness | None = None

    # What is asked

    @property
    def method(self) -> str:
        """Such as ``GET``."""
        return str(self.request.method)

    @property
    def raw_path(self) -> bytes:
        """The path as it was sent, still percent-encoded."""
        return self.request.scope["raw_path"]

    @property
    def parameters(self) -> dict[str, Any]:
        """Parts of the path that the route names, decoded by the server: encoded slashes are lost, see raw_path."""
        return self.request.path_params

    @cached_property
    def query(self) -> Query:
        """The query parameters."""
        return parse_query(self.request.scope["query_string"])

    def header(self, name: str) -> str:
        """The first header of this name, in lower case, without surrounding space; empty when absent."""
        # Most requests have few: Litestar's Headers would cost more than the search.
        wanted = name.encode("latin-1")
        headers: Iterable[tuple[bytes, bytes]] = self.request.scope["headers"]
        return next((value for one, value in headers if one == wanted), b"").decode("latin-1").strip()

    async def body(self, limit: int = MOST_BODY_BYTES) -> bytes:
        """The whole body. Raises TooLargeError above ``limit`` bytes, InvalidError for one that does not come."""
        told = self.header("content-length")
        if told.isascii() and told.isdigit() and int(told[:19]) > limit:
            raise TooLargeError(f"the body may have at most {limit} bytes")
        parts, size = [], 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in self.request.stream():
                    size += len(part)
                    if size > limit:
                        raise TooLargeError(f"the body may have at most {limit} bytes")
                    parts.append(part)
        except TimeoutError as error:
            raise InvalidError("the body did not come in time") from error
        return b"".join(parts)

    # Who asks

    @property
    def principal(self) -> Principal:
        """Who asks. Raises UnauthorizedError where the endpoint is open to all, and nobody was asked."""
        if self._principal is None:
            raise UnauthorizedError("not logged in")
        return self._principal

    async def admit(self, permission: Permission) -> Principal:
        """Find out who asks, and whether they may. Raises UnauthorizedError, ForbiddenError, TooManyRequestsError."""
        if self._principal is None:
            self._principal = await self.service.access.identify(self)
        if not self._principal.may(permission):
            if self._principal.anonymous:
                raise UnauthorizedError("not without an account")
            raise ForbiddenError(f"the role {self._principal.role} may not do that")
        return self._principal

    @property
    def address(self) -> str:
        """Where it comes from, without port; empty when unknown."""
        client = self.request.scope["client"]
        return client[0] if client else ""

    @cached_property
    def correlation(self) -> str:
        """Names the request in answers, logs and events: the caller's, if usable, else a random one."""
        given = self.header(CORRELATION_HEADER)
        return given if _CORRELATION.fullmatch(given) else secrets.token_hex(8)

    @cached_property
    def tenant(self) -> str:
        """The tenant that is meant, which the caller may see. Raises ForbiddenError, InvalidError."""
        named = self.header(self.dialect.tenant_header)
        if named:
            return self.of_tenant(_utf8(named))
        return self.service.tenant if self.principal.tenant == ALL_TENANTS else self.principal.tenant

    def of_tenant(self, name: str) -> str:
        """A tenant that the request names, if the caller may see it. Raises ForbiddenError, InvalidError."""
        if not self.principal.sees(name):
            raise ForbiddenError("not a tenant of this account")
        if not valid_tenant(name):
            raise InvalidError("this is no name of a tenant")
        return name

    def everywhere(self) -> None:
        """For what belongs to no tenant. Raises ForbiddenError for a caller of a single one."""
        if not self.principal.everywhere:
            raise ForbiddenError("this is for accounts of all tenants")

    def asker(self, key: str | None = None, secret: bytes = b"", part: str = "") -> Asker:
        """Who asks, for one command; ``key`` is an idempotency key, by default that of the header, which is good for
        one ``secret`` alone. Raises InvalidError, UnavailableError.

        The key of somebody else, of another dialect, of another ``part`` of the request is another one.
        """
        given = self.header(KEY_HEADER) if key is None else key
        if len(given) > MOST_KEY_CHARACTERS:
            raise InvalidError(f"an idempotency key may have at most {MOST_KEY_CHARACTERS} characters")
        scoped = "\0".join((self.dialect.name, self.principal.name, part, given)) if given else ""
        # The same secret gives the same token, by every process of the deployment.
        sealed = self.service.tokens.seal("secret of a command", (self.tenant,), secret) if scoped and secret else ""
        return Asker(self.principal.name, self.address, self.correlation, scoped, sealed)

    # How fresh the answer is

    async def freshen(self) -> None:
        """Wait for `at_least`, if given, and note the freshness of the queries that follow.

        Raises InvalidError, TooLateError, UnavailableError. To be called before the first query.
        """
        self._freshness = await self.service.fresh(trimmed(self.query, "at_least") or self.header(AT_LEAST_HEADER))

    def headers(self) -> dict[str, str]:
        """Freshness headers: of the queries made, or of now when none was."""
        return self.service.headers(self._freshness)


def _utf8(header: str) -> str:
    return header.encode("latin-1").decode("utf-8", "surrogateescape")
