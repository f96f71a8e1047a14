"""Runs the same measurement on several brokers in turn, A B A B, so that what the machine does meanwhile hits both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, cast

import click
from rich.console import Console

from bench import children, peers, target
from bench.load.links import Address
from bench.load.meter import BROKER, Usage
from bench.load.packets import Version
from bench.load.quantiles import median
from bench.report import ABSENT, Cell
from bench.target import Target

OURS = "mqledger"
PEER = "mosquitto"
SHORT_SECONDS = 2.0
SHORT_ROUNDS = 2
RUN_MARGIN = 120.0
"""Seconds beyond its own plan that a run may take before it is given up."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line asked for."""

    rounds: int
    seconds: float
    only: frozenset[str]
    extra: tuple[Target, ...]
    short: bool
    version: Version

    def wants(self, name: str) -> bool:
        """Whether a broker takes part."""
        return not self.only or name in self.only

    def as_options(self) -> dict[str, Any]:
        """The choice for a report."""
        return {"rounds": self.rounds, "seconds": self.seconds, "short": self.short, "mqtt": self.version}


class Measured(Protocol):
    """What every outcome has."""

    @property
    def usage(self) -> Usage:
        """What the measured time cost."""


Out = TypeVar("Out", bound=Measured)


@dataclass(frozen=True, slots=True)
class Field:
    """The brokers that take part, and why the others don't."""

    targets: tuple[Target, ...]
    absent: Mapping[str, str] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """Which brokers these are, and who is absent."""
        present = [f"{one.name}: {one.version}." for one in self.targets if one.version]
        return present + [f"{name}: {why}." for name, why in self.absent.items()]


@dataclass(frozen=True, slots=True)
class Results(Generic[Out]):
    """Outcomes by case and broker, one per round, in the order of the rounds."""

    outcomes: Mapping[str, Mapping[str, Sequence[Out]]]

    def of(self, case: str, broker: str) -> Sequence[Out]:
        """The rounds of a broker in a case; empty when it took no part."""
        return self.outcomes[case].get(broker, ())

    def median(self, case: str, broker: str, figure: Callable[[Out], float]) -> float | None:
        """The median of a figure over the rounds, None when the broker took no part."""
        values = [figure(outcome) for outcome in self.of(case, broker)]
        return median(values) if values else None

    def ratio(self, case: str, figure: Callable[[Out], float], ours: str = OURS, peer: str = PEER) -> float | None:
        """The median over the rounds of ours divided by the peer's of the same round; None when either is absent."""
        pairs = list(zip(self.of(case, ours), self.of(case, peer), strict=False))
        return median([figure(one) / figure(other) for one, other in pairs]) if pairs else None

    def shares(self, case: str, broker: str) -> list[Cell]:
        """CPU in per cent of one core, medians: the broker, Kafka, the generator, everything that took no part."""
        if not self.of(case, broker):
            return [None] * len(SHARES)
        kafka = [usage.wall and usage.cpu.get("kafka", 0.0) / usage.wall for usage in self._usages(case, broker)]
        return [
            percent(self.median(case, broker, lambda one: one.usage.cpu[BROKER] / one.usage.wall)),
            percent(median(kafka)) if any(kafka) else None,
            percent(self.median(case, broker, lambda one: one.usage.generator / one.usage.wall)),
            percent(self.others(case, broker)),
        ]

    def others(self, case: str, broker: str) -> float:
        """Share of a core that processes used which took no part, median of the rounds."""
        return self.median(case, broker, lambda one: one.usage.others / one.usage.wall) or 0.0

    def _usages(self, case: str, broker: str) -> Iterator[Usage]:
        return (outcome.usage for outcome in self.of(case, broker))


SHARES = ("broker CPU %", "Kafka CPU %", "generator CPU %", "others CPU %")


def percent(share: float | None) -> int | None:
    """A share as whole per cent."""
    return None if share is None else round(share * 100)


def interleave(
    taking_part: Field, cases: Iterable[str], rounds: int, measure: Callable[[str, Target, int], Out]
) -> Results[Out]:
    """Each case, each round, each broker, in this order; ``measure`` gets case, broker and number of the round."""
    console = Console(stderr=True)
    outcomes: dict[str, dict[str, list[Out]]] = {}
    for case in cases:
        by_broker = outcomes.setdefault(case, {one.name: [] for one in taking_part.targets})
        for number in range(rounds):
            for one in taking_part.targets:
                with console.status(f"{case}: {one.name}, round {number + 1} of {rounds}"):
                    by_broker[one.name].append(measure(case, one, number))
    return Results(cast("Mapping[str, Mapping[str, Sequence[Out]]]", outcomes))


