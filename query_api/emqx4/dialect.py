"""What EMQX 4's dialect is to the shared parts: how it takes credentials, and the one place that maps its errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.response.base import ASGIResponse

from query_api import faults
from query_api.answers import plain
from query_api.asked import Asked
from query_api.dialect import Dialect
from query_api.emqx4.answers import BAD_PARAMETER, UNKNOWN, BadRequestError, CodedError, coded
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

CHALLENGE: Final = {"www-authenticate": 'Basic Realm="minirest-server"'}
RETRY_AFTER: Final = {"retry-after": "1"}
_UNKNOWN_PATH: Final = (NotFoundError, NotFoundException, MethodNotAllowedError, MethodNotAllowedException)


def answer_error(error: Exception, headers: Mapping[str, str], asked: Asked) -> ASGIResponse:
    """The answer to a request that failed with ``error``: codes under 200, texts under everything else."""
    match error:
        case CodedError(code=code):
            return coded(code, str(error), headers)
        case InvalidError():
            return coded(BAD_PARAMETER, str(error), headers)
        case ConflictError():
            return coded(UNKNOWN, str(error), headers)
    faults.note(error)
    status, text, more = _mapped(error)
    if status == 500:
        more = faults.tell(error, asked)
    return plain(text.encode(), {**headers, **more}, status, "text/plain")


def _mapped(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    answer: tuple[int, str, Mapping[str, str]]
    match error:
        case _ if isinstance(error, _UNKNOWN_PATH):
            answer = 404, "Not found.", {}
        case BadRequestError():
            answer = 400, "Bad Request", {}
        case UnauthorizedError():
            answer = 401, "UNAUTHORIZED", CHALLENGE
        case ForbiddenError():
            answer = 403, "Forbidden", {}
        case TooLargeError():
            answer = 413, "Payload Too Large", {}
        case TooManyRequestsError(retry_after=seconds):
            answer = 429, "Too Many Requests", {"retry-after": str(max(1, round(seconds)))}
        case TooLateError():
            answer = 503, "position not reached in time", RETRY_AFTER
        case UnavailableError():
            answer = 503, "broker not available", RETRY_AFTER
        case HTTPException(status_code=status) if status < 500:
            answer = status, "Bad Request", {}
        case _:
            answer = 500, "Internal Error", {}
    return answer


EMQX4 = Dialect("emqx4", answer_error, realm="minirest-server", login_first=True)
