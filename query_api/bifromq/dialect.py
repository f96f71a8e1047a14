"""What BifroMQ's dialect is to the shared parts: the one place that maps its errors.

The original knows no accounts. Here whoever asks must see the tenant, and 401 with a challenge says that nobody knows
who asks; without one it is the original's: not allowed by the rules of the broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.response.base import ASGIResponse

from query_api import faults
from query_api.answers import challenge
from query_api.asked import Asked
from query_api.bifromq.answers import WordError, word
from query_api.bifromq.headers import REQUEST_ID, request_id
from query_api.dialect import Dialect
from query_api.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    TooLargeError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
)

RETRY_AFTER: Final = {"retry-after": "1"}


def answer_error(error: Exception, headers: Mapping[str, str], asked: Asked) -> ASGIResponse:
    """The answer to a request that failed with ``error``."""
    faults.note(error)
    status, text, more = _mapped(error)
    if status == 500:
        more = faults.tell(error, asked)
    return word(text, {**headers, **more, REQUEST_ID: str(request_id(asked))}, status)


def _mapped(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    answer: tuple[int, str, Mapping[str, str]]
    match error:
        case WordError(status=status):
            answer = status, str(error), {}
        case MethodNotAllowedError() | MethodNotAllowedException() | NotFoundException():
            answer = 400, "", {}
        case NotFoundError():
            answer = 404, "", {}
        case InvalidError() | ConflictError():
            answer = 400, str(error), {}
        case UnauthorizedError():
            answer = 401, "", challenge(BIFROMQ)
        case ForbiddenError():
            answer = 403, str(error), {}
        case TooLargeError():
            answer = 413, "", {}
        case TooManyRequestsError(retry_after=seconds):
            answer = 429, "", {"retry-after": str(max(1, round(seconds)))}
        case UnavailableError():
            answer = 503, "", RETRY_AFTER
        case HTTPException(status_code=status) if status < 500:
            answer = 400, "", {}
        case _:
            answer = 500, "", {}
    return answer


BIFROMQ = Dialect("bifromq", answer_error, tenant_header="tenant_id")
