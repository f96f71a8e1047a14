"""From a request to a call: path, query, headers and body, each held against the types of the operation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec

from query_api.asked import Asked
from query_api.errors import InvalidError, NotFoundError
from query_api.json_bodies import DoubledError, of_each_one
from query_api.keyset import storable
from query_api.native.operation import Call, Operation
from query_api.native.problems import ProblemError, unprocessable
from query_api.native.text import PARTS
from query_api.requests import unescape

MOST_BODY_BYTES: Final = 1_500_000
"""As much as the largest message takes in Base64."""
_JSON: Final = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})", re.ASCII)


async def checked(asked: Asked, operation: Operation, segments: Mapping[str, bytes]) -> Call:
    """The call that a request makes. Raises a RefusalError that says what is wrong with it."""
    _require_acceptable(asked, operation.media)
    path = {name: _segment(name, raw) for name, raw in segments.items()}
    query = _query(asked, operation)
    headers = _headers(asked, operation)
    body = await _body(asked, operation)
    return Call(asked, operation, path, query, headers, body)


def _require_acceptable(asked: Asked, media: str) -> None:
    accepted = asked.header("accept")
    if not accepted:
        return
    kinds = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    if kinds.isdisjoint({"*/*", media, media.partition("/")[0] + "/*"}):
        raise ProblemError(406, "not-acceptable", f"This path gives {media}.")


def _segment(name: str, raw: bytes) -> Any:
    text = unescape(raw)
    try:
        if text is None:
            raise ValueError("malformed percent-encoding")
        text.encode()
        return msgspec.convert(text, PARTS[name])
    except ValueError as error:  # also of texts that are not UTF-8
        raise NotFoundError(f"There is no such {name}.") from error


def _query(asked: Asked, operation: Operation) -> Any:
    given = _pairs(asked.request.scope["query_string"])
    if not all(map(storable, given.values())):
        raise InvalidError("a parameter has characters that can't be kept.")
    return _converted(_prepared(given, operation.query), operation.query)


def _pairs(raw: bytes) -> dict[str, str]:
    """The parameters of a query string, each of which is said once: what would be a guess is refused."""
    found: dict[str, str] = {}
    for pair in filter(None, raw.replace(b"+", b" ").split(b"&")):
        name, value = map(unescape, pair.partition(b"=")[::2])
        if name is None or value is None:
            raise InvalidError("malformed percent-encoding in the query.")
        if name in found:
            raise InvalidError("a parameter is given twice.")
        found[name] = value
    return found


def _headers(asked: Asked, operation: Operation) -> Any:
    # The first of each name; one that is there and empty is not one that is absent.
    present = {name.decode("latin-1"): value for name, value in reversed(list(asked.request.scope["headers"]))}
    wanted = {name: present[name] for name in _names(operation.headers) if name in present}
    return _converted({name: _utf8(value.strip()) for name, value in wanted.items()}, operation.headers)


def _converted(given: Mapping[str, Any], wanted: type[msgspec.Struct]) -> Any:
    try:
        return msgspec.convert(given, wanted)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise InvalidError(_readable(error)) from error


def _prepared(given: Mapping[str, str], wanted: type[msgspec.Struct]) -> dict[str, Any]:
    """Texts as what they stand for: numbers, truth, lists. What stands for nothing is left to be refused."""
    kinds = _kinds(wanted)
    return {name: _value(text, kinds.get(name, str)) for name, text in given.items()}


def _value(text: str, kind: type) -> Any:
    if kind is int and _INTEGER.fullmatch(text):
        return int(text)
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is list:
        return text.split(",") if text else []
    return text


@cache
def _names(wanted: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.encode_name for field in msgspec.structs.fields(wanted))


@cache
def _kinds(wanted: type[msgspec.Struct]) -> dict[str, type]:
    return {field.encode_name: _kind(msgspec.inspect.type_info(field.type)) for field in msgspec.structs.fields(wanted)}


def _kind(info: msgspec.inspect.Type) -> type:
    kinds: dict[type, type] = {
        msgspec.inspect.IntType: int,
        msgspec.inspect.BoolType: bool,
        msgspec.inspect.ListType: list,
    }
    if isinstance(info, msgspec.inspect.Metadata):
        return _kind(info.type)
    if isinstance(info, msgspec.inspect.UnionType):
        return next((found for one in info.types if (found := _kind(one)) is not str), str)
    return kinds.get(type(info), str)


async def _body(asked: Asked, operation: Operation) -> Any:
    if operation.body is None:
        return None
    raw = await asked.body(MOST_BODY_BYTES)
    kind = asked.header("content-type")
    if kind and not _JSON.fullmatch(kind):
        raise ProblemError(415, "unsupported-media-type", "The body must be application/json.")
    if not raw:
        raise ProblemError(400, "no-body", "The body must be a JSON object.")
    if not kind:
        raise ProblemError(415, "unsupported-media-type", "The body must be application/json.")
    try:
        return msgspec.convert(_integral(of_each_one(raw)), operation.body)
    except DoubledError as error:
        raise unprocessable(f"The member `{str(error)[:100]}` is given twice.") from error
    except msgspec.ValidationError as error:
        raise unprocessable(_readable(error)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProblemError(400, "malformed-json", "The body is not JSON.") from error


def _utf8(header: bytes) -> str:
    return header.decode("utf-8", "surrogateescape")


def _integral(value: Any) -> Any:
    """The value with whole numbers as such: to JSON, 1.0 is an integer."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_integral(one) for one in value]
        case dict():
            return {name: _integral(one) for name, one in value.items()}
        case _:
            return value


def _readable(error: Exception) -> str:
    """What a check says, with a path instead of a dollar."""
    text = str(error).replace("`$.", "`").replace(" - at `$`", "")
    return re.sub(r" matching regex '.*' - at", " of the form in the OpenAPI document - at", text) + "."
