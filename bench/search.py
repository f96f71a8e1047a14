"""Filters of EMQX 4's clients combined at random, a page anywhere up to the thousandth, and walks by cursor.

Needs Postgres and an API with one worker. Sessions differ in everything that can be asked for: half are away, half
clean, a tenth belongs to one user and a tenth comes from one address. What an index can serve is told apart from
parts of names, and from times of connection of sessions that were resumed, for which an index is read through. The
indexes are those that the projector makes.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import click
import msgspec

from bench import children
from bench.load.links import Address
from bench.paging import Reader, api, drop, postgres
from bench.report import Report, publish
from projector import searches
from projector.migrations import migrate
from projector.store import open_pool
from schemas.settings import PostgresSettings, Secret

LIMIT = 100
LAST_PAGE = 1_000
BARS = {"by index": 25.0, "parts of names": 1_000.0}
"""Most milliseconds of p99; what resumed when has no bar."""
BEGIN, SPAN = 1_700_000_000, 20_000_000
"""Seconds in which the sessions connected."""
COLUMNS = ("kind", "questions", "p50 ms", "p99 ms", "most ms", "bar")
FILL = """
insert into sessions
select 'default', 'site-' || lpad((n / 1000)::text, 5, '0') || '-device-' || lpad(n::text, 8, '0'), n % 8,
       n::bigint << 16, case when clean or n % 2 = 0 then at else at - 86400000 end, n::bigint << 16,
       'node-' || n % 3, 1, online, at, case when online then 0 else at + 60000 end,
       case when online then 0 else 4294967295 end,
       case when n % 10 = 0 then 'shared' when n % 10 < 8 then 'user-' || n % 5000 else '' end,
       'mqtt5', (array[3, 4, 4, 5])[1 + n / 7 % 4],
       case when n % 10 = 1 then '192.0.2.7' else '10.' || (n >> 16) || '.' || (n >> 8 & 255) || '.' || (n & 255) end,
       40000 + n % 20000, 'tcp', (array['', '', 'inner'])[1 + n / 11 % 3], clean, 60, 65535, 268435455, 10, false, true,
       n % 7 = 0, '', '', false, 0, '', n % 5, n::bigint << 16, at
from (
    select n, n / 3 % 2 = 0 as online, n / 5 % 2 = 0 as clean, $2::bigint * 1000 + (random() * $3 * 1000)::bigint as at
    from generate_series(0, $1 - 1) n order by random()
) drawn"""
COUNT = """
insert into session_counters
select tenant, client_id, partition, epoch, valid_from_time, 1, 2, 0, 10, 11, 5, 6, 900, 901, 0, 12, 13
from sessions where partition % 3 = 0"""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what kind of question it is."""

    kind: str
    target: str


