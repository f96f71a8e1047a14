"""What an idle connection weighs: growth of the broker's resident memory with thousands of them open.

Some connections come and go first, so that what a broker allocates once isn't counted. Memory is read when it has
come to rest. While the connections are held, the broker's CPU is counted too.
"""

from __future__ import annotations

import click

from bench import compare, compared
from bench.compare import OURS, Choice, Field, Results
from bench.load import apart, holding
from bench.load.holding import Outcome, Plan
from bench.load.meter import BROKER
from bench.report import Cell, Report, publish
from bench.target import Target

CONNECTIONS = 5_000
SHORT_CONNECTIONS = 2_000
KIB_AT_MOST = 8.0
COLUMNS = ("connections", "broker", "KiB each", "MiB before", "MiB with them", "idle CPU %", "bar")
NOTES = (
    "Clean start, keep alive 65,535 s, no subscriptions. The first round counts: later ones reuse freed memory.",
    "The kernel's socket buffers are in nobody's resident memory.",
)


def row(results: Results[Outcome], case: str, broker: str) -> list[Cell]:
    """The table's row of one broker: the first round's memory, as later rounds find it allocated."""
    first = results.of(case, broker)[0]
    kib = first.bytes_each / 1024
    return [
        kib,
        first.before / 2**20,
        first.after / 2**20,
        results.median(case, broker, lambda one: one.usage.cpu[BROKER] / one.usage.wall * 100),
        compare.bar(kib, at_most=KIB_AT_MOST, unit=" KiB") if broker == OURS else None,
    ]


def report(results: Results[Outcome], taking_part: Field, choice: Choice) -> Report:
    """The table."""
    return compared.report(
        results,
        taking_part,
        choice,
        name="idle",
        title="Idle connections",
        columns=COLUMNS,
        row=lambda case, broker: row(results, case, broker),
        notes=NOTES,
    )


@click.command(help=__doc__)
@compare.options(rounds=1, seconds=5.0)
@click.option("--connections", default=None, type=int, help=f"How many; {CONNECTIONS:,}, or fewer with --short.")
def main(choice: Choice, connections: int | None) -> None:
    """Run, print, store."""
    count = connections or (SHORT_CONNECTIONS if choice.short else CONNECTIONS)

    def measure(_case: str, one: Target, _round: int) -> Outcome:
        plan = Plan(one.address, one.groups, count, seconds=choice.seconds, version=choice.version)
        return apart.run(choice.seconds + compare.RUN_MARGIN, holding.run, plan)

    with compare.field_of(choice) as taking_part:
        results = compare.interleave(taking_part, [f"{count:,}"], choice.rounds, measure)
    publish(report(results, taking_part, choice))


if __name__ == "__main__":
    main()
