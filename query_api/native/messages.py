"""Messages: publishing, and what is retained."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Annotated, Final

from msgspec import Meta

from query_api.access.principal import Permission
from query_api.native import outcomes
from query_api.native.operation import Call, Example, Reply, Section
from query_api.native.problems import unprocessable
from query_api.native.shapes import Given, WritingHeaders
from query_api.native.text import BASE64, ClientId, Qos, Topic

section: Final = Section("messages", writes=Permission.OPERATE)


class NewMessage(Given, frozen=True):
    """A message to be published."""

    topic: Topic
    payload: Annotated[str, Meta(max_length=700_000)] = ""
    base64: Annotated[
        str, Meta(max_length=900_000, pattern=BASE64, description="The payload, when it is no text; wins over it.")
    ] = ""
    qos: Qos = 0
    retain: bool = False
    deliver: bool = True
    """False: it is only retained."""
    client_id: ClientId = "mqledger"
    """In whose name; such a client need not exist."""
    report: bool = False
    """`count` tells how many sessions it matched."""


@section.command(
    "POST",
    "/messages",
    body=NewMessage,
    errors=(413,),
    example=Example(body={"topic": "plant/1/on", "payload": "1", "qos": 1, "report": True}),
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
    )
    return outcomes.reply(told)


@section.command("DELETE", "/retained/{topic}", example=Example({"topic": "plant/1/on"}), headers=WritingHeaders)
async def clear_retained(call: Call) -> Reply:
    """Forget the retained message of a topic; nobody is told."""
    told = await call.asked.service.commands.publish(
        outcomes.asker(call), call.tenant, "mqledger", call.path["topic"], b"", retain=True, deliver=False
    )
    return outcomes.reply(told)


def _payload(given: NewMessage) -> bytes:
    if not given.base64:
        return given.payload.encode()
    try:
        return b64decode(given.base64, validate=True)
    except Base64Error as error:
        raise unprocessable("`base64` is not Base64.") from error
