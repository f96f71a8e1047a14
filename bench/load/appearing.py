"""Sessions that appear: from the CONNACK a client reads to the answer of the query API that shows it connected.

Each client asks for its own session over a keep-alive connection, again 1 ms after each answer that doesn't show it
yet. The time ends when the answer has come whole, so that a question's way there and back is within it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from bench.load import packets, quantiles
from bench.load.links import Address, TooLateError
from bench.load.meter import Groups, Meter, Usage
from bench.load.packets import UnexpectedPacketError, Version
from bench.load.quantiles import Times

POLL_SECONDS = 0.001
GIVE_UP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One measurement of visibility."""

    address: Address
    api: Address
    groups: Groups
    clients: int = 500
    rate: float = 20.0
    """Clients that connect per second."""
    prefix: str = "bench-visible"
    """Client ids begin so; another one for each round, so that no session was ever there before."""
    version: Version = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """Times from CONNACK to being shown, from connecting to CONNACK, and of one question with its answer."""

    clients: int
    questions: int
    visible: Times
    connack: Times
    question: Times
    usage: Usage


class Seen(msgspec.Struct):
    """What of a session's answer matters here; a 404 has neither."""

    client_id: str = ""
    connected: bool = False


class Questions:
    """GETs over kept connections. Invariant: a connection in ``idle`` has no answer under way."""

    def __init__(self, api: Address) -> None:
        self.api = api
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.took: list[float] = []

    async def shows(self, client_id: str) -> bool:
        """Whether the API shows the session as connected now; raises ValueError for an answer of no known kind."""
        connection = self._kept() or await asyncio.open_connection(self.api.host, self.api.port)
        began = time.perf_counter()
        path = f"/api/v1/sessions/{quote(client_id, safe='')}"
        connection[1].write(f"GET {path} HTTP/1.1\r\nHost: {self.api.host}:{self.api.port}\r\n\r\n".encode())
        status, body = await answer(connection[0])
        self.took.append(time.perf_counter() - began)
        self.idle.append(connection)
        if status not in (200, 404):
            raise ValueError(f"GET {path} was answered with {status}: {body[:200]!r}")
        seen = msgspec.json.decode(body, type=Seen) if status == 200 else Seen()
        return seen.client_id == client_id and seen.connected

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A kept connection that the API has not closed meanwhile."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    async def close(self) -> None:
        """Close the connections that are kept."""
        for _, writer in self.idle:
            writer.close()
            await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of an HTTP/1.1 answer that has a Content-Length; raises ValueError when it has none."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if not found:
        raise ValueError(f"an answer without Content-Length: {head[:200]!r}")
    return status, await reader.readexactly(int(rest.partition(b"\r\n")[0]))


def run(plan: Plan) -> Outcome:
    """Connect the clients at their times and wait until each is shown; raises when one isn't within 30 s."""
    return asyncio.run(_run(plan))


async def _run(plan: Plan) -> Outcome:
    questions, connacks, visible = Questions(plan.api), list[float](), list[float]()
    await questions.shows(f"{plan.prefix}-nobody")
    meter = Meter(plan.groups)
    start, begin = meter.read(), time.perf_counter()

    async def one(index: int) -> None:
        await asyncio.sleep(begin + index / plan.rate - time.perf_counter())
        connack, shown = await _client(plan, questions, f"{plan.prefix}-{index:06d}")
        connacks.append(connack)
        visible.append(shown)

    async with asyncio.TaskGroup() as group:
        for index in range(plan.clients):
            group.create_task(one(index))
    usage = meter.since(start)
    await questions.close()
    times = [quantiles.of(values) for values in (visible, connacks, questions.took)]
    return Outcome(len(visible), len(questions.took), times[0], times[1], times[2], usage)


async def _client(plan: Plan, questions: Questions, client_id: str) -> tuple[float, float]:
    """Seconds to CONNACK and from there to being shown, of one client that then says DISCONNECT."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection(plan.address.host, plan.address.port)
    try:
        writer.write(packets.connect(client_id, plan.version))
        found, rest = packets.take(await reader.read(1_024))
        accepted = time.perf_counter()
        if found is None or rest:
            raise UnexpectedPacketError(f"{client_id} awaited one CONNACK in one piece, got {found} and {rest!r}")
        packets.check_connack(found)
        while not await questions.shows(client_id):
            if time.perf_counter() - accepted > GIVE_UP_SECONDS:
                raise TooLateError(f"{client_id} was not shown within {GIVE_UP_SECONDS:.0f} s of its CONNACK")
            await asyncio.sleep(POLL_SECONDS)
        shown = time.perf_counter()
        writer.write(packets.DISCONNECT)
    finally:
        writer.close()
        await writer.wait_closed()
    return accepted - began, shown - accepted
