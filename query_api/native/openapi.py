"""The API in OpenAPI 3.1, from its operations and the types of what goes in and out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from query_api.native import examples
from query_api.native.operation import BASE, Operation
from query_api.native.problems import MEDIA
from query_api.native.shapes import Given, Outcome, Problem, Shape
from query_api.native.text import PARTS
from query_api.tokens import PATTERN
from schemas.docstrings import field_texts

Document = dict[str, Any]

VERSION: Final = "1.0.0"
_REFERENCE: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_TOKEN: Final[Document] = {"type": "string", "pattern": PATTERN}
_COUNT: Final[Document] = {"type": "integer", "minimum": 0}
_ALWAYS: Final = (400, 401, 403, 405, 406, 429, 500, 503)
_WITH_BODY: Final = (413, 415, 422)
_TOO_LONG: Final[Document] = {
    "414": {"description": "The target is longer than 64 KiB; no body"},
    "431": {"description": "The headers are longer than 512 KiB; no body"},
}
"""Of the server itself."""


def document(operations: Sequence[Operation]) -> Document:
    """The document."""
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "mqledger",
            "version": VERSION,
            "summary": "Everything that can be seen of the broker, and done to it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": BASE}],
        "security": [{"basic": []}, {"bearer": []}, {}],
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in operations)],
        "paths": _paths(operations),
        "components": {
            "schemas": schemas(operations),
            "responses": _problems(operations),
            "headers": _HEADERS,
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "An account, or an API key's id and secret.",
                },
                "bearer": {"type": "http", "scheme": "bearer", "description": "What a login gave."},
            },
        },
    }


def schemas(operations: Iterable[Operation]) -> Document:
    """Every shape by name."""
    kinds = [kind for one in operations for kind in (one.answer, one.body) if kind is not None]
    shapes = {kind.__name__: kind for kind in _subclasses(Shape, Given)}
    _, found = msgspec.json.schema_components([*dict.fromkeys(kinds), Problem, Outcome], ref_template=_REFERENCE)
    for name, schema in found.items():
        for field, text in _texts(shapes[name]).items() if name in shapes else ():
            schema["properties"][field].setdefault("description", text)
    return found


def _subclasses(*bases: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for base in bases:
        yield base
        yield from _subclasses(*base.__subclasses__())


def _paths(operations: Iterable[Operation]) -> Document:
    paths: Document = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return paths


def _operation(one: Operation) -> Document:
    described: Document = {
        "operationId": one.name,
        "summary": one.summary,
        "tags": [one.tag],
        "parameters": [*map(_part, one.names), *_parameters("query", one), *_parameters("header", one)],
        "responses": _responses(one),
        "x-permission": "none" if one.permission is None else one.permission.value,
    }
    if one.permission is None:
        described["security"] = []
    if one.description:
        described["description"] = one.description
    for parameter in described["parameters"]:
        given = {**one.example.path, **one.example.query}.get(parameter["name"])
        if given is not None:
            parameter["example"] = int(given) if parameter["schema"].get("type") == "integer" else given
    if one.body is not None:
        content: Document = {"schema": {"$ref": _REFERENCE.format(name=one.body.__name__)}}
        if one.example.body is not None:
            content["example"] = one.example.body
        described["requestBody"] = {"required": True, "content": {_JSON: content}}
    return described


def _part(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(PARTS[name])}


def _parameters(place: str, one: Operation) -> list[Document]:
    kind: type[msgspec.Struct] = one.query if place == "query" else one.headers
    (_,), components = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    texts = _texts(kind)
    found = []
    for name, schema in components[kind.__name__]["properties"].items():
        parameter: Document = {
            "name": name if place == "query" else _titled(name),
            "in": place,
            "required": name in components[kind.__name__].get("required", ()),
            "schema": _present(schema),
        }
        text = parameter["schema"].pop("description", "") or texts.get(name, "")
        if text:
            parameter["description"] = text
        if parameter["schema"].get("type") == "array":
            parameter.update(style="form", explode=False)
        found.append(parameter)
    return found


def _present(schema: Mapping[str, Any]) -> Document:
    """The schema of a parameter that is there: one that is not has no null."""
    options = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    found = dict(options[0]) if len(options) == 1 else dict(schema)
    if schema.get("default") is not None:
        found["default"] = schema["default"]
    elif "default" in found:
        del found["default"]
    return found


def _texts(kind: type) -> dict[str, str]:
    """Docstrings of fields, of the class and its bases."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if issubclass(one, msgspec.Struct) and one is not msgspec.Struct:
            found.update(field_texts(one))
    return found


