"""Diagrams and tables of docs/architecture.md, drawn from the code.

A generated part stands between ``<!-- generated:NAME -->`` and ``<!-- /generated:NAME -->``; everything else on the
page is written by hand. ``python -m tools.diagrams`` writes, ``python -m tools.diagrams --check`` only looks.
Each module draws one kind of thing and fails when the code no longer has the shape it reads, rather than
drawing what is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.diagrams import connection, events, frames, packages, tables
from tools.diagrams.text import replace_parts

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"

PARTS: dict[str, Callable[[], str]] = {
    "packages": packages.services,
    "import-rules": packages.rules,
    "ingest-modules": packages.ingest_modules,
    "topics": tables.topics,
    "frame": frames.layout,
    "connection": connection.states,
    "packets": events.packets_to_events,
    "answers": events.events_to_answers,
    "events": events.table,
    "tables": tables.entities,
    "table-purposes": tables.purposes,
}
"""Every generated part by its name on the page."""


def current(page: str) -> str:
    """The page with every generated part as the code would have it now. Raises ValueError when a part has no place."""
    return replace_parts(page, {name: draw() for name, draw in PARTS.items()})
