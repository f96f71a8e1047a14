"""Publishing and retaining."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from domain.topics import has_wildcard
from query_api import cluster
from query_api.asked import Asked
from query_api.bifromq.answers import WordError
from query_api.bifromq.dialect import BIFROMQ
from query_api.bifromq.headers import asker, metadata, named, number, required, tenant
from query_api.bifromq.outcomes import REJECTED, answered
from query_api.commands.outcome import Outcome
from query_api.endpoint import endpoint
from query_api.service import Service

MOST_BODY_BYTES: Final = 262_144
MOST_TOPIC_BYTES: Final = 65_535
NEVER: Final = 0xFFFFFFFF
MESSAGE_EXPIRY_INTERVAL: Final = 0x02
"""MQTT 5, section 2.2.2.2."""
CLIENT_ID_META: Final = ("clientid", "client_id")
"""Metadata that name the client in whose name is published."""


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of this file."""
    return [
        endpoint(service, BIFROMQ, "/pub", {"POST": _publish}),
        endpoint(service, BIFROMQ, "/retain", {"POST": _retain}),
    ]


async def _publish(asked: Asked) -> ASGIResponse:
    of = tenant(asked)
    topic = named(asked, "topic")
    if has_wildcard(topic):
        raise WordError(400, "Unaccepted Topic")
    if len(topic.encode()) > MOST_TOPIC_BYTES:
        raise WordError(403, "Unaccepted Topic")
    qos = number(named(asked, "qos"))
    if qos not in (0, 1, 2):
        raise WordError(400, "Invalid QoS")
    payload = await asked.body(MOST_BODY_BYTES)
    outcome = _landed(
        await asked.service.commands.publish(
            asker(asked, payload),
            of,
            _client(asked),
            topic,
            payload,
            qos=qos,
            report=True,
            properties=_properties(asked),
        )
    )
    return answered(asked, "OK" if outcome.count else "NO_MATCH")


async def _retain(asked: Asked) -> ASGIResponse:
    of = tenant(asked)
    topic = named(asked, "topic")
    qos = number(named(asked, "qos"))
    if qos not in (0, 1, 2) or has_wildcard(topic) or len(topic.encode()) > MOST_TOPIC_BYTES:
        raise WordError(400)
    client, properties = _client(asked), _properties(asked)
    if not await _retaining(asked):
        raise WordError(401)
    payload = await asked.body(MOST_BODY_BYTES)
    _landed(
        await asked.service.commands.publish(
            asker(asked, payload),
            of,
            client,
            topic,
            payload,
            qos=qos,
            retain=True,
            deliver=False,
            properties=properties,
        )
    )
    return answered(asked, "RETAINED" if payload else "CLEARED")


def _landed(outcome: Outcome) -> Outcome:
    """The outcome of a message that is in the log; how many sessions it matched is known if that was asked."""
    if not outcome.known or outcome.outcome != "done":
        raise WordError(*REJECTED)
    return outcome


def _client(asked: Asked) -> str:
    """In whose name is published: the client that the metadata name, else the kind of it."""
    kind, known = named(asked, "client_type"), metadata(asked)
    return next((known[name] for name in CLIENT_ID_META if known.get(name)), kind)


def _properties(asked: Asked) -> bytes:
    text = asked.header("expiry_seconds")
    if not text:
        return b""
    seconds = number(required(asked, "expiry_seconds"))
    if seconds <= 0:
        raise WordError(400, "Invalid expiry seconds")
    return bytes((MESSAGE_EXPIRY_INTERVAL,)) + min(seconds, NEVER).to_bytes(4, "big")


async def _retaining(asked: Asked) -> bool:
    """Whether messages are retained at all."""
    running = [one for one in await cluster.nodes(asked.service.store) if one.running]
    return not running or any("retainer" in one.plugins for one in running)