def _titled(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _responses(one: Operation) -> Document:
    responses: Document = {str(one.status): _answer(one)}
    if one.writes:
        responses["202"] = {
            "description": "What came of it is not known yet; `Location` tells where to ask",
            "headers": _references("Location", "Retry-After", "X-Correlation-Id", *_FRESH),
            "content": {
                _JSON: {"schema": {"$ref": _REFERENCE.format(name=Outcome.__name__)}, "example": examples.PENDING}
            },
        }
    elif one.method == "GET" and one.media == _JSON:
        responses["304"] = {
            "description": "As `If-None-Match` says",
            "headers": _references("ETag", "Cache-Control", "X-Correlation-Id", *_FRESH),
        }
    responses |= _TOO_LONG
    for status in sorted({*_ALWAYS, *one.errors, *(_WITH_BODY if one.body is not None else ())}):
        responses[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    return responses


def _answer(one: Operation) -> Document:
    names = ["X-Correlation-Id", "Cache-Control", *_FRESH]
    names += ["ETag"] if one.method == "GET" and one.media == _JSON else []
    names += ["Location"] if one.status == 201 else []
    content: Document = {"schema": {"type": "string"}}
    if one.answer is not None:
        content = {"schema": {"$ref": _REFERENCE.format(name=one.answer.__name__)}}
    if one.name in (known := examples.answers()):
        content["example"] = known[one.name]
    return {"description": "The answer", "headers": _references(*names), "content": {one.media: content}}


def _problems(operations: Iterable[Operation]) -> Document:
    statuses = {*_ALWAYS, *_WITH_BODY, *(status for one in operations for status in one.errors)}
    return {_name(status): _problem(status) for status in sorted(statuses)}


def _problem(status: int) -> Document:
    extra = {401: ["WWW-Authenticate"], 405: ["Allow"], 429: ["Retry-After"], 503: ["Retry-After"]}
    names = ["X-Correlation-Id", "Cache-Control", *_FRESH, *extra.get(status, ())]
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _references(*names),
        "content": {MEDIA: {"schema": {"$ref": _REFERENCE.format(name=Problem.__name__)}}},
    }


def _name(status: int) -> str:
    return "".join(part.capitalize() for part in HTTPStatus(status).phrase.replace("-", " ").split())


def _references(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header(text: str, schema: Document) -> Document:
    return {"description": text, "schema": schema}


_FRESH: Final = (
    "Mqledger-Position",
    "Mqledger-Applied",
    "Mqledger-Lag-Ms",
    "Mqledger-Lag-Frames",
    "Mqledger-Confirmed-Ms",
)
_TEXT: Final[Document] = {"type": "string"}
_HEADERS: Final[Document] = {
    "Mqledger-Position": _header("What the answer covers, as an opaque position.", _TOKEN),
    "Mqledger-Applied": _header("The same for people: `partition:next offset,...`.", _TEXT),
    "Mqledger-Lag-Ms": _header("Age of the models in milliseconds; 0 is none.", _COUNT),
    "Mqledger-Lag-Frames": _header("Frames of the log not folded yet; absent while no projector says so.", _COUNT),
    "Mqledger-Confirmed-Ms": _header("Milliseconds since a projector last said where the log ends.", _COUNT),
    "X-Correlation-Id": _header("Names the request; give one to have it used.", _TEXT),
    "ETag": _header("Digest of the answer.", {"type": "string", "pattern": '^"[0-9a-f]{24}"$'}),
    "Cache-Control": _header("Who may keep it.", _TEXT),
    "Location": _header("Where to look.", {"type": "string", "format": "uri-reference"}),
    "Retry-After": _header("Seconds.", {"type": "integer", "minimum": 1}),
    "Allow": _header("What is allowed.", _TEXT),
    "WWW-Authenticate": _header("How to say who you are.", _TEXT),
}
