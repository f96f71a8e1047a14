"""Answers as bytes: a plain one with its length, and a streamed one in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from query_api.dialect import Dialect

JSON: Final = "application/json"


def plain(body: bytes, headers: Mapping[str, str], status: int = 200, media_type: str = JSON) -> ASGIResponse:
    """An answer that is whole."""
    return ASGIResponse(body=body, status_code=status, media_type=media_type, headers=dict(headers))


def challenge(dialect: Dialect) -> dict[str, str]:
    """The header that asks for Basic authentication."""
    return {"www-authenticate": f'Basic realm="{dialect.realm}"'}


class StreamedAnswer(ASGIResponse):
    """An answer sent part by part as the client takes it.

    It ends the connection instead of the document when something fails on the way, so that a client can't
    mistake a part for the whole. A client that goes away, or takes nothing for ``stall`` seconds, ends the parts.
    """

    _should_set_content_length = False

    def __init__(
        self, parts: AsyncGenerator[bytes, None], headers: Mapping[str, str], stall: float, media_type: str = JSON
    ) -> None:
        super().__init__(media_type=media_type, headers=dict(headers))
        self._parts = parts
        self._stall = stall

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send all parts; see the class."""
        sending = asyncio.ensure_future(self._send_parts(send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send_parts(self, send: Send) -> None:
        async with aclosing(self._parts) as parts:
            async for part in parts:
                async with asyncio.timeout(self._stall):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
