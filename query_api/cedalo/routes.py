"""All endpoints of the dialect."""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from query_api.cedalo import connections, logins
from query_api.service import Service


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The handlers, for the application that serves the dialect."""
    return [*connections.routes(service), *logins.routes(service)]
