"""Bans: who is not let in, and until when."""

from __future__ import annotations

import time
from typing import Any, Final

from litestar.response.base import ASGIResponse

from query_api import admin_queries, search
from query_api.admin_queries import BAN_KINDS
from query_api.emqx4 import parameters, views
from query_api.emqx4.answers import BAD_PARAMETER, MISSING, BadRequestError, CodedError, data, settled, succeeded
from query_api.emqx4.call import Call, Route
from query_api.errors import InvalidError
from query_api.keyset import storable
from query_api.moments import LATEST_SECONDS
from schemas.admin import Banned, Unbanned
from schemas.commands import Order

DEFAULT_SECONDS: Final = 300
MOST_TEXT: Final = 1_024
MOST_NAME_BYTES: Final = 65_535
_KINDS: Final = "value of 'as' must be one of: ['clientid', 'username', 'peerhost']"


def routes() -> list[Route]:
    """The routes of this file."""
    return [
        Route("list_banned", "GET", "/banned", _list, "A list of bans"),
        Route("create_banned", "POST", "/banned", _create, "Ban somebody"),
        Route("delete_banned", "DELETE", "/banned/:as/:who", _delete, "End a ban"),
    ]


async def _list(call: Call) -> ASGIResponse:
    page = parameters.page(call.query)
    await call.asked.freshen()
    now = _now() * 1000
    found = [one for one in await admin_queries.bans(call.store, call.tenant) if not 0 < one.until <= now]
    shown = found[page.first : page.first + page.limit]
    return data(call.asked, list(map(views.banned, shown)), page.meta(page.first + len(shown) < len(found), len(found)))


async def _create(call: Call) -> ASGIResponse:
    given = await call.body()
    if not isinstance(given, dict):
        raise BadRequestError
    if not {"who", "as"} <= given.keys():
        raise CodedError(MISSING, "missing mandatory params: ['who', 'as']")
    told = _told(given, call.asked.principal.name)
    tenant = call.tenant

    def make(order: Order) -> Banned:
        until = 0 if told["until"] == LATEST_SECONDS else told["until"] * 1000
        return Banned(
            order, "set", tenant, told["as"], told["who"], told["by"], told["reason"], told["at"] * 1000, until
        )

    settled(await call.asked.service.commands.admin(call.asked.asker(), make))
    return data(call.asked, told)


async def _delete(call: Call) -> ASGIResponse:
    """One that is not there is as good as ended."""
    kind = _kind(call.path["as"])
    who, tenant = _who(kind, call.path["who"]), call.tenant
    settled(
        await call.asked.service.commands.admin(call.asked.asker(), lambda order: Unbanned(order, tenant, kind, who))
    )
    return succeeded(call.asked)


def _told(given: dict[str, Any], name: str) -> dict[str, Any]:
    """The ban as it is answered. Raises CodedError."""
    kind, now = _kind(given["as"]), _now()
    at = _seconds(given, "at", now)
    default = min(max(at, now) + DEFAULT_SECONDS, LATEST_SECONDS)
    return {
        "who": _who(kind, given["who"]),
        "as": kind,
        "reason": _text(given, "reason", ""),
        "by": _text(given, "by", name),
        "at": at,
        "until": LATEST_SECONDS if given.get("until") == "infinity" else _seconds(given, "until", default),
    }


def _kind(value: object) -> str:
    if value not in BAN_KINDS:
        raise CodedError(BAD_PARAMETER, _KINDS)
    return str(value)


def _who(kind: str, value: object) -> str:
    if not isinstance(value, str) or not value or not storable(value) or len(value.encode()) > MOST_NAME_BYTES:
        raise CodedError(BAD_PARAMETER, "bad who: must be string")
    if kind != "peerhost":
        return value
    try:
        return search.address(value)
    except InvalidError as error:
        raise parameters.bad(value, "ip") from error


def _text(given: dict[str, Any], name: str, default: str) -> str:
    text = given.get(name, default)
    if not isinstance(text, str) or len(text) > MOST_TEXT or not storable(text):
        raise CodedError(BAD_PARAMETER, f"bad {name}: must be string")
    return text


def _seconds(given: dict[str, Any], name: str, default: int) -> int:
    seconds = given.get(name, default)
    if type(seconds) is not int or not 0 < seconds <= LATEST_SECONDS:
        raise CodedError(BAD_PARAMETER, f"bad {name}: must be seconds since 1970")
    return seconds


def _now() -> int:
    return int(time.time())
