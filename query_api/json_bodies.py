"""JSON objects in which a member is said twice: parsers differ about which one counts (RFC 8259, section 4)."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

Pairs = list[tuple[str, Any]]

_decode: Final = msgspec.json.Decoder().decode


class DoubledError(ValueError):
    """A member is there twice; the text is its name."""


def of_each_the_first(raw: bytes) -> Any:
    """What the JSON says; of members that are there twice, the first counts, as in Erlang's lists of properties.

    Raises msgspec.DecodeError, UnicodeDecodeError, RecursionError for what is no JSON.
    """
    return _as_told(raw, _first)


def of_each_one(raw: bytes) -> Any:
    """What the JSON says. Raises DoubledError, and the same."""
    return _as_told(raw, _only)


def _as_told(raw: bytes, members: Any) -> Any:
    # msgspec says what is JSON; it keeps the last of members, and tells nobody.
    found = _decode(raw)
    if raw.count(b":") < 2:
        return found
    # Of numbers only msgspec has bounds, and an opinion.
    return json.loads(raw, object_pairs_hook=members, parse_int=_decode, parse_float=_decode)


def _first(pairs: Pairs) -> dict[str, Any]:
    return dict(reversed(pairs)) if len({name for name, _ in pairs}) < len(pairs) else dict(pairs)


def _only(pairs: Pairs) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DoubledError(name)
        found[name] = value
    return found
