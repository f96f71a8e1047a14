"""Properties of a message between JSON and the block of MQTT 5 section 2.2.2, in which the log has them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, UnsetType

from query_api.native.shapes import Given
from query_api.native.text import BASE64

PAYLOAD_FORMAT: Final = 0x01
MESSAGE_EXPIRY: Final = 0x02
CONTENT_TYPE: Final = 0x03
RESPONSE_TOPIC: Final = 0x08
CORRELATION_DATA: Final = 0x09
USER_PROPERTY: Final = 0x26

Word = Annotated[str, Meta(max_length=1000, pattern=r"^[^\x00]*$")]


class UserProperty(Given, frozen=True):
    """A name with a value; names may come more than once."""

    name: Word
    value: Word


class Properties(Given, frozen=True):
    """What a message says about itself, as MQTT 5 has it."""

    payload_is_text: bool | UnsetType = UNSET
    message_expiry: Annotated[int, Meta(ge=1, le=4_294_967_295, description="Seconds.")] | UnsetType = UNSET
    content_type: Word | UnsetType = UNSET
    response_topic: Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[^\x00+#]+$")] | UnsetType = UNSET
    correlation_data: Annotated[str, Meta(max_length=1000, pattern=BASE64, description="Base64.")] | UnsetType = UNSET
    user_properties: Annotated[list[UserProperty], Meta(max_length=100)] = []  # noqa: RUF012


def encoded(properties: Properties) -> bytes:
    """The block, without its length."""
    return b"".join(_parts(properties))


def _parts(properties: Properties) -> Iterator[bytes]:
    if properties.payload_is_text is not UNSET:
        yield bytes((PAYLOAD_FORMAT, properties.payload_is_text))
    if properties.message_expiry is not UNSET:
        yield bytes((MESSAGE_EXPIRY,)) + properties.message_expiry.to_bytes(4, "big")
    if properties.content_type is not UNSET:
        yield bytes((CONTENT_TYPE,)) + _sized(properties.content_type.encode())
    if properties.response_topic is not UNSET:
        yield bytes((RESPONSE_TOPIC,)) + _sized(properties.response_topic.encode())
    if properties.correlation_data is not UNSET:
        yield bytes((CORRELATION_DATA,)) + _sized(b64decode(properties.correlation_data, validate=True))
    for one in properties.user_properties:
        yield bytes((USER_PROPERTY,)) + _sized(one.name.encode()) + _sized(one.value.encode())


def _sized(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def decoded(block: bytes) -> Properties:
    """The properties of a block that a node has checked; those that have no name here are left out."""
    found: dict[str, Any] = {"user_properties": []}
    rest = memoryview(block)
    while rest:
        identifier, rest = rest[0], rest[1:]
        if identifier == PAYLOAD_FORMAT:
            found["payload_is_text"], rest = bool(rest[0]), rest[1:]
        elif identifier == MESSAGE_EXPIRY:
            found["message_expiry"], rest = int.from_bytes(rest[:4], "big"), rest[4:]
        elif identifier in (CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION_DATA):
            value, rest = _taken(rest)
            found[_NAMES[identifier]] = b64encode(value).decode() if identifier == CORRELATION_DATA else value.decode()
        elif identifier == USER_PROPERTY:
            name, rest = _taken(rest)
            value, rest = _taken(rest)
            found["user_properties"].append(UserProperty(name.decode(), value.decode()))
        else:
            break  # of a PUBLISH there is nothing else whose length could be told
    return Properties(**found)


_NAMES: Final = {
    CONTENT_TYPE: "content_type",
    RESPONSE_TOPIC: "response_topic",
    CORRELATION_DATA: "correlation_data",
}


def _taken(rest: memoryview) -> tuple[bytes, memoryview]:
    end = 2 + int.from_bytes(rest[:2], "big")
    return bytes(rest[2:end]), rest[end:]
