"""What EMQ 2's dialect is to the shared parts: how it takes credentials, and the one place that maps its errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.response.base import ASGIResponse

from query_api import faults
from query_api.answers import plain
from query_api.asked import Asked
from query_api.dialect import Dialect
from query_api.emq2.answers import BAD_RPC, UNKNOWN, WRONG_TYPE, CodedError, coded
from query_api.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    TooLargeError,
    TooLateError,
    TooManyRequestsError,
    TopicError,
    UnauthorizedError,
    UnavailableError,
)

CHALLENGE: Final = {"www-authenticate": 'Basic Realm="emqx control center"'}
RETRY_AFTER: Final = {"retry-after": "1"}


def answer_error(error: Exception, headers: Mapping[str, str], asked: Asked) -> ASGIResponse:
    """The answer to a request that failed with ``error``."""
    if isinstance(error, CodedError):
        return coded(error.code, str(error), headers)
    if isinstance(error, NotFoundError | NotFoundException | MethodNotAllowedError | MethodNotAllowedException):
        return _empty(404, headers)
    if isinstance(error, UnauthorizedError):
        return _empty(401, {**headers, **CHALLENGE})
    faults.note(error)
    status, code, text, more = _mapped(error)
    if status == 500:
        more = faults.tell(error, asked)
    return coded(code, text, {**headers, **more}, status)


def _mapped(error: Exception) -> tuple[int, int, str, Mapping[str, str]]:
    answer: tuple[int, int, str, Mapping[str, str]]
    match error:
        case TopicError(topic=topic):
            answer = 200, UNKNOWN, f"validate topic: {topic[:100]} fail", {}
        case InvalidError():
            answer = 200, WRONG_TYPE, str(error), {}
        case ConflictError():
            answer = 200, UNKNOWN, str(error), {}
        case ForbiddenError():
            answer = 403, UNKNOWN, str(error), {}
        case TooLargeError():
            answer = 413, UNKNOWN, str(error), {}
        case TooManyRequestsError(retry_after=seconds):
            answer = 429, UNKNOWN, str(error), {"retry-after": str(max(1, round(seconds)))}
        case TooLateError():
            answer = 503, BAD_RPC, "position not reached in time", RETRY_AFTER
        case UnavailableError():
            answer = 503, BAD_RPC, "broker not available", RETRY_AFTER
        case HTTPException(status_code=status) if status < 500:
            answer = status, UNKNOWN, "bad request", {}
        case _:
            answer = 500, UNKNOWN, "internal error", {}
    return answer


def _empty(status: int, headers: Mapping[str, str]) -> ASGIResponse:
    return plain(b"", headers, status, "text/plain")


EMQ2 = Dialect("emq2", answer_error, realm="emqx control center", login_first=True)
