"""An ingest node as a running service: from the past to the present, and on when an append fails."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Coroutine
from importlib.metadata import version as package_version
from typing import Any

from aiokafka.errors import KafkaError

from ingest.access.access import Access
from ingest.log.herald import Herald
from ingest.log.journal import AppendError, Journal
from ingest.log.poison import Poison
from ingest.log.reader import LogReader, LogTruncatedError
from ingest.log.record import Applied
from ingest.log.tail import Tail
from ingest.log.topic_check import check_topics
from ingest.mqtt.codec import ReasonCode
from ingest.mqtt.listener import LISTENER, wanted
from ingest.mqtt.server import Server
from ingest.node.crossing import begin_present, take_over_sessions
from ingest.node.duties import Duties
from ingest.node.node import Node, SupersededError
from ingest.node.payloads import Payloads
from ingest.plugins.modules import PASSWORDS, RETAINER, SYS, Modules
from ingest.plugins.sys_topics import SysTopics
from ingest.settings import IngestSettings
from ops.health import Health
from schemas.admin import AdminEvent, ListenerSet, PluginSet
from schemas.events import NodeStarted, NodeStopped
from schemas.registry import CURRENT

log = logging.getLogger(__name__)

_TICK = 0.25
_WATCH = 0.5
_BACKOFF = (0.1, 5.0)
_PAST_FETCH = 262_144
"""Bytes fetched at once to find payloads of the past, a few frames here and there."""
_AWAY = 5.0
"""Seconds of silence after which the log counts as away."""


class IngestService:
    """Order of life: fold the log, begin an incarnation, end what the last one left open, listen, stop."""

    def __init__(self, settings: IngestSettings) -> None:
        self.settings = settings
        self.version = package_version("mqledger")
        self._state = Health(False, "starting")
        self.poison = Poison(settings.kafka.events_topic, settings.log)
        self._reader = LogReader(settings.kafka, f"{settings.node}-tail", self.poison)
        self._past = LogReader(settings.kafka, f"{settings.node}-past", self.poison, _PAST_FETCH)
        self.payloads = Payloads(self._past, settings.log.ring_bytes // 4)
        self.node = Node(settings, self.payloads)
        self.journal = Journal(settings.node, settings.kafka, settings.log, self._reader, self._apply, self._failed)
        self.node.journal = self.journal
        self._herald = Herald(settings.node, settings.kafka)
        self.tail = Tail(settings.node, settings.kafka, self.poison, self._answer_bell)
        self.access = Access(settings.mqtt, settings.clients, self.tail.admin, self.node.now)
        self.node.access = self.access
        self.server = Server(settings, self.node, self.journal, self.access)
        self.modules = Modules(settings.modules, self.tail.admin, {PASSWORDS: lambda: not self.access.open})
        self.tail.watchers += [self.server.admin_changed, self._switched]
        self.duties = Duties(
            settings, self.node, self.journal, self.server, self.tail.admin, self.modules, self.version
        )
        self._sys = SysTopics(self.node, settings.sys_tenant, settings.sys_interval)
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._recovering = False
        self.recoveries = 0

    @property
    def ready(self) -> Health:
        """Whether the node serves: not before it is up, nor while the log takes nothing."""
        silent = max(self.journal.stalled, self._herald.waiting)
        if self._state.ok and silent > _AWAY:
            return Health(False, f"the log has taken nothing for {silent:.0f} s; clients stay connected")
        if self._state.ok and self._wanted and not self.server.listener.listening:
            return Health(False, "the listener can't have its port back: see the log")
        return self._state

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens, or has listened last; None before."""
        return self.server.listener.address

    def _apply(self, frame: Applied) -> None:
        self.node.apply(frame)
        self.server.applied()

    # Start

    async def start(self) -> None:
        """Come up to the present and listen.

        Raises:
            TopicError: a topic is set up so that a promise would break.
            DamagedRecordError: a record of the log can't be read, and no setting lets go on without it.
            OSError: the listener cannot be bound.
        """
        await check_topics(self.settings.kafka)
        await self._reader.start()
        await self._past.start()
        await self._herald.start()
        await self.tail.start()
        self.access.begin()
        self.node.quotas.switch_retainer(self.modules.active(RETAINER))
        await self._fold_past()
        await self.journal.open()
        incarnation = await self._begin_incarnation(-1)
        begin_present(self.node)
        self.journal.resume(incarnation)
        ended = take_over_sessions(self.node)
        if ended:
            log.info("ended the connections that the last incarnation left open", extra={"connections": ended})
        self._spawn(self.payloads.run(lambda partition: self.node.applied[partition]), "payloads")
        await self.journal.drained()
        self.node.commands.begin()
        gc.collect()
        gc.freeze()  # what was folded lives long: it is not looked at again and again
        gc.set_threshold(50_000, 20, 50)
        await self._listen()
        self._spawn(self._ticks(), "ticks")
        self._spawn(self._watch(), "watch")
        self.tail.moved = self._beat_at_once
        self._spawn(self.tail.follow(), "tail")
        self._spawn(self.tail.answer_bells(), "bells")
        self._say_ready(incarnation)

    def _say_ready(self, incarnation: int) -> None:
        where = f"listening on {self.address[0]}:{self.address[1]}" if self.address else "not listening, as was said"
        self._state = Health(True, f"incarnation {incarnation}, {where}")
        log.info("ready", extra={"address": where, "incarnation": incarnation})

    async def _fold_past(self) -> None:
        starts, stops = await self._reader.beginnings(), await self._reader.ends()
        if any(starts):
            raise LogTruncatedError(
                f"the log begins at {starts} instead of its beginning: records were deleted that sessions and retained "
                "messages need; restore them, or begin with new topics (kafka.topic_prefix)"
            )
        progress = _Progress(sum(stops) - sum(starts), self._say)
        for lane, start in zip(self.journal.lanes, starts, strict=True):
            lane.next_offset = start
        self.node.applied = list(starts)
        async for read in self._reader.merged(starts, stops, progress.add):
            self.journal.apply_read(read)
        for lane, stop in zip(self.journal.lanes, stops, strict=True):
            lane.next_offset = stop
        self.node.applied = list(stops)
        progress.done()

    def _say(self, text: str) -> None:
        self._state = Health(False, text)
        log.info(text)

    async def _begin_incarnation(self, continues: int) -> int:
        """Announce an incarnation and read up to its beginning in every partition: what older ones wrote after
        that is void everywhere."""
        node = self.settings.node
        started = NodeStarted(node, -1, continues, self.version, sorted(CURRENT))
        incarnation = await self._herald.announce(started)
        self.node.incarnations.add(incarnation)
        copy = NodeStarted(node, incarnation, continues, self.version, sorted(CURRENT))
        partitions = range(self.settings.kafka.partitions)
        offsets = await asyncio.gather(*[self.journal.write(p, [copy], incarnation, 0) for p in partitions])
        for partition, offset in zip(partitions, offsets, strict=True):
            await self.journal.catch_up(partition, offset + 1 if offset >= 0 else None)
        return incarnation

    # Life

    async def _ticks(self) -> None:
        log_settings = self.settings.log
        last = {"progress": 0.0, "measure": time.monotonic(), "beat": 0.0}
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            self.server.tick()
            self.node.dues.fire()
            if self.modules.active(SYS):
                self._sys.tick(now, self.duties.heartbeat, self.modules.active(RETAINER))
            if now - last["progress"] >= log_settings.progress_interval:
                last["progress"] = now
                self.duties.progress()
            if now - last["measure"] >= log_settings.counters_interval:
                last["measure"] = now
                self.duties.measure()
            if now - last["beat"] >= log_settings.heartbeat_interval:
                last["beat"] = now
                await self._beat()

    async def _beat(self) -> None:
        await self._herald.beat(self.duties.heartbeat())

    async def _beat_at_once(self) -> None:
        """The node has applied changes of ``mq.admin``: somebody may wait until that is known."""
        await self._listen_as_said()
        await self._herald.idle()
        await self._beat()

    def _switched(self, event: AdminEvent) -> None:
        if isinstance(event, PluginSet):
            self.node.quotas.switch_retainer(self.modules.active(RETAINER))
        elif isinstance(event, ListenerSet) and not self._wanted:
            self.server.listener.close()

    @property
    def _wanted(self) -> bool:
        return wanted(self.tail.admin, self.settings.node, LISTENER)

    async def _listen(self) -> None:
        if self._wanted and not self.server.draining:
            await self.server.listener.open()

    async def _listen_as_said(self) -> None:
        """Somebody may have the port that was let go: then it is tried again and again."""
        try:
            await self._listen()
        except OSError as error:
            log.error("the listener cannot take connections again", extra={"error": str(error)})

    async def _answer_bell(self, partition: int, offset: int) -> None:
        """Read what somebody appended, if it has not been read and an incarnation is not just beginning."""
        if not self._recovering and self.journal.lanes[partition].next_offset < offset:
            await self.journal.catch_up(partition, None)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH)
            await self._listen_as_said()
            if self._recovering:
                continue
            try:
                await self.journal.watch()
            except KafkaError as error:
                log.warning("the log cannot be watched just now", extra={"error": repr(error)})

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        self._state = Health(False, f"stopping: {error}")
        if not self._over.done():
            self._over.set_exception(error)

    # When an append fails

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, AppendError | KafkaError | OSError):
            self._give_up(error)
        elif not self._recovering:
            self._recovering = True
            log.warning("an append failed; a new producer takes over", extra={"error": str(error)})
            self._spawn(self._recover(), "recovery")

    async def _recover(self) -> None:
        self.recoveries += 1
        self._state = Health(False, "the log is away; clients stay connected")
        delay = _BACKOFF[0]
        continued = self.journal.incarnation
        while True:
            await self.journal.suspend()
            try:
                await self.journal.open()
                continued = await self._begin_incarnation(continued)
                break
            except (AppendError, KafkaError, OSError) as error:
                log.warning("the log is still away", extra={"error": repr(error), "retry_in": delay})
                await asyncio.sleep(delay)
                delay = min(delay * 2, _BACKOFF[1])
        self._recovering = False
        self.journal.resume(continued)
        self._state = Health(True, f"incarnation {continued}")
        log.info("appending again", extra={"incarnation": continued})

    # Stop

    async def wait(self) -> None:
        """Return never; raise what made the node give up."""
        await asyncio.shield(self._over)

    async def stop(self) -> None:
        """End every connection in good order, so that the log says why, and leave."""
        self._state = Health(False, "stopping")
        self.server.draining = True
        self.server.listener.close()
        superseded = self._over.done() and isinstance(self._over.exception(), SupersededError)
        if superseded or self._over.done():
            self.server.abort_all()
        elif self.journal.incarnation >= 0:  # it has begun to speak
            await self._leave()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.journal.suspend()
        await self._herald.stop()
        await self.tail.stop()
        self.access.close()
        await self._reader.stop()
        await self._past.stop()

    async def _leave(self) -> None:
        grace = self.settings.shutdown_grace
        try:
            async with asyncio.timeout(grace):
                self.server.stop_reading()
                await self.journal.drained()
                if self.address is not None:
                    await self.server.close_all(ReasonCode.SERVER_SHUTTING_DOWN, "the server is shutting down")
                await self.journal.drained()
                self.duties.progress()
                stopped = NodeStopped(self.settings.node, self.journal.incarnation)
                for partition in range(self.settings.kafka.partitions):
                    self.node.append(partition, stopped, None, 64)
                await self.journal.drained()
                await self._herald.announce(stopped)
        except TimeoutError:
            log.warning("the log did not take everything in time; the next start ends what is open")
        except KafkaError as error:
            log.warning("could not say goodbye", extra={"error": repr(error)})


class _Progress:
    """Says how far the folding of the past is, every second."""

    def __init__(self, total: int, say: Any) -> None:
        self._total = total
        self._say = say
        self._done = 0
        self._began = self._said = time.monotonic()

    def add(self, frames: int) -> None:
        self._done += frames
        if self._done & 0xFF == 0 and time.monotonic() - self._said >= 1:
            self._said = time.monotonic()
            self._say(f"folding the log: {self._done} of {self._total} frames")

    def done(self) -> None:
        seconds = time.monotonic() - self._began
        self._say(f"folded {self._done} frames in {seconds:.1f} s")