def question(size: int, random_: random.Random) -> Question:
    """Some filters, together, and a page."""
    moment = BEGIN + random_.randrange(SPAN)
    number = random_.randrange(size)
    choices = {
        "username": random_.choice(("shared", f"user-{random_.randrange(5000)}")),
        "ip_address": random_.choice(("192.0.2.7", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")),
        "zone": random_.choice(("external", "inner")),
        "conn_state": random_.choice(("connected", "disconnected")),
        "clean_start": random_.choice(("true", "false")),
        "proto_name": random_.choice(("MQTT", "MQIsdp")),
        "proto_ver": random_.choice(("3", "4", "5")),
        "_gte_created_at": str(moment),
        "_lte_created_at": str(moment + random_.randrange(SPAN)),
        "_gte_connected_at": str(moment),
        "_lte_connected_at": str(moment + random_.randrange(SPAN)),
        "_like_clientid": f"-{random_.randrange(10_000):04}",
        "_like_username": f"er-{random_.randrange(500)}",
    }
    if random_.random() < 0.05:
        choices["clientid"] = f"site-{number // 1000:05}-device-{number:08}"
    names = random_.sample(sorted(choices), random_.choice((0, 1, 1, 2, 2, 3, 4)))
    asked = {name: choices[name] for name in names} | {"_page": random_.randrange(1, LAST_PAGE + 1), "_limit": LIMIT}
    return Question(_kind(names), "/api/v4/clients?" + urlencode(asked))


def _kind(names: Sequence[str]) -> str:
    if "clientid" in names:
        return "by index"
    if any(name.startswith("_like_") for name in names):
        return "parts of names"
    return "times of connection" if any(name.endswith("connected_at") for name in names) else "by index"


async def fill(settings: PostgresSettings, size: int) -> None:
    """The tables, with that many sessions, and the indexes."""
    pool = await open_pool(settings)
    try:
        await pool.execute(FILL, size, BEGIN, SPAN, timeout=None)
        await pool.execute(COUNT, timeout=None)
        await pool.execute("update model set state = 'ready'")
        await pool.execute("insert into totals values (0, 'default', 'sessions', $1)", size)
        await pool.execute(
            "insert into applied (partition, next, partition_time, log_end, topic_id) values (0, 1, 1, 1, 'bench')"
        )
        await searches.make(pool)
        for table in ("sessions", "session_counters"):
            await pool.execute(f"vacuum (analyze) {table}", timeout=None)
    finally:
        await pool.close()


def ask(reader: Reader, questions: Sequence[Question]) -> dict[str, list[float]]:
    """Milliseconds by kind, sorted."""
    taken: dict[str, list[float]] = {}
    for one in questions:
        begun = time.perf_counter()
        reader.page(one.target)
        taken.setdefault(one.kind, []).append((time.perf_counter() - begun) * 1000)
    return {kind: sorted(times) for kind, times in sorted(taken.items())}


def walk(reader: Reader, size: int) -> list[float]:
    """Milliseconds of each page of a walk by cursor over those of one kind at all nodes, to the end, sorted."""
    taken, cursor, seen = [], "", set[str]()
    while True:
        target = f"/api/mqledger/v1/sessions?state=connected&zone=inner&clean_start=true&version=3&limit={LIMIT}" + (
            f"&cursor={cursor}" if cursor else ""
        )
        begun = time.perf_counter()
        page = msgspec.json.decode(reader.page(target))
        taken.append((time.perf_counter() - begun) * 1000)
        seen |= {one["client_id"] for one in page["items"]}
        cursor = page["next"]
        if not cursor:
            break
    there = sum(n // 3 % 2 == n // 5 % 2 == n // 7 % 4 == 0 and n // 11 % 3 == 2 for n in range(size))
    if len(seen) != there:
        raise RuntimeError(f"the walk saw {len(seen)} of {there} sessions")
    return sorted(taken)


def row(kind: str, times: Sequence[float]) -> list[str | int | float | None]:
    """The line of the table."""
    p99 = times[min(int(len(times) * 0.99), len(times) - 1)]
    bar = BARS.get(kind.partition(",")[0])
    met = None if bar is None else f"at most {bar:g} ms: {'met' if p99 <= bar else 'MISSED'}"
    return [kind, len(times), round(times[len(times) // 2], 1), round(p99, 1), round(times[-1], 1), met]


@click.command(help=__doc__)
@click.option("--size", default=1_000_000, show_default=True, help="Sessions.")
@click.option("--questions", default=1_000, show_default=True, help="Random questions.")
@click.option("--short", is_flag=True, help="50,000 sessions, 200 questions.")
def main(size: int, questions: int, short: bool) -> None:
    """Run, print, store."""
    size, questions = (50_000, 200) if short else (size, questions)
    children.leave_in_order()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mqledger-bench-")))
        settings = PostgresSettings(
            dsn=Secret(stack.enter_context(postgres(folder))), schema=f"bench_search_{os.getpid()}"
        )
        migrate(settings)
        stack.callback(lambda: asyncio.run(drop(settings)))
        click.echo(f"{size:,} sessions: filling", err=True)
        asyncio.run(fill(settings, size))
        address, _ = stack.enter_context(api(folder, settings))
        rows = measure(address, size, questions)
    publish(
        Report(
            name="search",
            title=f"Filters combined at random, pages of {LIMIT} up to number {LAST_PAGE:,}, {size:,} sessions",
            columns=COLUMNS,
            rows=rows,
            notes=("One connection, one API worker; Postgres and whatever else ran share the machine.",),
            options={"size": size, "questions": questions},
        )
    )


def measure(address: Address, size: int, questions: int) -> list[list[str | int | float | None]]:
    """The lines of the table."""
    random_ = random.Random(size)
    reader = Reader(address)
    try:
        ask(reader, [question(size, random_) for _ in range(30)])
        click.echo("asking", err=True)
        found = ask(reader, [question(size, random_) for _ in range(questions)])
        click.echo("walking", err=True)
        return [*(row(kind, times) for kind, times in found.items()), row("by index, by cursor", walk(reader, size))]
    finally:
        reader.close()


if __name__ == "__main__":
    main()
