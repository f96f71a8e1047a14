"""What those who operate the API ask: live, ready, metrics. The same shapes as beside the other services."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import MediaType, get
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ops.health import Health
from query_api.answers import plain
from query_api.service import Service

NO_STORE = {"cache-control": "no-store"}


def routes(service: Service, openapi: bytes) -> list[HTTPRouteHandler]:
    """The endpoints of this file; ``openapi`` is the finished document."""

    @get("/health/live", include_in_schema=False, sync_to_thread=False)
    def live() -> ASGIApp:
        return _health(Health(True))

    @get("/health/ready", include_in_schema=False, sync_to_thread=False)
    def ready() -> ASGIApp:
        return _health(service.ready())

    @get("/metrics", include_in_schema=False, sync_to_thread=False)
    def metrics() -> ASGIApp:
        return ASGIResponse(body=service.metrics.render(), headers={"content-type": CONTENT_TYPE_LATEST})

    @get("/schema/openapi.json", include_in_schema=False, sync_to_thread=False)
    def document() -> ASGIApp:
        return plain(openapi, {})

    return [live, ready, metrics, document]


def _health(health: Health) -> ASGIResponse:
    body: dict[str, Any] = {"status": "ok" if health.ok else "unavailable", "detail": health.detail}
    return plain(msgspec.json.encode(body), NO_STORE, 200 if health.ok else 503, MediaType.JSON)
