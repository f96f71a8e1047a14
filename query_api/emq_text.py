"""How both generations of EMQ write times, durations, sizes and what is not set."""

from __future__ import annotations

from datetime import tzinfo
from functools import lru_cache
from typing import Final

from query_api.moments import moment_in

UNDEFINED: Final = "undefined"
_KILO: Final = 1024


def when(milliseconds: int, zone: tzinfo) -> str:
    """A time in milliseconds since 1970 in a time zone, such as ``2021-03-18 02:15:57``."""
    return _second(milliseconds // 1000, zone)


@lru_cache(maxsize=16_384)
def _second(seconds: int, zone: tzinfo) -> str:
    return moment_in(zone, seconds).strftime("%Y-%m-%d %H:%M:%S")


def uptime(milliseconds: int) -> str:
    """A duration, such as ``1 hours, 17 minutes, 1 seconds``."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days} days"] if days else []
    parts += [f"{hours} hours"] if days or hours else []
    parts += [f"{minutes} minutes"] if days or hours or minutes else []
    return ", ".join([*parts, f"{seconds} seconds"])


def size(count: int) -> str:
    """Bytes, such as ``69.19M``."""
    for power, unit in ((3, "G"), (2, "M"), (1, "K")):
        if count >= _KILO**power:
            return f"{count / _KILO**power:.2f}{unit}"
    return str(count)


def load(centi: int) -> str:
    """A load average, given times 100."""
    return f"{centi / 100:.2f}"
