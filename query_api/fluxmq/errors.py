"""From exceptions to answers of the dialect: the one place where that is decided. Nothing internal gets out."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.response.base import ASGIResponse

from query_api.answers import plain
from query_api.errors import InvalidError, MethodNotAllowedError, NotFoundError, TooLateError, UnavailableError
from query_api.fluxmq.views import Error

logger = logging.getLogger(__name__)

RETRY_AFTER = {"retry-after": "1"}


def answer_error(error: Exception, headers: Mapping[str, str]) -> ASGIResponse:
    """The answer to a request that failed with ``error``, with ``headers`` and those that the error needs."""
    if isinstance(error, UnavailableError) and not isinstance(error, TooLateError):
        logger.info("no answer possible now: %s", error)
    status, text, more = _mapped(error)
    if status == 500:
        correlation = secrets.token_hex(8)
        logger.error("a request failed", exc_info=error, extra={"correlation": correlation})
        more = {"x-correlation-id": correlation}
    return plain(msgspec.json.encode(Error(text)), {**headers, **more}, status)


def _mapped(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    answer: tuple[int, str, Mapping[str, str]]
    match error:
        case MethodNotAllowedError() | MethodNotAllowedException():
            answer = 405, "method not allowed", {"allow": "GET"}
        case InvalidError():
            answer = 400, str(error), {}
        case NotFoundError():
            answer = 404, str(error), {}
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
