"""``mqledger status`` as tables and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from ops.health import Health
from stack.status import Status, runtime


def status_tables(status: Status) -> Iterator[Table | str]:
    """Health of each part, then the lag of each partition, then versions."""
    parts = Table(box=None, pad_edge=False)
    for column in ("part", "live", "ready", "where", "version"):
        parts.add_column(column, overflow="fold")
    for line in status.lines:
        parts.add_row(line.name, _word(line.live), _word(line.ready), line.where, line.version or "-")
    yield parts
    yield ""
    yield _lags(status)
    yield f"[dim]{runtime()}[/]"


def status_json(status: Status) -> str:
    """The same for programs."""
    body = {**asdict(status), "well": status.well, "lag_frames": sum(lag.frames for lag in status.lags)}
    return json.dumps(body, indent=2)


def _word(health: Health) -> str:
    if health.ok:
        return f"[green]yes[/] {escape(health.detail)}".rstrip()
    return f"[red]no[/] {escape(health.detail)}".rstrip()


def _lags(status: Status) -> Table | str:
    if status.lag_problem:
        return f"[yellow]no lag to show: {escape(status.lag_problem)}[/]\n"
    behind = sum(lag.frames for lag in status.lags)
    table = Table("partition", "folded up to", "end of log", "behind", box=None, pad_edge=False)
    for lag in status.lags:
        table.add_row(str(lag.partition), str(lag.applied), str(lag.end), str(lag.frames))
    table.caption = f"the read models are {behind} frames behind the log"
    table.caption_justify = "left"
    return table
