"""Pages by number: ``curr_page`` from 1, ``page_size`` without a maximum, and how many there are in all."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse

from query_api.answers import StreamedAnswer, plain
from query_api.asked import Asked
from query_api.errors import NotFoundError

GATHERED: Final = 1000
"""Pages up to here are gathered before they are sent; longer ones are streamed."""
_MOST: Final = 10**15
_NUMBER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    number: int
    size: int

    @property
    def first(self) -> int:
        """Its first row, from 0; pages below 1 are the first."""
        return min((max(self.number, 1) - 1) * self.size, _MOST)

    def head(self, total: int) -> bytes:
        """The document up to the objects."""
        pages = -(-total // self.size)
        return b'{"code":0,"result":{"current_page":%d,"page_size":%d,"total_num":%d,"total_page":%d,"objects":' % (
            self.number,
            self.size,
            total,
            pages,
        )


def page_of(asked: Asked) -> Page:
    """The page asked for. Raises NotFoundError, as the original fails, for what is no number, or a size below 1."""
    page = Page(_number(asked, "curr_page", 1), _number(asked, "page_size", 20))
    if page.size < 1:
        raise NotFoundError("page")
    return page


def _number(asked: Asked, name: str, default: int) -> int:
    text = asked.query.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or len(text) > 16:
        raise NotFoundError("page")
    return min(int(text), _MOST)


async def objects(
    asked: Asked, page: Page, total: int, query: str, arguments: tuple[object, ...], view: Callable[[Any], Any]
) -> ASGIResponse:
    """The page of a query that takes a first row and a number of rows behind ``arguments``."""
    if page.size <= GATHERED:
        rows = await asked.service.walks.fetch(query, *arguments, page.first, page.size)
        return plain(page.head(total) + _encode([view(row) for row in rows]) + b"}}", asked.headers())
    parts = _parts(asked, page, total, query, arguments, view)
    # The first part is made before the status is sent: until then a failure can be told.
    first = await anext(parts)
    return StreamedAnswer(_rejoined(first, parts), asked.headers(), asked.service.settings.stall_timeout)


async def _parts(
    asked: Asked, page: Page, total: int, query: str, arguments: tuple[object, ...], view: Callable[[Any], Any]
) -> AsyncGenerator[bytes, None]:
    lead = page.head(total) + b"["
    async with aclosing(asked.service.walks.stream(query, *arguments, page.first, page.size)) as chunks:
        async for chunk in chunks:
            yield lead + _encode([view(row) for row in chunk])[1:-1]
            lead = b","
    yield (b"" if lead == b"," else lead) + b"]}}"


async def _rejoined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for part in rest:
            yield part
