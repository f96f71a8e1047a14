"""Topic filters that another filter matches, as if they were topics: a regular expression for Postgres."""

from __future__ import annotations

import re
from typing import Final

from domain.topics import valid_filter
from query_api.errors import InvalidError
from query_api.keyset import storable

MOST_LEVELS: Final = 128
_LEVELS: Final = {"+": "[^/]*", "#": ".*"}


def of_filter(wanted: str) -> str:
    """What all filters are like that this one matches; shared ones by what is shared. Raises InvalidError."""
    if not storable(wanted) or not valid_filter(wanted, MOST_LEVELS):
        raise InvalidError(f"That is no topic filter of at most {MOST_LEVELS} levels.")
    levels = [_LEVELS.get(level, re.escape(level)) for level in wanted.split("/")]
    pattern = "/".join(levels).replace("/" + _LEVELS["#"], "(/.*)?")
    # A wildcard at the beginning does not match what begins with a dollar sign [MQTT-4.7.2-1].
    plain = r"(?!\$)" if wanted[0] in _LEVELS else ""
    return rf"^(\$share/[^/]+/)?{plain}{pattern}$"
