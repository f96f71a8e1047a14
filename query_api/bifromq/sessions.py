"""Sessions: what is known of one, its end, its subscriptions."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from domain.topics import valid_filter
from query_api import cluster
from query_api.answers import plain
from query_api.asked import Asked
from query_api.bifromq.answers import WordError
from query_api.bifromq.dialect import BIFROMQ
from query_api.bifromq.headers import asker, metadata, named, number, required, tenant
from query_api.bifromq.outcomes import answered, settled, told
from query_api.endpoint import endpoint
from query_api.errors import NotFoundError, UnavailableError
from query_api.service import Service
from schemas.parts import Subscription

NEVER: Final = 0xFFFFFFFF
MOST_LEVELS: Final = 1024
MOST_FILTER_BYTES: Final = 65_535
MOST_REASON_CHARACTERS: Final = 255
NOT_AUTHORIZED: Final = 0x87
QUOTA_EXCEEDED: Final = 0x97
FAILED: Final = 0x80
TOO_BUSY: Final = (429, "")
"""What the original says when inboxes can't be expired now."""


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file."""
    return [
        endpoint(service, BIFROMQ, "/session", {"GET": _session, "DELETE": _expire}),
        endpoint(service, BIFROMQ, "/kill", {"DELETE": _kill}),
        endpoint(service, BIFROMQ, "/sub", {"PUT": _subscribe}),
        endpoint(service, BIFROMQ, "/unsub", {"DELETE": _unsubscribe}),
    ]


async def _session(asked: Asked) -> ASGIResponse:
    of, user, client_id = _target(asked)
    await asked.freshen()
    rows = await asked.service.store.fetch("bifromq_session", of, client_id)
    if not rows or rows[0]["username"] != user:
        raise NotFoundError("session")
    body = msgspec.json.format(msgspec.json.encode(_view(of, rows[0])), indent=2)
    return plain(body, told(asked))


async def _expire(asked: Asked) -> ASGIResponse:
    of = tenant(asked)
    text = asked.header("expiry_seconds")
    seconds = number(text) if text else await _configured_expiry(asked)
    if not 0 <= seconds <= NEVER:
        raise WordError(400, "Invalid expiry seconds")
    settled(await asked.service.commands.expire(asker(asked), of, seconds), TOO_BUSY)
    return answered(asked)


async def _kill(asked: Asked) -> ASGIResponse:
    of, user, client_id = _target(asked)
    reason = _reason(named(asked, "client_type"), metadata(asked))
    outcome = await asked.service.commands.kick(
        asker(asked), of, client_id, reason=reason, end_session=False, username=user
    )
    if not outcome.known:
        raise UnavailableError("the outcome of a kill is not known in time")
    settled(outcome)
    return answered(asked)


async def _subscribe(asked: Asked) -> ASGIResponse:
    of, user, client_id = _target(asked)
    topic_filter, qos = _filter(asked), number(named(asked, "sub_qos"))
    if qos not in (0, 1, 2):
        raise WordError(400, f"Invalid sub qos: {qos}")
    outcome = await asked.service.commands.subscribe(
        asker(asked), of, client_id, [Subscription(topic_filter, qos)], username=user
    )
    settled(outcome)
    granted(outcome.codes)
    return answered(asked, "OK" if outcome.count else "EXISTS")


async def _unsubscribe(asked: Asked) -> ASGIResponse:
    of, user, client_id = _target(asked)
    outcome = await asked.service.commands.unsubscribe(asker(asked), of, client_id, [_filter(asked)], username=user)
    settled(outcome)
    granted(outcome.codes)
    return answered(asked, "OK" if outcome.count else "NO_SUB")


def _target(asked: Asked) -> tuple[str, str, str]:
    """Tenant, user and client id. An empty user is that of sessions without a username."""
    return tenant(asked), required(asked, "user_id"), named(asked, "client_id")


def _filter(asked: Asked) -> str:
    topic_filter = named(asked, "topic_filter")
    if len(topic_filter.encode()) > MOST_FILTER_BYTES or not valid_filter(topic_filter, MOST_LEVELS):
        raise WordError(400, "TOPIC_FILTER_INVALID")
    return topic_filter


def granted(codes: list[int]) -> None:
    """Raises WordError for a filter that was refused: the codes are of MQTT 5."""
    for code in codes:
        if code == NOT_AUTHORIZED:
            raise WordError(401)
        if code == QUOTA_EXCEEDED:
            raise WordError(400, "EXCEED_LIMIT")
        if code >= FAILED:
            raise WordError(400, "TOPIC_FILTER_INVALID")


def _reason(kind: str, known: dict[str, str]) -> str:
    """What the client is told: who says that it killed it."""
    more = ", ".join(f"{name}={value}" for name, value in sorted(known.items()))
    return (f"{kind} ({more})" if more else kind)[:MOST_REASON_CHARACTERS]


async def _configured_expiry(asked: Asked) -> int:
    """The longest expiry that nodes grant."""
    granted = [one.limits.get("max_session_expiry", NEVER) for one in await cluster.nodes(asked.service.store)]
    return min(granted, default=NEVER)


def _view(of: str, row: Any) -> dict[str, Any]:
    """The fields of the original, and behind them those that only this broker knows; all metadata are text."""
    known = {
        "ver": str(row["version"]),
        "userId": row["username"],
        "clientId": row["client_id"],
        "channelId": f"{row['epoch']:x}",
        "address": f"{row['address']}:{row['port']}",
        "broker": row["node"],
        "sessionType": "t" if row["expiry"] == 0 else "p",
        "connected": str(row["online"]).lower(),
        "connectedAt": str(row["connected_at"]),
        "disconnectedAt": str(row["disconnected_at"]),
        "expirySeconds": str(row["expiry"]),
        "cleanStart": str(row["clean_start"]).lower(),
        "keepAlive": str(row["keep_alive"]),
        "subscriptions": str(row["subscription_count"]),
    }
    return {"tenantId": of, "type": "MQTT", "metadata": known}
