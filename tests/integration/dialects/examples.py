"""Answers of the native API as examples of its document: short, and the same whenever and wherever they are recorded.

``RECORD_EXAMPLES=1 pytest tests/integration/dialects/test_native.py -k as_its_example_says`` writes them anew; then
``python -m tools.client`` and ``make docs`` as usual.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec

MOMENT: Final = "2026-01-02T03:04:05.006Z"
TOKEN: Final = "Zm9yLWRvY3VtZW50cy1hbG9uZS1ub3QtcmVhbA"
ID: Final = "5be1f0c2a9d4e7b35be1f0c2a9d4e7b3"
FIXED: Final[Mapping[str, Any]] = {
    "app_id": "6f2d", "host": "broker-1", "next": TOKEN, "secret": TOKEN, "token": TOKEN, "pid": 4321,
}  # fmt: skip
"""By name of the member, where there is a value."""
MOST_ITEMS: Final = 2
MOST_NUMBERS: Final = 6
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_ID = re.compile(r"[0-9a-f]{16,}")
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{22,}")
_EPHEMERAL = 10_000


def recording() -> bool:
    """Whether they are to be written."""
    return bool(os.environ.get("RECORD_EXAMPLES"))


def record(answers: Mapping[str, Any]) -> None:
    """Write them where the document has them from."""
    text = msgspec.json.format(msgspec.json.encode(dict(sorted(answers.items()))), indent=1)
    Path(str(files("query_api.native") / "examples.json")).write_bytes(text + b"\n")


def normal(value: Any, name: str = "") -> Any:
    """The value without what is another each time, pages and tables of numbers cut short."""
    if isinstance(value, dict):
        few = all(isinstance(one, int) for one in value.values()) and len(value) > MOST_NUMBERS
        names = sorted(value)[:MOST_NUMBERS] if few else value
        return {one: normal(value[one], one) for one in names}
    if isinstance(value, list):
        return [normal(one, name) for one in (value[:MOST_ITEMS] if name == "items" else value)]
    if name in FIXED and value is not None:
        return FIXED[name]
    if isinstance(value, str):
        return _text(value, name)
    return 50_000 if name == "port" and value > _EPHEMERAL else value


def _text(value: str, name: str) -> str:
    if name == "position" and _OPAQUE.fullmatch(value):
        return TOKEN
    return _ID.sub(ID, _TIME.sub(MOMENT, value))
