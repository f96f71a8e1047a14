"""A TCP proxy before Postgres that can refuse, cut and freeze: how a database goes away."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from schemas.settings import PostgresSettings, Secret

T = TypeVar("T")


class Proxy:
    """Forwards 127.0.0.1:port to a server. Steered from any thread."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._refusing = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        self._refusing = True
        self._call(self._end_all())

    def freeze(self) -> None:
        """Let nothing through and say nothing, neither to old connections nor to new ones."""
        self._call(self._set_flowing(False))

    def mend(self) -> None:
        """Be an ordinary proxy again; what was frozen goes on."""
        self._refusing = False
        self._call(self._set_flowing(True))

    def close(self) -> None:
        """End everything."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _set_flowing(self, flowing: bool) -> None:
        (self._flowing.set if flowing else self._flowing.clear)()

    async def _end_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _close(self) -> None:
        self._server.close()
        await self._end_all()
        tasks = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        onward_reader, onward = await asyncio.open_connection(*self._target)
        self._writers |= {writer, onward}
        try:
            await asyncio.gather(self._pump(reader, onward), self._pump(onward_reader, writer))
        finally:
            self._writers -= {writer, onward}
            for each in (writer, onward):
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@contextlib.contextmanager
def proxied(settings: PostgresSettings) -> Iterator[tuple[Proxy, PostgresSettings]]:
    """A proxy before a Postgres, and the settings that lead through it."""
    url = urlsplit(settings.dsn.reveal())
    assert url.hostname is not None
    proxy = Proxy(url.hostname, url.port or 5432)
    credentials = url.netloc.rpartition("@")[0]
    through = urlunsplit(url._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}"))
    try:
        yield (
            proxy,
            PostgresSettings(
                dsn=Secret(through),
                schema=settings.schema,
                pool_min=settings.pool_min,
                pool_max=settings.pool_max,
                statement_timeout_ms=1500,
            ),
        )
    finally:
        proxy.close()
