"""From a path to an operation, by the raw segments; what surrounds each operation: permission, ETags, JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from query_api.answers import plain
from query_api.asked import Asked
from query_api.endpoint import endpoint
from query_api.errors import MethodNotAllowedError, NotFoundError
from query_api.native import etags
from query_api.native.checks import checked
from query_api.native.openapi import document
from query_api.native.operation import BASE, Operation
from query_api.native.operations import OPERATIONS
from query_api.native.problems import DIALECT
from query_api.service import Service

OPENAPI: Final = BASE + "/openapi.json"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_encode = msgspec.json.Encoder().encode

Template = tuple[str, ...]


class Routes:
    """Operations by path."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._paths: dict[Template, dict[str, Operation]] = {}
        for operation in operations:
            self._paths.setdefault(operation.template, {})[operation.method] = operation
        # A path that says more in words comes before one that takes any text there.
        self._templates = sorted(self._paths, key=lambda path: [part.startswith("{") for part in path])

    def find(self, raw: bytes) -> tuple[dict[str, Operation], dict[str, bytes]]:
        """What a path below BASE can do, and its named segments. Raises NotFoundError."""
        given = raw.split(b"/")[1:]
        for template in self._templates:
            if (named := _fits(template, given)) is not None:
                return self._paths[template], named
        raise NotFoundError("There is no such path.")


def _fits(template: Template, given: Sequence[bytes]) -> dict[str, bytes] | None:
    if len(template) != len(given):
        return None
    named = {}
    for want, have in zip(template, given, strict=True):
        if want.startswith("{"):
            if not have:
                return None
            named[want[1:-1]] = have
        elif want.encode() != have:
            return None
    return named


def routes(service: Service) -> list[HTTPRouteHandler]:
    """The endpoints of all operations: one for whatever is below BASE."""
    operations = OPERATIONS
    table = Routes(operations)

    async def answer(asked: Asked) -> ASGIResponse:
        asked.route = f"{BASE}/..."
        path = b"/" + asked.raw_path.lstrip(b"/")
        methods, segments = table.find(path[len(BASE) :])
        operation = methods.get(asked.method)
        if operation is None:
            raise MethodNotAllowedError(", ".join(methods))
        asked.route = BASE + operation.path
        return await _perform(service, asked, operation, segments)

    async def describe(asked: Asked) -> ASGIResponse:
        return plain(described, {"cache-control": "public, max-age=300"})

    described = _encode(document(operations))
    handlers = dict.fromkeys(METHODS, answer)
    openly = dict.fromkeys(METHODS)
    return [
        endpoint(service, DIALECT, BASE, handlers, permissions=openly),
        endpoint(service, DIALECT, BASE + "/{rest:path}", handlers, permissions=openly),
        endpoint(service, DIALECT, OPENAPI, {"GET": describe}, permissions={"GET": None}),
    ]


async def _perform(service: Service, asked: Asked, operation: Operation, segments: Mapping[str, bytes]) -> ASGIResponse:
    if operation.permission is not None:
        await asked.admit(operation.permission)
    service.access.check_origin(asked)
    if operation.everywhere:
        asked.everywhere()
    call = await checked(asked, operation, segments)
    reply = await operation.handler(call)
    if isinstance(reply, ASGIResponse):
        return reply
    headers = {**asked.headers(), **reply.headers, "x-correlation-id": asked.correlation}
    if reply.body is None:
        return plain(b"", headers, reply.status)
    body = _encode(reply.body)
    if asked.method == "GET" and reply.status == 200:
        headers["etag"] = tag = etags.of(body)
        headers["cache-control"] = "private, no-cache"
        if etags.fits(call.headers.if_none_match, tag):
            return plain(b"", headers, 304)
    return plain(body, headers, reply.status)
