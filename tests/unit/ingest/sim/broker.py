"""One ingest node after another on the same log: start, fail, die. The parts are the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from domain.admin import AdminState
from ingest.access.access import Access
from ingest.log.record import Applied
from ingest.mqtt.connection import Connection
from ingest.mqtt.listener import LISTENER
from ingest.mqtt.server import Server
from ingest.node.crossing import begin_present, take_over_sessions
from ingest.node.duties import Duties
from ingest.node.node import Node
from ingest.node.payloads import Payloads
from ingest.plugins.modules import Modules
from ingest.settings import IngestSettings, LogSettings, MqttSettings
from schemas.events import NodeStarted
from schemas.settings import KafkaSettings
from tests.unit.ingest.sim.journal import Flight, Journal
from tests.unit.ingest.sim.log import Log, Reader
from tests.unit.ingest.sim.transport import Transport

NODE = "node-1"


def settings(partitions: int = 3, ring_bytes: int = 24_000, **mqtt: Any) -> IngestSettings:
    """Settings with a small window and a small ring, so that queues and reads of the past are common."""
    return IngestSettings(
        node=NODE,
        kafka=KafkaSettings(partitions=partitions),
        mqtt=replace(MqttSettings(max_inflight=3), **mqtt),
        log=LogSettings(ring_bytes=ring_bytes),
    )


class LogTimeNode(Node):
    """A node whose clock is the log's."""

    clock: Callable[[], int]

    def now(self) -> int:
        """The time of the log."""
        return self.clock()


class Broker:
    """A node from its first fold to its death. Everything is called inside a running event loop."""

    def __init__(self, log: Log, wanted: IngestSettings) -> None:
        self.log = log
        self.settings = wanted
        self.reader = Reader(log)
        self.payloads = Payloads(cast(Any, self.reader), wanted.log.ring_bytes)
        self.node = LogTimeNode(wanted, self.payloads)
        self.node.clock = lambda: log.time
        self.journal = Journal(log, wanted, self._apply)
        self.node.journal = self.journal
        self.admin = AdminState()
        self.access = Access(wanted.mqtt, wanted.clients, self.admin, self.node.now)
        self.node.access = self.access
        self.server = Server(wanted, self.node, self.journal, self.access)
        self.duties = Duties(
            wanted, self.node, self.journal, self.server, self.admin, Modules("retainer", self.admin, {}), "test"
        )
        self._reading: asyncio.Task[None] | None = None
        self._ports = 10_000

    def _apply(self, frame: Applied) -> None:
        self.node.apply(frame)
        self.server.applied()

    async def fold(self) -> None:
        """Fold the log from its beginning."""
        async for read in self.reader.merged([0] * len(self.log.records), self.log.ends):
            self.journal.apply_read(read)

    async def start(self, late: Sequence[Flight] = (), begun: int | None = None) -> bool:
        """Come up as the service does; frames of the dead land at the last moment. With ``begun`` the node dies
        again when so many partitions have its ``node_started``: False."""
        await self.fold()
        for flight in late:
            flight.land()
        incarnation = self._begin(-1, begun)
        if begun is not None:
            return False
        begin_present(self.node)
        self.journal.resume(incarnation)
        take_over_sessions(self.node)
        self._reading = asyncio.get_running_loop().create_task(self.payloads.run(lambda p: self.node.applied[p]))
        self.drain()
        self.node.commands.begin()
        self.drain()
        return True

    def _begin(self, continues: int, begun: int | None = None) -> int:
        incarnation = self.log.new_incarnation()
        self.node.incarnations.add(incarnation)
        copy = NodeStarted(NODE, incarnation, continues, "test", [])
        partitions = range(len(self.log.records))[: len(self.log.records) if begun is None else begun]
        for partition in partitions:
            self.journal.announce(partition, copy, incarnation)
        for partition in partitions:
            self.journal.apply_to(partition, self.log.ends[partition])
        return incarnation

    def rebuild(self, late: Sequence[int]) -> list[Flight]:
        """An append failed: a new incarnation goes on. Of the frames under way those of the partitions in ``late``
        land after its beginning, the others before. Gives the late ones."""
        lost = self.journal.interrupt()
        held = [self.journal.flights[p] for p in late]
        kept = [flight for flight in lost if flight in held]
        for flight in lost:
            if flight not in kept:
                flight.land()
        incarnation = self._begin(self.journal.incarnation)
        self.journal.resume(incarnation)
        return kept

    def drain(self) -> None:
        """Let everything that waits reach the log and come back."""
        while not self.journal.idle:
            for partition, lane in enumerate(self.journal.lanes):
                if self.journal.can_seal(partition):
                    self.journal.seal(partition)
                if lane.sealed is not None:
                    self.journal.answer(partition)

    def watch(self) -> None:
        """Apply what others appended."""
        for partition, lane in enumerate(self.journal.lanes):
            if lane.sealed is None:
                self.journal.apply_to(partition, self.log.ends[partition])

    def accept(self, receive: Callable[[bytes], None]) -> tuple[Connection, Transport]:
        """A client opens a socket."""
        self._ports += 1
        connection = Connection(self.server, LISTENER)
        transport = Transport(connection, receive, self._ports)
        connection.connection_made(transport)
        return connection, transport

    def tick(self) -> None:
        """What the node does at its own pace."""
        self.node.dues.fire()
        self.duties.progress()
        self.node.delivery.flush()

    async def stop_reading(self) -> None:
        """End the task of a node that is dead."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
