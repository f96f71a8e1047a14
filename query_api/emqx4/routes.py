"""All endpoints of the dialect: one table, and the handler that finds requests in it."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api.asked import Asked
from query_api.emqx4 import banned, nodes, pubsub, subscriptions
from query_api.emqx4.answers import data
from query_api.emqx4.call import Call, Route, found
from query_api.emqx4.clients import Clients
from query_api.emqx4.dialect import EMQX4
from query_api.endpoint import endpoint
from query_api.service import Service

METHODS: Final = ("GET", "POST", "PUT", "DELETE")
PREFIX: Final = "/api/v4"


def table() -> list[Route]:
    """Every route; of several that fit, the first is meant."""
    made = [
        *Clients().routes(),
        *subscriptions.routes(),
        *pubsub.routes(),
        *nodes.routes(),
        *banned.routes(),
    ]

    async def listed(call: Call) -> ASGIResponse:
        told = [{"path": one.path, "name": one.name, "method": one.method, "descr": one.description} for one in made]
        return data(call.asked, told)

    made.append(Route("list_routes_of_api", "GET", "/", listed, "A list of all endpoints"))
    return made


def routes(service: Service) -> list[HTTPRouteHandler]:
    """One Litestar handler for everything: the raw path decides, for Litestar sees no encoded slashes."""
    known = table()

    async def answer(asked: Asked) -> ASGIResponse:
        route, call = found(known, asked)
        asked.route = PREFIX + route.path
        if route.permission is not None:
            await asked.admit(route.permission)
        return await route.handler(call)

    handlers = dict.fromkeys(METHODS, answer)
    return [
        endpoint(service, EMQX4, "/status", {"GET": nodes.status}, permissions={"GET": None}),
        endpoint(service, EMQX4, "/", handlers, label="(unknown)"),
        endpoint(service, EMQX4, "/{rest:path}", handlers, label="(unknown)"),
    ]
