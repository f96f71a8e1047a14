"""``mqledger events``: the event log like tail and grep."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import click

from domain.topics import valid_filter
from schemas.settings import KafkaSettings
from stack.app import App
from stack.errors import StackError
from stack.logreader.admin import AdminScan, StatusScan
from stack.logreader.bounds import Bound, BoundError, parse_bound
from stack.logreader.jsonlines import cloud_event_line, cloud_source, json_line
from stack.logreader.last import last_events
from stack.logreader.lines import LineWriter
from stack.logreader.payloads import PayloadForm
from stack.logreader.range import LogRange, resolve_range
from stack.logreader.scan import Scan
from stack.logreader.select import ADMIN_NAMES, DEFAULT_TENANT, KIND_NAMES, STATUS_NAME, Wanted
from stack.logreader.sighting import Sighting
from stack.logreader.source import LogSource, open_log, quiet_clients
from stack.logreader.statusline import StatusLine, rate_text
from stack.logreader.users import UsersByEpoch

MAX_LEVELS = 65_535
FOLLOW_LAST = 10
INTERRUPTED = 130


class BoundType(click.ParamType):
    """A time, a position or a vector on the command line."""

    name = "when"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Bound:
        """The bound; a usage error says what would be one."""
        try:
            return parse_bound(str(value), time.time_ns() // 1_000_000)
        except BoundError as error:
            self.fail(str(error), param, ctx)


class TopicFilterType(click.ParamType):
    """An MQTT topic filter."""

    name = "filter"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The filter, when it is one."""
        text = str(value)
        if not valid_filter(text, MAX_LEVELS):
            self.fail(
                f"{text!r} is no topic filter: + must be a whole level, and # a whole level at the end", param, ctx
            )
        return text


@dataclass(frozen=True, slots=True)
class Output:
    """How events are written."""

    form: str
    payloads: PayloadForm
    void: bool
    limit: int | None
    last: int | None
    follow: bool
    skip_bad: bool
    progress: bool
    partitions: tuple[int, ...]
    scan: type[Scan]
    """How the log that is asked for is read."""


@click.command()
@click.option("--client", "clients", multiple=True, metavar="ID", help="Of this client; may be given several times.")
@click.option("--user", "users", multiple=True, metavar="NAME", help="Of connections of this user (see below).")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice((*KIND_NAMES, *ADMIN_NAMES, STATUS_NAME)),
    metavar="NAME",
    help="Of this kind: connected, ...",
)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    type=TopicFilterType(),
    help="Messages to topics that match; + and # as in MQTT.",
)
@click.option("--admin", is_flag=True, help="Read the log of the administration: users, rules, bans, accounts, ...")
@click.option("--tenant", help=f"In this tenant.  [default: all; with --client {DEFAULT_TENANT}]")
@click.option("--since", type=BoundType(), help="From a time, position or vector on.  [default: the beginning]")
@click.option("--until", type=BoundType(), help="Up to a time, position or vector.  [default: the end as of now]")
@click.option("--partition", "partitions", multiple=True, type=click.IntRange(0), help="Of this partition only.")
@click.option("-f", "--follow", is_flag=True, help=f"Go on as events come. Begins with the last {FOLLOW_LAST}.")
@click.option("-n", "--last", type=click.IntRange(0), metavar="N", help="Only the last N.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after N.")
@click.option("--format", "form", type=click.Choice(["text", "json", "cloudevents"]), default="text", show_default=True)
@click.option("--payload", "payloads", type=click.Choice(["text", "hex", "none"]), default="text", show_default=True)
@click.option("--void", is_flag=True, help="Also events without effect, marked void.")
@click.option("--skip-bad", is_flag=True, help="Report frames that cannot be read, and go on.")
@click.option("--progress/--no-progress", default=True, help="Say on standard error how far a long reading is.")
@click.pass_obj
def events(
    app: App,
    clients: tuple[str, ...],
    users: tuple[str, ...],
    kinds: tuple[str, ...],
    topics: tuple[str, ...],
    admin: bool,
    tenant: str | None,
    since: Bound | None,
    until: Bound | None,
    partitions: tuple[int, ...],
    follow: bool,
    last: int | None,
    limit: int | None,
    form: str,
    payloads: PayloadForm,
    void: bool,
    skip_bad: bool,
    progress: bool,
) -> None:
    """Read the event log, like tail and grep.

    Different options must all match; of one that is given several times, any. Frames that cannot hold what is asked
    for are skipped by their headers, without decoding them.

    \b
    WHEN is one of
      2026-11-21T08:30:00Z   an append time (UTC unless it has an offset)
      10m                    that long ago: s, m, h, d, w
      3/120.4                a position: partition/offset.index; several with commas.
                             Partitions that are not named are left out.
      120,7,0,...            a vector: the next offset of every partition
    --since includes what it names. --until includes the millisecond of a time, but not a position or vector.

    Partitions are shown side by side by append time; only within one partition does the order mean anything.

    --admin: what was asked, with passwords and secrets hidden; what came of it is in the read model of commands.

    --kind connection_status: how connections to other brokers are. It is kept for a day, and said again every hour.

    --user: an event names its connection by its epoch, and only `connected` names the user; so the `connected` at the
    epoch is looked up, once for each connection. Connections whose `connected` was deleted are not found; how many is
    said at the end.

    Void events, of an incarnation of a node that a fence shuts out, are left out unless --void shows them. Fences are
    learned from what is read: with --since, one that lies before it is not known.

    JSON: bytes are text when they are UTF-8, else {"base64": "..."}; docs/schemas describes `data`. CloudEvents:
    `source` names cluster and topic by their ids, `id` is the position, `dataschema` names the file in docs/schemas.

    The exit code is 1 when a frame cannot be read (and not --skip-bad) or Kafka fails, and 130 after Ctrl-C.
    """
    if follow and until is not None:
        raise click.UsageError("--follow has no end: leave out --until, or --follow.")
    wanted = Wanted(frozenset(kinds), frozenset(clients), tenant, frozenset(topics), frozenset(users))
    scan = _scan(admin, set(kinds))
    if scan is not Scan and (clients or topics or users or partitions):
        raise click.UsageError("The administration and connections have kinds and tenants; leave out the rest.")
    if scan is Scan and not wanted.names:
        raise click.UsageError("No event can match all of this: see which kinds have a topic or a client.")
    if follow and last is None and since is None:
        last = FOLLOW_LAST
    if not follow:  # who follows wants to know that Kafka is away
        quiet_clients()
    output = Output(form, payloads, void, limit, last, follow, skip_bad, progress, partitions, scan)
    try:
        asyncio.run(Reading(app.config.kafka, wanted, since, until, output).run())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _scan(admin: bool, kinds: set[str]) -> type[Scan]:
    """How the log that holds the kinds is read. Raises click.UsageError for kinds of two logs."""
    if kinds == {STATUS_NAME}:
        return StatusScan
    if not kinds <= set(ADMIN_NAMES if admin else KIND_NAMES):
        raise click.UsageError(
            f"These kinds are of two logs: those of the administration are read with --admin, {STATUS_NAME} alone."
        )
    return AdminScan if admin else Scan


