"""Times between people and the log: RFC 3339 in UTC, and milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from query_api.moments import LATEST_SECONDS

_LATEST: Final = LATEST_SECONDS * 1000 + 999


def moment(ms: int) -> str:
    """A time in milliseconds as text, such as ``2019-08-24T14:15:22.120Z``; at most the end of the year 9999."""
    seconds, rest = divmod(min(ms, _LATEST), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def moment_or_none(ms: int) -> str | None:
    """The same; None for 0, which is no time."""
    return moment(ms) if ms else None


def milliseconds(text: str) -> int:
    """The milliseconds of a text in the form of ``Time``. Raises ValueError for a day that is none."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)
