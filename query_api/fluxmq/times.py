"""Times as the dialect writes them: RFC 3339 in UTC, fractions without trailing zeros."""

from __future__ import annotations

from datetime import UTC
from functools import lru_cache

from query_api.moments import moment_in


def rfc3339(milliseconds: int) -> str:
    """A time in milliseconds since 1970, such as ``2019-08-24T14:15:22.5Z``."""
    seconds, rest = divmod(milliseconds, 1000)
    if not rest:
        return _second(seconds) + "Z"
    return f"{_second(seconds)}.{rest:03d}".rstrip("0") + "Z"


@lru_cache(maxsize=16_384)
def _second(seconds: int) -> str:
    return moment_in(UTC, seconds).isoformat()[:19]
