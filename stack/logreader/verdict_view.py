"""What ``mqledger replay --verify`` says, for people and as JSON."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table

from domain.models import TABLES
from stack.logreader.lines import printable
from stack.logreader.verify import NOT_PROVABLE, Difference, Verdict


def show_verdict(verdict: Verdict, out: Console) -> None:
    """Tables compared, differences named, and what cannot be proven."""
    tally = verdict.tally
    rate = tally.events / tally.seconds if tally.seconds else 0
    out.print(
        f"folded {tally.frames:,} frames, {tally.events:,} events ({tally.lifecycle:,} lifecycle) in "
        f"{tally.seconds:.1f} s ({rate:,.0f} events/s) up to {vector_text(verdict.vector)}",
        markup=False,
    )
    shown = Table("table", "live rows", "folded rows", "", box=None, pad_edge=False)
    for name, (live, folded) in verdict.rows.items():
        partitions = verdict.unequal.get(name)
        word = f"[red]differs in partition {', '.join(map(str, partitions))}[/]" if partitions else "[green]equal[/]"
        shown.add_row(name, f"{live:,}", f"{folded:,}", word)
    out.print(shown)
    for difference in verdict.differences:
        out.print(difference_text(difference), markup=False, soft_wrap=True)
    if (more := verdict.differing - len(verdict.differences)) > 0:
        out.print(f"and {more:,} more (--differences N names more)")
    for note in tally.notes:
        out.print(note, markup=False)
    out.print(NOT_PROVABLE, markup=False)
    if verdict.equal:
        out.print("[green]no difference[/]")
    else:
        out.print(f"[red]{verdict.differing:,} differences[/]")


def difference_text(difference: Difference) -> str:
    """One line: the row's key by column, the column, the live value and the folded one."""
    about = TABLES.get(difference.table)
    names = about.key if about else ("partition",)  # `applied` is no table of the models
    where = f"{difference.table} {_values(names, difference.key)}"
    if difference.column:
        return f"{where}: {difference.column} is {_value(difference.live)}, the log says {_value(difference.folded)}"
    columns = about.columns if about else ()
    if difference.live is None:
        return f"{where}: the row is missing; the log says {_values(columns, difference.folded)}"
    return f"{where}: the log knows no such row: {_values(columns, difference.live)}"


def _values(columns: tuple[str, ...], row: object) -> str:
    """``column=value`` for each."""
    assert isinstance(row, tuple)
    return " ".join(f"{column}={_value(value)}" for column, value in zip(columns, row, strict=True))


def _value(value: object) -> str:
    """As JSON writes it; what came from a client can't write to the terminal."""
    return printable(json.dumps(value, ensure_ascii=False, default=bytes.hex))


def verdict_json(verdict: Verdict) -> str:
    """The same as one JSON document."""
    tally = verdict.tally
    return json.dumps(
        {
            "equal": verdict.equal,
            "vector": {str(p): offset for p, offset in sorted(verdict.vector.items())},
            "frames": tally.frames,
            "events": tally.events,
            "lifecycle": tally.lifecycle,
            "seconds": round(tally.seconds, 3),
            "tables": {
                name: {"live": live, "folded": folded, "unequal_partitions": verdict.unequal.get(name, [])}
                for name, (live, folded) in verdict.rows.items()
            },
            "differing": verdict.differing,
            "differences": [
                {"table": d.table, "key": d.key, "column": d.column, "live": d.live, "folded": d.folded}
                for d in verdict.differences
            ],
            "notes": tally.notes,
            "not_provable": NOT_PROVABLE,
        },
        ensure_ascii=False,
        indent=1,
        default=bytes.hex,
    )


def vector_text(vector: dict[int, int]) -> str:
    """``0:120 1:7``."""
    return " ".join(f"{p}:{offset}" for p, offset in sorted(vector.items()))
