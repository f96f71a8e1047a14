"""Lists of the dialect, all alike: a page with its token, or a stream in bounded memory, from one description."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse

from query_api import keyset
from query_api.answers import StreamedAnswer, plain
from query_api.asked import Asked
from query_api.fluxmq.parameters import ListParameters, PageTokens
from query_api.fluxmq.views import View

LONGEST_PAGE: Final = 1000
"""Pages up to here are gathered before they are sent; longer ones, and whole lists, are streamed."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Listing:
    """A kind of list. ``scope`` are the columns before the key, such as the tenant."""

    endpoint: str
    query: str
    key: str
    """Column to page by."""
    scope: tuple[str, ...]
    head: bytes
    """The document up to the array."""
    view: Callable[[Any], View]

    async def answer(self, asked: Asked, parameters: ListParameters) -> ASGIResponse:
        """The list as asked for. Raises UnavailableError, and InvalidError for a foreign token."""
        context = (self.endpoint, *self.scope, parameters.state, parameters.prefix)
        tokens = PageTokens(asked.service.tokens, context)
        after = tokens.open(parameters.token)
        await asked.freshen()
        bounds = keyset.bounds(self.scope, parameters.prefix, after)
        query = f"{self.query}/{parameters.state}"
        if 0 < parameters.limit <= LONGEST_PAGE:
            return await self._page(asked, query, bounds, parameters.limit, tokens)
        return await self._stream(asked, query, bounds, parameters.limit, tokens)

    async def _page(
        self, asked: Asked, query: str, bounds: keyset.Bounds, limit: int, tokens: PageTokens
    ) -> ASGIResponse:
        rows = await asked.service.store.fetch(query, *bounds, limit + 1)
        views = [self.view(row) for row in rows[:limit]]
        end = self._end(tokens, rows[limit - 1] if len(rows) > limit else None)
        return plain(b"".join((self.head, _encode(views), end)), asked.headers())

    async def _stream(
        self, asked: Asked, query: str, bounds: keyset.Bounds, limit: int, tokens: PageTokens
    ) -> ASGIResponse:
        parts = self._parts(asked, query, bounds, limit, tokens)
        # The first part is made before the status is sent: until then a failure can be told.
        first = await anext(parts)
        return StreamedAnswer(_rejoined(first, parts), asked.headers(), asked.service.settings.stall_timeout)

    async def _parts(
        self, asked: Asked, query: str, bounds: keyset.Bounds, limit: int, tokens: PageTokens
    ) -> AsyncGenerator[bytes, None]:
        lead, last, sent, more = self.head + b"[", None, 0, False
        async with aclosing(asked.service.store.stream(query, *bounds, limit + 1 if limit else None)) as chunks:
            async for chunk in chunks:
                rows = chunk[: limit - sent] if limit else chunk
                more = len(rows) < len(chunk)
                if rows:
                    yield lead + _encode([self.view(row) for row in rows])[1:-1]
                    lead, last, sent = b",", rows[-1], sent + len(rows)
        yield (lead if last is None else b"") + b"]" + self._end(tokens, last if more else None)

    def _end(self, tokens: PageTokens, last: Any | None) -> bytes:
        if last is None:
            return b"}"
        # Tokens are base64url: nothing to escape.
        return b',"next_page_token":"%b"}' % tokens.seal(last[self.key]).encode("ascii")


async def _rejoined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for part in rest:
            yield part
