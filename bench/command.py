"""How soon a command has its effect: from a kick asked of the API to the closed socket, and to the API's answer.

Needs an ingest node, a projector and an API. The answer comes when the outcome is in the read models.
"""

from __future__ import annotations

import click

from bench import compare, compared
from bench.compare import OURS, Choice, Field, Results
from bench.load import apart, kicking
from bench.load.kicking import Outcome, Plan
from bench.report import Cell, Report, publish
from bench.target import Target

CLIENTS = 500
RATE = 20
P50_AT_MOST = 15.0
P99_AT_MOST = 80.0
COLUMNS = (
    "kicks per second",
    "broker",
    "asked to closed p50 ms",
    "p90 ms",
    "p99 ms",
    "max ms",
    "asked to answered p50 ms",
    "p99 ms",
    *compare.SHARES,
    "bar p50",
    "bar p99",
)
NOTES = (
    "The way is API, log, node: the command is appended, its bell rung, the end of the session appended and applied.",
    "The answer needs the projector, too: it tells the outcome that the read models have.",
)


def row(results: Results[Outcome], case: str, broker: str) -> list[Cell]:
    """The table's row: medians of the rounds, the greatest maximum."""
    p50 = results.median(case, broker, lambda one: one.closed.p50)
    p99 = results.median(case, broker, lambda one: one.closed.p99)
    return [
        p50,
        results.median(case, broker, lambda one: one.closed.p90),
        p99,
        max(one.closed.max for one in results.of(case, broker)),
        results.median(case, broker, lambda one: one.answered.p50),
        results.median(case, broker, lambda one: one.answered.p99),
        *results.shares(case, broker),
        compare.bar(p50, at_most=P50_AT_MOST, unit=" ms"),
        compare.bar(p99, at_most=P99_AT_MOST, unit=" ms"),
    ]


def report(results: Results[Outcome], taking_part: Field, choice: Choice, clients: int) -> Report:
    """The table."""
    return compared.report(
        results,
        taking_part,
        choice,
        name="command",
        title=f"Kick to closed socket, {clients} clients",
        columns=COLUMNS,
        row=lambda case, broker: row(results, case, broker),
        notes=NOTES,
        options={"clients": clients},
    )


@click.command(help=__doc__)
@compare.options(rounds=1, seconds=CLIENTS / RATE)
@click.option("--rate", default=RATE, show_default=True, help="Clients that are kicked per second.")
def main(choice: Choice, rate: int) -> None:
    """Run, print, store. ``--seconds`` times ``--rate`` is the number of clients."""
    clients = max(1, round(choice.seconds * rate))

    def measure(_case: str, one: Target, number: int) -> Outcome:
        if one.api is None:
            raise click.UsageError(f"{one.name} has no API; only {OURS} as started here has")
        plan = Plan(one.address, one.api, one.groups, clients, rate, f"bench-kick-{number}", choice.version)
        return apart.run(choice.seconds + compare.RUN_MARGIN, kicking.run, plan)

    with compare.field_of(choice, ("ingest", "projector", "api"), peer=False) as taking_part:
        results = compare.interleave(taking_part, [f"{rate}"], choice.rounds, measure)
    publish(report(results, taking_part, choice, clients))


if __name__ == "__main__":
    main()
