"""Parameters of lists: which page, and the filters of clients; every one is checked before anything is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from query_api import search
from query_api.emqx4.answers import BAD_PARAMETER, CodedError
from query_api.emqx4.text import DEFAULT_ZONE
from query_api.errors import InvalidError
from query_api.search import Filters

DEFAULT_LIMIT: Final = 10_000
MOST: Final = 10**15
PROTOCOLS: Final[Mapping[str, tuple[int, ...]]] = {"MQIsdp": (3,), "MQTT": (4, 5), "AMQP": (0,)}
"""Names of protocols as clients send them, and the levels of each."""
NAMES: Final = {version: name for name, versions in PROTOCOLS.items() for version in versions}
NOBODY: Final[tuple[int, ...]] = ()
"""The levels of a filter that no client meets."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_SHOWN: Final = 100

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    number: int
    """As it was given; what is below 1 is the first."""
    limit: int

    @property
    def first(self) -> int:
        """Its first row, from 0."""
        return min((max(self.number, 1) - 1) * self.limit, MOST)

    def meta(self, more: bool, count: int) -> dict[str, Any]:
        """What is told beside the data."""
        return {"page": self.number, "limit": self.limit, "hasnext": more, "count": count}


def page(query: Query) -> Page:
    """The page asked for. Raises CodedError."""
    limit = _integer(query.get("_limit", str(DEFAULT_LIMIT)))
    if limit < 0:
        raise CodedError(BAD_PARAMETER, "_limit must not be negative")
    return Page(_integer(query.get("_page", "1")), min(limit, MOST))


def client_filters(query: Query) -> Filters:
    """The filters of a list of clients, all of which must hold; names that are none are ignored. Raises CodedError."""
    changes: dict[str, Any] = {}
    for name, read in _FILTERS.items():
        if name in query:
            found = read(query[name])
            if "versions" in found and "versions" in changes:
                found["versions"] = tuple(set(found["versions"]) & set(changes["versions"]))
            changes |= found
    return Filters(**changes)


def is_filtered(query: Query) -> bool:
    """Whether the list of clients has any filter."""
    return not _FILTERS.keys().isdisjoint(query)


def integer(query: Query, name: str) -> int | None:
    """A number, None when absent. Raises CodedError."""
    return _integer(query[name]) if name in query else None


def _integer(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise bad(text, "integer")
    return int(text)


def bad(text: str, kind: str) -> CodedError:
    """The words of the original for a value of another type."""
    shown = text[:_SHOWN].encode("utf-8", "replace").decode()  # bytes that are not UTF-8 can't be told
    return CodedError(BAD_PARAMETER, f'Can\'t convert <<"{shown}">> to {kind} type')


def _text(field: str) -> Callable[[str], dict[str, Any]]:
    # Nobody has an empty client id or username: without one there is none.
    return lambda text: {field: text} if text else {"versions": NOBODY}


def _part(field: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {field: text}


def _zone(text: str) -> dict[str, Any]:
    return {"zone": "" if text == DEFAULT_ZONE else text} if text else {"versions": NOBODY}


def _address(text: str) -> dict[str, Any]:
    try:
        return {"address": search.address(text)}
    except InvalidError as error:
        raise bad(text, "ip") from error


def _one_of(field: str, values: Mapping[str, bool]) -> Callable[[str], dict[str, Any]]:
    return lambda text: {field: values[text]} if text in values else {"versions": NOBODY}


def _protocol(text: str) -> dict[str, Any]:
    return {"versions": PROTOCOLS.get(text, NOBODY)}


def _version(text: str) -> dict[str, Any]:
    version = _integer(text)
    return {"versions": (version,) if version in NAMES else NOBODY}


def _time(field: str, end_ms: int) -> Callable[[str], dict[str, Any]]:
    """Seconds; a session of any millisecond in them is meant, as the times that are shown have no smaller unit."""

    def read(text: str) -> dict[str, Any]:
        if not _NUMBER.fullmatch(text):
            raise bad(text, "timestamp")
        seconds = max(min(int(text), search.LATEST // 1000 - 1), -1)
        return {field: seconds * 1000 + end_ms}

    return read


_FILTERS: Final[Mapping[str, Callable[[str], dict[str, Any]]]] = {
    "clientid": _text("client_id"),
    "username": _text("username"),
    "zone": _zone,
    "ip_address": _address,
    "conn_state": _one_of("online", {"connected": True, "disconnected": False}),
    "clean_start": _one_of("clean_start", {"true": True, "false": False}),
    "proto_name": _protocol,
    "proto_ver": _version,
    "_like_clientid": _part("in_client_id"),
    "_like_username": _part("in_username"),
    "_gte_created_at": _time("created_from", 0),
    "_lte_created_at": _time("created_to", 999),
    "_gte_connected_at": _time("connected_from", 0),
    "_lte_connected_at": _time("connected_to", 999),
}
