"""Deliveries of one topic to 1, 10 and 100 subscribers: thousands per CPU second of the broker, beside Mosquitto.

One publisher stays a bounded number of messages ahead of the slowest subscriber, so that subscribers are always busy
and nothing needs dropping. Every delivery is compared with what was published: no loss, no repetition, in order.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from bench import compare, compared
from bench.compare import OURS, Choice, Field, Results
from bench.load import apart, subscribers
from bench.load.packets import QoS
from bench.load.subscribers import Outcome, Plan
from bench.report import Cell, Report, publish
from bench.target import Target

SUBSCRIBERS = (1, 10, 100)
WINDOW = 500
AT_LEAST = 2.0
"""How many times Mosquitto's figure ours is to be at QoS 1."""
COLUMNS = (
    "QoS, subscribers",
    "broker",
    "k deliveries / CPU s",
    "x Mosquitto",
    "k deliveries / s",
    "k published / s",
    *compare.SHARES,
    "bar",
)
NOTES = (
    "64-byte payload, publisher and subscribers of the same QoS; subscribers acknowledge QoS 1.",
    "CPU seconds of the broker process alone, receiving the messages from the publisher included; Kafka's apart.",
    "Medians of the rounds; the ratio is the median of the ratios of each round's pair.",
)


def per_cpu(outcome: Outcome) -> float:
    """Thousands of deliveries per CPU second of the broker."""
    return compare.thousand_per_cpu(outcome.deliveries, outcome.usage)


def row(results: Results[Outcome], case: str, broker: str) -> list[Cell]:
    """The table's row of one broker in one case."""
    ratio = results.ratio(case, per_cpu) if broker == OURS else None
    return [
        results.median(case, broker, per_cpu),
        ratio,
        results.median(case, broker, lambda one: compare.thousand_per_second(one.deliveries, one.usage)),
        results.median(case, broker, lambda one: compare.thousand_per_second(one.published, one.usage)),
        *results.shares(case, broker),
        compare.bar(ratio, at_least=AT_LEAST if case.startswith("QoS 1") else None, unit=" x"),
    ]


def report(results: Results[Outcome], taking_part: Field, choice: Choice, window: int) -> Report:
    """The table of all cases."""
    return compared.report(
        results,
        taking_part,
        choice,
        name="delivery",
        title="Delivery to the subscribers of one topic",
        columns=COLUMNS,
        row=lambda case, broker: row(results, case, broker),
        notes=NOTES,
        options={"window": window},
    )


def cases_of(counts: Sequence[int], levels: Sequence[QoS]) -> dict[str, tuple[QoS, int]]:
    """Cases by the name that the table gives them."""
    return {f"QoS {qos}, {count}": (qos, count) for qos in levels for count in counts}


@click.command(help=__doc__)
@compare.options(rounds=3, seconds=4.0)
@click.option("--subscribers", "counts", multiple=True, type=int, help="Only these numbers of subscribers.")
@click.option("--qos", "levels", multiple=True, type=click.IntRange(0, 1), help="Only this QoS.")
@click.option("--window", default=WINDOW, show_default=True, help="Messages ahead of the slowest subscriber.")
def main(choice: Choice, counts: tuple[int, ...], levels: tuple[QoS, ...], window: int) -> None:
    """Run, print, store."""
    cases = cases_of(counts or SUBSCRIBERS, levels or ((1,) if choice.short else (1, 0)))

    def measure(case: str, one: Target, _round: int) -> Outcome:
        qos, count = cases[case]
        plan = Plan(one.address, one.groups, count, qos, window=window, seconds=choice.seconds, version=choice.version)
        return apart.run(choice.seconds + compare.RUN_MARGIN, subscribers.run, plan)

    with compare.field_of(choice) as taking_part:
        results = compare.interleave(taking_part, cases, choice.rounds, measure)
    publish(report(results, taking_part, choice, window))


if __name__ == "__main__":
    main()
