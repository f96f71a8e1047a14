"""What Cedalo's dialect is to the shared parts: the one place that maps its errors.

Every error is an object with ``code`` and ``message``; codes are those of the document, else of the original's source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.response.base import ASGIResponse

from query_api import faults
from query_api.answers import plain
from query_api.asked import Asked
from query_api.dialect import Dialect
from query_api.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    RefusalError,
    TooLargeError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
)

RETRY_AFTER: Final = {"retry-after": "1"}
BEARER: Final = {"www-authenticate": 'Bearer realm="mqledger"'}
"""Not Basic, for which a browser would ask the user beside the page that asks already."""
NO_SESSION: Final = {"data": {"session": False}}


class CodedError(RefusalError):
    """A refusal, or a success with reserve, by status, code and message."""

    def __init__(self, status: int, code: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, **more}


def not_allowed(message: str = "Not allowed") -> CodedError:
    """403 with one of the document's texts."""
    return CodedError(403, "NOT_ALLOWED", message)


def answer_error(error: Exception, headers: Mapping[str, str], asked: Asked) -> ASGIResponse:
    """The answer to a request that failed with ``error``."""
    faults.note(error)
    coded, more = _mapped(error)
    if coded.status == 500:
        more = faults.tell(error, asked)
    return json_answer(coded.body, {**headers, **more}, coded.status)


def json_answer(body: object, headers: Mapping[str, str], status: int = 200) -> ASGIResponse:
    """An object, as JSON that nobody keeps."""
    return plain(msgspec.json.encode(body), {"cache-control": "no-store", **headers}, status)


def _mapped(error: Exception) -> tuple[CodedError, Mapping[str, str]]:
    answer: tuple[CodedError, Mapping[str, str]]
    match error:
        case CodedError():
            answer = error, {}
        case UnauthorizedError():
            answer = CodedError(401, "UNAUTHORIZED", "Unauthorized", **NO_SESSION), BEARER
        case ForbiddenError():
            answer = not_allowed(), {}
        case NotFoundException() | MethodNotAllowedError() | MethodNotAllowedException():
            answer = CodedError(404, "NOT_FOUND", "Resource not found"), {}
        case NotFoundError():
            answer = CodedError(404, "NOT_FOUND", str(error)), {}
        case InvalidError():
            answer = CodedError(400, "INVALID", str(error)), {}
        case ConflictError():
            answer = CodedError(409, "CONFLICT", str(error)), {}
        case TooLargeError():
            answer = CodedError(413, "INVALID", str(error)), {}
        case TooManyRequestsError(retry_after=seconds):
            after = {"retry-after": str(max(1, round(seconds)))}
            answer = CodedError(429, "TOO_MANY_REQUESTS", "Too many requests"), after
        case UnavailableError():
            answer = CodedError(503, "UNAVAILABLE", "Service unavailable, try again"), RETRY_AFTER
        case HTTPException(status_code=status) if status < 500:
            answer = CodedError(status, "INVALID", "Bad request"), {}
        case _:
            answer = CodedError(500, "NOT_ALLOWED", "An internal server error occurred"), {}
    return answer


CEDALO = Dialect("cedalo", answer_error, login_first=True, cookie="connect.sid")
