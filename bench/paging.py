"""Pages of 100 sessions: latency of the first, middle and last page, and pages per CPU second of the API.

Needs Postgres and an API with one worker. Sessions are filled by COPY, their rows in random order, half of them away,
a third with counters. Pages of the three kinds are asked for in turn over one kept connection, so that what else the
machine does meets all alike; the CPU is that of all processes of the API. The tables are those of the migrations.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import click
import msgspec

from bench import children
from bench.load.links import Address
from bench.load.meter import Meter, Usage
from bench.report import Cell, Report, publish
from bench.target import LOOPBACK, answers_200, free_port, whole
from projector.migrations import migrate
from query_api.fluxmq.parameters import PageTokens
from query_api.tokens import Tokens
from schemas.settings import PostgresSettings, Secret

PAGE = 100
WARM_UP = 100
P99_AT_MOST = 6.0
RATIO_AT_MOST = 1.3
PAGES_AT_LEAST = 1200
KEY = "paging-benchmark-key"
DSN_VARIABLE = "MQLEDGER_POSTGRES__DSN"
START_SECONDS = 120.0
FILL_CHUNK = 50_000
KINDS = ("first", "middle", "last")
COLUMNS = (
    "sessions",
    *(f"{kind} p50/p99 ms" for kind in KINDS),
    "p99, worst by best",
    "pages / CPU s",
    "pages / s",
    "KB / page",
    "others' CPU %",
    "bars",
)
SESSION_COLUMNS = """
    tenant client_id partition created created_at epoch node incarnation online connected_at disconnected_at expiry
    username protocol version address port listener zone clean_start keep_alive receive_maximum max_packet_size
    topic_alias_max request_response request_problem has_will connection_name tls_identity bridge disconnect_code
    disconnect_reason subscription_count valid_from valid_from_time