def names(taking_part: Field) -> list[tuple[str, str]]:
    """Brokers for the rows of a table, in order, each with '' or why it is absent."""
    return [(one.name, "") for one in taking_part.targets] + list(taking_part.absent.items())


def thousand_per_cpu(count: int, usage: Usage) -> float:
    """Thousands per CPU second of the broker; raises ZeroDivisionError for a run below the clock's 10 ms."""
    return count / usage.cpu[BROKER] / 1e3


def thousand_per_second(count: int, usage: Usage) -> float:
    """Thousands per second of the wall clock."""
    return count / usage.wall / 1e3


def bar(value: float | None, at_least: float | None = None, at_most: float | None = None, unit: str = "") -> Cell:
    """A cell that says what was promised and whether it is met; None when there is no promise or no figure."""
    limit, met = (at_least, value is not None and value >= (at_least or 0.0))
    words = "≥"
    if at_most is not None:
        limit, met, words = at_most, value is not None and value <= at_most, "≤"
    if limit is None or value is None:
        return None
    return f"{words} {limit:g}{unit}: {'met' if met else 'MISSED'}"


@contextmanager
def field_of(choice: Choice, services: Sequence[str] = ("ingest",), peer: bool = True) -> Iterator[Field]:
    """The chosen brokers, up; all that was started here is stopped on leaving. ``services`` are those of ours."""
    children.leave_in_order()
    with ExitStack() as stack:
        targets: list[Target] = list(choice.extra)
        absent: dict[str, str] = {}
        if choice.wants(OURS):
            targets.append(stack.enter_context(target.mqledger(services)))
        if peer and choice.wants(PEER):
            found = stack.enter_context(peers.mosquitto())
            if found is None:
                absent[PEER] = ABSENT
            else:
                targets.append(found)
        if not targets:
            raise click.UsageError("no broker is left to measure; see --only and --broker")
        yield Field(tuple(targets), absent)


def _external(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[Target, ...]:
    try:
        return tuple(map(parse_broker, values))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def parse_broker(text: str) -> Target:
    """A broker that somebody else started, from NAME=HOST:PORT:PID[,PID...]; raises ValueError for other text."""
    name, equals, rest = text.partition("=")
    parts = rest.rsplit(":", 2)
    if not (name and equals and len(parts) == 3):
        raise ValueError(f"{text!r} is not NAME=HOST:PORT:PID")
    host, port, pids = parts
    return Target(name, Address(host, int(port)), {BROKER: [int(pid) for pid in pids.split(",")]})


def options(*, rounds: int, seconds: float) -> Callable[[F], F]:
    """The options that all comparisons share; the command gets them as one ``Choice`` named ``choice``."""

    def decorate(command: F) -> F:
        def with_choice(
            rounds: int,
            seconds: float,
            only: tuple[str, ...],
            broker: tuple[Target, ...],
            short: bool,
            mqtt: str,
            **rest: Any,
        ) -> Any:
            if short:
                rounds, seconds = min(rounds, SHORT_ROUNDS), min(seconds, SHORT_SECONDS)
            version: Version = 5 if mqtt == "5" else 4
            return command(Choice(rounds, seconds, frozenset(only), broker, short, version), **rest)

        wrapped: Any = with_choice
        wrapped.__doc__ = command.__doc__
        wrapped.__click_params__ = getattr(command, "__click_params__", [])
        for option in _shared(rounds, seconds):
            wrapped = option(wrapped)
        return cast("F", wrapped)

    return decorate


def _shared(rounds: int, seconds: float) -> list[Callable[[Any], Any]]:
    return [
        click.option("--rounds", default=rounds, show_default=True, help="Rounds per case and broker, interleaved."),
        click.option("--seconds", default=seconds, show_default=True, help="Measured seconds of each round."),
        click.option("--only", multiple=True, help=f"Only these: {OURS}, {PEER}."),
        click.option(
            "--broker", multiple=True, callback=_external, help="A broker that is up already: NAME=HOST:PORT:PID."
        ),
        click.option(
            "--short", is_flag=True, help=f"At most {SHORT_ROUNDS} rounds of {SHORT_SECONDS:g} s, fewer cases."
        ),
        click.option(
            "--mqtt", type=click.Choice(["3", "5"]), default="3", show_default=True, help="MQTT 3.1.1 or 5.0."
        ),
    ]
