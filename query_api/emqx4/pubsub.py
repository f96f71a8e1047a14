"""Publishing, and subscribing and unsubscribing in the name of clients, one by one or many at once."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse

from domain.topics import has_wildcard, valid_filter
from query_api.emqx4.answers import (
    BAD_PARAMETER,
    BAD_QOS,
    BAD_TOPIC,
    NOT_FOUND,
    UNKNOWN,
    BadRequestError,
    CodedError,
    data,
    settled,
    succeeded,
)
from query_api.emqx4.call import Call, Route
from query_api.errors import ConflictError, InvalidError, TooLargeError, TopicError
from query_api.keyset import storable
from schemas.parts import Subscription

Given = dict[str, Any]
Do = Callable[[Call, Given], Awaitable[None]]

HTTP: Final = "http"
"""In whose name a message is published that names nobody."""
MOST_BATCH: Final = 1_000
MOST_TOPIC_BYTES: Final = 65_535
MOST_LEVELS: Final = 65_535
"""As many as a topic can have; the node that subscribes has a limit of its own."""
QUOTA_EXCEEDED: Final = 0x97
"""There is no room for another retained message."""
FAILED: Final = 0x80
"""Codes from here on say that a filter was refused (MQTT 5, sections 3.9.3 and 3.11.3)."""


def routes() -> list[Route]:
    """The routes of this file."""
    return [
        Route("mqtt_subscribe", "POST", "/mqtt/subscribe", _single(_subscribe), "Subscribe a client"),
        Route("mqtt_publish", "POST", "/mqtt/publish", _single(_publish), "Publish a message"),
        Route("mqtt_unsubscribe", "POST", "/mqtt/unsubscribe", _single(_unsubscribe), "Unsubscribe a client"),
        Route("mqtt_subscribe_batch", "POST", "/mqtt/subscribe_batch", _batch(_subscribe, True), "Subscribe clients"),
        Route("mqtt_publish_batch", "POST", "/mqtt/publish_batch", _batch(_publish, False), "Publish messages"),
        Route(
            "mqtt_unsubscribe_batch", "POST", "/mqtt/unsubscribe_batch", _batch(_unsubscribe, True),
            "Unsubscribe clients",
        ),
    ]  # fmt: skip


def _single(do: Do) -> Callable[[Call], Awaitable[ASGIResponse]]:
    async def handle(call: Call) -> ASGIResponse:
        await do(call, _object(await call.body()))
        return succeeded(call.asked)

    return handle


def _batch(do: Do, named: bool) -> Callable[[Call], Awaitable[ASGIResponse]]:
    """One after the other, in their order, each with a code of its own; ``named`` with its client in the answer."""

    async def handle(call: Call) -> ASGIResponse:
        given = await call.body()
        if not isinstance(given, list):
            raise BadRequestError
        if len(given) > MOST_BATCH:
            raise CodedError(BAD_PARAMETER, f"a batch may have at most {MOST_BATCH}")
        items = [(_object(one), replace(call, part=f"{place}.")) for place, one in enumerate(given)]
        return data(call.asked, [_named(one, named) | {"code": await _code(do, part, one)} for one, part in items])

    return handle


async def _code(do: Do, call: Call, given: Given) -> int:
    try:
        await do(call, given)
    except CodedError as error:
        return error.code
    except (InvalidError, TooLargeError):
        return BAD_PARAMETER
    except ConflictError:
        return UNKNOWN
    return 0


def _named(given: Given, named: bool) -> Given:
    client = {"clientid": given.get("clientid")} if named else {}
    return client | {"topic": given.get("topic", given.get("topics", ""))}


async def _publish(call: Call, given: Given) -> None:
    client_id = _client_id(given, HTTP)
    topics = _topics(given, wildcards=False)
    payload, qos, retain = _payload(given), _qos(given), _retain(given)
    asked = call.asked
    for place, topic in enumerate(topics):
        asker = asked.asker(part=f"{call.part}{place}")
        try:
            outcome = await asked.service.commands.publish(
                asker, call.tenant, client_id, topic, payload, qos=qos, retain=retain
            )
        except TopicError as error:
            raise CodedError(BAD_TOPIC, "bad_topic") from error
        if settled(outcome) != "done":
            raise CodedError(UNKNOWN, f"refused: reason code {QUOTA_EXCEEDED}")


async def _subscribe(call: Call, given: Given) -> None:
    client_id = _client_id(given)
    qos = _qos(given)
    wanted = [Subscription(topic, qos) for topic in _topics(given, wildcards=True)]
    asked = call.asked
    outcome = await asked.service.commands.subscribe(asked.asker(part=call.part), call.tenant, client_id, wanted)
    _changed(settled(outcome), outcome.codes)


async def _unsubscribe(call: Call, given: Given) -> None:
    client_id = _client_id(given)
    filters = _topics(given, wildcards=True)
    asked = call.asked
    outcome = await asked.service.commands.unsubscribe(asked.asker(part=call.part), call.tenant, client_id, filters)
    _changed(settled(outcome), outcome.codes)


def _changed(outcome: str, codes: list[int]) -> None:
    if outcome != "done":
        raise CodedError(NOT_FOUND, "channel_not_found")
    refused = [code for code in codes if code >= FAILED]
    if refused:
        raise CodedError(UNKNOWN, f"refused: reason code {refused[0]}")


def _object(given: Any) -> Given:
    if not isinstance(given, dict):
        raise BadRequestError
    return given


def _client_id(given: Given, default: str | None = None) -> str:
    client_id = given.get("clientid", default)
    if not isinstance(client_id, str) or not client_id or not storable(client_id):
        raise CodedError(BAD_PARAMETER, "bad clientid: must be string")
    return client_id


def _topics(given: Given, wildcards: bool) -> list[str]:
    """The one of ``topic``, else those of ``topics``, with commas between. Raises CodedError unless all can be."""
    topic, topics = given.get("topic"), given.get("topics", "")
    if not isinstance(topic, str | None) or not isinstance(topics, str):
        raise CodedError(BAD_TOPIC, "bad_topic")
    # As in the original, commas divide `topic`, too.
    found = (topics if topic is None else topic).split(",")
    if not all(_usable(one, wildcards) for one in found):
        raise CodedError(BAD_TOPIC, "bad_topic")
    return found


def _usable(topic: str, wildcards: bool) -> bool:
    if not topic or not storable(topic) or len(topic.encode()) > MOST_TOPIC_BYTES:
        return False
    return valid_filter(topic, MOST_LEVELS) and (wildcards or not has_wildcard(topic))


def _qos(given: Given) -> int:
    qos = given.get("qos", 0)
    if type(qos) is not int or qos not in (0, 1, 2):
        raise CodedError(BAD_QOS, "bad_qos")
    return qos


def _retain(given: Given) -> bool:
    retain = given.get("retain", False)
    if not isinstance(retain, bool):
        raise CodedError(BAD_PARAMETER, "bad retain: must be boolean")
    return retain


def _payload(given: Given) -> bytes:
    """The payload: text, base64 of bytes, or any other JSON as it is."""
    payload = given.get("payload", "")
    if not isinstance(payload, str):
        return msgspec.json.encode(payload)
    if given.get("encoding", "plain") != "base64":
        return payload.encode()
    try:
        return b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CodedError(BAD_PARAMETER, "bad payload: not base64") from error
