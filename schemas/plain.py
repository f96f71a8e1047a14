"""Events as plain data that people and JSON can read, and back: names instead of places, text instead of bytes.

An event becomes an object ``{"event": <tag>, <field>: ...}`` and a part an object of its fields. Bytes become text
when they are UTF-8, and else ``{"base64": "..."}``, so that nothing is lost and the two cannot be mistaken. Tuples
become lists. The wire form is another one: arrays in MessagePack, see :mod:`schemas.frames`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from schemas.events import Event, Part
from schemas.registry import CURRENT, OLD_VERSIONS, tag_of

PlainText = str | dict[str, str]


class PlainError(ValueError):
    """Plain data is no event; the text says why."""


def plain_bytes(content: bytes) -> PlainText:
    """The text of UTF-8 bytes; of any others, an object with their Base64."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(content).decode("ascii")}


def to_plain(event: Event | Part) -> dict[str, Any]:
    """The plain form of an event (with its tag under ``event``) or of one of its parts."""
    return _writer(type(event))(event)  # type: ignore[no-any-return]


def from_plain(data: Mapping[str, Any]) -> Event:
    """The event of which this is the plain form. Raises :class:`PlainError`."""
    tag = data.get("event")
    known = CURRENT | {tag_of(cls): cls for cls in OLD_VERSIONS}
    if tag not in known:
        raise PlainError(f"no event is called {tag!r}")
    try:
        return msgspec.convert(_reader(inspect.type_info(known[tag]))(data), known[tag])
    except (KeyError, TypeError, ValueError) as error:
        raise PlainError(f"this is not the plain form of {tag}: {error!r}") from error


@cache
def _writer(cls: type[Any]) -> Callable[[Any], Any]:
    return _writer_of(inspect.type_info(cls))


def _writer_of(kind: inspect.Type) -> Callable[[Any], Any]:
    match kind:
        case inspect.StructType():
            return _struct_writer(kind)
        case inspect.BytesType():
            return plain_bytes
        case inspect.ListType(item_type=item):
            write = _writer_of(item)
            return list if write is _same else lambda values: [write(value) for value in values]
        case inspect.TupleType():
            return list
        case inspect.UnionType(types=types) if any(isinstance(t, inspect.NoneType) for t in types):
            (present,) = (t for t in types if not isinstance(t, inspect.NoneType))
            write = _writer_of(present)
            return lambda value: None if value is None else write(value)
        case _:
            return _same


def _struct_writer(kind: inspect.StructType) -> Callable[[Any], dict[str, Any]]:
    fields = [(field.name, _writer_of(field.type)) for field in kind.fields]
    head = {"event": kind.tag} if kind.tag is not None else {}

    def write(value: Any) -> dict[str, Any]:
        data: dict[str, Any] = dict(head)
        for name, write_field in fields:
            data[name] = write_field(getattr(value, name))
        return data

    return write


def _reader(kind: inspect.Type) -> Callable[[Any], Any]:
    """From plain data to what :func:`msgspec.convert` takes for the type: structs are arrays there."""
    match kind:
        case inspect.StructType(fields=fields, tag=tag):
            readers = [(field.name, _reader(field.type)) for field in fields]
            head = [] if tag is None else [tag]
            return lambda data: head + [read(data[name]) for name, read in readers]
        case inspect.BytesType():
            return _bytes_of
        case inspect.ListType(item_type=item):
            read = _reader(item)
            return lambda values: [read(value) for value in values]
        case inspect.UnionType(types=types) if any(isinstance(t, inspect.NoneType) for t in types):
            (present,) = (t for t in types if not isinstance(t, inspect.NoneType))
            read = _reader(present)
            return lambda value: None if value is None else read(value)
        case _:
            return _same


def _bytes_of(text: PlainText) -> bytes:
    return text.encode() if isinstance(text, str) else b64decode(text["base64"], validate=True)


def _same(value: Any) -> Any:
    return value
