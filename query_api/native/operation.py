"""An operation: what it takes, gives and may fail with. Routes, checks, OpenAPI and the client come from these."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec
from litestar.response.base import ASGIResponse

from query_api.access.principal import Permission
from query_api.asked import Asked
from query_api.native.shapes import (
    Asking,
    ChangingHeaders,
    Given,
    Headers,
    Outcome,
    PuttingHeaders,
    Reading,
    ReadingHeaders,
    WritingHeaders,
)

BASE: Final = "/api/mqledger/v1"


@dataclass(frozen=True, slots=True)
class Call:
    """One request for an operation, checked: every part is of the type that the operation says."""

    asked: Asked
    operation: Operation
    path: Mapping[str, Any]
    query: Any
    """Of the operation's ``query``."""
    headers: Any
    """Of the operation's ``headers``."""
    body: Any
    """Of the operation's ``body``; None when it takes none."""

    @property
    def tenant(self) -> str:
        """The tenant that is meant. Raises ForbiddenError."""
        named: str | None = self.query.tenant
        return self.asked.tenant if named is None else self.asked.of_tenant(named)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is bytes."""

    body: msgspec.Struct | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler: TypeAlias = Callable[[Call], Awaitable["Reply | ASGIResponse"]]


@dataclass(frozen=True, slots=True)
class Example:
    """A call, for documents; a test makes the calls, and records what they give (``examples.json``)."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """See the module."""

    method: str
    path: str
    """Below BASE; ``{name}`` is one percent-encoded segment, of the type in ``text.PARTS``."""
    name: str
    """Of the operation in OpenAPI and of the client's method."""
    summary: str
    description: str
    tag: str
    handler: Handler
    answer: type[msgspec.Struct] | None
    permission: Permission | None
    """None: for everybody."""
    query: type[Asking]
    headers: type[Headers]
    body: type[Given] | None = None
    status: int = 200
    errors: tuple[int, ...] = ()
    """Statuses beside those that every operation of its kind may give."""
    media: str = "application/json"
    everywhere: bool = False
    """Concerns no tenant: only for accounts of all."""
    example: Example = Example()

    @property
    def writes(self) -> bool:
        """Whether it is a command, whose outcome may be known later."""
        return self.method != "GET" and self.permission is not None

    @property
    def template(self) -> tuple[str, ...]:
        """The segments of the path."""
        return tuple(self.path.split("/")[1:])

    @property
    def names(self) -> tuple[str, ...]:
        """What the path names."""
        return tuple(part[1:-1] for part in self.template if part.startswith("{"))


_CHANGING: Final[Mapping[str, type[WritingHeaders]]] = {
    "POST": WritingHeaders,
    "PUT": PuttingHeaders,
    "PATCH": ChangingHeaders,
    "DELETE": ChangingHeaders,
}


class Section:
    """Operations of one kind of thing, gathered by decorators; the docstring of a handler describes its operation."""

    def __init__(
        self, tag: str, *, reads: Permission = Permission.READ, writes: Permission, everywhere: bool = False
    ) -> None:
        self.operations: list[Operation] = []
        self._tag = tag
        self._reads = reads
        self._writes = writes
        self._everywhere = everywhere

    def get(
        self, path: str, answer: type[msgspec.Struct] | None, *, query: type[Asking] = Reading, **more: Any
    ) -> Callable[[Handler], Handler]:
        """An operation that reads."""
        given = {"headers": ReadingHeaders, **more}
        if "{" in path:
            given["errors"] = (404, *given.get("errors", ()))
        return self._add("GET", path, answer, given.pop("permission", self._reads), query=query, **given)

    def command(
        self,
        method: str,
        path: str,
        *,
        answer: type[msgspec.Struct] = Outcome,
        query: type[Asking] = Asking,
        **more: Any,
    ) -> Callable[[Handler], Handler]:
        """An operation that is a command."""
        headers = more.pop("headers", _CHANGING[method])
        errors = {404} if "{" in path else set()
        errors |= {409, *more.pop("errors", ())} | ({412} if issubclass(headers, ChangingHeaders) else set())
        more |= {"query": query, "headers": headers, "errors": tuple(sorted(errors))}
        return self._add(method, path, answer, more.pop("permission", self._writes), **more)

    def _add(
        self, method: str, path: str, answer: type[msgspec.Struct] | None, permission: Permission | None, **more: Any
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            summary, _, description = (inspect.getdoc(handler) or "").partition("\n")
            given = {"everywhere": self._everywhere, "permission": permission, **more}
            self.operations.append(
                Operation(
                    method=method,
                    path=path,
                    name=handler.__name__,
                    summary=summary.rstrip("."),
                    description=description.strip(),
                    tag=self._tag,
                    handler=handler,
                    answer=answer,
                    **given,
                )
            )
            return handler

        return add
