"""Answers of the dialect: a code beside the data; what went wrong is told by the code, mostly under 200."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse

from query_api.answers import StreamedAnswer, plain
from query_api.asked import Asked
from query_api.commands.outcome import Outcome
from query_api.errors import RefusalError

BAD_RPC: Final = 101
"""A node does not answer, or the outcome of a command is not known in time."""
UNKNOWN: Final = 102
MISSING: Final = 107
BAD_PARAMETER: Final = 108
LOADED: Final = 110
UNLOADED: Final = 111
NOT_FOUND: Final = 112
BAD_TOPIC: Final = 115
BAD_QOS: Final = 116

encode = msgspec.json.Encoder().encode


class CodedError(RefusalError):
    """A refusal by its code, in the words of the original."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class BadRequestError(RefusalError):
    """The request can't be read: 400, as the original's server says by itself."""


def succeeded(asked: Asked) -> ASGIResponse:
    """The answer to a change that was made."""
    return plain(b'{"code":0}', asked.headers())


def data(asked: Asked, value: Any, meta: Mapping[str, Any] | None = None) -> ASGIResponse:
    """The answer to a question."""
    return plain(b'{"data":%b%b,"code":0}' % (encode(value), _meta(meta)), asked.headers())


def coded(code: int, message: str, headers: Mapping[str, str], status: int = 200) -> ASGIResponse:
    """The answer to a request that failed."""
    return plain(encode({"message": message, "code": code}), headers, status)


async def streamed(asked: Asked, parts: AsyncGenerator[list[Any], None], meta: dict[str, Any]) -> ASGIResponse:
    """The answer to a question whose data come in parts; ``meta`` is read after the last of them.

    The first part is made before the status is sent: until then a failure can be told.
    """
    written = _written(parts, meta)
    first = await anext(written)
    return StreamedAnswer(_rejoined(first, written), asked.headers(), asked.service.settings.stall_timeout)


def settled(outcome: Outcome) -> str:
    """The word of an outcome that is known. Raises CodedError for one that is not, or came too late."""
    if not outcome.known or outcome.outcome in ("late", "unknown"):
        raise CodedError(BAD_RPC, "timeout")
    return outcome.outcome


async def _written(parts: AsyncGenerator[list[Any], None], meta: dict[str, Any]) -> AsyncGenerator[bytes, None]:
    lead = b'{"data":['
    async with aclosing(parts):
        async for part in parts:
            if part:
                yield lead + encode(part)[1:-1]
                lead = b","
    yield (b"" if lead == b"," else lead) + b"]" + _meta(meta) + b',"code":0}'


async def _rejoined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for part in rest:
            yield part


def _meta(meta: Mapping[str, Any] | None) -> bytes:
    return b',"meta":' + encode(meta) if meta else b""
