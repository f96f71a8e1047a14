"""Events out of the log: from a vector on, of one tenant, by client and kind; bounded, or as they come.

One consumer per reading, in no group, which fetches only what was asked for: a reader that takes nothing fetches
nothing. Frames are skipped by their headers. Payloads of messages are left out: only their sizes are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from query_api.errors import TooManyRequestsError, UnavailableError
from query_api.native.problems import ProblemError
from schemas.events import AnyEvent
from schemas.filters import client_marks, may_contain
from schemas.frames import Frame, FrameError, read_frame
from schemas.kafka_options import kafka_client_options
from schemas.plain import to_plain
from schemas.positions import Position, index_of, offset_of, partition_of, position
from schemas.registry import name_of
from schemas.settings import KafkaSettings

START_SECONDS: Final = 10.0
POLL_MS: Final = 500
STOP_SECONDS: Final = 2.0
PARTITION_BYTES: Final = 1024 * 1024
BATCH_RECORDS: Final = 200
UNREADABLE: Final = "unreadable"
_MESSAGES: Final = frozenset({"published", "will_fired", "released"})
_NODES: Final = frozenset({"node_started", "node_stopped", "node_lost"})

Vector = dict[int, Position]
"""By partition, the position to read next."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events."""

    tenant: str
    kinds: frozenset[str]
    client_id: str = ""
    nodes: bool = False
    """Also those of nodes, which belong to no tenant."""

    def frame(self, frame: Frame) -> bool:
        """Whether a frame can hold one; judged by its headers, so it may be wrong with True."""
        if self.kinds.isdisjoint(map(name_of, frame.header.counts)):
            return False
        return not self.client_id or may_contain(frame.clients, client_marks(self.tenant, self.client_id))

    def event(self, event: AnyEvent) -> bool:
        """Whether an event is one."""
        name = name_of(event.KIND)
        if name not in self.kinds:
            return False
        if name in _NODES:
            return self.nodes and not self.client_id
        if getattr(event, "tenant", None) != self.tenant:
            return False
        return not self.client_id or getattr(event, "client_id", None) == self.client_id

    def events(self, frame: Frame) -> Iterator[tuple[int, AnyEvent]]:
        """Those of a frame with their indexes. Raises FrameError."""
        found = frame.lifecycle() if self.kinds.isdisjoint(_MESSAGES) else frame.events()
        return ((index, event) for index, event in found if self.event(event))


@dataclass(frozen=True, slots=True)
class Seen:
    """An event in its place."""

    partition: int
    position: Position
    time: int
    """Append time of its frame, in milliseconds."""
    kind: str
    client_id: str | None
    node: str
    """Who wrote it."""
    data: Mapping[str, Any]


