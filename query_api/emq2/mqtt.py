"""Publishing, and subscribing in the name of a client."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from domain.topics import has_wildcard, valid_filter
from query_api.asked import Asked
from query_api.emq2.answers import UNKNOWN, WRONG_TYPE, CodedError, done
from query_api.emq2.bodies import Body, body
from query_api.emq2.dialect import EMQ2
from query_api.emq2.outcomes import settled
from query_api.emq2.paths import BASE
from query_api.endpoint import endpoint
from query_api.keyset import storable
from query_api.service import Service
from schemas.parts import Subscription

MOST_TOPIC_BYTES: Final = 4096
MOST_LEVELS: Final = 1024
QUOTA_EXCEEDED: Final = 0x97
"""There is no room for another retained message."""
FAILED: Final = 0x80
"""Codes from here on say that a filter was refused (MQTT 5, sections 3.9.3 and 3.11.3)."""


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file."""
    handlers = {"publish": _publish, "subscribe": _subscribe, "unsubscribe": _unsubscribe}
    return [endpoint(service, EMQ2, f"{BASE}/mqtt/{name}", {"POST": handler}) for name, handler in handlers.items()]


async def _publish(asked: Asked) -> ASGIResponse:
    given = await body(asked, {"topic": str, "payload": str}, {"qos": int, "retain": bool, "client_id": str})
    topic = _topic(given["topic"], wildcards=False)
    outcome = await asked.service.commands.publish(
        asked.asker(),
        asked.tenant,
        given.get("client_id") or "http",
        topic,
        given["payload"].encode(),
        qos=_qos(given),
        retain=given.get("retain", False),
    )
    if settled(outcome) != "done":
        raise CodedError(UNKNOWN, f"refused: reason code {QUOTA_EXCEEDED}")
    return done(asked)


async def _subscribe(asked: Asked) -> ASGIResponse:
    given = await body(asked, {"client_id": str, "topic": str}, {"qos": int})
    topic = _topic(given["topic"], wildcards=True)
    outcome = await asked.service.commands.subscribe(
        asked.asker(), asked.tenant, given["client_id"], [Subscription(topic, _qos(given))]
    )
    _changed(settled(outcome), outcome.codes, given["client_id"])
    return done(asked)


async def _unsubscribe(asked: Asked) -> ASGIResponse:
    given = await body(asked, {"client_id": str, "topic": str})
    topic = _topic(given["topic"], wildcards=True)
    outcome = await asked.service.commands.unsubscribe(asked.asker(), asked.tenant, given["client_id"], [topic])
    _changed(settled(outcome), outcome.codes, given["client_id"])
    return done(asked)


def _changed(outcome: str, codes: list[int], client_id: str) -> None:
    if outcome != "done":
        raise CodedError(UNKNOWN, f"Clientid: {client_id} not found")
    if any(code >= FAILED for code in codes):
        raise CodedError(UNKNOWN, f"refused: reason code {codes[0]}")


def _qos(given: Body) -> int:
    qos: int = given.get("qos", 0)
    if qos not in (0, 1, 2):
        raise CodedError(WRONG_TYPE, "params type error")
    return qos


def _topic(topic: str, wildcards: bool) -> str:
    """A topic, or with ``wildcards`` a filter, that can be. Raises CodedError."""
    usable = storable(topic) and len(topic.encode()) <= MOST_TOPIC_BYTES and valid_filter(topic, MOST_LEVELS)
    if not usable or (has_wildcard(topic) and not wildcards):
        raise CodedError(UNKNOWN, f"validate topic: {topic[:100]} fail")
    return topic
