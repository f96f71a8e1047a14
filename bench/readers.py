"""Many readers at a time on a million sessions, and what publishers notice of them.

Needs Postgres with an API of one worker, and a node of its own for the publishers, all on this machine. Pages of 100
sessions anywhere in the list, 200 connections that each ask again at once; a publisher and a subscriber at a steady
rate meanwhile, and alone before. Pages are counted by CPU second of the API: what a core gives.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import click

from bench import children, compare
from bench.load import apart, paced, reading
from bench.paging import KEY, PAGE, api, client_id, drop, fill, postgres
from bench.report import Report, publish
from bench.target import Target, mqledger
from projector.migrations import migrate
from query_api.fluxmq.parameters import PageTokens
from query_api.tokens import Tokens
from schemas.settings import PostgresSettings, Secret

READERS = 200
PAGES_AT_LEAST = 1_000
LOSS_AT_MOST = 0.05
RATE = 1_000.0
PLACES = 500
COLUMNS = (
    "readers",
    "pages / s",
    "pages / CPU s",
    "page p50 / p99 ms",
    "publisher, share of its rate",
    "PUBACK p50 / p99 ms",
    "end to end p50 / p99 ms",
    "bar pages",
    "bar publisher",
)


def targets(size: int) -> list[str]:
    """Pages all over the list; the tokens are those that a walk would have given."""
    tokens = PageTokens(Tokens([KEY.encode()]), ("sessions", "default", "all", ""))
    step = max(1, size // PLACES)
    places = range(0, size - PAGE, step)
    return [f"/api/v1/sessions?limit={PAGE}&page_token={tokens.seal(client_id(place))}" for place in places]


def publishing(target: Target, seconds: float) -> paced.Outcome:
    """A publisher and a subscriber at the steady rate."""
    plan = paced.Plan(target.address, target.groups, rate=RATE, seconds=seconds)
    return apart.run(seconds + compare.RUN_MARGIN, paced.run, plan)


def kept(outcome: paced.Outcome) -> float:
    """The share of its rate that the publisher kept until everything had arrived."""
    return min(1.0, outcome.messages / outcome.usage.wall / RATE)


@click.command(help=__doc__)
@click.option("--size", default=1_000_000, show_default=True, help="Sessions.")
@click.option("--readers", default=READERS, show_default=True, help="Connections that ask.")
@click.option("--seconds", default=20.0, show_default=True, help="How long each part takes.")
def main(size: int, readers: int, seconds: float) -> None:
    """Run, print, store."""
    children.leave_in_order()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mqledger-bench-")))
        settings = PostgresSettings(
            dsn=Secret(stack.enter_context(postgres(folder))), schema=f"bench_readers_{os.getpid()}"
        )
        migrate(settings)
        stack.callback(lambda: asyncio.run(drop(settings)))
        click.echo(f"{size:,} sessions: filling", err=True)
        asyncio.run(fill(settings, size))
        address, pids = stack.enter_context(api(folder, settings))
        broker = stack.enter_context(mqledger())
        click.echo("publishing alone", err=True)
        alone = publishing(broker, seconds)
        click.echo(f"publishing with {readers} readers", err=True)
        with ThreadPoolExecutor(1) as pool:
            plan = reading.Plan(address, {"api": pids}, targets(size), readers, seconds)
            asked = pool.submit(apart.run, seconds + compare.RUN_MARGIN, reading.run, plan)
            together = publishing(broker, seconds)
            pages = asked.result()
    publish(report(size, readers, alone, together, pages))


def report(size: int, readers: int, alone: paced.Outcome, together: paced.Outcome, pages: reading.Outcome) -> Report:
    """The table."""
    by_core = pages.pages / pages.usage.cpu["api"]
    loss = 1 - kept(together) / kept(alone)
    return Report(
        name="readers",
        title=f"Readers at {size:,} sessions, a publisher at {RATE:,.0f} messages per second meanwhile",
        columns=COLUMNS,
        rows=[
            [0, None, None, None, *_published(alone), None, None],
            [
                readers,
                round(pages.pages / pages.usage.wall),
                round(by_core),
                f"{pages.took.p50:.1f} / {pages.took.p99:.1f}",
                *_published(together),
                f">= {PAGES_AT_LEAST:,} / CPU s: {'met' if by_core >= PAGES_AT_LEAST else 'MISSED'}",
                f"loses < {LOSS_AT_MOST:.0%}: {'met' if loss < LOSS_AT_MOST else 'MISSED'}",
            ],
        ],
        notes=(
            "CPU is that of all processes of the API.",
            "Readers, publisher, node, Kafka, API and Postgres share the machine.",
        ),
        options={"size": size, "readers": readers},
    )


def _published(outcome: paced.Outcome) -> list[str]:
    return [
        f"{kept(outcome):.1%}",
        f"{outcome.puback.p50:.2f} / {outcome.puback.p99:.2f}",
        f"{outcome.end_to_end.p50:.2f} / {outcome.end_to_end.p99:.2f}",
    ]


if __name__ == "__main__":
    main()
