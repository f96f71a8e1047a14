"""The one line of a log that says why a process ended, as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence

SEVERE = frozenset({"error", "critical"})


def last_words(lines: Sequence[str]) -> str:
    """The message of the last error among lines of JSON, else the last line with words in it; empty without any.

    A traceback counts as its last line, whether it is plain or a field of a JSON line.
    """
    texts = [line.strip() for line in lines if any(character.isalnum() for character in line)]
    found = [record for record in map(_record, texts) if record is not None]
    severe = [record for record in found if record.get("level") in SEVERE]
    if severe and _record(texts[-1]) is not None:
        return str(severe[-1]["message"])
    if not texts:
        return ""
    last = _record(texts[-1])
    return texts[-1].lstrip("+-| ") if last is None else str(last["message"])


def _record(line: str) -> dict[str, object] | None:
    """A line of our JSON logs; None for any other."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "message" in found else None
