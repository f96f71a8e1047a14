"""Comparisons: who takes part, in which order, and what is made of the rounds."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bench import compare, compared
from bench.compare import OURS, PEER, Choice, Field, Results
from bench.load import quantiles
from bench.load.links import Address
from bench.load.meter import BROKER, Usage
from bench.report import ABSENT
from bench.target import Target


@dataclass(frozen=True, slots=True)
class Outcome:
    """A figure and its cost."""

    figure: float
    usage: Usage


def outcome(figure: float, cpu: float = 1.0) -> Outcome:
    """An outcome of a run of two seconds."""
    return Outcome(figure, Usage(2.0, {BROKER: cpu, "kafka": 0.5}, 0.2, 0.1))


def target(name: str) -> Target:
    """A broker that nobody calls."""
    return Target(name, Address("127.0.0.1", 1), {BROKER: [1]})


BOTH = Field((target(OURS), target(PEER)))
CHOICE = Choice(2, 1.0, frozenset(), (), False, 4)


def test_rounds_take_turns() -> None:
    """A B A B within each case."""
    calls: list[tuple[str, str, int]] = []

    def measure(case: str, one: Target, number: int) -> Outcome:
        calls.append((case, one.name, number))
        return outcome(1)

    compare.interleave(BOTH, ["x", "y"], 2, measure)
    assert calls[:4] == [("x", OURS, 0), ("x", PEER, 0), ("x", OURS, 1), ("x", PEER, 1)]
    assert [case for case, _, _ in calls] == ["x"] * 4 + ["y"] * 4


def test_ratio_is_the_median_of_pairs() -> None:
    """A round that disturbed both disturbs their ratio less than either."""
    results = Results({"x": {OURS: [outcome(10), outcome(2), outcome(12)], PEER: [outcome(5), outcome(1), outcome(4)]}})
    assert results.median("x", OURS, lambda one: one.figure) == 10
    assert results.ratio("x", lambda one: one.figure) == 2.0


def test_absent_brokers_have_no_figures() -> None:
    """Neither medians nor ratios."""
    results = Results({"x": {OURS: [outcome(10)]}})
    assert results.median("x", PEER, lambda one: one.figure) is None
    assert results.ratio("x", lambda one: one.figure) is None
    assert results.shares("x", PEER) == [None] * len(compare.SHARES)


def test_shares_are_of_one_core() -> None:
    """Broker, Kafka, generator, others."""
    assert Results({"x": {OURS: [outcome(1)]}}).shares("x", OURS) == [50, 25, 10, 5]


def test_report_has_a_row_for_who_is_absent() -> None:
    """The column says why."""
    made = compared.report(
        Results({"x": {OURS: [outcome(10)]}}),
        Field((target(OURS),), {PEER: ABSENT}),
        CHOICE,
        name="n",
        title="t",
        columns=("case", "broker", "figure", "more"),
        row=lambda case, broker: [1.0, 2.0],
        notes=["note"],
    )
    assert made.rows == [["x", OURS, 1.0, 2.0], ["x", PEER, "not installed", None]]
    assert "mosquitto: not installed." in made.notes
    assert made.raw["x"][OURS][0]["figure"] == 10


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (compare.bar(2.0, at_least=2.0, unit=" x"), "≥ 2 x: met"),
        (compare.bar(1.9, at_least=2.0), "≥ 2: MISSED"),
        (compare.bar(3.0, at_most=3.0, unit=" ms"), "≤ 3 ms: met"),
        (compare.bar(3.1, at_most=3.0), "≤ 3: MISSED"),
        (compare.bar(None, at_least=2.0), None),
        (compare.bar(2.0), None),
    ],
)
def test_bars(cell: str | None, words: str | None) -> None:
    """Met at the limit itself; nothing is said without a figure or without a promise."""
    assert cell == words


def test_brokers_of_others() -> None:
    """NAME=HOST:PORT:PID, several processes by commas."""
    assert compare.parse_broker("emqx=127.0.0.1:1883:7,8") == Target(
        "emqx", Address("127.0.0.1", 1_883), {BROKER: [7, 8]}
    )


@pytest.mark.parametrize("text", ["", "emqx", "emqx=127.0.0.1:1883", "=h:1:2", "emqx=h:port:1"])
def test_brokers_of_others_refused(text: str) -> None:
    """Anything else is no broker."""
    with pytest.raises(ValueError, match=r"is not NAME|invalid literal"):
        compare.parse_broker(text)


def test_choice() -> None:
    """Without names all take part."""
    assert CHOICE.wants(PEER)
    assert not Choice(1, 1.0, frozenset({OURS}), (), False, 4).wants(PEER)


def test_weighted_quantiles_equal_those_of_single_times() -> None:
    """A pair of a time and a weight is that many samples."""
    pairs = [(0.004, 3), (0.001, 90), (0.1, 7)]
    assert quantiles.weighted(pairs) == quantiles.of([value for value, weight in pairs for _ in range(weight)])
    assert quantiles.weighted(pairs) == quantiles.Times(100, 1.0, 1.0, 100.0, 100.0)
    assert quantiles.of([]).count == 0
