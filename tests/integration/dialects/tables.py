"""The tables of docs/api: what a dialect has, as it is documented."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.stackkit.services import ROOT

_ROW = re.compile(r"^\| `([A-Z]+ /\S*)` \|(.*)\|$", re.MULTILINE)
_CODED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Row:
    """An endpoint of a table."""

    endpoint: str
    parameters: frozenset[str]
    fields: frozenset[str]
    codes: frozenset[str]


def rows(dialect: str) -> dict[str, Row]:
    """The rows of the table of endpoints, by endpoint."""
    text = (ROOT / "docs" / "api" / f"{dialect}.md").read_text(encoding="utf-8")
    found = {}
    for endpoint, cells in _ROW.findall(text):
        parameters, fields, codes = cells.split("|")
        found[endpoint] = Row(endpoint, _coded(parameters), _coded(fields), frozenset(re.findall(r"\w+", codes)))
    return found


def _coded(cell: str) -> frozenset[str]:
    return frozenset(_CODED.findall(cell))
