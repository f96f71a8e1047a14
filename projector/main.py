"""A projector process: waits for what it needs, runs the app, begins again when it breaks, ends in good order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from ops.health import Health
from ops.http import serve_ops
from ops.logging import configure_logging
from projector.app import ProjectorApp, build
from projector.backoff import Backoff
from projector.errors import NotYetError
from projector.metadata import identify, identify_topic
from projector.poison import Poison
from projector.probe import Metrics
from projector.settings import ProjectorSettings
from projector.store import AWAY_ERRORS, Store, open_pool

logger = logging.getLogger(__name__)

STOP_SECONDS = 20.0
GC_THRESHOLDS = (10_000_000, 20, 100)
"""Events and rows are made and dropped by the hundred thousand, and hold no cycles: with Python's own thresholds half
of the fold's time went into looking for some, with 200,000 still a quarter. The first bounds new objects alive."""
GC_SECONDS = 60.0
"""The cycles that others make (tasks, errors with their frames) are looked for so often among new objects."""


def run(settings: ProjectorSettings) -> int:
    """Run a worker until SIGTERM or SIGINT; the exit status.

    Raises:
        SettingsError: a setting is out of range.
        OSError: the address of the health endpoint is taken.
    """
    Poison(settings)
    if not logging.getLogger().handlers:
        configure_logging("projector")
    gc.set_threshold(*GC_THRESHOLDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(Worker(settings).run())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where there is one; it is not made for Windows."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


class Worker:
    """One worker of the group."""

    def __init__(self, settings: ProjectorSettings) -> None:
        """Nothing runs yet."""
        self._settings = settings
        self._registry = CollectorRegistry()
        self._metrics = Metrics(self._registry)
        self._stop = asyncio.Event()
        self._app: ProjectorApp | None = None
        self._phase = "starting"

    async def run(self) -> int:
        """Until told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        settings = self._settings
        ops = await serve_ops(settings.http_host, settings.http_port, self._live, self._ready, self._registry)
        logger.info("worker %s: health and metrics at http://%s:%d", settings.worker, ops.host, ops.port)
        try:
            backoff = Backoff()
            while not self._stop.is_set():
                await self._until_broken(backoff)
        finally:
            await ops.close()
        logger.info("worker %s has stopped", settings.worker)
        return 0

    async def _until_broken(self, backoff: Backoff) -> None:
        try:
            pool = await self._or_stop(self._dependencies())
            if pool is None:
                return
        except (NotYetError, *AWAY_ERRORS) as error:
            self._phase = f"waiting: {error}"
            await self._pause(backoff, f"waiting for what is not there yet: {error or type(error).__name__}")
            return
        try:
            await self._run_app(pool, backoff)
        finally:
            pool.terminate()

    async def _dependencies(self) -> Any:
        """A pool, once Kafka, the topics and the tables are there."""
        kafka = self._settings.kafka
        await identify(kafka)
        await identify_topic(kafka, kafka.admin_topic, 1)
        pool = await open_pool(self._settings.postgres)
        try:
            await Store(pool).check_schema()
        except BaseException:
            pool.terminate()
            raise
        return pool

    async def _run_app(self, pool: Any, backoff: Backoff) -> None:
        app = self._app = build(self._settings, pool, self._metrics)
        self._phase = "running"
        tasks = [
            asyncio.create_task(_start(app), name="app"),
            asyncio.create_task(app.lanes.confirm_forever(), name="confirm"),
            asyncio.create_task(app.lanes.broken(), name="lanes"),
            asyncio.create_task(_collect_forever(), name="garbage"),
            asyncio.create_task(self._stop.wait(), name="stop"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reason = _reason(app, tasks)
            for task in tasks:
                task.cancel()
            await self._end(app)
            await asyncio.gather(*tasks, return_exceptions=True)
            self._app = None
        if not self._stop.is_set():
            await self._pause(backoff, f"the worker broke and begins again: {reason}")

    async def _end(self, app: ProjectorApp) -> None:
        self._phase = "stopping"
        await app.lanes.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await app.stop()
        except TimeoutError:
            # Its threads may hold partitions on, and would keep this process from ending; rows and positions are one
            # transaction, so that it may end at any moment.
            logger.critical("Faust did not stop within %.0f s; the process ends", STOP_SECONDS)
            logging.shutdown()
            os._exit(1)

    async def _pause(self, backoff: Backoff, why: str) -> None:
        delay = backoff.next()
        logger.warning("%s (again in %.1f s)", why, delay)
        await self._or_stop(asyncio.sleep(delay))

    async def _or_stop(self, work: Any) -> Any:
        """The result of the work, or None when told to stop before it is done."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    def _live(self) -> Health:
        return self._app.lanes.live() if self._app is not None else Health(True, self._phase)

    def _ready(self) -> Health:
        if self._app is None:
            return Health(False, self._phase)
        return self._app.lanes.ready(self._settings.ready_lag_ms)


async def _start(app: ProjectorApp) -> None:
    """Run the app until it has crashed or stopped."""
    await app.start()
    await app.wait_until_stopped()


async def _collect_forever() -> None:
    while True:
        await asyncio.sleep(GC_SECONDS)
        gc.collect(1)


def _reason(app: ProjectorApp, tasks: list[asyncio.Task[Any]]) -> str:
    errors = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    error = app.crash_reason or next((error for error in errors if error), None)
    return f"{type(error).__name__}: {error}" if error else "it stopped by itself"
