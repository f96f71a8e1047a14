"""Times as the dialect writes them: RFC 3339 in UTC, fractions without trailing zeros."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def rfc3339(milliseconds: int) -> str:
    """A time in milliseconds since 1970, such as ``2019-08-24T14:15:22.5Z``."""
    seconds, rest = divmod(milliseconds, 1000)
    if not rest:
        return _second(seconds) + "Z"
    return f"{_second(seconds)}.{rest:03d}".rstrip("0") + "Z"


@lru_cache(maxsize=16_384)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