"""
COUNTER_COLUMNS = """
    tenant client_id partition epoch at inflight queued awaiting_rel packets_in packets_out messages_in messages_out
    bytes_in bytes_out dropped reads writes
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured at one size. Times in milliseconds, sorted, by kind of page."""

    size: int
    times: dict[str, list[float]]
    pages: int
    page_bytes: int
    usage: Usage

    def percentile(self, kind: str, share: float) -> float:
        """A percentile of one kind."""
        times = self.times[kind]
        return times[min(int(len(times) * share), len(times) - 1)]

    @property
    def ratio(self) -> float:
        """The worst p99 by the best."""
        p99 = [self.percentile(kind, 0.99) for kind in KINDS]
        return max(p99) / min(p99)

    @property
    def pages_per_cpu_second(self) -> float:
        """Pages by CPU seconds of the API."""
        return self.pages / self.usage.cpu["api"]

    def bars(self) -> str:
        """Which bars are met; they are set at a million sessions."""
        met = {
            f"p99 <= {P99_AT_MOST:g} ms": all(self.percentile(kind, 0.99) <= P99_AT_MOST for kind in KINDS),
            f"within {RATIO_AT_MOST:g} x": self.ratio <= RATIO_AT_MOST,
            f">= {PAGES_AT_LEAST:,} / CPU s": self.pages_per_cpu_second >= PAGES_AT_LEAST,
        }
        return ", ".join(f"{bar}: {'met' if is_met else 'MISSED'}" for bar, is_met in met.items())

    def row(self) -> list[Cell]:
        """The line of the table."""
        return [
            self.size,
            *(f"{self.percentile(kind, 0.5):.2f} / {self.percentile(kind, 0.99):.2f}" for kind in KINDS),
            self.ratio,
            round(self.pages_per_cpu_second),
            round(self.pages / self.usage.wall),
            round(self.page_bytes / 1000, 1),
            round(100 * self.usage.others / self.usage.wall),
            self.bars(),
        ]


def session(number: int) -> tuple[Any, ...]:
    """A row of ``sessions``."""
    online = number % 2 == 0
    at = 1_700_000_000_000 + number * 37
    position = number << 16
    return (
        "default", client_id(number), number % 8, position, at, position, "node-1", 1, online, at,
        0 if online else at + 60_000, 0 if online else 4_294_967_295, f"user-{number % 1000}", "mqtt5", 5,
        f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 40_000 + number % 20_000, "tcp", "", not online,
        60, 65_535, 268_435_455, 10, False, True, number % 7 == 0, "", "", False, 0, "", number % 5, position, at,
    )  # fmt: skip


def counters(number: int) -> tuple[Any, ...]:
    """A row of ``session_counters``."""
    return ("default", client_id(number), number % 8, number << 16, 1_700_000_000_000, number % 20, number % 50) + (
        0,
    ) * 10


def client_id(number: int) -> str:
    """The name of a session; their order is that of the numbers."""
    return f"site-{number // 1000:05}-device-{number:08}"


async def fill(settings: PostgresSettings, size: int) -> None:
    """The tables, with that many sessions and nothing else."""
    connection = await asyncpg.connect(
        settings.dsn.reveal(), server_settings={"search_path": f'"{settings.schema}"'}, command_timeout=None
    )
    numbers = list(range(size))
    random.Random(size).shuffle(numbers)
    try:
        await connection.execute("truncate sessions, session_counters, applied")
        for at in range(0, size, FILL_CHUNK):
            chunk = numbers[at : at + FILL_CHUNK]
            await connection.copy_records_to_table(
                "sessions", columns=SESSION_COLUMNS.split(), records=[session(number) for number in chunk]
            )
            counted = [counters(number) for number in chunk if number % 3 == 0]
            await connection.copy_records_to_table("session_counters", columns=COUNTER_COLUMNS.split(), records=counted)
        await connection.execute("update model set state = 'ready'")
        await connection.execute(
            "insert into applied (partition, next, partition_time, log_end, topic_id) "
            "select n, 1000, 1700000000000, 1000, 'bench' from generate_series(0, 7) n"
        )
        await connection.execute("vacuum (analyze) sessions")
        await connection.execute("vacuum (analyze) session_counters")
    finally:
        await connection.close()


class Reader:
    """One kept connection that asks for pages."""

    def __init__(self, api: Address) -> None:
        self._socket = socket.create_connection((api.host, api.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def page(self, target: str) -> bytes:
        """The body of an answer, which must be 200."""
        self._socket.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        taken = b""
        while b"\r\n\r\n" not in taken:
            taken += self._take()
        head, _, body = taken.partition(b"\r\n\r\n")
        if b" 200 " not in head.splitlines()[0]:
            raise RuntimeError(f"{target}: {head.splitlines()[0].decode()}")
        lines = (line.lower().partition(b":") for line in head.splitlines()[1:])
        length = next(int(value) for name, _, value in lines if name == b"content-length")
        parts, missing = [body], length - len(body)
        while missing > 0:
            parts.append(self._take())
            missing -= len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _take(self) -> bytes:
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the API ended the connection")
        return data


def targets(size: int) -> dict[str, str]:
    """What to ask for the three kinds of pages; the tokens are those that a walk would have given."""
    tokens = PageTokens(Tokens([KEY.encode()]), ("sessions", "default", "all", ""))
    base = f"/api/v1/sessions?limit={PAGE}"
    after = {"middle": size // 2 - 1, "last": size - PAGE - 1}
    return {"first": base} | {kind: f"{base}&page_token={tokens.seal(client_id(n))}" for kind, n in after.items()}


def check(reader: Reader, size: int) -> None:
    """Raises RuntimeError unless the three are the pages that they should be."""
    begins = {"first": 0, "middle": size // 2, "last": size - PAGE}
    for kind, target in targets(size).items():
        page = msgspec.json.decode(reader.page(target))
        found = [one["client_id"] for one in page["sessions"]]
        wanted = [client_id(number) for number in range(begins[kind], begins[kind] + PAGE)]
        if found != wanted or ("next_page_token" in page) != (kind != "last"):
            raise RuntimeError(f"the {kind} page of {size} is not what it should be")


def measure(api: Address, pids: Sequence[int], size: int, samples: int) -> Outcome:
    """Ask for ``samples`` pages of each kind, in turn."""
    reader = Reader(api)
    try:
        check(reader, size)
        asked = targets(size)
        for _ in range(WARM_UP):
            for target in asked.values():
                reader.page(target)
        meter = Meter({"api": pids})
        times: dict[str, list[float]] = {kind: [] for kind in KINDS}
        page_bytes, start = 0, meter.read()
        for _ in range(samples):
            for kind, target in asked.items():
                begun = time.perf_counter()
                page_bytes = len(reader.page(target))
                times[kind].append((time.perf_counter() - begun) * 1000)
        usage = meter.since(start)
    finally:
        reader.close()
    return Outcome(
        size, {kind: sorted(found) for kind, found in times.items()}, samples * len(KINDS), page_bytes, usage
    )


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The DSN of the configured Postgres, or of one that is started for this."""
    if DSN_VARIABLE in os.environ:
        yield os.environ[DSN_VARIABLE]
        return
    log = folder / "local.log"
    command = [sys.executable, "-m", "stack.local", "--data", str(folder / "local")]
    with children.running([*command, "--kafka-port", "0", "--postgres-port", "0"], log, grace=30.0) as process:
        children.wait_until("Postgres", lambda: bool(_told(log)), process, log, seconds=START_SECONDS)
        yield _told(log)[DSN_VARIABLE]


