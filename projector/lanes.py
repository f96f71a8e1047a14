"""The lanes of this worker: one per assigned partition, made and ended as Kafka assigns them. That of ``mq.admin`` is
among them, as partition :data:`domain.models.admin.ADMIN`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from domain.models.admin import ADMIN
from ops.health import Health
from projector.follower import Follower
from projector.inbox import Message
from projector.store import AWAY_ERRORS, Store
from projector.vacancy import HELD_SECONDS, Vacancy

logger = logging.getLogger(__name__)

CONFIRM_SECONDS = 2.0
"""How often the worker confirms its partitions in `applied`."""


class Lanes:
    """Called from the event loop of the app only."""

    def __init__(self, new_lane: Callable[[int, Callable[[], None]], Follower], store: Store, partitions: int) -> None:
        """``new_lane(partition, goal_reached)`` makes a lane; ``partitions`` is how many the event topic has."""
        self._new_lane = new_lane
        self._store = store
        self._partitions = partitions
        self._lanes: dict[int, Follower] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._assigned = False
        self._ready = False
        self._indexing: asyncio.Task[None] | None = None
        self._goal_reached = asyncio.Event()
        self._died = asyncio.Event()
        self._defect: BaseException | None = None
        self._vacancy = Vacancy()

    async def assign(self, partitions: Iterable[int]) -> None:
        """Have a lane for exactly these partitions; those that stay seek, for the rebalance threw frames away."""
        wanted = set(partitions)
        await self.drop(self._lanes.keys() - wanted)
        for partition, lane in self._lanes.items():
            await lane.seek()
            logger.debug("partition %d stays", partition)
        for partition in sorted(wanted - self._lanes.keys()):
            lane = self._lanes[partition] = self._new_lane(partition, self._goal_reached.set)
            task = self._tasks[partition] = asyncio.create_task(lane.run(), name=f"lane {partition}")
            task.add_done_callback(self._ended)
        if not self._assigned:
            logger.info("partitions assigned: %s", ", ".join(map(str, sorted(wanted))) or "none")
        self._assigned = True

    async def drop(self, partitions: Iterable[int]) -> None:
        """End the lanes of these partitions; a commit in flight is waited for."""
        gone = [partition for partition in partitions if partition in self._lanes]
        tasks = [self._tasks.pop(partition) for partition in gone]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for partition in gone:
            self._lanes.pop(partition).probe.gone()

    async def close(self) -> None:
        """End all lanes."""
        self._assigned = False
        if self._indexing is not None:
            self._indexing.cancel()
            await asyncio.wait([self._indexing])
        await self.drop(list(self._lanes))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.critical("%s has died", task.get_name(), exc_info=error)
            self._defect = error
            self._died.set()

    async def broken(self) -> None:
        """Wait until a lane has died of a defect, and raise what it died of."""
        await self._died.wait()
        assert self._defect is not None
        raise self._defect

    async def put(self, partition: int, messages: Iterable[Message]) -> None:
        """Hand frames to their lane; when it is full, wait until it has caught up."""
        lane = self._lanes.get(partition)
        if lane is not None and not lane.inbox.put(messages):
            await lane.inbox.room()

    async def confirm_forever(self) -> None:
        """Keep `applied` fresh, and mark the models ready when all partitions have reached their goals.

        Raises:
            LeftOutError: partitions stay nobody's though this worker has none.
        """
        while True:
            try:
                await self._confirm()
                # Asked again each time: a crash of Postgres may lose that they were marked.
                ready = await self._store.make_ready(self._partitions)
                if ready and not self._ready:
                    logger.info("the read models are ready")
                self._ready = ready
                if ready and self._indexing is None:
                    self._indexing = asyncio.create_task(self._index(), name="indexes of searches")
                self._vacancy.look(len(self._lanes), self._partitions + 1 - await self._store.held(HELD_SECONDS))
            except AWAY_ERRORS as error:
                self._vacancy.forget()
                logger.warning("positions could not be confirmed: %s: %s", type(error).__name__, error)
            self._goal_reached.clear()
            try:
                async with asyncio.timeout(CONFIRM_SECONDS):
                    await self._goal_reached.wait()
            except TimeoutError:
                continue

    async def _index(self) -> None:
        """Make the indexes of searches; what does not work now is tried again with the next confirmation."""
        made = False
        try:
            made = await self._store.make_searches()
        except AWAY_ERRORS as error:
            logger.warning("the indexes of searches could not be made: %s: %s", type(error).__name__, error)
        if not made:
            self._indexing = None

    async def _confirm(self) -> None:
        """A lane that is cut off from Kafka says nothing: what it knows of the log may be old."""
        asked = {partition: lane for partition, lane in self._lanes.items() if not lane.cut_off}
        ends = {partition: lane.look() for partition, lane in asked.items()}
        committed = {partition: lane.probe.next for partition, lane in asked.items()}
        found = await self._store.confirm(ends) if ends else {}
        for partition, next_offset in committed.items():
            lane = self._lanes.get(partition)
            # Only what was committed before the question can prove that Postgres has gone back; a row may be gone.
            if lane is not None and lane.probe.state == "following" and found.get(partition, -1) < next_offset:
                lane.doubt()

    def live(self) -> Health:
        """Whether the lanes live; one that died of a defect makes the worker begin again."""
        return Health(self._defect is None, "" if self._defect is None else f"a lane has died: {self._defect!r}")

    def ready(self, lag_ms: int) -> Health:
        """Whether all assigned partitions are followed, at most so far behind."""
        if not self._assigned:
            return Health(False, "waiting for an assignment of partitions")
        words = [f"{lane.name} {text}" for _, lane in sorted(self._lanes.items()) if (text := _trouble(lane, lag_ms))]
        frames = len(self._lanes.keys() - {ADMIN})
        followed = f"{frames} partitions{' and the administration' if ADMIN in self._lanes else ''} followed"
        return Health(not words, "; ".join(words) or followed)


def _trouble(lane: Follower, lag_ms: int) -> str:
    probe = lane.probe
    if probe.state == "following":
        if lane.cut_off:
            return "hears nothing of Kafka"
        age = probe.lag_ms
        if age is None:
            return f"is {probe.lag} frames behind"
        return f"is {probe.lag} frames and {age} ms behind" if age > lag_ms else ""
    return f"is {probe.state}{': ' if probe.reason else ''}{probe.reason}"
