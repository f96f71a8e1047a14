"""What those who operate the API ask: live, ready, metrics. The same shapes as beside the other services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import MediaType, Request
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ops.health import Health
from query_api.answers import plain
from query_api.errors import MethodNotAllowedError
from query_api.service import Service

NO_STORE = {"cache-control": "no-store"}


def routes(service: Service, openapi: bytes) -> list[HTTPRouteHandler]:
    """The endpoints of this file; ``openapi`` is the finished document."""
    return [
        _endpoint("/health/live", lambda: _health(Health(True))),
        _endpoint("/health/ready", lambda: _health(service.ready())),
        _endpoint("/metrics", lambda: _metrics(service.metrics.render())),
        _endpoint("/schema/openapi.json", lambda: plain(openapi, {})),
    ]


def _endpoint(path: str, give: Callable[[], ASGIResponse]) -> HTTPRouteHandler:
    async def answer(request: Request[Any, Any, Any]) -> ASGIApp:
        # Litestar answers OPTIONS by itself unless it is declared; other methods it refuses, see app.py.
        if request.method != "GET":
            raise MethodNotAllowedError
        return give()

    return HTTPRouteHandler([path], http_method=["GET", "OPTIONS"], include_in_schema=False, name=path)(answer)


def _metrics(text: bytes) -> ASGIResponse:
    return ASGIResponse(body=text, headers={"content-type": CONTENT_TYPE_LATEST})


def _health(health: Health) -> ASGIResponse:
    body: dict[str, Any] = {"status": "ok" if health.ok else "unavailable", "detail": health.detail}
    return plain(msgspec.json.encode(body), NO_STORE, 200 if health.ok else 503, MediaType.JSON)
