"""Messages: publishing, and what is retained."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta

from domain.models.retained import key_of
from query_api import keyset
from query_api.access.principal import Permission
from query_api.errors import NotFoundError
from query_api.native import outcomes, paging
from query_api.native.log import payload_at
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.problems import unprocessable
from query_api.native.properties import Properties, decoded, encoded
from query_api.native.shapes import Given, Listing, Shape, WritingHeaders
from query_api.native.text import BASE64, LONGEST, ClientId, Count, Qos, Time, Topic
from query_api.native.times import milliseconds, moment
from query_api.store import Row
from schemas.positions import position_text

section: Final = Section("messages", writes=Permission.OPERATE)
NAME: Final = "mqledger"
"""In whose name is published unless something else is said."""


class NewMessage(Given, frozen=True):
    """A message to be published."""

    topic: Topic
    payload: Annotated[str, Meta(max_length=1_048_576)] = ""
    base64: Annotated[
        str, Meta(max_length=1_400_000, pattern=BASE64, description="The payload, when it is no text; wins over it.")
    ] = ""
    qos: Qos = 0
    retain: bool = False
    deliver: bool = True
    """False: it is only retained."""
    client_id: ClientId = NAME
    """In whose name; such a client need not exist."""
    report: bool = False
    """`count` tells how many sessions it matched."""
    properties: Properties | None = None


class Retained(Shape, frozen=True):
    """The retained message of a topic."""

    topic: str
    client_id: str
    qos: Qos
    size: Count
    """Bytes of its payload."""
    published_at: Time
    expires_at: Time | None
    properties: Properties
    position: str
    """Its place in the log."""


class RetainedPage(Shape, frozen=True):
    """A page of retained messages."""

    items: list[Retained]
    next: str | None


class RetainedMessage(Shape, frozen=True):
    """A retained message with its payload."""

    message: Retained
    base64: str | None
    """Its payload; None when the log does not hold it any more."""


class RetainedListing(Listing, frozen=True):
    """Which of them."""

    prefix: Annotated[
        str, Meta(max_length=LONGEST, pattern=r"^[^\x00]*$", description="Only topics that begin with this.")
    ] = ""


@section.command(
    "POST",
    "/messages",
    body=NewMessage,
    errors=(413,),
    example=Example(body={"topic": "plant/1/on", "payload": "1", "qos": 1, "retain": True, "report": True}),
)
async def publish(call: Call) -> Reply:
    """Publish a message."""
    given = call.body
    told = await call.asked.service.commands.publish(
        outcomes.asker(call),
        call.tenant,
        given.client_id,
        given.topic,
        _payload(given),
        qos=given.qos,
        retain=given.retain,
        deliver=given.deliver,
        report=given.report,
        properties=b"" if given.properties is None else encoded(given.properties),
    )
    return outcomes.reply(told)


@section.command("DELETE", "/retained/{topic}", example=Example({"topic": "plant/1/on"}), headers=WritingHeaders)
async def clear_retained(call: Call) -> Reply:
    """Forget the retained message of a topic; nobody is told."""
    topic, commands = call.path["topic"], call.asked.service.commands
    told = await commands.publish(outcomes.asker(call), call.tenant, NAME, topic, b"", retain=True, deliver=False)
    return outcomes.reply(told)


@section.get("/retained", RetainedPage, query=RetainedListing, example=Example(query={"prefix": "plant/"}))
async def list_retained(call: Call) -> Reply:
    """Retained messages by topic, without payloads."""
    after = paging.opened(call)
    await call.asked.freshen()
    bounds = keyset.bounds((call.tenant,), call.query.prefix, after)
    rows = await call.asked.service.store.fetch("retained_page", *bounds, call.query.limit + 1)
    page, following = paging.cut(call, rows, lambda row: row["key"])
    shown = [_retained(row) for row in page]
    return Reply(RetainedPage([one for one in shown if not _is_over(one)], following))


@section.get(
    "/retained/{topic}", RetainedMessage, example=Example({"topic": "plant/1/on"}), permission=Permission.OPERATE
)
async def get_retained(call: Call) -> Reply:
    """The retained message of a topic with its payload, which is read from the log."""
    await call.asked.freshen()
    row, shown = await _kept(call)
    payload = await payload_at(call.asked.service.settings.kafka, row["partition"], row["position"])
    return Reply(RetainedMessage(shown, None if payload is None else b64encode(payload).decode()))


async def _kept(call: Call) -> tuple[Row, Retained]:
    """The retained message of the topic that the path names. Raises NotFoundError when there is none."""
    key, topic = key_of(call.path["topic"]), call.path["topic"]
    bounds = (call.tenant, key, call.tenant, keyset.following(key))
    rows = await call.asked.service.store.fetch("retained_page", *bounds, 1)
    found = [(row, _retained(row)) for row in rows if row["topic"] == topic]
    if not found or _is_over(found[0][1]):
        raise NotFoundError("There is no retained message of this topic.")
    return found[0]


def _retained(row: Any) -> Retained:
    properties = decoded(row["properties"])
    expiry = properties.message_expiry
    return Retained(
        row["topic"],
        row["client_id"],
        row["qos"],
        row["size"],
        moment(row["time"]),
        None if expiry is UNSET else moment(row["time"] + expiry * 1000),
        properties,
        position_text(row["partition"], row["position"]),
    )


def _is_over(message: Retained) -> bool:
    """Whether its time is up; nobody says so in the log."""
    return message.expires_at is not None and milliseconds(message.expires_at) <= time.time_ns() // 1_000_000


def _payload(given: NewMessage) -> bytes:
    if not given.base64:
        return given.payload.encode()
    try:
        return b64decode(given.base64, validate=True)
    except Base64Error as error:
        raise unprocessable("`base64` is not Base64.") from error
