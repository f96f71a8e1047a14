"""A port inside the loop: requests one after the other, heads that take too long or grow too big, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from litestar import Litestar, get

from query_api import ports as module
from query_api.ports import Port, Ports
from query_api.settings import ApiSettings
from stack.local.ports import free_port

REQUEST = b"GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n"


@get("/here")
async def here() -> str:
    return "here"


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """The port of an application, open."""
    number = free_port()
    ports = Ports(ApiSettings(), [Port(number, Litestar([here], openapi_config=None, logging_config=None))])
    await ports.open()
    try:
        yield number
    finally:
        await ports.close()


async def answered(reader: asyncio.StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    return head.split(b"\r\n")[0] + b" " + await asyncio.wait_for(reader.readexactly(4), 5)


async def test_one_request_after_the_other_and_together() -> None:
    async with listening() as number:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        for request in (REQUEST, REQUEST, REQUEST * 2):
            writer.write(request)
            for _ in range(request.count(b"GET")):
                assert await answered(reader) == b"HTTP/1.1 200 OK here"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("before", [b"", b"G", b"GET /here HTTP/1.1\r\nHost: loc", REQUEST + b"GET /he"])
async def test_a_head_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.2)
    async with listening() as number:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(before)
        if before.startswith(REQUEST):
            assert await answered(reader) == b"HTTP/1.1 200 OK here"
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()


async def test_a_slow_pace_is_fine_once_the_head_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.2)
    async with listening() as number:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(REQUEST)
        assert await answered(reader) == b"HTTP/1.1 200 OK here"
        await asyncio.sleep(0.4)  # what must not happen has no condition to wait for
        writer.write(REQUEST)
        assert await answered(reader) == b"HTTP/1.1 200 OK here"
        writer.close()
        await writer.wait_closed()


async def test_a_head_that_grows_and_grows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_HEAD_BYTES", 10_000)
    async with listening() as number:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(b"GET /here HTTP/1.1\r\n" + b"a: b\r\n" * 5_000)
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 400")
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_a_taken_port_is_an_error_and_not_a_silence() -> None:
    async with listening() as number:
        occupied = Ports(ApiSettings(host="192.0.2.1"), [Port(number, Litestar([], openapi_config=None))])
        with pytest.raises(OSError, match="assign"):
            await occupied.open()
        await occupied.close()
