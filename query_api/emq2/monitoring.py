"""Nodes: managing and monitoring, metrics, statistics, listeners; of all nodes, or of one.

A node that there is not is no such path; of one that does not run only name and status are known, and its
numbers are 101.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api import cluster
from query_api.answers import plain
from query_api.asked import Asked
from query_api.cluster import Numbers
from query_api.emq2 import views
from query_api.emq2.answers import BAD_RPC, CodedError, result, zone_of
from query_api.emq2.dialect import EMQ2
from query_api.emq2.paths import BASE, segment
from query_api.endpoint import Handler, endpoint
from query_api.errors import NotFoundError
from query_api.service import Service

Told = Callable[[Asked, Numbers], Any]
"""What is told of a node to who asks."""

BY_NODE: dict[str, Told] = {
    "metrics": lambda _, numbers: views.metrics(numbers),
    "stats": lambda _, numbers: views.stats(numbers),
    "listeners": lambda asked, numbers: views.listeners(numbers, asked.principal.everywhere),
}


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file."""
    made = []
    made += _pair(service, "management/nodes", partial(_nodes, told=_listed), partial(_node, told=_managed))
    made += _pair(service, "monitoring/nodes", partial(_nodes, told=_monitored), partial(_node, told=_monitored))
    for name, told_of in BY_NODE.items():
        made += _pair(service, f"monitoring/{name}", partial(_all, told=told_of), partial(_one, told=told_of))
    made.append(endpoint(service, EMQ2, "/status", {"GET": _status}, permissions={"GET": None}))
    return made


def _pair(service: Service, path: str, every: Handler, one: Handler) -> list[HTTPRouteHandler]:
    return [
        endpoint(service, EMQ2, f"{BASE}/{path}", {"GET": every}),
        endpoint(service, EMQ2, f"{BASE}/{path}/{{node:str}}", {"GET": one}),
    ]


async def _numbers(asked: Asked) -> list[Numbers]:
    await asked.freshen()
    return await cluster.numbers(asked.service.store, asked.tenant, asked.principal.everywhere)


async def _numbers_of(asked: Asked) -> Numbers:
    name = segment(asked, 2)
    for one in await _numbers(asked):
        if one.node.node == name:
            return one
    raise NotFoundError("node")


def _listed(asked: Asked, numbers: Numbers) -> views.Broker:
    return views.broker(numbers.node, True, zone_of(asked))


def _managed(asked: Asked, numbers: Numbers) -> views.Broker:
    return views.broker(numbers.node, False, zone_of(asked))


def _monitored(_: Asked, numbers: Numbers) -> views.Monitored:
    return views.monitored(numbers)


async def _nodes(asked: Asked, told: Told) -> ASGIResponse:
    return result(asked, [told(asked, one) for one in await _numbers(asked)])


async def _node(asked: Asked, told: Told) -> ASGIResponse:
    return result(asked, told(asked, await _numbers_of(asked)))


async def _all(asked: Asked, told: Told) -> ASGIResponse:
    """By name of the node; those that do not run have no numbers."""
    found = await _numbers(asked)
    return result(asked, {one.node.node: told(asked, one) for one in found if one.node.running})


async def _one(asked: Asked, told: Told) -> ASGIResponse:
    numbers = await _numbers_of(asked)
    if not numbers.node.running:
        raise CodedError(BAD_RPC, "badrpc: nodedown")
    return result(asked, told(asked, numbers))


async def _status(asked: Asked) -> ASGIResponse:
    """For those who only want to know whether it lives, without an account: the service, not the nodes."""
    text = f"Node {asked.service.settings.host} is started\nemqttd is running"
    return plain(text.encode(), asked.headers(), media_type="text/plain")
