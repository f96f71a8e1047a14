"""All endpoints of the dialect."""

from __future__ import annotations

from litestar.handlers import HTTPRouteHandler

from query_api.emq2 import monitoring, mqtt, plugins, sessions, users
from query_api.service import Service


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The handlers, for the application that serves the dialect."""
    return [part for file in (monitoring, sessions, mqtt, plugins, users) for part in file.routes(service)]
