"""From exceptions to problem documents (RFC 9457): the one place where that is decided. Nothing internal gets out."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Final

import msgspec
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.response.base import ASGIResponse

from query_api import errors, faults
from query_api.answers import challenge, plain
from query_api.asked import Asked
from query_api.dialect import Dialect
from query_api.native.shapes import Problem

MEDIA: Final = "application/problem+json"
RETRY_AFTER: Final = {"retry-after": "1"}


class ProblemError(errors.RefusalError):
    """A refusal that only this API knows."""

    def __init__(
        self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None, **more: str
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.headers = headers or {}
        self.more = more


def unprocessable(detail: str) -> ProblemError:
    """The body is JSON, but not what is wanted."""
    return ProblemError(422, "invalid-body", detail)


def answer_error(error: Exception, headers: Mapping[str, str], asked: Asked) -> ASGIResponse:
    """The answer to a request that failed, with ``headers`` and those that the error needs."""
    faults.note(error)
    if isinstance(error, ProblemError):
        found: _Found = (error.status, error.kind, str(error), error.headers)
        more = error.more
    else:
        found, more = _mapped(error), {}
    status, kind, detail, extra = found
    if status == 500:
        faults.tell(error, asked)
    problem = Problem(f"/problems/{kind}", HTTPStatus(status).phrase, status, detail, asked.correlation, **more)
    merged = {**headers, **extra, "x-correlation-id": asked.correlation, "cache-control": "no-store"}
    return plain(msgspec.json.encode(problem), merged, status, MEDIA)


_Found = tuple[int, str, str, Mapping[str, str]]
_TABLE: Final[Mapping[type[Exception], tuple[int, str, str | None]]] = {
    errors.MethodNotAllowedError: (405, "method-not-allowed", ""),
    MethodNotAllowedException: (405, "method-not-allowed", ""),
    errors.InvalidError: (400, "invalid-request", None),
    errors.TopicError: (422, "invalid-body", None),
    errors.UnauthorizedError: (401, "unauthorized", None),
    errors.ForbiddenError: (403, "forbidden", None),
    errors.NotFoundError: (404, "not-found", None),
    NotFoundException: (404, "no-such-path", "There is no such path."),
    errors.ConflictError: (409, "conflict", None),
    errors.TooLargeError: (413, "too-large", None),
    errors.TooManyRequestsError: (429, "too-many-requests", None),
    errors.TooLateError: (503, "not-reached", "The position was not reached in time."),
    errors.UnavailableError: (503, "unavailable", "Nothing true can be said or done now."),
}
"""Status, kind and text by the class of the error; None: the error's own text."""


def _mapped(error: Exception) -> _Found:
    for kind in type(error).__mro__:
        if kind in _TABLE:
            status, name, text = _TABLE[kind]
            return status, name, str(error) if text is None else text, _headers(error)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return error.status_code, "refused", "", {}
    return 500, "internal", "", {}


def _headers(error: Exception) -> Mapping[str, str]:
    match error:
        case errors.MethodNotAllowedError():
            return {"allow": str(error)}
        case MethodNotAllowedException():
            return {"allow": "GET, POST, PUT, PATCH, DELETE"}
        case errors.UnauthorizedError():
            return challenge(DIALECT)
        case errors.TooManyRequestsError(retry_after=seconds):
            return {"retry-after": str(max(1, ceil(seconds)))}
        case errors.UnavailableError():
            return RETRY_AFTER
        case _:
            return {}


DIALECT: Final = Dialect(name="native", answer_error=answer_error)
