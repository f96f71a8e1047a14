"""Readers of pages: many kept connections, each asks for the next page as soon as the last one has come."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load import quantiles
from bench.load.appearing import answer
from bench.load.links import Address
from bench.load.meter import Groups, Meter, Usage
from bench.load.quantiles import Times


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked by how many at a time."""

    api: Address
    groups: Groups
    targets: Sequence[str]
    readers: int
    seconds: float
    warm_up: float = 2.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """Pages of the measured time, how long each took, and what they cost."""

    pages: int
    took: Times
    usage: Usage


def run(plan: Plan) -> Outcome:
    """Warm up, measure; raises ValueError for an answer that is no page."""
    return asyncio.run(_run(plan))


async def _run(plan: Plan) -> Outcome:
    took: list[float] = []
    begin = time.perf_counter() + plan.warm_up
    readers = [asyncio.create_task(_reader(plan, number, begin, took)) for number in range(plan.readers)]
    await asyncio.sleep(plan.warm_up)
    meter = Meter(plan.groups)
    start = meter.read()
    await asyncio.gather(*readers)
    return Outcome(len(took), quantiles.of(took), meter.since(start))


async def _reader(plan: Plan, number: int, begin: float, took: list[float]) -> None:
    draw = random.Random(plan.seed * 1_000 + number)
    reader, writer = await asyncio.open_connection(plan.api.host, plan.api.port)
    host = f"{plan.api.host}:{plan.api.port}"
    while (now := time.perf_counter()) < begin + plan.seconds:
        target = draw.choice(plan.targets)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        status, body = await answer(reader)
        if status != 200:
            raise ValueError(f"GET {target} was answered with {status}: {body[:200]!r}")
        if now >= begin:
            took.append(time.perf_counter() - now)
    writer.close()
