"""``mqledger replay``: the state of any past moment from the log alone, and the proof that the read models are it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click

from schemas.settings import KafkaSettings
from stack.app import App
from stack.errors import StackError
from stack.events import INTERRUPTED, BoundType
from stack.logreader.bounds import AtTime, Bound, time_text
from stack.logreader.fold import FoldTally, FreshFold
from stack.logreader.range import resolve_range
from stack.logreader.source import open_log, quiet_clients
from stack.logreader.state import DEFAULT_WHAT, WHAT, WRITERS, State
from stack.logreader.statusline import StatusLine, rate_text


@click.command()
@click.option("--until", type=BoundType(), help="Fold up to a time, position or vector.  [default: the end as of now]")
@click.option(
    "--what",
    multiple=True,
    type=click.Choice(list(WHAT)),
    help=f"What to print; may be given several times.  [default: {', '.join(DEFAULT_WHAT)}]",
)
@click.option("--format", "form", type=click.Choice(list(WRITERS)), default="table", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.option("--partition", "partitions", multiple=True, type=click.IntRange(0), help="Fold this partition only.")
@click.option("--verify", "verifying", is_flag=True, help="Compare a fresh fold with the live read models.")
@click.option(
    "--differences", default=20, show_default=True, type=click.IntRange(0), metavar="N", help="How many to name."
)
@click.option("--skip-bad", is_flag=True, help="Report frames that cannot be folded, and step over them.")
@click.option("--progress/--no-progress", default=True, help="Say on standard error how far a long fold is.")
@click.pass_obj
def replay(
    app: App,
    until: Bound | None,
    what: tuple[str, ...],
    form: str,
    output: Path | None,
    partitions: tuple[int, ...],
    verifying: bool,
    differences: int,
    skip_bad: bool,
    progress: bool,
) -> None:
    """Fold the log up to a moment and print the state.

    That is sessions, subscriptions, routes and metrics; --what chooses.

    The folds are those of the projector; Postgres is not asked. WHEN is a time (its millisecond is included), a
    position 3/120.4 (excluded; only the partitions named are folded) or a vector 120,7,0,... (the next offset of every
    partition); see `mqledger events --help`. An end inside a frame leaves out its later lifecycle events, but its
    published messages are counted as a whole, because they are counted by its header.

    A session that is away and whose expiry has passed by that time is shown as expired: it is over, even if the log
    does not say so yet. Times in JSON are milliseconds since 1970 UTC, positions `offset << 16 | index`.

    --verify takes one snapshot of the live read models, folds exactly to where they are, and compares table by table:
    checksums, then every row that differs with key, column, live and folded value. The exit code is 0 when there is no
    difference, else 1. The rows of `nodes` come from heartbeats and cannot be proven from the log.
    """
    quiet_clients()
    folder = _Replay(app.config.kafka, StatusLine(progress), skip_bad)
    try:
        if verifying:
            if until is not None or partitions or what:
                raise click.UsageError(
                    "--verify folds to where the read models are: leave out --until, --partition, --what."
                )
            sys.exit(asyncio.run(_verify(app, folder, differences, form, output)))
        state = asyncio.run(folder.state(until, partitions, "history" in what))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    _write(output, lambda to: WRITERS[form](state, what or DEFAULT_WHAT, to))


class _Replay:
    """One run of the command."""

    def __init__(self, kafka: KafkaSettings, status: StatusLine, skip_bad: bool) -> None:
        self.kafka = kafka
        self.status = status
        self.skip_bad = self._complain if skip_bad else None

    async def state(self, until: Bound | None, partitions: tuple[int, ...], history: bool) -> State:
        """Fold up to the bound."""
        async with open_log(self.kafka) as source:
            chosen = await resolve_range(source, None, until, partitions)
            for note in chosen.beyond:
                click.echo(f"mqledger: {note}", err=True)
            fold = FreshFold(source, chosen, history=history, skip_bad=self.skip_bad)
            try:
                await fold.run(self.progress)
            finally:
                self.status.clear()
        times = {p: one.partition_time for p, one in fold.folds.items()}
        moments = {p: until.ms if isinstance(until, AtTime) else at for p, at in times.items()}
        tally = fold.tally
        for note in tally.notes:
            click.echo(f"mqledger: {note}", err=True)
        rate = f"{tally.events / tally.seconds:,.0f} events/s" if tally.seconds else ""
        click.echo(f"folded {tally.frames:,} frames, {tally.events:,} events in {tally.seconds:.1f} s {rate}", err=True)
        return State(
            fold.tables,
            moments,
            {
                "vector": {str(p): offset for p, offset in sorted(fold.vector.items())},
                "as_of": time_text(max(moments.values(), default=0)),
                "frames": tally.frames,
                "events": tally.events,
                "lifecycle": tally.lifecycle,
            },
        )

    def progress(self, tally: FoldTally) -> None:
        """Say how far the fold is."""
        if self.status.due:
            far = rate_text(tally.frames, tally.total, "frames", tally.seconds)
            rate = tally.events / tally.seconds if tally.seconds else 0
            self.status.show(f"{_bar(tally)} {far}, {tally.events:,} events, {rate:,.0f} events/s")

    def _complain(self, sentence: str) -> None:
        self.status.clear()
        click.echo(f"mqledger: {sentence}", err=True)


def _bar(tally: FoldTally, width: int = 24) -> str:
    full = min(width, tally.frames * width // max(1, tally.total))
    return "█" * full + "░" * (width - full)


async def _verify(app: App, folder: _Replay, at_most: int, form: str, output: Path | None) -> int:
    from projector.errors import NotYetError
    from projector.metadata import identify
    from stack.logreader.live import live_tables
    from stack.logreader.verdict_view import show_verdict, verdict_json
    from stack.logreader.verify import verify

    try:
        identity = await identify(app.config.kafka)
    except NotYetError as error:
        raise StackError(f"{error}.") from error
    async with open_log(folder.kafka) as source, live_tables(app.config.postgres) as live:
        verdict = await verify(
            source,
            live,
            at_most=at_most,
            identity=(identity.cluster_id, identity.topic_id),
            progress=folder.progress,
            skip_bad=folder.skip_bad,
        )
    folder.status.clear()
    if form == "table" and output is None:
        show_verdict(verdict, app.out)
    else:
        text = verdict_json(verdict)
        _write(output, lambda to: to.write(text + "\n"))
    return 0 if verdict.equal else 1


def _write(output: Path | None, write: Callable[[TextIO], object]) -> None:
    """Write to standard output, or to a file that is there whole or not at all."""
    if output is None:
        write(sys.stdout)
        sys.stdout.flush()
        return
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as to:
            write(to)
        part.replace(output)
    except OSError as error:
        raise StackError(f"{output} can't be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
