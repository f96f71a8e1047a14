"""Builds the application: settings in, ASGI out. Nothing is read or connected before its lifespan begins.

Each dialect is an application of its own, since what they say to unknown paths and methods differs. On a port that
several share, the path decides; with a port of its own, a dialect gets everything that comes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Litestar, Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Receive, Send

from query_api import openapi, operations
from query_api.access.principal import Permission
from query_api.asked import Asked
from query_api.dialect import Dialect
from query_api.dialects import BASE, Served, served
from query_api.ports import Port, Ports
from query_api.reload import Reload
from query_api.service import Service
from query_api.settings import ApiSettings

UNKNOWN = "(unknown)"
"""What routing refused, in metrics."""


def build(settings: ApiSettings, reload: Reload | None = None) -> Application:
    """The application for these settings, which ``reload`` reads again. Raises SettingsError."""
    service = Service(settings, reload)
    shared, own = [], []
    for one in served(settings.dialects):
        app = application(service, one.dialect, one.routes(service))
        port = one.port_of(settings.dialects)
        if port:
            own.append(Port(port, app))
        else:
            shared.append((one, app))
    base = application(service, BASE.dialect, [*BASE.routes(service), *operations.routes(service, openapi.document())])
    return Application(service, base, shared, Ports(settings, own))


def application(service: Service, dialect: Dialect, handlers: Sequence[HTTPRouteHandler]) -> Litestar:
    """One dialect alone."""

    def refused(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        """Routing found nothing, or a method nobody declared."""
        return _Refused(Asked(service, dialect, request, UNKNOWN), error)

    return Litestar(
        route_handlers=handlers, exception_handlers={Exception: refused}, openapi_config=None, logging_config=None
    )


class Application:
    """What the server calls. Starts the service and the ports with its lifespan, and ends them in reverse."""

    def __init__(
        self, service: Service, base: Litestar, shared: Sequence[tuple[Served, Litestar]], ports: Ports
    ) -> None:
        self.base = base
        self._service = service
        self._shared = tuple(shared)
        self._ports = ports

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope["path"])(scope, receive, send)

    def _app(self, path: str) -> ASGIApp:
        return next((app for one, app in self._shared if one.owns(path)), self.base)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self._service.start()
            await self._ports.open()
        except Exception as error:
            await self._end()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _end(self) -> None:
        await self._ports.close()
        await self._service.stop()


class _Refused(Response[Any]):
    """An answer to what routing refused; Litestar's exception handlers must give a Response."""

    def __init__(self, asked: Asked, error: Exception) -> None:
        super().__init__(content=None)
        self._asked = asked
        self._error = error

    def to_asgi_response(self, *_arguments: Any, **_keywords: Any) -> Any:
        """An application that answers, once it is known who asks where a dialect wants that first."""
        return self._answer

    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        answer = await self._made()
        await answer(scope, receive, send)

    async def _made(self) -> ASGIResponse:
        asked = self._asked
        try:
            if asked.dialect.login_first:
                await asked.admit(Permission.READ)
            raise self._error
        except Exception as error:
            answer = asked.dialect.answer_error(error, asked.headers(), asked)
        asked.service.metrics.answered(asked.dialect.name, asked.route, answer.status_code, 0.0)
        return answer
