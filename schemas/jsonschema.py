"""JSON Schema of every event and an AsyncAPI document of the topics: ``python -m schemas.jsonschema docs/schemas``.

Each event has two forms. *Plain* (:mod:`schemas.plain`) is what ``mqledger events --format json`` prints under
``data``; its schema is the root of the file. *Wire* is the MessagePack array in the log; its schema is ``$defs/wire``
there, with MessagePack binaries described as strings (JSON Schema knows no bytes).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from schemas.docstrings import class_text, field_texts
from schemas.registry import CURRENT

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

BINARY: Schema = {"type": "string", "x-messagepack": "bin", "description": "MessagePack binary"}
PLAIN_BYTES: Schema = {
    "description": "bytes: text when they are UTF-8, else an object with their Base64",
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"base64": {"type": "string", "contentEncoding": "base64"}},
            "required": ["base64"],
            "additionalProperties": False,
        },
    ],
}


def event_schema(cls: type[msgspec.Struct]) -> Schema:
    """The document of one event: its plain form, and its wire form under ``$defs``."""
    kind = inspect.type_info(cls)
    return {"$schema": DIALECT, "$id": f"{_tag(kind)}.json", **plain_schema(kind), "$defs": {"wire": wire_schema(kind)}}


def plain_schema(kind: inspect.Type) -> Schema:
    """Schema of the plain form of a type."""
    if isinstance(kind, inspect.BytesType):
        return PLAIN_BYTES
    if not isinstance(kind, inspect.StructType):
        return _composed(kind, plain_schema)
    properties: Schema = {} if kind.tag is None else {"event": {"const": kind.tag}}
    texts = field_texts(kind.cls)
    for field in kind.fields:
        properties[field.name] = _with_text(plain_schema(field.type), texts.get(field.name))
    return {
        "title": kind.tag or kind.cls.__name__,
        "description": class_text(kind.cls),
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def wire_schema(kind: inspect.Type) -> Schema:
    """Schema of the wire form of a type: structs are arrays, to whose end later writers may have appended fields."""
    if isinstance(kind, inspect.BytesType):
        return BINARY
    if not isinstance(kind, inspect.StructType):
        return _composed(kind, wire_schema)
    items: list[Schema] = [] if kind.tag is None else [{"const": kind.tag, "title": "tag"}]
    texts = field_texts(kind.cls)
    items += [{"title": f.name, **_with_text(wire_schema(f.type), texts.get(f.name))} for f in kind.fields]
    return {"type": "array", "prefixItems": items, "minItems": len(items) - _optional(kind)}


_SCALARS: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.NoneType: "null",
}


def _composed(kind: inspect.Type, inner: Callable[[inspect.Type], Schema]) -> Schema:
    if (scalar := _SCALARS.get(type(kind))) is not None:
        return {"type": scalar}
    match kind:
        case inspect.ListType(item_type=item):
            return {"type": "array", "items": inner(item)}
        case inspect.TupleType(item_types=items):
            return {"type": "array", "prefixItems": [inner(i) for i in items], "minItems": len(items), "items": False}
        case inspect.DictType(value_type=value):
            return {"type": "object", "additionalProperties": inner(value)}
        case inspect.UnionType(types=types):
            return {"anyOf": [inner(t) for t in types]}
        case _:
            raise TypeError(f"no JSON Schema for {kind!r}: teach schemas.jsonschema about it")


def _with_text(schema: Schema, text: str | None) -> Schema:
    return {**schema, "description": text} if text else schema


def _optional(kind: inspect.StructType) -> int:
    """How many fields at the end have a default, so that older writers may have left them out."""
    return sum(not field.required for field in kind.fields)


def _tag(kind: inspect.Type) -> str:
    assert isinstance(kind, inspect.StructType)
    return str(kind.tag)


def documents() -> dict[str, Schema]:
    """Every generated file by name."""
    from schemas.asyncapi import asyncapi_document

    files = {f"{tag}.json": event_schema(cls) for tag, cls in sorted(CURRENT.items())}
    files["asyncapi.json"] = asyncapi_document()
    return files


def as_text(document: Schema) -> str:
    """The document as it lies in a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write_documents(folder: Path) -> list[Path]:
    """Write all documents into the folder, remove others of the past; returns the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = documents()
    for old in folder.glob("*.json"):
        if old.name not in files:
            old.unlink()
    for name, document in files.items():
        (folder / name).write_text(as_text(document), encoding="utf-8")
    return [folder / name for name in files]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m schemas.jsonschema FOLDER")
    for path in write_documents(Path(sys.argv[1])):
        print(path)
