"""The journal of a node: append, read back, act.

Events are gathered per partition while the previous append of the same Kafka broker is in flight, and leave as one
frame (group commit). Everything, own or foreign, is applied strictly in offset order of its partition through one
function. When a produce response names the next offset to apply, the frame is applied at once from memory;
otherwise what lies between is fetched first.

Who may do what: ``append`` and the pipelines only add to lanes; only ``_apply`` moves ``next_offset``. Both run on
the event loop; a lane is filled from the log by one task at a time (``_reading``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from ingest.log.appends import Appends
from ingest.log.lane import Lane, Owner, Sealed
from ingest.log.reader import LogReader, LogTruncatedError, Read
from ingest.log.record import Applied, Apply
from ingest.settings import LogSettings
from schemas.events import AnyEvent
from schemas.frames import encode_events, frame_headers, headers_and_traffic
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings

log = logging.getLogger(__name__)


class AppendError(Exception):
    """An append failed and the producer cannot be trusted any more."""


class Journal:
    """Appends of one incarnation, and the order in which everything is applied."""

    def __init__(
        self,
        node: str,
        kafka: KafkaSettings,
        settings: LogSettings,
        reader: LogReader,
        apply: Apply,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.node = node
        self.incarnation = -1
        self.lanes = [Lane(p) for p in range(kafka.partitions)]
        self.pending_bytes = 0
        """Bytes appended by this node and not applied yet, about."""
        self.landed_at = time.monotonic()
        """When an append last landed, or the journal was last idle; on the monotonic clock."""
        self.frames = 0
        self.appends = Appends()
        self._kafka = kafka
        self._settings = settings
        self._reader = reader
        self._apply_frame = apply
        self._failed = failed
        self._stamp = 0
        self._producer: AIOKafkaProducer | None = None
        self._writing = False
        self._pipelines: dict[int, _Pipeline] = {}
        self._partitions = [TopicPartition(kafka.events_topic, p) for p in range(kafka.partitions)]
        self._reading = asyncio.Lock()
        self._drained = asyncio.Event()
        self._drained.set()

    # Writing

    def append(self, partition: int, event: AnyEvent, owner: Owner | None, size: int) -> None:
        """Put an event into the next frame of a partition; the owner acts when it is applied."""
        lane = self.lanes[partition]
        lane.events.append(event)
        lane.owners.append(owner)
        lane.size += size
        if not self.pending_bytes:
            self.landed_at = time.monotonic()
        self.pending_bytes += size
        if not lane.queued and lane.sealed is None:
            self._queue(lane)

    def extend(self, partition: int, events: Sequence[AnyEvent], owner: Owner | None, size: int) -> None:
        """The same for events that follow each other, of ``size`` bytes together."""
        lane = self.lanes[partition]
        lane.events.extend(events)
        lane.owners.extend([owner] * len(events))
        lane.size += size
        if not self.pending_bytes:
            self.landed_at = time.monotonic()
        self.pending_bytes += size
        if not lane.queued and lane.sealed is None:
            self._queue(lane)

    @property
    def stalled(self) -> float:
        """Seconds for which something has been waiting without any append landing; 0 when nothing waits."""
        if self.pending_bytes == 0:
            return 0.0
        return time.monotonic() - self.landed_at

    @property
    def vector(self) -> list[int]:
        """A copy of the applied vector."""
        return [lane.next_offset for lane in self.lanes]

    async def drained(self) -> None:
        """Return when nothing that was appended waits to be applied."""
        while any(lane.events or lane.sealed for lane in self.lanes):
            self._drained.clear()
            await self._drained.wait()

    async def open(self) -> AIOKafkaProducer:
        """Start a producer for this journal; it writes only after :meth:`resume`."""
        producer = AIOKafkaProducer(
            **kafka_client_options(self._kafka),
            client_id=f"{self.node}-journal",
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=self._settings.max_frame_bytes + 131_072,
            max_request_size=8_388_608,
            request_timeout_ms=int(self._settings.request_timeout * 1000),
            retry_backoff_ms=50,
        )
        await producer.start()
        self._producer = producer
        return producer

    def resume(self, incarnation: int) -> None:
        """Begin to write as this incarnation; what waits goes first."""
        self.incarnation = incarnation
        self._writing = True
        self.landed_at = time.monotonic()
        for lane in self.lanes:
            lane.sequence = 1  # 0 was the beginning of the incarnation
            lane.queued = False
            lane.unseal()
            if lane.events:
                self._queue(lane)

    async def suspend(self) -> None:
        """Stop writing and abandon the producer; what was sealed stays sealed."""
        self._writing = False
        for pipeline in self._pipelines.values():
            await pipeline.stop()
        self._pipelines.clear()
        producer, self._producer = self._producer, None
        if producer is not None:
            await _abandon(producer)

    async def write(self, partition: int, events: list[AnyEvent], incarnation: int, sequence: int) -> int:
        """Append one frame outside the lanes and return its offset; it is applied when it is read back."""
        stamp = self._next_stamp()
        headers = frame_headers(self.node, incarnation, sequence, stamp, self.vector, events)
        future = await self._send(partition, encode_events(events), headers)
        try:
            metadata = await future
        except KafkaError as error:
            raise AppendError(str(error)) from error
        return int(metadata.offset)  # type: ignore[attr-defined]

    def _queue(self, lane: Lane) -> None:
        if self._producer is None or not self._writing:
            return
        lane.queued = True
        leader = self._producer.client.cluster.leader_for_partition(self._partitions[lane.partition])
        key = -1 - lane.partition if leader is None or leader < 0 else leader
        pipeline = self._pipelines.get(key)
        if pipeline is None:
            pipeline = self._pipelines[key] = _Pipeline(self)
        pipeline.add(lane)

    def _next_stamp(self) -> int:
        self._stamp = max(time.time_ns() // 1_000_000 << 16, self._stamp + 1)
        return self._stamp

    async def _send(self, partition: int, value: bytes, headers: list[tuple[str, bytes]]) -> asyncio.Future[object]:
        producer = self._producer
        if producer is None:
            raise AppendError("the producer is closed")
        batch = producer.create_batch()
        if batch.append(key=None, value=value, timestamp=None, headers=headers) is None:
            raise ValueError(f"a frame of {len(value)} bytes does not fit a batch")
        return await producer.send_batch(batch, self._kafka.events_topic, partition=partition)  # type: ignore[no-any-return]

    async def _write_lanes(self, lanes: list[Lane]) -> None:
        """Seal and send a frame of each lane, together, and apply them as they land."""
        settings = self._settings
        now = time.monotonic()
        sent = []
        for lane in lanes:
            lane.queued = False
            sealed = lane.seal(
                self.incarnation, self._next_stamp(), settings.max_frame_events, settings.max_frame_bytes
            )
            value = self._encoded(lane, sealed)
            sealed.sealed_at, sealed.bytes = now, len(value)
            headers, sealed.traffic = headers_and_traffic(
                self.node, sealed.incarnation, sealed.sequence, sealed.stamp, self.vector, sealed.events
            )
            future = await self._send(lane.partition, value, headers)
            sent.append((lane, sealed, future))
        for lane, sealed, future in sent:
            try:
                metadata = await future
            except KafkaError as error:
                raise AppendError(f"{type(error).__name__}: {error}") from error
            await self._landed(lane, sealed, metadata)

    def _encoded(self, lane: Lane, sealed: Sealed) -> bytes:
        """The value of a frame. Sizes of events are estimates: what does not fit goes into the next frame."""
        value = encode_events(sealed.events)
        while len(value) > self._settings.max_frame_bytes and len(sealed.events) > 1:
            lane.shorten(len(sealed.events) // 2)
            value = encode_events(sealed.events)
        return value

    async def _landed(self, lane: Lane, sealed: Sealed, metadata: object) -> None:
        offset: int = metadata.offset  # type: ignore[attr-defined]
        timestamp: int = metadata.timestamp  # type: ignore[attr-defined]
        if offset == lane.next_offset and timestamp >= 0 and not self._reading.locked():
            self._apply_own(lane, sealed, offset, timestamp)
        elif lane.sealed is sealed:
            if 0 <= offset < lane.next_offset:
                raise LogTruncatedError(
                    f"Kafka put a frame at {lane.partition}/{offset} of {self._kafka.events_topic}, where there was "
                    "another: it has lost records that this node had applied"
                )
            # A response without an offset (a duplicate), or one that leaves a gap: read the log.
            await self.catch_up(lane.partition, offset + 1 if offset >= 0 else None)
            if lane.sealed is sealed:
                raise AppendError(f"the frame said to be at {lane.partition}/{offset} is not there")
        if lane.events and not lane.queued:
            self._queue(lane)

    # Applying

    async def watch(self) -> None:
        """Apply what others appended, as far as no response of ours has led to it."""
        ends = await self._reader.ends()
        for lane, end in zip(self.lanes, ends, strict=True):
            if end > lane.next_offset and lane.sealed is None:
                await self.catch_up(lane.partition, end)

    async def catch_up(self, partition: int, stop: int | None) -> None:
        """Apply the log of a partition up to ``stop`` (None: its present end) from where the node is."""
        lane = self.lanes[partition]
        async with self._reading:
            if stop is None:
                stop = (await self._reader.ends())[partition]
            if lane.next_offset >= stop:
                return
            async for read in self._reader.read(partition, lane.next_offset, stop):
                self.apply_read(read)
            lane.next_offset = max(lane.next_offset, stop)

    def apply_read(self, read: Read) -> None:
        """Apply a frame that was read from the log; one of ours that still waits finds its owners.

        Raises :class:`ingest.log.poison.DamagedRecordError`.
        """
        lane = self.lanes[read.partition]
        if read.offset < lane.next_offset:
            return
        header = read.frame.header
        sealed = lane.sealed
        if (
            sealed is not None
            and header.node == self.node
            and header.incarnation == sealed.incarnation
            and header.sequence == sealed.sequence
        ):
            self._apply_own(lane, sealed, read.offset, read.time)
            return
        lane.time = max(lane.time, read.time)
        # The stamp of who is no node counts from the append time on (see Node.apply): what comes behind it is higher.
        self._stamp = max(self._stamp, header.stamp, lane.time << 16)
        self._apply_frame(
            Applied(
                read.partition,
                read.offset,
                lane.time,
                header.node,
                header.incarnation,
                header.stamp,
                read.events(),
                None,
                len(read.frame.value),
            )
        )
        lane.next_offset = read.offset + 1

    def _apply_own(self, lane: Lane, sealed: Sealed, offset: int, timestamp: int) -> None:
        lane.time = max(lane.time, timestamp)
        lane.sealed = None
        self.frames += 1
        self.pending_bytes -= sealed.size
        self.landed_at = time.monotonic()
        self.appends.landed(sealed, self.landed_at)
        self._apply_frame(
            Applied(
                lane.partition,
                offset,
                lane.time,
                self.node,
                sealed.incarnation,
                sealed.stamp,
                sealed.events,
                sealed.owners,
                sealed.size,
            )
        )
        lane.next_offset = offset + 1
        if not lane.events:
            self._drained.set()

    def fail(self, error: BaseException) -> None:
        """A pipeline could not go on."""
        self._failed(error)


class _Pipeline:
    """The appends to one Kafka broker: one request in flight, the next one gathers meanwhile."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ready: list[Lane] = []
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="journal pipeline")

    def add(self, lane: Lane) -> None:
        self._ready.append(lane)
        self._wake.set()

    async def stop(self) -> None:
        if self._task is asyncio.current_task():
            return
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            # What clients have sent while the last frames were applied is read first and goes along: at 1,000 clients
            # with one message each, frames are twice as large and a message costs a tenth less.
            await asyncio.sleep(0)
            self._wake.clear()
            lanes, self._ready = self._ready, []
            if not lanes:
                continue
            try:
                await self._journal._write_lanes(lanes)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever it is, the node must decide: it is handed over, not swallowed
                self._journal.fail(error)
                return


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer whose batches may never be answered, without waiting for them."""
    sender = producer._sender.sender_task
    if sender is not None and not sender.done():
        sender.cancel()
        await asyncio.wait([sender], timeout=5)
    producer._closed = True
    await producer.client.close()
