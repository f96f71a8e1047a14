"""The report of a comparison: a row for each case and broker, absent brokers included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from bench.compare import Choice, Field, Out, Results, names
from bench.report import Cell, Report

BUSY_SHARE = 0.3
"""Share of one core that others may use before a report warns."""


def report(
    results: Results[Out],
    taking_part: Field,
    choice: Choice,
    *,
    name: str,
    title: str,
    columns: Sequence[str],
    row: Callable[[str, str], Sequence[Cell]],
    notes: Sequence[str],
    options: Mapping[str, Any] | None = None,
) -> Report:
    """The report; ``row`` gives the cells behind case and broker, which are the first two columns."""
    rows: list[list[Cell]] = []
    for case in results.outcomes:
        for broker, absent in names(taking_part):
            cells = [absent, *[None] * (len(columns) - 3)] if absent else row(case, broker)
            rows.append([case, broker, *cells])
    return Report(
        name=name,
        title=title,
        columns=columns,
        rows=rows,
        notes=[*notes, *taking_part.notes(), *busy(results)],
        options=choice.as_options() | dict(options or {}),
        raw={case: _plain(by_broker) for case, by_broker in results.outcomes.items()},
    )


def busy(results: Results[Out]) -> list[str]:
    """A warning when the machine had much else to do, so that nobody takes such figures for the broker's."""
    shares = [results.others(case, broker) for case, brokers in results.outcomes.items() for broker in brokers]
    most = max(shares, default=0.0)
    if most < BUSY_SHARE:
        return []
    return [f"THE MACHINE WAS BUSY: others used up to {most:.0%} of a core. Repeat on a quiet one before judging."]


def _plain(by_broker: Mapping[str, Sequence[object]]) -> dict[str, list[dict[str, Any]]]:
    return {broker: [asdict(cast("Any", one)) for one in rounds] for broker, rounds in by_broker.items()}
