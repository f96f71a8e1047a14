"""Sessions: the list and the detail."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api.answers import plain
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

LIST: Final = "/api/v1/sessions"
DETAIL: Final = "/api/v1/sessions/{client_id:path}"
ONE: Final = "/api/v1/sessions/{client_id}"
"""The detail in metrics."""


def routes(service: Service) -> list[HTTPRouteHandler]:
    """Both endpoints. The raw path decides which one is meant: Litestar sees ``/sessions/%2F`` as the list."""
    return [
        endpoint(service, FLUXMQ, LIST, {"GET": _list_or_detail}),
        endpoint(service, FLUXMQ, DETAIL, {"GET": _list_or_detail}, label=ONE),
    ]


async def _list_or_detail(asked: Asked) -> ASGIResponse:
    rest = tail(asked.raw_path, LIST.encode())
    if rest in (b"", b"/"):
        asked.route = LIST
        return await _list(asked)
    asked.route = ONE
    return await _detail(asked, rest)


async def _list(asked: Asked) -> ASGIResponse:
    listing = Listing(
        endpoint="sessions",
        query="sessions",
        key="client_id",
        scope=(asked.tenant,),
        head=b'{"sessions":',
        view=views.session,
    )
    return await listing.answer(asked, list_parameters(asked.query, default_state="all"))


async def _detail(asked: Asked, rest: bytes | None) -> ASGIResponse:
    client_id = _client_id(rest)
    await asked.freshen()
    # Asked even for an id that can't be: while the model is loading nobody knows what there is.
    rows = await asked.service.store.fetch("session", asked.tenant, client_id)
    if not rows:
        raise NotFoundError("session not found")
    return plain(msgspec.json.encode(views.session_detail(rows[0])), asked.headers())


def _client_id(rest: bytes | None) -> str:
    """The one percent-encoded segment of the path; empty, which no client id is, for everything else."""
    if rest is None or b"/" in rest[1:]:
        return ""
    client_id = unescape(rest[1:])
    return client_id if client_id is not None and storable(client_id) else ""
