"""All endpoints of the dialect."""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from query_api.bifromq import messages, sessions
from query_api.service import Service


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The handlers, for the application that serves the dialect."""
    return [*messages.routes(service), *sessions.routes(service)]
