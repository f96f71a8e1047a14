"""What a request says, read from its raw bytes: query parameters and path segments, percent-encoding undone.

Bytes that are not UTF-8 become lone surrogates (PEP 383), which no stored text contains: see keyset.storable.
"""

from __future__ import annotations

import re
from typing import Final

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_LONGEST: Final = len(str(2**63))
_MORE_THAN_THERE_IS: Final = 10**18

SPACES: Final = "".join(
    chr(point)
    for point in (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
)
"""Unicode White_Space, which is what trimming takes away. Python's own idea adds U+001C to U+001F."""

Query = dict[str, str]


def parse_query(raw: bytes) -> Query:
    """Parameters of a query string: of repeated names the first, ``+`` is a space.

    Pairs that hold ``;`` or a malformed escape are left out, as the original does.
    """
    query: Query = {}
    for pair in raw.split(b"&"):
        if not pair or b";" in pair:
            continue
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        decoded = unescape(name), unescape(value)
        if decoded[0] is not None and decoded[1] is not None:
            query.setdefault(decoded[0], decoded[1])
    return query


def unescape(raw: bytes) -> str | None:
    """The text with percent-encoding undone; None when an escape is malformed."""
    if b"%" not in raw:
        return raw.decode("utf-8", "surrogateescape")
    if _BAD_ESCAPE.search(raw):
        return None
    plain = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), raw)
    return plain.decode("utf-8", "surrogateescape")


def trimmed(query: Query, name: str) -> str:
    """A parameter without surrounding white space; empty when absent."""
    return query.get(name, "").strip(SPACES)


def non_negative(text: str) -> int | None:
    """A decimal number, leading zeros and sign allowed; None when it is something else, negative, or above 64 bits with
    sign, as the original reads it. What is more than there can be of anything is told as 10**18."""
    if not _NUMBER.fullmatch(text):
        return None
    negative, digits = text[0] == "-", text.lstrip("+-").lstrip("0")
    if not digits:
        return 0
    # The length first: int() refuses very long ones.
    if negative or len(digits) > _LONGEST or int(digits) >= 2**63:
        return None
    return min(int(digits), _MORE_THAN_THERE_IS)


def tail(raw_path: bytes, base: bytes) -> bytes | None:
    """What follows ``base`` in a path, still encoded; None when the path does not begin with it."""
    path = b"/" + raw_path.lstrip(b"/")
    return path[len(base) :] if path.startswith(base) else None
