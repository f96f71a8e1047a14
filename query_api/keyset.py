"""Ranges of keys for keyset paging over ``collate "C"`` columns.

A page is ``where (scope..., key) >= low and (scope..., key) < high order by ... limit n``: both ends are index
conditions, so that the millionth page costs what the first does. Postgres text has no U+0000, hence the
smallest text above ``x`` is ``x`` followed by U+0001, and bytewise order of UTF-8 is the order of code points.
"""

from __future__ import annotations

Bounds = tuple[str, ...]
"""``low`` and ``high`` one after the other, as a query takes them."""

_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def bounds(scope: tuple[str, ...], prefix: str = "", after: str | None = None) -> Bounds:
    """The range of keys inside ``scope`` that begin with ``prefix`` and come after ``after``.

    ``scope`` are the values of the columns before the key, at least one. A prefix that no stored text can have
    (see :func:`storable`) gives an empty range.
    """
    if not storable(prefix):
        return (*scope, "", *scope, "")
    low = prefix if after is None else following(after)
    above = successor(prefix)
    if above is None:
        return (*scope, low, *scope[:-1], following(scope[-1]), "")
    return (*scope, low, *scope, above)


def following(text: str) -> str:
    """The smallest text above ``text``."""
    return text + "\x01"


def successor(prefix: str) -> str | None:
    """The smallest text above every text that begins with ``prefix``; None when there is none."""
    kept = prefix.rstrip(chr(_LAST))
    if not kept:
        return None
    point = ord(kept[-1]) + 1
    if point in _SURROGATES:
        point = _SURROGATES.stop
    return kept[:-1] + chr(point)


def storable(text: str) -> bool:
    """Whether a Postgres text can hold it: no U+0000, and well-formed (a lone surrogate stands for a bad byte)."""
    return "\x00" not in text and not any(ord(char) in _SURROGATES for char in text)
