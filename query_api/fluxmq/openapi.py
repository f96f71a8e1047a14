"""The dialect in OpenAPI: paths by hand, shapes from the views that write the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
from msgspec import UnsetType

from query_api.fluxmq import stats, views
from query_api.tokens import PATTERN

Document = dict[str, Any]

_SHAPES = (
    views.Error,
    views.SessionList,
    views.Session,
    views.FilterList,
    views.FilterClientList,
    views.Status,
    views.Reloaded,
    stats.Stats,
    stats.Cluster,
    stats.Overview,
)
_TOKEN: Document = {"type": "string", "pattern": PATTERN}
_EMPTY: Document = {"const": ""}
"""Of a parameter: as good as absent."""
_GIVEN_TOKEN: Document = {"anyOf": [_TOKEN, _EMPTY]}
_COUNT: Document = {"type": "integer", "minimum": 0}
_REFERENCE = "#/components/schemas/{name}"


def schemas() -> Document:
    """The components: every shape by name. Fields that may be UNSET are not required."""
    _, components = msgspec.json.schema_components(_SHAPES, ref_template=_REFERENCE)
    for shape in _subclasses(views.View):
        if shape.__name__ in components:
            components[shape.__name__]["required"] = [
                field.encode_name for field in msgspec.structs.fields(shape) if UnsetType not in get_args(field.type)
            ]
    return components


def _subclasses(base: type[views.View]) -> Iterator[type[views.View]]:
    for shape in base.__subclasses__():
        yield shape
        yield from _subclasses(shape)


def paths() -> Document:
    """The paths of the dialect."""
    return {
        "/api/v1/sessions": _get(
            "listSessions",
            "List sessions in bytewise order of client ids",
            "SessionList",
            [*_list_parameters("all", "client ids"), _AT_LEAST, _AT_LEAST_HEADER],
            400,
        ),
        "/api/v1/sessions/{client_id}": _get(
            "getSession",
            "One session with its subscriptions, sorted by filter",
            "Session",
            [_path("client_id", "Client id, percent-encoded as one segment."), _AT_LEAST, _AT_LEAST_HEADER],
            400,
            404,
        ),
        "/api/v1/subscriptions": _get(
            "listSubscriptions",
            "List topic filters with how many sessions hold each",
            "FilterList",
            [*_list_parameters("connected", "topic filters"), _AT_LEAST, _AT_LEAST_HEADER],
            400,
        ),
        "/api/v1/subscriptions/{filter}/clients": _get(
            "listSubscriptionClients",
            "List the clients that hold exactly this filter",
            "FilterClientList",
            [
                _path("filter", "Topic filter, percent-encoded as one segment."),
                *_list_parameters("connected", "client ids"),
                _AT_LEAST,
                _AT_LEAST_HEADER,
            ],
            400,
            404,
        ),
        "/api/v1/stats": _get("getStats", "Numbers of the broker", "Stats", [_AT_LEAST, _AT_LEAST_HEADER], 400),
        "/api/v1/cluster": _get("getCluster", "The nodes", "Cluster", [_AT_LEAST, _AT_LEAST_HEADER], 400),
        "/api/v1/overview": _get(
            "getOverview", "Numbers, nodes and sessions in one", "Overview", [_AT_LEAST, _AT_LEAST_HEADER], 400
        ),
        "/api/v1/reload": _reload(),
        "/health": _get("getHealth", "A sign of life; see /health/ready for more", "Status", []),
    }


_ERRORS = {
    400: "A parameter can't be used",
    401: "Credentials are wrong, or missing where they are needed",
    403: "The account may not do that, or see that tenant",
    404: "There is no such thing",
    405: "The path knows no such method",
    429: "Too many failed logins",
    500: "A fault of ours; the log holds the cause under the X-Correlation-Id",
    503: "Postgres is away, a model is loading, or at_least was not reached in time",
}


def _get(operation: str, summary: str, shape: str, parameters: list[Document], *errors: int) -> Document:
    responses = {"200": {"description": "The answer", "headers": _HEADERS, **_content(shape)}}
    always = (405, 500) if shape == "Status" else (401, 403, 405, 429, 500, 503)
    responses.update({str(status): error(status) for status in sorted({*errors, *always})})
    responses.update(TOO_LONG)
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "tags": ["fluxmq"],
            "parameters": parameters,
            "responses": responses,
        }
    }


def _reload() -> Document:
    described = _get("reload", "Read the configuration again", "Reloaded", [], 400)["get"]
    responses = described["responses"]
    responses["400"] = {**responses["400"], "description": "The configuration can't be used; nothing has changed"}
    return {"post": {**described, "security": [{"basic": []}, {"bearer": []}]}}


TOO_LONG: Document = {
    "414": {"description": "The target is longer than 64 KiB; no body"},
    "431": {"description": "The headers are longer than 512 KiB; no body"},
}
"""Responses of the server itself, the same for every path."""


def error(status: int) -> Document:
    """The response of this status: its body is the same for every path."""
    return {"description": _ERRORS[status], "headers": _error_headers(status), **_content("Error")}


def _content(shape: str) -> Document:
    return {"content": {"application/json": {"schema": {"$ref": _REFERENCE.format(name=shape)}}}}


def _list_parameters(state: str, prefix: str) -> list[Document]:
    return [
        _query(
            "state",
            "Sessions in this state; case and surrounding white space don't matter, empty is as good as absent.",
            {"type": "string", "enum": ["all", "connected", "disconnected", ""], "default": state},
        ),
        _query("prefix", f"Only {prefix} that begin with this, case-sensitive.", {"type": "string"}),
        _query("limit", "At most so many; 0 is everything, streamed.", {"anyOf": [_COUNT, _EMPTY], "default": 0}),
        _query("page_token", "`next_page_token` of the page before, same filters.", _GIVEN_TOKEN),
    ]


def _query(name: str, text: str, schema: Document) -> Document:
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


def _path(name: str, text: str) -> Document:
    return {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}


_AT_LEAST = _query(
    "at_least", "A position (`Mqledger-Position`): wait, bounded, until the answer covers it.", _GIVEN_TOKEN
)
_AT_LEAST_HEADER = {**_AT_LEAST, "name": "Mqledger-At-Least", "in": "header"}


def _header(text: str, schema: Document) -> Document:
    return {"description": text, "schema": schema}


# Each is absent while it is not known; all are while nothing has ever been read from the models.
_HEADERS = {
    "Mqledger-Position": _header("What the answer covers, as an opaque position.", _TOKEN),
    "Mqledger-Applied": _header("The same for people: `partition:next offset,...`.", {"type": "string"}),
    "Mqledger-Lag-Ms": _header("Age of the models in milliseconds; 0 is none.", _COUNT),
    "Mqledger-Lag-Frames": _header("Frames of the log not folded yet; absent while no projector says so.", _COUNT),
    "Mqledger-Confirmed-Ms": _header("Milliseconds since a projector last said where the log ends.", _COUNT),
}


def _error_headers(status: int) -> Document:
    extra = {
        401: {"WWW-Authenticate": _header("How to log in.", {"type": "string"})},
        405: {"Allow": _header("What is allowed.", {"type": "string"})},
        429: {"Retry-After": _header("Seconds.", {"type": "integer"})},
        500: {"X-Correlation-Id": _header("Names the entry in the log.", {"type": "string"})},
        503: {"Retry-After": _header("Seconds.", {"type": "integer"})},
    }
    return {**_HEADERS, **extra.get(status, {})}
