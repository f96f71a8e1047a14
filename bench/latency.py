"""From publishing to delivery at a steady rate, QoS 1 on both sides, publisher and subscriber reading one clock.

The load is open: a message goes at its time whether or not earlier ones have arrived. It is measured from the moment
at which it was handed to the system; the column "sent late" says how late the generator itself was.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from bench import compare, compared
from bench.compare import OURS, Choice, Field, Results
from bench.load import apart, paced
from bench.load.paced import Outcome, Plan
from bench.report import Cell, Report, publish
from bench.target import Target

P50_AT_MOST = 3.0
P99_AT_MOST = 15.0
BAR_RATE = 1_000
COLUMNS = (
    "rate",
    "broker",
    "end to end p50 ms",
    "p90 ms",
    "p99 ms",
    "max ms",
    "PUBACK p50 ms",
    "p99 ms",
    "sent late p99 ms",
    *compare.SHARES,
    "bar p50",
    "bar p99",
)
NOTES = ("QoS 1, 64-byte payload, one publisher, one subscriber; medians of the rounds, the greatest maximum.",)
FIGURES: tuple[Callable[[Outcome], float], ...] = (
    lambda one: one.end_to_end.p50,
    lambda one: one.end_to_end.p90,
    lambda one: one.end_to_end.p99,
    lambda one: one.end_to_end.max,
    lambda one: one.puback.p50,
    lambda one: one.puback.p99,
    lambda one: one.late.p99,
)


def row(results: Results[Outcome], case: str, broker: str, rate: int) -> list[Cell]:
    """The table's row of one broker."""
    figures = [results.median(case, broker, figure) for figure in FIGURES]
    figures[3] = max(one.end_to_end.max for one in results.of(case, broker))
    judged = broker == OURS and rate == BAR_RATE
    return [
        *figures,
        *results.shares(case, broker),
        compare.bar(figures[0], at_most=P50_AT_MOST, unit=" ms") if judged else None,
        compare.bar(figures[2], at_most=P99_AT_MOST, unit=" ms") if judged else None,
    ]


def report(results: Results[Outcome], taking_part: Field, choice: Choice, rate: int) -> Report:
    """The table of one rate."""
    return compared.report(
        results,
        taking_part,
        choice,
        name="latency",
        title="End to end at a steady rate",
        columns=COLUMNS,
        row=lambda case, broker: row(results, case, broker, rate),
        notes=NOTES,
        options={"rate": rate},
    )


@click.command(help=__doc__)
@compare.options(rounds=2, seconds=20.0)
@click.option("--rate", default=BAR_RATE, show_default=True, help="Messages per second.")
def main(choice: Choice, rate: int) -> None:
    """Run, print, store."""

    def measure(_case: str, one: Target, _round: int) -> Outcome:
        plan = Plan(one.address, one.groups, rate=rate, seconds=choice.seconds, version=choice.version)
        return apart.run(choice.seconds + compare.RUN_MARGIN, paced.run, plan)

    with compare.field_of(choice) as taking_part:
        results = compare.interleave(taking_part, [f"{rate:,} msg/s"], choice.rounds, measure)
    publish(report(results, taking_part, choice, rate))


if __name__ == "__main__":
    main()
