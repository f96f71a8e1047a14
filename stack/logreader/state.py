"""The state that a fold came to, as rows for people and tools: tables, one JSON document, or JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from domain.models import TABLES, MemoryTables
from schemas.events import NEVER
from stack.logreader.bounds import time_text
from stack.logreader.lines import printable

Fields = dict[str, Any]

WHAT: Mapping[str, tuple[str, ...]] = {
    "sessions": ("sessions",),
    "subscriptions": ("subscriptions",),
    "routes": ("routes",),
    "metrics": ("totals", "metrics"),
    "counters": ("session_counters",),
    "commands": ("commands",),
    "retained": ("retained",),
    "history": ("sessions_history", "subscriptions_history"),
}
"""What may be asked for, and which tables that is."""
DEFAULT_WHAT = ("sessions", "subscriptions", "routes", "metrics")

_SHORT: Mapping[str, tuple[str, ...]] = {
    "sessions": (
        "tenant",
        "client_id",
        "state",
        "node",
        "username",
        "protocol",
        "address",
        "subscription_count",
        "connected_at",
        "disconnected_at",
        "expiry",
    ),
    "subscriptions": ("tenant", "client_id", "filter", "qos", "no_local", "retain_handling", "since_time"),
    "retained": ("tenant", "topic", "partition", "qos", "size", "client_id", "time"),
    "commands": ("tenant", "id", "verb", "client_id", "target", "actor", "address", "time", "outcome", "count"),
    "sessions_history": ("tenant", "client_id", "node", "online", "valid_from_time", "valid_to_time", "ended"),
    "subscriptions_history": ("tenant", "client_id", "filter", "qos", "valid_from_time", "valid_to_time"),
}
"""Columns that fit a screen; JSON has all."""
_SUMS = frozenset({"routes", "totals", "metrics"})
"""Tables whose last column is summed over partitions for a screen; JSON has the rows of each partition."""


@dataclass(frozen=True, slots=True)
class State:
    """The tables of a fold, and the moment they are of."""

    tables: MemoryTables
    moments: Mapping[int, int]
    """Per partition, the time as of which a session that is away counts as expired."""
    summary: Fields
    """Vector, numbers of frames and events."""

    def rows(self, table: str) -> list[Fields]:
        """The rows of a table by key, each with its columns by name; sessions also with their ``state``."""
        about = TABLES[table]
        found = [
            dict(zip(about.columns, row, strict=True)) for row in sorted(self.tables.rows(table), key=about.key_of)
        ]
        if table == "sessions":
            for fields in found:
                fields["state"] = self._state_of(fields)
        return found

    def _state_of(self, session: Fields) -> str:
        if session["online"]:
            return "connected"
        if session["expiry"] == NEVER:
            return "away"
        over = session["disconnected_at"] + session["expiry"] * 1000 <= self.moments[session["partition"]]
        return "expired" if over else "away"


def tables_of(what: Sequence[str]) -> list[str]:
    """The tables asked for, in the order of :data:`WHAT`."""
    return [table for name, tables in WHAT.items() if name in what for table in tables]


def write_json(state: State, what: Sequence[str], to: TextIO) -> None:
    """One document: the summary, and an array of rows per table."""
    document = {**state.summary, **{table: state.rows(table) for table in tables_of(what)}}
    json.dump(document, to, ensure_ascii=False, indent=1, default=bytes.hex)
    to.write("\n")


def write_json_lines(state: State, what: Sequence[str], to: TextIO) -> None:
    """One line for each row, with the name of its table; the first line is the summary."""
    to.writelines(
        json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=bytes.hex) + "\n"
        for fields in _lines(state, what)
    )


def _lines(state: State, what: Sequence[str]) -> Iterator[Fields]:
    yield {"table": "summary", **state.summary}
    for table in tables_of(what):
        for fields in state.rows(table):
            yield {"table": table, **fields}


def write_tables(state: State, what: Sequence[str], to: TextIO) -> None:
    """Tables for a screen, as wide as they need to be."""
    wide = Console(file=to, highlight=False, width=None if to.isatty() else 400)
    for table in tables_of(what):
        rows = _summed(state.rows(table)) if table in _SUMS else state.rows(table)
        columns = tuple(rows[0]) if rows and table in _SUMS else _SHORT.get(table, TABLES[table].columns)
        shown = Table(*columns, title=f"{table}: {len(rows):,}", title_justify="left", box=None, pad_edge=False)
        for fields in rows:
            shown.add_row(*(_cell(column, fields[column]) for column in columns))
        wide.print(shown, markup=False)
        wide.print()


WRITERS: Mapping[str, Callable[[State, Sequence[str], TextIO], None]] = {
    "table": write_tables,
    "json": write_json,
    "jsonl": write_json_lines,
}


def _summed(rows: list[Fields]) -> list[Fields]:
    """Rows without their partition, the last column summed."""
    sums: dict[tuple[Any, ...], int] = {}
    for fields in rows:
        *key, number = ((name, value) for name, value in fields.items() if name != "partition")
        sums[*key, number[0]] = sums.get((*key, number[0]), 0) + number[1]
    return [{**dict(key), name: value} for (*key, name), value in sorted(sums.items())]


def _cell(column: str, value: object) -> str:
    if (column == "time" or column.endswith(("_at", "_time"))) and isinstance(value, int):
        return time_text(value) if value else "-"
    if column == "expiry" and value == NEVER:
        return "never"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value)).replace("[", r"\[")
