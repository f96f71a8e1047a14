"""How soon a client that was accepted is seen: from its CONNACK to the answer of /api/v1/sessions/{id} that shows it.

Needs an ingest node, a projector and an API. Each client asks again 1 ms after an answer that doesn't show it yet; the
time ends when the answer that does has come.
"""

from __future__ import annotations

import click

from bench import compare, compared
from bench.compare import OURS, Choice, Field, Results
from bench.load import apart, appearing
from bench.load.appearing import Outcome, Plan
from bench.report import Cell, Report, publish
from bench.target import Target

CLIENTS = 500
RATE = 20
P50_AT_MOST = 12.0
P99_AT_MOST = 50.0
COLUMNS = (
    "clients per second",
    "broker",
    "CONNACK to visible p50 ms",
    "p90 ms",
    "p99 ms",
    "max ms",
    "connect to CONNACK p50 ms",
    "p99 ms",
    "one question p50 ms",
    "questions / s",
    *compare.SHARES,
    "bar p50",
    "bar p99",
)
NOTES = (
    "The way is log, projector, Postgres, API; the questions themselves load the API and are within the time.",
    "The answers come over connections that are kept, asked again 1 ms after an answer.",
)


def row(results: Results[Outcome], case: str, broker: str) -> list[Cell]:
    """The table's row: medians of the rounds, the greatest maximum."""
    p50 = results.median(case, broker, lambda one: one.visible.p50)
    p99 = results.median(case, broker, lambda one: one.visible.p99)
    return [
        p50,
        results.median(case, broker, lambda one: one.visible.p90),
        p99,
        max(one.visible.max for one in results.of(case, broker)),
        results.median(case, broker, lambda one: one.connack.p50),
        results.median(case, broker, lambda one: one.connack.p99),
        results.median(case, broker, lambda one: one.question.p50),
        results.median(case, broker, lambda one: one.questions / one.usage.wall),
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
        name="visible",
        title=f"CONNACK to visible in the API, {clients} clients",
        columns=COLUMNS,
        row=lambda case, broker: row(results, case, broker),
        notes=NOTES,
        options={"clients": clients},
    )


@click.command(help=__doc__)
@compare.options(rounds=1, seconds=CLIENTS / RATE)
@click.option("--rate", default=RATE, show_default=True, help="Clients that connect per second.")
def main(choice: Choice, rate: int) -> None:
    """Run, print, store. ``--seconds`` times ``--rate`` is the number of clients."""
    clients = max(1, round(choice.seconds * rate))

    def measure(_case: str, one: Target, number: int) -> Outcome:
        if one.api is None:
            raise click.UsageError(f"{one.name} has no query API; only {OURS} as started here has")
        prefix = f"bench-visible-{number}"
        plan = Plan(one.address, one.api, one.groups, clients, rate, prefix, choice.version)
        return apart.run(choice.seconds + compare.RUN_MARGIN, appearing.run, plan)

    with compare.field_of(choice, ("ingest", "projector", "api"), peer=False) as taking_part:
        results = compare.interleave(taking_part, [f"{rate}"], choice.rounds, measure)
    publish(report(results, taking_part, choice, clients))


if __name__ == "__main__":
    main()
