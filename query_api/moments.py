"""Moments in a time zone, also those that no calendar has: a log may hold any number."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

LATEST_SECONDS: Final = 253_402_300_799
"""The end of the year 9999 in UTC."""


def moment_in(zone: tzinfo, seconds: int) -> datetime:
    """A time in seconds since 1970; what is later than the year 9999 is its last second."""
    try:
        return datetime.fromtimestamp(seconds, zone)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=zone)
