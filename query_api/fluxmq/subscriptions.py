"""Subscriptions by topic filter: the filters, and the clients of one."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api.asked import Asked
from query_api.endpoint import endpoint
from query_api.errors import NotFoundError
from query_api.fluxmq import views
from query_api.fluxmq.dialect import FLUXMQ
from query_api.fluxmq.listing import Listing
from query_api.fluxmq.parameters import list_parameters
from query_api.keyset import storable
from query_api.requests import tail, unescape
from query_api.service import Service

LIST: Final = "/api/v1/subscriptions"
CLIENTS: Final = "/api/v1/subscriptions/{filter:path}"
OF_ONE: Final = "/api/v1/subscriptions/{filter}/clients"
"""The clients in metrics."""
_CLIENTS_END: Final = b"/clients"


def routes(service: Service) -> list[HTTPRouteHandler]:
    """Both endpoints; the raw path decides which one is meant, since filters hold encoded slashes."""
    return [
        endpoint(service, FLUXMQ, LIST, {"GET": _list_or_clients}),
        endpoint(service, FLUXMQ, CLIENTS, {"GET": _list_or_clients}, label=OF_ONE),
    ]


async def _list_or_clients(asked: Asked) -> ASGIResponse:
    rest = tail(asked.raw_path, LIST.encode())
    if rest in (b"", b"/"):
        asked.route = LIST
        return await _list(asked)
    asked.route = OF_ONE
    return await _clients(asked, _filter(rest))


async def _list(asked: Asked) -> ASGIResponse:
    listing = Listing(
        endpoint="subscriptions",
        query="filters",
        key="filter",
        scope=(asked.tenant,),
        head=b'{"subscriptions":',
        view=views.filter_summary,
    )
    return await listing.answer(asked, list_parameters(asked.query, default_state="connected"))


async def _clients(asked: Asked, topic_filter: str) -> ASGIResponse:
    listing = Listing(
        endpoint="clients",
        query="filter_clients",
        key="client_id",
        scope=(asked.tenant, topic_filter),
        head=b'{"filter":%b,"clients":' % msgspec.json.encode(topic_filter),
        view=views.filter_client,
    )
    return await listing.answer(asked, list_parameters(asked.query, default_state="connected"))


def _filter(rest: bytes | None) -> str:
    """The filter in ``/<filter>/clients``, one percent-encoded segment. Raises NotFoundError for another path."""
    segment = rest[1 : -len(_CLIENTS_END)] if rest and rest.endswith(_CLIENTS_END) else b""
    topic_filter = unescape(segment) if b"/" not in segment else None
    # What can't be stored is no filter: such a list has nothing that could be shown truly.
    if not topic_filter or not storable(topic_filter):
        raise NotFoundError("subscription not found")
    return topic_filter
