"""The broker as a whole: statistics, cluster, overview, reload, and the sign of life that the original answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api.access.principal import Permission
from query_api.answers import plain
from query_api.asked import Asked
from query_api.endpoint import Handler, endpoint
from query_api.fluxmq import stats, views
from query_api.fluxmq.dialect import FLUXMQ
from query_api.fluxmq.views import Error, Status, View
from query_api.service import Service


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file."""
    return [
        endpoint(service, FLUXMQ, "/api/v1/stats", {"GET": _numbers(stats.stats)}),
        endpoint(service, FLUXMQ, "/api/v1/cluster", {"GET": _numbers(stats.cluster)}),
        endpoint(service, FLUXMQ, "/api/v1/overview", {"GET": _numbers(stats.overview)}),
        endpoint(service, FLUXMQ, "/api/v1/reload", {"POST": _reload}, permissions={"POST": Permission.ADMINISTER}),
        endpoint(service, FLUXMQ, "/health", {"GET": _health}, permissions={"GET": None}),
    ]


def _numbers(view: Callable[[stats.Numbers], View]) -> Handler:
    async def answer(asked: Asked) -> ASGIResponse:
        await asked.freshen()
        ((totals, metrics, nodes, now),) = await asked.service.store.fetch("stats", asked.tenant)
        numbers = stats.numbers(totals, metrics, nodes, now, asked.principal.everywhere)
        return plain(msgspec.json.encode(view(numbers)), asked.headers())

    return answer


async def _reload(asked: Asked) -> ASGIResponse:
    asked.everywhere()
    reload = asked.service.reload
    if not reload.configured:
        return plain(msgspec.json.encode(Error("reload not configured")), asked.headers(), 503)
    # Files are read, and perhaps a certificate with its key.
    found = await asyncio.to_thread(reload.now)
    return plain(msgspec.json.encode(views.reloaded(found)), asked.headers())


async def _health(asked: Asked) -> ASGIResponse:
    # The process answers; whether it can say anything true is /health/ready.
    return plain(msgspec.json.encode(Status("ok")), asked.headers())
