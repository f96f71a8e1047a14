"""QoS 1 messages into the log: thousands per CPU second of the broker process, beside Mosquitto.

Each connection keeps its number of 64-byte messages in flight and sends one for each PUBACK. Every PUBACK is checked.
"""

from __future__ import annotations

import click

from bench import compare, compared
from bench.compare import OURS, Choice, Field, Results
from bench.load import apart, publishers, sink
from bench.load.meter import BROKER
from bench.load.publishers import Outcome, Plan, Shape
from bench.report import Cell, Report, publish
from bench.target import Target

SHAPES = (Shape(10, 100), Shape(100, 10), Shape(1_000, 1))
AT_LEAST = {"10 x 100": 2.0, "100 x 10": 1.5, "1,000 x 1": 0.6}
"""How many times Mosquitto's figure ours is to be."""
SHAPE = "connections x in flight"
COLUMNS = (
    SHAPE,
    "broker",
    "k msg / CPU s",
    "x Mosquitto",
    "k msg / s",
    "PUBACK p50 ms",
    "p99 ms",
    *compare.SHARES,
    "bar",
)
NOTES = (
    "QoS 1, 64-byte payload, no subscribers; CPU seconds (user and system) of the broker process alone, Kafka's apart.",
    "mqledger acknowledges what is in the log (acks=all, one replica); Mosquitto keeps nothing (persistence off).",
    "Medians of the rounds; the ratio is the median of the ratios of each round's pair.",
)


def per_cpu(outcome: Outcome) -> float:
    """Thousands of messages per CPU second of the broker."""
    return compare.thousand_per_cpu(outcome.messages, outcome.usage)


def row(results: Results[Outcome], case: str, broker: str) -> list[Cell]:
    """The table's row of one broker in one shape."""
    ratio = results.ratio(case, per_cpu) if broker == OURS else None
    return [
        results.median(case, broker, per_cpu),
        ratio,
        results.median(case, broker, lambda one: compare.thousand_per_second(one.messages, one.usage)),
        results.median(case, broker, lambda one: one.latency.p50),
        results.median(case, broker, lambda one: one.latency.p99),
        *results.shares(case, broker),
        compare.bar(ratio, at_least=AT_LEAST.get(case), unit=" x"),
    ]


def report(results: Results[Outcome], taking_part: Field, choice: Choice) -> Report:
    """The table of all shapes."""
    return compared.report(
        results,
        taking_part,
        choice,
        name="ingest",
        title="Ingest, QoS 1",
        columns=COLUMNS,
        row=lambda case, broker: row(results, case, broker),
        notes=NOTES,
    )


def generator_row(results: Results[Outcome], case: str, broker: str) -> list[Cell]:
    """What the generator reaches in one shape."""
    return [
        results.median(case, broker, lambda one: compare.thousand_per_second(one.messages, one.usage)),
        results.median(case, broker, lambda one: one.messages / one.usage.generator / 1e3),
        *results.shares(case, broker),
    ]


def generator_report(results: Results[Outcome], taking_part: Field, choice: Choice) -> Report:
    """The generator's own limit: what it reaches when the other side does nothing but answer."""
    return compared.report(
        results,
        taking_part,
        choice,
        name="generator",
        title="The generator's own limit, QoS 1",
        columns=(SHAPE, "against", "k msg / s", "k msg / CPU s of the generator", *compare.SHARES),
        row=lambda case, broker: generator_row(results, case, broker),
        notes=("The sink reads whole buffers and answers each with one write of all its PUBACKs.",),
    )


def parse_shape(text: str) -> Shape:
    """A shape from CONNECTIONSxINFLIGHT; raises ValueError for other text."""
    connections, _, in_flight = text.partition("x")
    return Shape(int(connections), int(in_flight))


@click.command(help=__doc__)
@compare.options(rounds=3, seconds=5.0)
@click.option("--shape", multiple=True, help="Only these shapes, such as 10x100.")
@click.option("--sink", "to_sink", is_flag=True, help="Measure the generator itself, against a sink that only answers.")
def main(choice: Choice, shape: tuple[str, ...], to_sink: bool) -> None:
    """Run, print, store."""
    shapes = {str(one): one for one in (map(parse_shape, shape) if shape else SHAPES)}

    def measure(case: str, one: Target, _round: int) -> Outcome:
        plan = Plan(one.address, one.groups, shapes[case], seconds=choice.seconds, version=choice.version)
        return apart.run(choice.seconds + compare.RUN_MARGIN, publishers.run, plan)

    if to_sink:
        with sink.running() as (address, pid):
            alone = Field((Target("sink", address, {BROKER: [pid]}),))
            results = compare.interleave(alone, shapes, choice.rounds, measure)
        publish(generator_report(results, alone, choice))
        return
    with compare.field_of(choice) as taking_part:
        results = compare.interleave(taking_part, shapes, choice.rounds, measure)
    publish(report(results, taking_part, choice))


if __name__ == "__main__":
    main()