class Reading:
    """One run of the command."""

    def __init__(
        self, kafka: KafkaSettings, wanted: Wanted, since: Bound | None, until: Bound | None, output: Output
    ) -> None:
        self._kafka = kafka
        self._wanted = wanted
        self._since, self._until = since, until
        self._output = output
        self._status = StatusLine(output.progress)
        self._left = output.limit
        self._users: UsersByEpoch | None = None
        self._line = self._writer("")
        self._begun = time.monotonic()

    async def run(self) -> None:
        """Read and write until the end, the limit or Ctrl-C."""
        async with AsyncExitStack() as stack:
            source = await stack.enter_async_context(open_log(self._kafka, topic=self._topic))
            if self._output.form == "cloudevents":
                self._line = self._writer(await self._source_name(source))
            if self._wanted.users:
                lookups = await stack.enter_async_context(open_log(self._kafka, fetch_bytes=1))
                self._users = UsersByEpoch(lookups, self._wanted.users)
            chosen = await resolve_range(source, self._since, self._until, self._output.partitions)
            for note in chosen.beyond:
                self._complain(note)
            try:
                await self._read(source, chosen)
            finally:
                self._status.clear()
        if self._users is not None and self._users.unknown:
            click.echo(
                f"{self._users.unknown} connections have no `connected` in the log: their user is unknown.", err=True
            )

    @property
    def _topic(self) -> str:
        topics: dict[type[Scan], str] = {AdminScan: self._kafka.admin_topic, StatusScan: self._kafka.nodes_topic}
        return topics.get(self._output.scan, self._kafka.events_topic)

    async def _source_name(self, source: LogSource) -> str:
        """The source of CloudEvents of this log. Raises :class:`StackError`."""
        from projector.errors import NotYetError
        from projector.metadata import identify_topic

        try:
            identity = await identify_topic(self._kafka, self._topic, source.partitions)
        except NotYetError as error:
            raise StackError(f"{error}.") from error
        return cloud_source(identity.cluster_id, self._topic, identity.topic_id)

    async def _read(self, source: LogSource, chosen: LogRange) -> None:
        if self._output.last is not None:
            if self._output.last and not self._write(
                await last_events(chosen, self._output.last, lambda part: self._scan(source, part), self._shown)
            ):
                return
        elif not await self._read_range(self._scan(source, chosen)):
            return
        if self._output.follow:
            async for sightings in self._scan(source, chosen).follow():
                if not self._write([s for s in sightings if self._shown(s)]):
                    return

    async def _read_range(self, scan: Scan) -> bool:
        async for sightings in scan.range():
            if not self._write([s for s in sightings if self._shown(s)]):
                return False
            self._progress(scan)
        return True

    def _scan(self, source: LogSource, chosen: LogRange) -> Scan:
        skip_bad = self._complain if self._output.skip_bad else None
        return self._output.scan(source, self._wanted, chosen, users=self._users, skip_bad=skip_bad)

    def _shown(self, sighting: Sighting) -> bool:
        return self._output.void or not sighting.void

    def _write(self, sightings: list[Sighting]) -> bool:
        """Write the events; False when there were enough."""
        if self._left is not None:
            sightings = sightings[: self._left]
            self._left -= len(sightings)
        if sightings:
            self._status.clear()
            sys.stdout.write("".join(f"{self._line(sighting)}\n" for sighting in sightings))
            sys.stdout.flush()
        return self._left != 0

    def _progress(self, scan: Scan) -> None:
        if self._status.due:
            tally = scan.tally
            far = rate_text(tally.read, tally.total, "frames", time.monotonic() - self._begun)
            self._status.show(f"{far}; {tally.skipped:,} skipped, {tally.events:,} events found")

    def _complain(self, sentence: str) -> None:
        self._status.clear()
        click.echo(f"mqledger: {sentence}", err=True)

    def _writer(self, source: str) -> Callable[[Sighting], str]:
        form, payloads = self._output.form, self._output.payloads
        if form == "json":
            return lambda sighting: json_line(sighting, payloads)
        if form == "cloudevents":
            return lambda sighting: cloud_event_line(sighting, payloads, source)
        return LineWriter(payloads, colours=_colours()).line


def _colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
