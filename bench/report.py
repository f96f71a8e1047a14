"""A benchmark's result: a table on the screen, a JSON file, and a section of ``docs/benchmarks.md``.

A benchmark builds a ``Report`` and calls ``publish``. ``python -m bench.report`` shows the stored results again,
``python -m bench.report --write-docs`` copies them between the markers of ``docs/benchmarks.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from bench.machine import Machine, facts, in_words

Cell = str | int | float | None

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
DOCS = ROOT / "docs" / "benchmarks.md"
FILE_WIDTH = 180
"""Columns where the output is no terminal."""
ABSENT = "not installed"


@dataclass(frozen=True, slots=True)
class Report:
    """One table of figures, with all that is needed to judge them."""

    name: str
    """Name of the file in ``bench/results`` and of the section in the documentation."""
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    """Numbers stay numbers; ``None`` prints as a dash."""
    notes: Sequence[str] = ()
    """Sentences under the table: what was counted, what deviates."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The options that the benchmark ran with."""
    raw: Any = None
    """All rounds, for those who want another statistic than the table's."""


class Stored(msgspec.Struct, frozen=True):
    """A report as it lies in its file, with the machine that it was measured on."""

    name: str
    title: str
    machine: Machine
    columns: list[str]
    rows: list[list[Cell]]
    notes: list[str]
    options: dict[str, Any] = {}
    raw: Any = None


def publish(report: Report, results: Path = RESULTS) -> Path:
    """Print the report, write ``<results>/<name>.json`` and return that path."""
    stored = Stored(
        name=report.name,
        title=report.title,
        machine=facts(),
        columns=list(report.columns),
        rows=[list(row) for row in report.rows],
        notes=list(report.notes),
        options=dict(report.options),
        raw=report.raw,
    )
    show(stored)
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{report.name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(stored), indent=1) + b"\n")
    return path


def load(path: Path) -> Stored:
    """A stored report; raises msgspec.ValidationError when the file isn't one."""
    return msgspec.json.decode(path.read_bytes(), type=Stored)


def text(cell: Cell) -> str:
    """A cell for people: three significant digits below 100, thousands separated above."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}" if abs(cell) < 10 else f"{cell:.1f}"


def show(stored: Stored, console: Console | None = None) -> None:
    """Print a stored report as a table with its notes."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=FILE_WIDTH)
    table = Table(title=stored.title, title_justify="left", title_style="bold")
    for index, column in enumerate(stored.columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in stored.rows:
        table.add_row(*map(text, row))
    console.print(table)
    for note in (*stored.notes, in_words(stored.machine)):
        console.print(f"[dim]{note}[/dim]", highlight=False)


def markdown(stored: Stored) -> str:
    """The report as a Markdown table with its notes and its machine."""
    lines = [
        "| " + " | ".join(stored.columns) + " |",
        "|" + "---|" * len(stored.columns),
        *("| " + " | ".join(map(text, row)) + " |" for row in stored.rows),
        "",
        *stored.notes,
        "",
        in_words(stored.machine),
    ]
    return "\n".join(lines)


def fill(document: str, stored: Stored) -> str:
    """The document with the section ``<!-- bench:name -->`` ... ``<!-- /bench:name -->`` replaced.

    Raises ValueError when the document has no such section: a figure must have a place that says how it was measured.
    """
    begin, end = f"<!-- bench:{stored.name} -->", f"<!-- /bench:{stored.name} -->"
    section = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not section.search(document):
        raise ValueError(
            f"docs/benchmarks.md has no section {begin} ... {end}; add it with the method of {stored.name}"
        )
    return section.sub(lambda _: f"{begin}\n\n{markdown(stored)}\n\n{end}", document)


@click.command(help=__doc__)
@click.option("--write-docs", is_flag=True, help="Copy the stored results into docs/benchmarks.md.")
@click.argument("names", nargs=-1)
def main(write_docs: bool, names: tuple[str, ...]) -> None:
    """Show the stored results, all or those named."""
    paths = [RESULTS / f"{name}.json" for name in names] or sorted(RESULTS.glob("*.json"))
    for path in paths:
        if not path.exists():
            raise click.ClickException(f"{path.name}: no such result; run python -m bench.{path.stem} first")
        stored = load(path)
        show(stored)
        if write_docs:
            DOCS.write_text(fill(DOCS.read_text(), stored))


if __name__ == "__main__":
    main()
