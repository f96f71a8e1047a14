"""What operations answered, for the document: recorded on a live stack, see tests/integration/dialects/examples.py."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from query_api.native.operation import BASE

_ID: Final = "5be1f0c2a9d4e7b35be1f0c2a9d4e7b3"
PENDING: Final[Mapping[str, Any]] = {
    "id": _ID,
    "state": "pending",
    "outcome": "",
    "codes": [],
    "count": 0,
    "position": "",
    "command": f"{BASE}/commands/{_ID}",
}
"""Of a 202: what came of the command is not known yet."""


@cache
def answers() -> Mapping[str, Any]:
    """By name of the operation; of a stream, its text."""
    found: dict[str, Any] = msgspec.json.decode((files(__package__) / "examples.json").read_bytes())
    return found
