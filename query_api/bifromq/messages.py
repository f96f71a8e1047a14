"""Publishing and retaining."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from domain.topics import has_wildcard
from query_api.asked import Asked
from query_api.bifromq.answers import WordError
from query_api.bifromq.dialect import BIFROMQ
from query_api.bifromq.headers import asker, metadata, named, number, required, tenant
from query_api.bifromq.outcomes import REJECTED, answered
from query_api.commands.outcome import Outcome
from query_api.endpoint import endpoint
from query_api.errors import TopicError
from query_api.service import Service

MOST_BODY_BYTES: Final = 262_144
MOST_TOPIC_BYTES: Final = 65_535
NEVER: Final = 0xFFFFFFFF
MESSAGE_EXPIRY_INTERVAL: Final = 0x02
"""MQTT 5, section 2.2.2.2."""
CLIENT_ID_META: Final = ("clientid", "client_id")
"""Metadata that name the client in whose name is published."""
_NOT_RETAINED: Final = {"limit": (400, "EXCEED_LIMIT"), "stopped": (401, "")}
"""What is told of a message that may not be retained."""


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
    client, properties = _client(asked), _properties(asked)
    payload = await asked.body(MOST_BODY_BYTES)
    try:
        outcome = await asked.service.commands.publish(
            asker(asked, payload), of, client, topic, payload, qos=qos, report=True, properties=properties
        )
    except TopicError as error:
        raise WordError(403, "Unaccepted Topic") from error
    _landed(outcome)
    return answered(asked, "OK" if outcome.count else "NO_MATCH")


async def _retain(asked: Asked) -> ASGIResponse:
    of = tenant(asked)
    topic = named(asked, "topic")
    qos = number(named(asked, "qos"))
    if qos not in (0, 1, 2) or has_wildcard(topic) or len(topic.encode()) > MOST_TOPIC_BYTES:
        raise WordError(400)
    client, properties = _client(asked), _properties(asked)
    payload = await asked.body(MOST_BODY_BYTES)
    who, commands = asker(asked, payload), asked.service.commands
    try:
        outcome = await commands.publish(
            who, of, client, topic, payload, qos=qos, retain=True, deliver=False, properties=properties
        )
    except TopicError as error:
        raise WordError(400) from error
    if payload or outcome.outcome != "not_found":  # nothing to clear is cleared
        _landed(outcome)
    return answered(asked, "RETAINED" if payload else "CLEARED")


def _landed(outcome: Outcome) -> None:
    """Raises WordError for a message that is not in the log, or may not be retained."""
    if outcome.outcome in _NOT_RETAINED:
        raise WordError(*_NOT_RETAINED[outcome.outcome])
    if not outcome.known or outcome.outcome != "done":
        raise WordError(*REJECTED)


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
