"""From exceptions to answers of the dialect: the one place where that is decided. Nothing internal gets out."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Final

import msgspec
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.response.base import ASGIResponse

from query_api import faults
from query_api.answers import challenge, plain
from query_api.asked import Asked
from query_api.dialect import Dialect
from query_api.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    TooLargeError,
    TooLateError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
)
from query_api.fluxmq.views import Error

RETRY_AFTER = {"retry-after": "1"}
_SAID: Final[Mapping[type[Exception], int]] = {
    InvalidError: 400,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    TooManyRequestsError: 429,
}
"""Refusals whose text is meant for the client."""


def answer_error(error: Exception, headers: Mapping[str, str], asked: Asked) -> ASGIResponse:
    """The answer to a request that failed with ``error``, with ``headers`` and those that the error needs."""
    faults.note(error)
    status, text, more = _mapped(error, asked.dialect)
    if status == 500:
        more = faults.tell(error, asked)
    return plain(msgspec.json.encode(Error(text)), {**headers, **more}, status)


def _mapped(error: Exception, dialect: Dialect) -> tuple[int, str, Mapping[str, str]]:
    status = _SAID.get(type(error))
    if status is not None:
        return status, str(error), _more(error, dialect)
    answer: tuple[int, str, Mapping[str, str]]
    match error:
        case MethodNotAllowedError():
            answer = 405, "method not allowed", {"allow": str(error)}
        case MethodNotAllowedException():
            answer = 405, "method not allowed", {"allow": "GET"}
        case NotFoundException():
            answer = 404, "not found", {}
        case TooLateError():
            answer = 503, "position not reached in time", RETRY_AFTER
        case UnavailableError():
            answer = 503, "broker not available", RETRY_AFTER
        case HTTPException(status_code=status) if status < 500:
            answer = status, HTTPStatus(status).phrase.lower(), {}
        case _:
            answer = 500, "internal error", {}
    return answer


def _more(error: Exception, dialect: Dialect) -> Mapping[str, str]:
    match error:
        case UnauthorizedError():
            return challenge(dialect)
        case TooManyRequestsError():
            return {"retry-after": str(ceil(error.retry_after))}
        case _:
            return {}
