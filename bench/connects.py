"""Clients that connect and leave: per second, and per CPU second of the broker, with clean and with kept sessions.

A client connects, waits for CONNACK, says DISCONNECT and waits for the broker to close. Three cases: a clean start, a
new session that is kept, and the same session resumed (CONNACK must say that it is present).
"""

from __future__ import annotations

import click

from bench import compare, compared
from bench.compare import OURS, Choice, Field, Results
from bench.load import apart, connecting
from bench.load.connecting import Outcome, Plan
from bench.report import Cell, Report, publish
from bench.target import Target

MOST = 20_000
"""Clients of one round at most: fewer than there are ports of one address."""
CLEAN, KEPT, RESUMED = "clean start", "new session, kept", "session resumed"
CASES = (CLEAN, KEPT, RESUMED)
COLUMNS = (
    "case",
    "broker",
    "k connects / CPU s",
    "x Mosquitto",
    "k connects / s",
    "CONNACK p50 ms",
    "p99 ms",
    *compare.SHARES,
)
NOTES = (
    "A connect here is the whole visit: TCP, CONNECT, CONNACK, DISCONNECT, close. Times run from connect() to CONNACK.",
    "Sessions that are kept are in the log before CONNACK in mqledger, and in memory only in Mosquitto.",
)


def per_cpu(outcome: Outcome) -> float:
    """Thousands of connections per CPU second of the broker."""
    return compare.thousand_per_cpu(outcome.connections, outcome.usage)


def row(results: Results[Outcome], case: str, broker: str) -> list[Cell]:
    """The table's row of one broker in one case."""
    return [
        results.median(case, broker, per_cpu),
        results.ratio(case, per_cpu) if broker == OURS else None,
        results.median(case, broker, lambda one: compare.thousand_per_second(one.connections, one.usage)),
        results.median(case, broker, lambda one: one.connack.p50),
        results.median(case, broker, lambda one: one.connack.p99),
        *results.shares(case, broker),
    ]


def report(results: Results[Outcome], taking_part: Field, choice: Choice, at_once: int) -> Report:
    """The table of all cases."""
    return compared.report(
        results,
        taking_part,
        choice,
        name="connects",
        title=f"Connects, {at_once} at once",
        columns=COLUMNS,
        row=lambda case, broker: row(results, case, broker),
        notes=NOTES,
        options={"at_once": at_once},
    )


class Visits:
    """Plans of visits. Invariant: a session is resumed only if a round before it was kept on the same broker."""

    def __init__(self, choice: Choice, at_once: int) -> None:
        self.choice = choice
        self.at_once = at_once
        self.kept: dict[tuple[str, int], int] = {}

    def measure(self, case: str, one: Target, number: int) -> Outcome:
        """One round of one case; client ids are those of no other round, but for resumed sessions."""
        prefix = f"bench-{'clean' if case == CLEAN else 'kept'}-{number}"
        plan = Plan(
            one.address,
            one.groups,
            range(self.kept[one.name, number] if case == RESUMED else MOST),
            prefix,
            clean=case == CLEAN,
            session_present=case == RESUMED,
            at_once=self.at_once,
            seconds=self.choice.seconds,
            version=self.choice.version,
        )
        outcome = apart.run(self.choice.seconds + compare.RUN_MARGIN, connecting.run, plan)
        if case == KEPT:
            self.kept[one.name, number] = outcome.connections
        return outcome


@click.command(help=__doc__)
@compare.options(rounds=3, seconds=3.0)
@click.option("--at-once", default=32, show_default=True, help="Clients under way at any moment.")
def main(choice: Choice, at_once: int) -> None:
    """Run, print, store."""
    visits = Visits(choice, at_once)
    with compare.field_of(choice) as taking_part:
        results = compare.interleave(taking_part, CASES, choice.rounds, visits.measure)
    publish(report(results, taking_part, choice, at_once))


if __name__ == "__main__":
    main()
