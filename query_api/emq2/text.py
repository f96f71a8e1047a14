"""How the dialect writes times that may not be set."""

from __future__ import annotations

from datetime import tzinfo

from query_api import emq_text
from query_api.emq_text import UNDEFINED


def when(milliseconds: int, zone: tzinfo) -> str:
    """A time in milliseconds since 1970, such as ``2017-04-14 12:50:15``; that was never, ``undefined``."""
    return emq_text.when(milliseconds, zone) if milliseconds else UNDEFINED
