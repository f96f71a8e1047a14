"""``/api/connections``: list, create, delete.

A connection that could not be made can be sent again with mended details under the same id and name, as the document
has it; any other repetition of an id or a name is refused.
"""

from __future__ import annotations

from typing import Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from domain.admin import EXISTS, LIMIT, NOT_FOUND
from domain.commands import DONE
from query_api import admin_queries, connections
from query_api.access.principal import Permission
from query_api.admin_queries import Connection
from query_api.asked import Asked
from query_api.cedalo.bodies import MOST_BODY_BYTES, read_connection
from query_api.cedalo.dialect import CEDALO, CodedError, json_answer, not_allowed
from query_api.cedalo.views import reason, view
from query_api.commands.outcome import Outcome
from query_api.connections import Draft
from query_api.endpoint import endpoint
from query_api.errors import InvalidError, NotFoundError, UnavailableError
from query_api.requests import tail, unescape
from query_api.service import Service

PATH: Final = "/api/connections"
STATUS_SECONDS: Final = 5.0
"""How long an answer waits for the first word on a new connection; the original waits as long."""
EXISTS_ID: Final = "Connection with the same name/id already exists"
EXISTS_NAME: Final = "Connection with either the same name or id already exists"
UNKNOWN: Final = "Connection not found"
FULL: Final = "Maximum number of connections reached"


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file."""
    needed = {"POST": Permission.CONNECTIONS, "DELETE": Permission.CONNECTIONS}
    one = f"{PATH}/{{connection_id:path}}"
    return [
        endpoint(service, CEDALO, PATH, {"GET": _list, "POST": _create}, permissions=needed),
        endpoint(service, CEDALO, one, {"DELETE": _delete}, label=f"{PATH}/{{connectionId}}", permissions=needed),
    ]


async def _list(asked: Asked) -> ASGIResponse:
    await _ready(asked)
    return await _all(asked)


async def _create(asked: Asked) -> ASGIResponse:
    await _ready(asked)
    draft = read_connection(await asked.body(MOST_BODY_BYTES))
    connections.check(asked.service, draft)
    mode = await _mode(asked, draft)
    asker = asked.asker(secret=msgspec.msgpack.encode(draft.parts))
    outcome = await connections.put(asked.service, asker, asked.tenant, draft, mode)
    _made(outcome)
    found = await connections.told(asked.service, asked.tenant, draft.connection_id, STATUS_SECONDS)
    if found is None or not found.connected:
        why = (
            reason(found.error)
            if found is not None and found.error
            else f"Connection to {draft.connection_id} timed out"
        )
        raise CodedError(202, "ACCEPTED", f'Connection created but could not connect. Reason "{why}"', successful=True)
    return await _all(asked)


async def _delete(asked: Asked) -> ASGIResponse:
    await _ready(asked)
    named = unescape(tail(asked.raw_path, f"{PATH}/".encode()) or b"")
    try:
        outcome = await connections.remove(asked.service, asked.asker(), asked.tenant, named or "")
    except InvalidError as error:
        raise NotFoundError(UNKNOWN) from error  # what can't be an id is nobody's
    _made(outcome)
    return await _all(asked)


async def _ready(asked: Asked) -> None:
    await asked.freshen()
    if not await connections.running(asked.service):
        raise NotFoundError("Plugin not found")


async def _all(asked: Asked) -> ASGIResponse:
    found = await admin_queries.connections(asked.service.store, asked.tenant)
    shown = await connections.certificates(asked.service, asked.tenant)
    views = [view(one, shown.get(one.connection_id, {})) for one in found]
    return json_answer(views, asked.headers())


async def _mode(asked: Asked, draft: Draft) -> str:
    """``add``, or ``change`` for one that failed and is wanted otherwise now. Raises CodedError."""
    for one in await admin_queries.connections(asked.service.store, asked.tenant):
        if one.connection_id == draft.connection_id:
            if one.name == draft.name and one.error and not await _is_kept(asked, draft, one):
                return "change"
            raise not_allowed(EXISTS_ID)
        if one.name == draft.name:
            raise not_allowed(EXISTS_NAME)
    return "add"


async def _is_kept(asked: Asked, draft: Draft, one: Connection) -> bool:
    return await connections.is_kept(asked.service, asked.tenant, draft, one)


def _made(outcome: Outcome) -> None:
    """Raises CodedError, NotFoundError or UnavailableError for anything but done."""
    if not outcome.known:
        raise UnavailableError("the outcome is not known in time")
    match outcome.outcome:
        case word if word == DONE:
            return
        case word if word == EXISTS:
            raise not_allowed(EXISTS_NAME)
        case word if word == LIMIT:
            raise not_allowed(FULL)
        case word if word == NOT_FOUND:
            raise NotFoundError(UNKNOWN)
        case _:
            raise UnavailableError(f"the command came to {outcome.outcome}")