class Log:
    """An open reading."""

    def __init__(self, consumer: AIOKafkaConsumer, kafka: KafkaSettings, partitions: Sequence[int]) -> None:
        """Over a started consumer that the caller stops."""
        self._consumer = consumer
        self._topic = kafka.events_topic
        self.partitions = tuple(partitions)
        consumer.assign([self._tp(one) for one in self.partitions])

    async def begins(self) -> Vector:
        """The first position of every partition."""
        found = await self._consumer.beginning_offsets([self._tp(one) for one in self.partitions])
        return {tp.partition: position(offset, 0) for tp, offset in found.items()}

    async def ends(self) -> Vector:
        """The position behind the last of every partition."""
        found = await self._consumer.end_offsets([self._tp(one) for one in self.partitions])
        return {tp.partition: position(offset, 0) for tp, offset in found.items()}

    async def at(self, ms: int, otherwise: Vector) -> Vector:
        """The positions from which on append times are at or after a moment; ``otherwise`` where there are none."""
        found = await self._consumer.offsets_for_times({self._tp(one): max(ms, 0) for one in self.partitions})
        return {
            tp.partition: otherwise[tp.partition] if one is None else position(one.offset, 0)
            for tp, one in found.items()
        }

    async def read(self, wanted: Wanted, at: Vector) -> AsyncGenerator[list[Seen], None]:
        """What is wanted from a vector on, in the order of each partition, for ever; empty lists when nothing comes.

        ``at`` is moved along: before a list is given, to behind what was looked at. Raises ProblemError 410 for what
        the log does not hold any more, UnavailableError.
        """
        for partition, place in at.items():
            self._consumer.seek(self._tp(partition), offset_of(place))
        while True:
            with _translated():
                got = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
            for tp, records in got.items():
                for record in records:
                    found = list(_seen(tp.partition, record, wanted, at[tp.partition]))
                    at[tp.partition] = position(record.offset + 1, 0)
                    if found:
                        yield found
            yield []

    async def records(self, at: Vector, end: Vector) -> AsyncGenerator[Any, None]:
        """The records from a vector up to another, in the order of each partition, whole frames where they begin in
        between; None when nothing comes. ``at`` is moved along: before a record is given, to behind it.

        Raises ProblemError 410 for what the log does not hold any more, UnavailableError.
        """
        left = {self._tp(one) for one in at if at[one] < end[one]}
        self._consumer.pause(*self._consumer.assignment())
        for tp in left:
            self._consumer.seek(tp, offset_of(at[tp.partition]))
            self._consumer.resume(tp)
        while left:
            with _translated():
                got = await self._consumer.getmany(*left, timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
            for tp, records in got.items():
                for record in records:
                    if position(record.offset, 0) < end[tp.partition]:
                        at[tp.partition] = position(record.offset + 1, 0)
                        yield record
            for tp in tuple(left):
                if position(await self._consumer.position(tp), 0) >= end[tp.partition]:
                    at[tp.partition] = max(at[tp.partition], end[tp.partition])
                    self._consumer.pause(tp)
                    left.discard(tp)
            yield None
            await asyncio.sleep(0)  # what is fetched already comes without waiting: others want to be served, too

    async def record(self, partition: int, offset: int) -> Any | None:
        """One record, None when the log does not hold it any more. Raises UnavailableError."""
        tp = self._tp(partition)
        with _translated():
            if offset < (await self._consumer.beginning_offsets([tp]))[tp]:
                return None
            self._consumer.pause(*(self._consumer.assignment() - {tp}))
            self._consumer.seek(tp, offset)
            self._consumer.resume(tp)
            async with asyncio.timeout(START_SECONDS):
                while True:
                    got = await self._consumer.getmany(tp, timeout_ms=POLL_MS, max_records=1)
                    for record in got.get(tp, ()):
                        return record if record.offset == offset else None

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


@asynccontextmanager
async def opened(kafka: KafkaSettings, wanted: Wanted) -> AsyncIterator[Log]:
    """The log, as far as it can hold what is wanted. Raises UnavailableError."""
    consumer = AIOKafkaConsumer(
        **kafka_client_options(kafka),
        client_id="mqledger-api-events",
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=PARTITION_BYTES,
        fetch_max_bytes=4 * PARTITION_BYTES,
        fetch_max_wait_ms=POLL_MS,
    )
    try:
        with _translated():
            async with asyncio.timeout(START_SECONDS):
                await consumer.start()
        yield Log(consumer, kafka, _partitions(kafka, wanted))
    finally:
        await _stop(consumer)


async def payload_at(kafka: KafkaSettings, partition: int, at: Position) -> bytes | None:
    """The payload of the message at a place; None when the log does not hold it any more. Raises UnavailableError."""
    with LOOKUPS:
        async with opened(kafka, Wanted("", frozenset())) as log:
            record = await log.record(partition, offset_of(at))
    if record is None:
        return None
    events = read_frame(record.headers, record.value).event_list()
    payload: bytes = getattr(events[index_of(at)], "payload")  # noqa: B009 - of those events that have one
    return payload


class Streams:
    """How many readings of the log a worker has open: each holds a connection to Kafka."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0

    def __enter__(self) -> None:
        if self._open >= self._most:
            raise TooManyRequestsError("as many readings of the log as allowed are open")
        self._open += 1

    def __exit__(self, *_: object) -> None:
        self._open -= 1


LOOKUPS: Final = Streams(4)
"""Those that end with an answer."""
LIVE: Final = Streams(16)
"""Those that go on."""


def _partitions(kafka: KafkaSettings, wanted: Wanted) -> Sequence[int]:
    if wanted.client_id and "expire" not in wanted.kinds:
        return (partition_of(wanted.tenant, wanted.client_id, kafka.partitions),)
    return range(kafka.partitions)


def _seen(partition: int, record: Any, wanted: Wanted, since: Position) -> Iterator[Seen]:
    try:
        frame = read_frame(record.headers, record.value)
        if not wanted.frame(frame):
            return
        for index, event in wanted.events(frame):
            place = position(record.offset, index)
            if place >= since:
                client_id = getattr(event, "client_id", None)
                kind, node = name_of(event.KIND), frame.header.node
                yield Seen(partition, place, record.timestamp, kind, client_id, node, shown(event))
    except FrameError as error:
        # The log is the truth, and this is a part of it: whoever reads it learns that it can't be read.
        logger.warning("a frame can't be read", extra={"partition": partition, "offset": record.offset})
        place = position(record.offset, 0)
        yield Seen(partition, place, record.timestamp, UNREADABLE, None, "", {"problem": str(error)[:200]})


def shown(event: AnyEvent) -> dict[str, Any]:
    """The fields of an event, without payloads: what clients say to each other is not for everyone who may look."""
    plain = to_plain(event)
    _without_payload(plain, event)
    will = getattr(event, "will", None)
    if isinstance(plain.get("will"), dict):
        _without_payload(plain["will"], will)
    return plain


def _without_payload(plain: dict[str, Any], event: Any) -> None:
    if "payload" in plain:
        del plain["payload"]
        plain.pop("properties", None)
        plain["payload_bytes"] = len(event.payload)


def place_of(seen: Seen) -> str:
    """For people: ``partition/offset.index``."""
    return f"{seen.partition}/{offset_of(seen.position)}.{index_of(seen.position)}"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OffsetOutOfRangeError as error:
        raise ProblemError(410, "gone", "The log does not hold that any more.") from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise UnavailableError(f"Kafka: {error!r}") from error


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await consumer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.info("a consumer did not stop in order", extra={"error": repr(error)})
