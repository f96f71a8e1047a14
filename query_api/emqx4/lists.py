"""Lists of the dialect, all alike: short ones are gathered, long ones streamed in bounded memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

from litestar.response.base import ASGIResponse

from query_api.asked import Asked
from query_api.emqx4.answers import data, streamed
from query_api.emqx4.parameters import Page
from query_api.store import Row, Store

GATHERED: Final = 1_000
"""Lists up to here are gathered before they are sent. So are those that turn out to be no longer, whatever their limit:
a stream holds a connection, of which there are few."""

Gather = Callable[[int, int], Awaitable[list[Row]]]
"""At most so many rows from the first of a page on."""
Parts = Callable[[int, int], AsyncGenerator[list[Row], None]]
"""The same in parts."""


async def answer(
    asked: Asked, page: Page, gather: Gather, parts: Parts, view: Callable[[Any], Any], count: int | None = None
) -> ASGIResponse:
    """The page of a list; with its count, and what else is told of pages, unless that is None."""
    rows = await gather(page.first, min(page.limit, GATHERED) + 1)
    if len(rows) <= GATHERED or page.limit <= GATHERED:
        shown = list(map(view, rows[: page.limit]))
        return data(asked, shown, None if count is None else page.meta(len(rows) > page.limit, count))
    meta = {} if count is None else page.meta(False, count)
    return await streamed(asked, _shown(parts(page.first, page.limit + 1), page.limit, view, meta), meta)


def of_query(store: Store, query: str, *arguments: object) -> tuple[Gather, Parts]:
    """Both ways of a named query that takes a first row and a number of rows behind ``arguments``."""
    return (
        lambda first, most: store.fetch(query, *arguments, first, most),
        lambda first, most: store.stream(query, *arguments, first, most),
    )


async def _shown(
    parts: AsyncGenerator[list[Row], None], limit: int, view: Callable[[Any], Any], meta: dict[str, Any]
) -> AsyncGenerator[list[Any], None]:
    sent = 0
    async with aclosing(parts):
        async for rows in parts:
            shown = rows[: limit - sent]
            if len(shown) < len(rows) and meta:
                meta["hasnext"] = True
            sent += len(shown)
            yield list(map(view, shown))
