"""What those who operate the API ask: live, ready, metrics. The same shapes as beside the other services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ops.health import Health
from query_api.access.principal import Permission
from query_api.answers import plain
from query_api.asked import Asked
from query_api.dialect import Dialect
from query_api.endpoint import endpoint
from query_api.fluxmq.errors import answer_error
from query_api.service import Service

OPERATION = Dialect("operation", answer_error)
NO_STORE = {"cache-control": "no-store"}


def routes(service: Service, openapi: bytes) -> list[HTTPRouteHandler]:
    """The endpoints of this file; ``openapi`` is the finished document."""
    return [
        _endpoint(service, "/health/live", lambda: _health(Health(True)), None),
        _endpoint(service, "/health/ready", lambda: _health(service.ready()), None),
        _endpoint(service, "/metrics", lambda: _metrics(service.metrics.render())),
        _endpoint(service, "/schema/openapi.json", lambda: plain(openapi, {}), None),
    ]


def _endpoint(
    service: Service, path: str, give: Callable[[], ASGIResponse], needed: Permission | None = Permission.READ
) -> HTTPRouteHandler:
    async def answer(_asked: Asked) -> ASGIResponse:
        return give()

    return endpoint(service, OPERATION, path, {"GET": answer}, permissions={"GET": needed})


def _metrics(text: bytes) -> ASGIResponse:
    return ASGIResponse(body=text, headers={"content-type": CONTENT_TYPE_LATEST})


def _health(health: Health) -> ASGIResponse:
    body: dict[str, Any] = {"status": "ok" if health.ok else "unavailable", "detail": health.detail}
    return plain(msgspec.json.encode(body), NO_STORE, 200 if health.ok else 503, MediaType.JSON)
