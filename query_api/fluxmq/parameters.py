"""The parameters of lists, checked in the order of the original: state, limit, then the token."""

from __future__ import annotations

from dataclasses import dataclass

from query_api.errors import InvalidError
from query_api.queries import STATES
from query_api.requests import Query, non_negative, trimmed
from query_api.tokens import BadTokenError, Tokens

DIALECT = "fluxmq"


@dataclass(frozen=True, slots=True)
class ListParameters:
    """What part of a list is asked for."""

    state: str
    limit: int
    """0 is everything."""
    prefix: str
    token: str


def list_parameters(query: Query, default_state: str) -> ListParameters:
    """The parameters of a list. Raises InvalidError."""
    state = trimmed(query, "state").lower() or default_state
    if state not in STATES:
        raise InvalidError("state must be one of: connected, disconnected, all")
    limit = non_negative(trimmed(query, "limit") or "0")
    if limit is None:
        raise InvalidError("limit must be a non-negative integer")
    return ListParameters(state, limit, trimmed(query, "prefix"), trimmed(query, "page_token"))


@dataclass(frozen=True, slots=True)
class PageTokens:
    """Page tokens of one list: endpoint, tenant and filters are those of the request."""

    tokens: Tokens
    context: tuple[str, ...]

    def seal(self, last: str) -> str:
        """The token of the page that begins after the key ``last``."""
        return self.tokens.seal("page", self._context, last.encode())

    def open(self, token: str) -> str | None:
        """The key in a token; None for no token. Raises InvalidError."""
        if not token:
            return None
        try:
            return self.tokens.open("page", self._context, token).decode()
        except BadTokenError as error:
            raise InvalidError("invalid page_token") from error

    @property
    def _context(self) -> tuple[str, ...]:
        # What can't be encoded is in no stored text: such a list is empty and has no tokens.
        return (DIALECT, *(part.encode("utf-8", "surrogatepass").hex() for part in self.context))
