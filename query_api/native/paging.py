"""Pages: ``limit`` items, and a cursor when there are more, sealed and bound to tenant, list and filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from query_api.errors import InvalidError
from query_api.native.operation import Call
from query_api.tokens import BadTokenError

PURPOSE = "native page"
_OUTSIDE = ("cursor", "limit", "at_least", "tenant", "fields")
"""Parameters that may change on the way."""

Row = TypeVar("Row")


def opened(call: Call) -> Any | None:
    """The key behind which the page begins; None for the first page. Raises InvalidError."""
    token: str = call.query.cursor
    if not token:
        return None
    try:
        return msgspec.msgpack.decode(call.asked.service.tokens.open(PURPOSE, _context(call), token))
    except (BadTokenError, msgspec.DecodeError) as error:
        raise InvalidError("The cursor is not of this list.") from error


def cut(call: Call, rows: Sequence[Row], key: Callable[[Row], Any]) -> tuple[Sequence[Row], str | None]:
    """The rows of a page out of up to ``limit + 1``, and the cursor of the next one, if any."""
    limit: int = call.query.limit
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], sealed(call, key(rows[limit - 1]))


def sealed(call: Call, key: Any) -> str:
    """The cursor of the page behind a key."""
    return call.asked.service.tokens.seal(PURPOSE, _context(call), msgspec.msgpack.encode(key))


def _context(call: Call) -> tuple[str, ...]:
    filters = {
        name: value for name, value in msgspec.structs.asdict(call.query).items() if value and name not in _OUTSIDE
    }
    return (
        call.operation.name,
        call.tenant,
        repr(sorted(call.path.items())),
        repr(sorted((name, str(value)) for name, value in filters.items())),
    )
