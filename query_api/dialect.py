"""What a dialect is to the parts that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from litestar.response.base import ASGIResponse

if TYPE_CHECKING:
    from query_api.asked import Asked

AnswerError: TypeAlias = "Callable[[Exception, Mapping[str, str], Asked], ASGIResponse]"
"""The answer to a request that failed, with these headers and those that the error needs; the one place where a dialect
decides that. Exceptions are those of :mod:`query_api.errors`, Litestar's NotFoundException and
MethodNotAllowedException for what routing refused; any other is a fault of ours: see :func:`query_api.faults.tell`."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an original speaks."""

    name: str
    """In metrics, in the settings ``dialects.*``, and as the scope of idempotency keys."""
    answer_error: AnswerError
    realm: str = "mqledger"
    """Of Basic authentication; :func:`query_api.answers.challenge` makes the header of it."""
    login_first: bool = False
    """Who asks is known before it is looked whether there is such a path."""
    cookie: str = "mqledger-session"
    """Name of the cookie that holds a session."""
    tenant_header: str = "mqledger-tenant"
    """Names the tenant that is meant; without it, that of the caller, else ``api.tenant``."""
