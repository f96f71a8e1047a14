"""What surrounds every handler of every dialect: method, who asks, errors, metrics."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Method

from query_api.access.principal import Permission
from query_api.asked import Asked
from query_api.dialect import Dialect
from query_api.errors import MethodNotAllowedError
from query_api.service import Service

Handler: TypeAlias = Callable[[Asked], Awaitable[ASGIResponse]]

READING: Final = ("GET", "HEAD")
_ROUTABLE: Final[tuple[Method, ...]] = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def endpoint(
    service: Service,
    dialect: Dialect,
    path: str,
    handlers: Mapping[str, Handler],
    *,
    label: str = "",
    permissions: Mapping[str, Permission | None] | None = None,
) -> HTTPRouteHandler:
    """A Litestar handler that answers each method by its handler, and every other one as the dialect does.

    ``label`` names it in metrics, the path by default; a handler that serves several kinds of paths sets its own.
    ``permissions`` by method: None is open to all; what is not named needs READ to read, else OPERATE.
    """
    needed = {method: Permission.READ if method in READING else Permission.OPERATE for method in handlers}
    needed_or_open: dict[str, Permission | None] = {**needed, **(permissions or {})}

    async def decide(asked: Asked) -> ASGIResponse:
        handler = handlers.get(asked.method)
        if handler is None:
            if dialect.login_first:
                await asked.admit(Permission.READ)
            raise MethodNotAllowedError(", ".join(handlers))
        permission = needed_or_open[asked.method]
        if permission is not None:
            await asked.admit(permission)
        service.access.check_origin(asked)
        return await handler(asked)

    async def answer(request: Request[Any, Any, Any]) -> ASGIApp:
        started = time.perf_counter()
        asked = Asked(service, dialect, request, label or path)
        try:
            response = await decide(asked)
        except Exception as error:
            response = dialect.answer_error(error, asked.headers(), asked)
        service.metrics.answered(dialect.name, asked.route, response.status_code, time.perf_counter() - started)
        return response

    return HTTPRouteHandler([path], http_method=list(_ROUTABLE), include_in_schema=False, name=path)(answer)
