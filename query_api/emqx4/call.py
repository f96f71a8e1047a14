"""One request of the dialect, as its handlers see it, and the table by which they are found.

As in the original a path is split at its slashes, empty parts are dropped, and each part is decoded by itself: doubled
and final slashes do not matter, and an encoded slash belongs to a name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cached_property
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from litestar.response.base import ASGIResponse

from query_api.access.principal import Permission
from query_api.asked import Asked
from query_api.emqx4.answers import BadRequestError
from query_api.errors import NotFoundError
from query_api.json_bodies import of_each_the_first
from query_api.keyset import storable
from query_api.requests import unescape
from query_api.store import Store

BASE: Final = ("api", "v4")


@dataclass
class Call:
    """A request whose route is known."""

    asked: Asked
    path: dict[str, str]
    """The named parts of the path."""
    part: str = ""
    """Of a batch: which place it stands at."""

    @property
    def store(self) -> Store:
        """The read models."""
        return self.asked.service.store

    @property
    def searches(self) -> Store:
        """The same for searches."""
        return self.asked.service.searches

    @property
    def tenant(self) -> str:
        """The tenant that is meant."""
        return self.asked.tenant

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the query, of repeated names the first. Raises BadRequestError."""
        found: dict[str, str] = {}
        for pair in self.asked.request.scope["query_string"].split(b"&"):
            name, _, value = pair.replace(b"+", b" ").partition(b"=")
            decoded = unescape(name), unescape(value)
            if decoded[0] is None or decoded[1] is None:
                raise BadRequestError
            found.setdefault(decoded[0], decoded[1])
        found.pop("", None)
        return found

    @property
    def zone(self) -> tzinfo:
        """The time zone in which times are written."""
        return ZoneInfo(self.asked.service.settings.dialects.time_zone)

    async def body(self) -> Any:
        """The body, which is JSON; of members said twice the first counts. Raises BadRequestError, TooLargeError."""
        try:
            return of_each_the_first(await self.asked.body())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequestError from error


Handler: TypeAlias = Callable[[Call], Awaitable[ASGIResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path, in which what begins with a colon is a name."""

    name: str
    method: str
    path: str
    handler: Handler
    description: str
    permission: Permission | None = None
    """Beyond what the method needs anyway."""
    parts: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(part for part in self.path.split("/") if part))

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """The named parts of a path that is meant; None for another one."""
        if len(parts) != len(self.parts):
            return None
        pairs = list(zip(self.parts, parts, strict=True))
        if any(wanted != found for wanted, found in pairs if not wanted.startswith(":")):
            return None
        return {wanted[1:]: found for wanted, found in pairs if wanted.startswith(":")}


def found(routes: list[Route], asked: Asked) -> tuple[Route, Call]:
    """The route of a request: the first that fits. Raises NotFoundError."""
    parts = _parts(asked.raw_path)
    if tuple(parts[: len(BASE)]) == BASE:
        for route in routes:
            if route.method == asked.method and (named := route.match(parts[len(BASE) :])) is not None:
                return route, Call(asked, named)
    raise NotFoundError("path")


def _parts(raw_path: bytes) -> list[str]:
    decoded = [unescape(part) for part in raw_path.split(b"/") if part]
    if any(part is None or not storable(part) for part in decoded):
        raise NotFoundError("path")
    return [part for part in decoded if part is not None]
