"""Builds the application: settings in, Litestar out. Nothing is read or connected before its lifespan begins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Response
from litestar.response.base import ASGIResponse

from query_api import openapi, operations
from query_api.fluxmq import broker, sessions, subscriptions
from query_api.fluxmq.errors import answer_error
from query_api.service import Service
from query_api.settings import ApiSettings


def build(settings: ApiSettings) -> Litestar:
    """The application for these settings. Raises SettingsError."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    def refused(_request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        """Routing found nothing, or a method nobody declared: as in the dialect that has no prefix of its own."""
        return _Finished(answer_error(error, service.headers()))

    return Litestar(
        route_handlers=[
            *sessions.routes(service),
            *subscriptions.routes(service),
            *broker.routes(service),
            *operations.routes(service, openapi.document()),
        ],
        lifespan=[lifespan],
        exception_handlers={Exception: refused},
        openapi_config=None,
        logging_config=None,
    )


class _Finished(Response[Any]):
    """An answer that is made already; Litestar's exception handlers must give a Response."""

    def __init__(self, answer: ASGIResponse) -> None:
        super().__init__(content=None)
        self._answer = answer

    def to_asgi_response(self, *_arguments: Any, **_keywords: Any) -> ASGIResponse:
        """The answer itself."""
        return self._answer
