"""How fast the log is folded and searched by ``mqledger replay`` and ``mqledger events``: ``python -m bench.replay``.

The log is written first, into the local stack's Kafka; then it is read from there by the code of the two commands, in
this process, whose CPU is counted. Reading alone is the same fetches with nothing done to the frames: the limit.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click

from bench.projection_history import TENANT, Frame, History
from bench.report import Report, publish
from bench.target import _local, _once
from schemas.settings import KafkaSettings
from stack.logreader.fold import FreshFold
from stack.logreader.range import LogRange, resolve_range
from stack.logreader.scan import Scan
from stack.logreader.select import Wanted
from stack.logreader.source import LogSource, open_log

PARTITIONS = 8
BAR = 200_000
COLUMNS = ("case", "events per frame", "events/s", "events per CPU second", "bar per core")
SEARCHES = {
    "a client that was never there": Wanted(clients=frozenset({"device-99-000007"}), tenant=TENANT),
    "one client": Wanted(clients=frozenset({"device-03-000007"}), tenant=TENANT),
    "connects": Wanted(kinds=frozenset({"connected"})),
    "topic filter": Wanted(topics=frozenset({"plant/7/#"})),
    "refusals, of which there are none": Wanted(kinds=frozenset({"refused"})),
}


@dataclass(frozen=True, slots=True)
class Mix:
    """One kind of history."""

    name: str
    publishes: float
    per_frame: int
    events: int
    judged: bool = False
    """Whether the bar holds for it."""
    searched: bool = False


MIXES = (
    Mix("90 % publishes", 0.9, 200, 1_600_000, judged=True, searched=True),
    Mix("90 % publishes", 0.9, 20, 800_000, judged=True, searched=True),
    Mix("90 % publishes", 0.9, 1_000, 1_600_000, searched=True),
    Mix("50 % publishes", 0.5, 200, 800_000),
    Mix("lifecycle only", 0.0, 200, 400_000),
)


@dataclass(frozen=True, slots=True)
class Speed:
    """One measurement."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> int:
        """Events per second of the clock."""
        return round(self.events / self.seconds)

    @property
    def per_cpu_second(self) -> int:
        """Events per second of CPU of this process."""
        return round(self.events / self.cpu_seconds)


async def measured(events: int, work: Callable[[], Awaitable[object]]) -> Speed:
    """How fast the work goes through so many events."""
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    await work()
    return Speed(events, time.perf_counter() - began, time.process_time() - cpu)


async def write(kafka: KafkaSettings, mix: Mix) -> None:
    """Append the history, each partition in its order."""
    from bench.projection import write as append

    clients = max(1_000, mix.events // PARTITIONS // (10 if mix.publishes else 4))
    log: list[list[Frame]] = []
    for number in range(PARTITIONS):
        history = History(number, clients, mix.publishes, mix.per_frame)
        log.append(list(history.frames(mix.events // PARTITIONS)))
    await append(kafka, log)


async def read_all(source: LogSource, chosen: LogRange) -> None:
    """Fetch everything and look at nothing."""
    async for _ in source.read(chosen.start, chosen.stop):
        pass


async def search(source: LogSource, chosen: LogRange, wanted: Wanted) -> tuple[int, int]:
    """Scan everything: events found, frames skipped by their headers."""
    scan = Scan(source, wanted, chosen)
    async for _ in scan.range():
        pass
    return scan.tally.events, scan.tally.skipped


async def fold(source: LogSource, chosen: LogRange, history: bool) -> None:
    """Fold everything; with histories, as ``replay --verify`` does."""
    await FreshFold(source, chosen, history=history).run()


async def cases(kafka: KafkaSettings, mix: Mix, rounds: int) -> list[tuple[str, Speed]]:
    """The best of so many rounds of everything measured on one history."""
    found: list[tuple[str, Speed]] = []
    async with open_log(kafka) as source:
        chosen = await resolve_range(source, None, None)

        async def best(name: str, work: Callable[[], Awaitable[object]]) -> None:
            speeds = [await measured(mix.events, work) for _ in range(rounds)]
            found.append((name, max(speeds, key=lambda speed: speed.per_cpu_second)))

        await best("reading alone", lambda: read_all(source, chosen))
        await best("replay: fold", lambda: fold(source, chosen, history=False))
        await best("replay --verify: fold with histories", lambda: fold(source, chosen, history=True))
        for name, wanted in SEARCHES.items() if mix.searched else ():
            events, skipped = await search(source, chosen, wanted)
            label = f"events: {name} ({events:,} found, {skipped * 100 // chosen.frames} % of frames skipped)"
            await best(label, lambda wanted=wanted: search(source, chosen, wanted))  # type: ignore[misc]
    return found


@click.command(help=__doc__)
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(0.01), help="Of the number of events.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="The best of so many counts.")
def main(scale: float, rounds: int) -> None:
    """Run and report."""
    rows: list[list[str | int | float | None]] = []
    raw = []
    with tempfile.TemporaryDirectory(prefix="mqledger-bench-") as name:
        folder = Path(name)
        with _local(folder) as (environment, _):
            for number, whole in enumerate(MIXES):
                mix = replace(whole, events=round(whole.events * scale))
                own = {**environment, "MQLEDGER_KAFKA__TOPIC_PREFIX": f"replay{number}"}
                _once("topics", folder, own)
                kafka = KafkaSettings(
                    bootstrap=environment["MQLEDGER_KAFKA__BOOTSTRAP"], topic_prefix=f"replay{number}"
                )
                asyncio.run(write(kafka, mix))
                for case, speed in asyncio.run(cases(kafka, mix, rounds)):
                    verdict = None
                    if mix.judged and "fold" in case:
                        verdict = "met" if speed.per_cpu_second >= BAR else f"missed: at least {BAR:,}"
                    rows.append([f"{mix.name}, {case}", mix.per_frame, speed.per_second, speed.per_cpu_second, verdict])
                    raw.append({
                        "mix": mix.name, "per_frame": mix.per_frame, "case": case, "events": speed.events,
                        "seconds": speed.seconds, "cpu_seconds": speed.cpu_seconds,
                    })  # fmt: skip
    notes = (
        "64-byte payloads, 8 partitions, one process; CPU of that process alone, Kafka's not counted.",
        "The bar is judged on the mix that the projector is judged on: 90 % publishes.",
        "A search counts every event of the log it went over, also those in frames that it skipped.",
    )
    publish(
        Report("replay", "Folding and searching the log", COLUMNS, rows, notes, {"scale": scale, "rounds": rounds}, raw)
    )


if __name__ == "__main__":
    main()
