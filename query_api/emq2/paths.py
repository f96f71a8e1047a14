"""Names in paths, read from the bytes that were sent: an encoded slash belongs to the name, a final slash does not.

As in the original a client id or a topic is all that remains of the path, whatever slashes it has.
"""

from __future__ import annotations

from typing import Final

from query_api.asked import Asked
from query_api.errors import NotFoundError
from query_api.keyset import storable
from query_api.requests import unescape

BASE: Final = "/api/v2"


def name_after(asked: Asked, *before: str) -> str:
    """The name behind these segments, of which an empty one stands for any; empty when there is none.

    Raises NotFoundError for what can be no name.
    """
    parts = _segments(asked)
    if len(parts) < len(before):
        raise NotFoundError("path")
    return _name(b"/".join(parts[len(before) :]))


def segment(asked: Asked, number: int) -> str:
    """A segment below the base, from 0, decoded. Raises NotFoundError."""
    parts = _segments(asked)
    name = _name(parts[number]) if number < len(parts) else ""
    if not name:
        raise NotFoundError("path")
    return name


def _segments(asked: Asked) -> list[bytes]:
    path = b"/" + asked.raw_path.lstrip(b"/")
    below = path.removeprefix(BASE.encode() + b"/")
    return below.removesuffix(b"/").split(b"/") if below != path else []


def _name(raw: bytes) -> str:
    name = unescape(raw)
    if name is None or not storable(name):
        raise NotFoundError("path")
    return name
