"""The broker as a whole: statistics, cluster, overview, and the sign of life that the original answers."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api.answers import plain
from query_api.asked import Asked
from query_api.endpoint import Handler, endpoint
from query_api.fluxmq import stats
from query_api.fluxmq.dialect import FLUXMQ
from query_api.fluxmq.views import Status, View
from query_api.service import Service


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file."""
    return [
        endpoint(service, FLUXMQ, "/api/v1/stats", {"GET": _numbers(stats.stats)}),
        endpoint(service, FLUXMQ, "/api/v1/cluster", {"GET": _numbers(stats.cluster)}),
        endpoint(service, FLUXMQ, "/api/v1/overview", {"GET": _numbers(stats.overview)}),
        endpoint(service, FLUXMQ, "/health", {"GET": _health}, permissions={"GET": None}),
    ]


def _numbers(view: Callable[[stats.Numbers], View]) -> Handler:
    async def answer(asked: Asked) -> ASGIResponse:
        await asked.freshen()
        (row,) = await asked.service.store.fetch("stats", asked.tenant)
        return plain(msgspec.json.encode(view(stats.numbers(*row))), asked.headers())

    return answer


async def _health(asked: Asked) -> ASGIResponse:
    # The process answers; whether it can say anything true is /health/ready.
    return plain(msgspec.json.encode(Status("ok")), asked.headers())
