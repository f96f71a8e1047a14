"""The process of a connector."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from aiokafka.errors import KafkaError

from connector.dialer import Dialer
from connector.follower import DamagedRecordError, Follower
from connector.links import Links
from connector.metrics import build_registry
from connector.reports import Reports
from connector.settings import ConnectorSettings
from ops.health import Health
from ops.http import serve_ops
from ops.logging import configure_logging
from schemas.events import ConnectionStatus

logger = logging.getLogger(__name__)

THREADS = 128
"""Most attempts to connect at the same time: the client library makes each in a thread."""


def run(settings: ConnectorSettings) -> int:
    """Run a connector until SIGTERM or SIGINT; the exit code.

    Raises:
        SettingsError, ValueError: a setting can't be.
        OSError: the address of the health endpoint is taken.
    """
    if not logging.getLogger().handlers:
        configure_logging("connector")
    return asyncio.run(_serve(settings))


async def _serve(settings: ConnectorSettings) -> int:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS, "connect"))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connector = Connector(settings)
    ops = await serve_ops(
        settings.http_host,
        settings.http_port,
        lambda: Health(True),
        connector.follower.ready,
        build_registry(connector.follower, connector.links, connector.reports),
    )
    stopping, work = loop.create_task(stop.wait()), loop.create_task(connector.run())
    try:
        await asyncio.wait([stopping, work], return_when=asyncio.FIRST_COMPLETED)
        if work.done() and (error := work.exception()) is not None:
            logger.error("the connector gives up: %s", error, exc_info=None if _explained(error) else error)
            return 1
        return 0
    finally:
        for task in (work, stopping):
            task.cancel()
        await asyncio.wait([work])
        await ops.close()


def _explained(error: BaseException) -> bool:
    """Whether the text says everything."""
    return isinstance(error, DamagedRecordError | KafkaError)


class Connector:
    """The parts of a process, put together."""

    def __init__(self, settings: ConnectorSettings) -> None:
        """Nothing is connected yet. Raises SettingsError, ValueError."""
        name = settings.name or socket.gethostname()
        self._dialer = Dialer(settings)
        self.reports = Reports(settings.kafka, name, self._statuses)
        self.links = Links(self._dialer, self.reports, settings.longest_pause)
        self.follower = Follower(settings.kafka, settings.group, name, self.links)

    async def run(self) -> None:
        """Follow the log until cancelled. Raises DamagedRecordError, KafkaError."""
        await self.reports.start()
        writing = asyncio.create_task(self.reports.run(), name="reports")
        following = asyncio.create_task(self.follower.run(), name="follow")
        try:
            done, _ = await asyncio.wait([writing, following], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            following.cancel()
            await asyncio.wait([following])
            await self._stop()
            writing.cancel()
            await asyncio.wait([writing])
            await self.reports.stop()

    def _statuses(self) -> Iterable[ConnectionStatus]:
        return self.links.statuses()

    async def _stop(self) -> None:
        """What is said of the connections is in the log before the group hears that another may act."""
        await self.follower.stop()
        await self.reports.flushed()
        await self.follower.leave()
        await self._dialer.close()
