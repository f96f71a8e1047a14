"""Sessions by any combination of filters, by number of page or behind a session, for all dialects.

Three indexes hold every column that can be asked for: by kind, by username, by address (projector/sql/searches.sql).
The filters decide which one is walked; docs/decisions/api-search.md says what each costs. Parts of names are looked for
in all entries of an index. Pages by number are asked of a store that makes a plan for the filters of each question;
pages behind a session, whose plan takes as long as its rows, of one that plans once. Both kinds have connections of
their own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator
from dataclasses import astuple, dataclass
from typing import Final, Literal, TypeAlias

from domain.keys import NAME_BYTES
from query_api.errors import InvalidError
from query_api.keyset import storable
from query_api.store import Row, Store

LATEST: Final = 2**62
"""After every time there is, in milliseconds."""
Way: TypeAlias = Literal["after", "before"]
BY_NAME: Final = {"username": "search_usernames", "address": "search_addresses"}
"""Columns to sort by, before age, and their queries."""
Place: TypeAlias = tuple[int, str]
"""``created_at`` and client id of a session: both stay as they are while it lives."""
BEGINNING: Final[Place] = (-1, "")
END: Final[Place] = (2**62, "")
"""Behind every place, and so the beginning of a walk by falling age."""
FIRST_NAME: Final = ""
LAST_NAME: Final = chr(0x10FFFF) * NAME_BYTES
"""Before and behind every username and address."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a session must be to be found; None is any. Times in milliseconds since 1970 UTC, both ends inside."""

    client_id: str | None = None
    username: str | None = None
    """Sessions without a user are those of no username, not of an empty one."""
    address: str | None = None
    online: bool | None = None
    node: str | None = None
    clean_start: bool | None = None
    versions: tuple[int, ...] | None = None
    """Protocol levels, of which it has one."""
    zone: str | None = None
    created_from: int = 0
    created_to: int = LATEST
    connected_from: int = 0
    connected_to: int = LATEST
    in_client_id: str = ""
    """A part of the client id."""
    in_username: str = ""

    @property
    def possible(self) -> bool:
        """Whether there can be such a session: no stored text has what a text of Postgres can't hold."""
        texts = (self.client_id, self.username, self.node, self.zone, self.in_client_id, self.in_username)
        return self.versions != () and all(storable(text) for text in texts if text is not None)


ANY: Final = Filters()


def address(text: str) -> str:
    """An IP address as sessions have it. Raises InvalidError."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise InvalidError("not an IP address") from error


async def page(store: Store, tenant: str, filters: Filters, first: int, most: int) -> list[Row]:
    """At most so many sessions from the ``first`` on, in an order that stays; columns as in ``search.sql``.

    Raises UnavailableError.
    """
    if not filters.possible:
        return []
    return await store.fetch(_query(filters), *_arguments(tenant, filters, BEGINNING, first, most))


async def pages(store: Store, tenant: str, filters: Filters, first: int, most: int) -> AsyncGenerator[list[Row], None]:
    """The same in parts, of one snapshot, for pages that are too long to be held. Raises UnavailableError."""
    if filters.possible:
        async for rows in store.stream(_query(filters), *_arguments(tenant, filters, BEGINNING, first, most)):
            yield rows


async def after(store: Store, tenant: str, filters: Filters, place: Place, most: int) -> list[Row]:
    """At most so many sessions behind a place, by ``created_at`` and client id; a walk of them misses and repeats none
    that is there all the while. Raises UnavailableError.
    """
    return await _by_age(store, tenant, filters, place, most, "after")


async def before(store: Store, tenant: str, filters: Filters, place: Place, most: int) -> list[Row]:
    """The same, latest first, from ``END`` on."""
    return await _by_age(store, tenant, filters, place, most, "before")


async def by_name(
    store: Store, tenant: str, filters: Filters, column: str, place: tuple[str, Place] | None, most: int, way: Way
) -> list[Row]:
    """At most so many sessions behind a place, by a column of BY_NAME and then by age; by username only those that have
    one. None is the beginning. Raises UnavailableError.
    """
    name, age = place or ((FIRST_NAME, BEGINNING) if way == "after" else (LAST_NAME, END))
    if getattr(filters, column) is not None:
        return await _by_age(store, tenant, filters, age, most, way)
    if not filters.possible:
        return []
    return await store.fetch(f"{BY_NAME[column]}/{way}", *_arguments(tenant, filters, age, 0, most), name)


async def _by_age(store: Store, tenant: str, filters: Filters, place: Place, most: int, way: Way) -> list[Row]:
    if not filters.possible:
        return []
    query = _query(filters)
    query = f"search_ages/{way}" if query.startswith("search_kinds") else query.replace("after", way)
    return await store.fetch(query, *_arguments(tenant, filters, place, 0, most))


async def count(store: Store, tenant: str, filters: Filters) -> int:
    """How many sessions there are. Costs an index entry each. Raises UnavailableError."""
    if not filters.possible:
        return 0
    (row,) = await store.fetch("search_count", *_arguments(tenant, filters, BEGINNING, 0, None))
    return int(row["sessions"])


def _query(filters: Filters) -> str:
    if filters.client_id is not None:
        return "search_client/after"
    if filters.username:
        return "search_username/after"
    if filters.address is not None:
        return "search_address/after"
    return "search_kinds_only" if filters == _of_kinds(filters) else "search_kinds"


def _of_kinds(filters: Filters) -> Filters:
    """Of these filters, those of kinds and of ages."""
    return Filters(
        online=filters.online,
        node=filters.node,
        clean_start=filters.clean_start,
        versions=filters.versions,
        zone=filters.zone,
        created_from=filters.created_from,
        created_to=filters.created_to,
    )


def _arguments(tenant: str, filters: Filters, place: Place, first: int, most: int | None) -> tuple[object, ...]:
    # The parameters of the queries stand in the order of the fields.
    return (tenant, *astuple(filters), *place, first, most)
