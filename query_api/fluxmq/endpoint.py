"""What surrounds every handler of the dialect: method, freshness, errors, metrics."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from typing import Any, Final

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from query_api.errors import MethodNotAllowedError
from query_api.fluxmq.errors import answer_error
from query_api.freshness import Freshness
from query_api.requests import Query, parse_query, trimmed
from query_api.service import Service

AT_LEAST_HEADER: Final = b"mqledger-at-least"


class Asked:
    """One request: what it asks, and how fresh the answer is."""

    def __init__(self, service: Service, request: Request[Any, Any, Any], route: str) -> None:
        self.service = service
        self.route = route
        """As what it is counted; a handler of several kinds of paths says which one it was."""
        self._request = request
        self._freshness: Freshness | None = None

    @property
    def raw_path(self) -> bytes:
        """The path as it was sent, still percent-encoded."""
        return self._request.scope["raw_path"]

    @cached_property
    def query(self) -> Query:
        """The query parameters."""
        return parse_query(self._request.scope["query_string"])

    async def freshen(self) -> None:
        """Wait for `at_least`, if given, and note the freshness of the queries that follow.

        Raises InvalidError, TooLateError, UnavailableError. To be called before the first query.
        """
        self._freshness = await self.service.fresh(trimmed(self.query, "at_least") or self._at_least_header())

    def _at_least_header(self) -> str:
        # Most requests have none: Litestar's Headers would cost more than the search.
        headers: Iterable[tuple[bytes, bytes]] = self._request.scope["headers"]
        return next((value for name, value in headers if name == AT_LEAST_HEADER), b"").decode("latin-1").strip()

    def headers(self) -> dict[str, str]:
        """Freshness headers: of the queries made, or of now when none was."""
        return self.service.headers(self._freshness)


Handler = Callable[[Asked], Awaitable[ASGIResponse]]


def endpoint(service: Service, path: str, handler: Handler, label: str = "") -> HTTPRouteHandler:
    """A Litestar handler that answers GET by ``handler`` and everything else as the dialect does.

    ``label`` names it in metrics, the path by default; a handler that serves several kinds of paths sets its own.
    """

    async def answer(request: Request[Any, Any, Any]) -> ASGIApp:
        started = time.perf_counter()
        asked = Asked(service, request, label or path)
        try:
            # Litestar answers OPTIONS by itself unless it is declared; other methods it refuses, see app.py.
            if request.method != "GET":
                raise MethodNotAllowedError
            response = await handler(asked)
        except Exception as error:
            response = answer_error(error, asked.headers())
        service.metrics.answered(asked.route, response.status_code, time.perf_counter() - started)
        return response

    return HTTPRouteHandler([path], http_method=["GET", "OPTIONS"], include_in_schema=False, name=path)(answer)