def _told(log: Path) -> dict[str, str]:
    lines = log.read_text(errors="replace").splitlines(keepends=True)
    told = [line for line in lines if line.startswith("{") and line.endswith("\n")]
    return msgspec.json.decode(told[0], type=dict[str, str]) if told else {}


@contextmanager
def api(folder: Path, settings: PostgresSettings) -> Iterator[tuple[Address, list[int]]]:
    """An API with one worker: its address and its processes."""
    address, log = Address(LOOPBACK, free_port()), folder / "api.log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MQLEDGER_")}
    environment = clean | {
        DSN_VARIABLE: settings.dsn.reveal(),
        "MQLEDGER_POSTGRES__SCHEMA": settings.schema,
        "MQLEDGER_API__PORT": str(address.port),
        **{f"MQLEDGER_DIALECTS__{name}_PORT": "0" for name in ("EMQX4", "BIFROMQ", "EMQ2", "CEDALO")},
        "MQLEDGER_API__TOKEN_KEYS": KEY,
        "MQLEDGER_LOGGING__LEVEL": "warning",
    }
    with children.running([sys.executable, "-m", "stack.cli", "api"], log, environment) as process:
        ready = lambda: answers_200(address, "/health/ready")  # noqa: E731 - the condition, beside its name
        children.wait_until("the API", ready, process, log, seconds=START_SECONDS)
        yield address, whole(process.pid)


@click.command(help=__doc__)
@click.option("--sizes", default="10000,100000,1000000", show_default=True, help="Numbers of sessions.")
@click.option("--samples", default=1000, show_default=True, help="Pages of each kind.")
def main(sizes: str, samples: int) -> None:
    """Run, print, store."""
    children.leave_in_order()
    outcomes = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mqledger-bench-")))
        dsn = stack.enter_context(postgres(folder))
        settings = PostgresSettings(dsn=Secret(dsn), schema=f"bench_paging_{os.getpid()}")
        migrate(settings)
        stack.callback(lambda: asyncio.run(drop(settings)))
        address, pids = None, None
        for size in (int(part) for part in sizes.split(",")):
            click.echo(f"{size:,} sessions: filling", err=True)
            asyncio.run(fill(settings, size))
            if address is None or pids is None:
                address, pids = stack.enter_context(api(folder, settings))
            click.echo(f"{size:,} sessions: asking", err=True)
            outcomes.append(measure(address, pids, size, samples))
    publish(report(outcomes, samples))


async def drop(settings: PostgresSettings) -> None:
    """Remove the tables."""
    connection = await asyncpg.connect(settings.dsn.reveal())
    try:
        await connection.execute(f'drop schema if exists "{settings.schema}" cascade')
    finally:
        await connection.close()


def report(outcomes: Sequence[Outcome], samples: int) -> Report:
    """The table."""
    return Report(
        name="paging",
        title=f"Pages of {PAGE} sessions over one connection, one API worker",
        columns=COLUMNS,
        rows=[outcome.row() for outcome in outcomes],
        notes=(
            "CPU is that of all processes of the API, Postgres not included; the bars are set at 1,000,000 sessions.",
            "Others' CPU is what took no part, in percent of one core; Postgres is in it, and whatever else ran.",
        ),
        options={"samples": samples},
        raw=[
            {"size": one.size, **{kind: [round(time, 3) for time in one.times[kind]] for kind in KINDS}}
            for one in outcomes
        ],
    )


if __name__ == "__main__":
    main()
