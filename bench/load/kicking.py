"""Clients that are kicked by the API: from the request to the socket that the broker has closed, and to the answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import quote

from bench.load import packets, quantiles
from bench.load.appearing import answer
from bench.load.links import Address
from bench.load.meter import Groups, Meter, Usage
from bench.load.packets import UnexpectedPacketError, Version
from bench.load.quantiles import Times

CLOSED_SECONDS = 30.0
"""How long a client waits for its socket to be closed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement of commands."""

    address: Address
    api: Address
    groups: Groups
    clients: int = 500
    rate: float = 20.0
    """Clients that are kicked per second."""
    prefix: str = "bench-kick"
    version: Version = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """Times from the request of a kick to the closed socket, and to the answer, which tells the outcome."""

    clients: int
    closed: Times
    answered: Times
    usage: Usage


def run(plan: Plan) -> Outcome:
    """Connect all clients, kick each at its time; raises when one isn't told done, or not closed within 30 s."""
    return asyncio.run(_run(plan))


async def _run(plan: Plan) -> Outcome:
    names = [f"{plan.prefix}-{index:06d}" for index in range(plan.clients)]
    clients = [await _connected(plan, name) for name in names]
    api = [await asyncio.open_connection(plan.api.host, plan.api.port) for _ in range(8)]
    idle = asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
    for connection in api:
        idle.put_nowait(connection)
    closed, answered = list[float](), list[float]()
    meter = Meter(plan.groups)
    start, begin = meter.read(), time.perf_counter()

    async def one(index: int) -> None:
        await asyncio.sleep(begin + index / plan.rate - time.perf_counter())
        connection = await idle.get()
        asked = time.perf_counter()
        gone = asyncio.create_task(_gone(clients[index][0]))
        await _kick(connection, plan.api, names[index])
        answered.append(time.perf_counter() - asked)
        idle.put_nowait(connection)
        closed.append(await asyncio.wait_for(gone, CLOSED_SECONDS) - asked)

    async with asyncio.TaskGroup() as group:
        for index in range(plan.clients):
            group.create_task(one(index))
    usage = meter.since(start)
    for _, writer in (*clients, *api):
        writer.close()
    return Outcome(len(closed), quantiles.of(closed), quantiles.of(answered), usage)


async def _connected(plan: Plan, client_id: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(plan.address.host, plan.address.port)
    writer.write(packets.connect(client_id, plan.version))
    found, rest = packets.take(await reader.read(1_024))
    if found is None or rest:
        raise UnexpectedPacketError(f"{client_id} awaited one CONNACK in one piece, got {found} and {rest!r}")
    packets.check_connack(found)
    return reader, writer


async def _gone(reader: asyncio.StreamReader) -> float:
    """When the broker has closed the socket."""
    while await reader.read(1_024):
        pass
    return time.perf_counter()


async def _kick(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], api: Address, client_id: str) -> None:
    """Ask the native API; raises ValueError unless it says that it is done."""
    reader, writer = connection
    path = f"/api/mqledger/v1/sessions/{quote(client_id, safe='')}"
    writer.write(f"DELETE {path} HTTP/1.1\r\nHost: {api.host}:{api.port}\r\n\r\n".encode())
    status, body = await answer(reader)
    if status != 200:
        raise ValueError(f"DELETE {path} was answered with {status}: {body[:300]!r}")
