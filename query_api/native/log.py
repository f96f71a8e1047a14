"""Events out of the log: from a vector on, of one tenant, by client and kind; bounded, or as they come.

One consumer per reading, in no group, which fetches only what was asked for: a reader that takes nothing fetches
nothing. Frames are skipped by their headers, heartbeats by their first bytes. The administration and the connections
to other brokers have topics of their own, which count as partitions below 0. Payloads of messages are left out: only
their sizes are told; and no secret is shown.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from query_api.access.principal import ALL_TENANTS
from query_api.errors import TooManyRequestsError, UnavailableError
from query_api.native.kinds import ADMINISTRATION, CONNECTION_STATUS, OF_DEPLOYMENT, OF_NODES
from query_api.native.problems import ProblemError
from schemas.events import AnyEvent, ConnectionStatus
from schemas.filters import client_marks, may_contain
from schemas.frames import Frame, FrameError, read_frame
from schemas.kafka_options import kafka_client_options
from schemas.parts import Event
from schemas.plain import to_plain
from schemas.positions import Position, index_of, offset_of, partition_of, position
from schemas.records import RecordError, begins_with_kind, read_admin_event, read_node_event
from schemas.registry import name_of
from schemas.secrets import without_secrets
from schemas.settings import KafkaSettings

START_SECONDS: Final = 10.0
POLL_MS: Final = 500
STOP_SECONDS: Final = 2.0
PARTITION_BYTES: Final = 1024 * 1024
BATCH_RECORDS: Final = 200
FRAMES: Final = 16
"""Whole frames that are worked on before others are served: each may hold thousands of messages."""
UNREADABLE: Final = "unreadable"
_MESSAGES: Final = frozenset({"published", "will_fired", "released"})
ADMIN: Final = -1
"""Stands for the one partition of ``mq.admin``, as in the table ``commands``."""
STATUSES: Final = -2
"""Stands for the one partition of ``mq.nodes``, where statuses of connections lie between heartbeats."""
_OF_NO_TENANT: Final = OF_NODES | OF_DEPLOYMENT
_OF_NO_CLIENT: Final = ADMINISTRATION | {CONNECTION_STATUS}

Vector = dict[int, Position]
"""By partition, the position to read next."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events."""

    tenant: str
    kinds: frozenset[str]
    client_id: str = ""
    everywhere: bool = False
    """Also those of what belongs to no tenant: nodes, accounts, API keys, modules, listeners."""

    def frame(self, frame: Frame) -> bool:
        """Whether a frame can hold one; judged by its headers, so it may be wrong with True."""
        if self.kinds.isdisjoint(map(name_of, frame.header.counts)):
            return False
        return not self.client_id or may_contain(frame.clients, client_marks(self.tenant, self.client_id))

    def event(self, event: Event) -> bool:
        """Whether an event is one."""
        name = name_of(event.KIND)
        if name not in self.kinds:
            return False
        if name in _OF_NO_TENANT:
            return self.everywhere and not self.client_id
        tenant = getattr(event, "tenant", None)
        if tenant != self.tenant and not (tenant == ALL_TENANTS and self.everywhere):
            return False
        return not self.client_id or client_of(event) == self.client_id

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
        self._kafka = kafka
        self.partitions = tuple(partitions)
        self._places = {self._tp(one): one for one in self.partitions}
        consumer.assign([self._tp(one) for one in self.partitions])

    async def begins(self) -> Vector:
        """The first position of every partition. Raises UnavailableError."""
        found = await _answer(self._consumer.beginning_offsets([self._tp(one) for one in self.partitions]))
        return {self._places[tp]: position(offset, 0) for tp, offset in found.items()}

    async def ends(self) -> Vector:
        """The position behind the last of every partition. Raises UnavailableError."""
        found = await _answer(self._consumer.end_offsets([self._tp(one) for one in self.partitions]))
        return {self._places[tp]: position(offset, 0) for tp, offset in found.items()}

    async def at(self, ms: int, otherwise: Vector) -> Vector:
        """The positions from which on append times are at or after a moment; ``otherwise`` where there are none.

        Raises UnavailableError.
        """
        found = await _answer(self._consumer.offsets_for_times({self._tp(one): max(ms, 0) for one in self.partitions}))
        return {
            self._places[tp]: otherwise[self._places[tp]] if one is None else position(one.offset, 0)
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
                partition = self._places[tp]
                for record in records:
                    found = list(_seen(partition, record, wanted, at[partition]))
                    at[partition] = position(record.offset + 1, 0)
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
                got = await self._consumer.getmany(*left, timeout_ms=POLL_MS, max_records=FRAMES)
            for tp, records in got.items():
                for record in records:
                    if position(record.offset, 0) < end[tp.partition]:
                        at[tp.partition] = position(record.offset + 1, 0)
                        yield record
            for tp in tuple(left):
                if position(await _answer(self._consumer.position(tp)), 0) >= end[tp.partition]:
                    at[tp.partition] = max(at[tp.partition], end[tp.partition])
                    self._consumer.pause(tp)
                    left.discard(tp)
            yield None
            await asyncio.sleep(0)  # what is fetched already comes without waiting: others want to be served, too

    async def record(self, partition: int, offset: int) -> Any | None:
        """One record, None when the log does not hold it any more. Raises UnavailableError."""
        tp = self._tp(partition)
        if offset < (await _answer(self._consumer.beginning_offsets([tp])))[tp]:
            return None
        with _translated():
            self._consumer.pause(*(self._consumer.assignment() - {tp}))
            self._consumer.seek(tp, offset)
            self._consumer.resume(tp)
            async with asyncio.timeout(START_SECONDS):
                while True:
                    got = await self._consumer.getmany(tp, timeout_ms=POLL_MS, max_records=1)
                    for record in got.get(tp, ()):
                        return record if record.offset == offset else None

    def _tp(self, partition: int) -> TopicPartition:
        alone = {ADMIN: self._kafka.admin_topic, STATUSES: self._kafka.nodes_topic}
        return TopicPartition(alone.get(partition, self._kafka.events_topic), max(partition, 0))


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
        log = Log(consumer, kafka, _partitions(kafka, wanted))
        # Let a task begin that aiokafka has made: `stop` cancels it, and one that never began would end our own error.
        await asyncio.sleep(0)
        yield log
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


class SharedStreams(Streams):
    """Of which no tenant has more than half."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._each = most // 2
        self._tenants: Counter[str] = Counter()

    @contextmanager
    def of(self, tenant: str) -> Iterator[None]:
        """One for a tenant. Raises TooManyRequestsError."""
        if self._tenants[tenant] >= self._each:
            raise TooManyRequestsError("as many readings of the log as allowed are open for the tenant")
        with self:
            self._tenants[tenant] += 1
            try:
                yield
            finally:
                self._tenants -= Counter([tenant])


LOOKUPS: Final = Streams(4)
"""Those that end with an answer."""
QUEUES: Final = SharedStreams(4)
"""Those of queues, which take longer and are for more than operators."""
LIVE: Final = Streams(16)
"""Those that go on."""


def _partitions(kafka: KafkaSettings, wanted: Wanted) -> Sequence[int]:
    if wanted.client_id and "expire" not in wanted.kinds:
        return (partition_of(wanted.tenant, wanted.client_id, kafka.partitions),)
    if wanted.client_id or not wanted.kinds:
        return range(kafka.partitions)
    return [
        *(range(kafka.partitions) if wanted.kinds - _OF_NO_CLIENT else ()),
        *((ADMIN,) if wanted.kinds & ADMINISTRATION else ()),
        *((STATUSES,) if CONNECTION_STATUS in wanted.kinds else ()),
    ]


def _seen(partition: int, record: Any, wanted: Wanted, since: Position) -> Iterator[Seen]:
    place = position(record.offset, 0)
    if partition >= 0:
        yield from _in_frame(partition, record, wanted, since)
    elif place >= since:
        yield from _alone(partition, place, record, wanted)


def _alone(partition: int, place: Position, record: Any, wanted: Wanted) -> Iterator[Seen]:
    """The event of a record that is no frame."""
    try:
        event = _event_of(partition, record.value)
    except RecordError as error:
        logger.warning("a record can't be read", extra={"partition": partition, "offset": record.offset})
        if wanted.everywhere:  # nobody knows whose it is
            yield Seen(partition, place, record.timestamp, UNREADABLE, None, "", {"problem": str(error)[:200]})
        return
    if event is not None and wanted.event(event):
        yield Seen(partition, place, record.timestamp, name_of(event.KIND), None, "", shown(event))


def _event_of(partition: int, value: bytes | None) -> Event | None:
    if partition == ADMIN:
        return read_admin_event(value)
    return read_node_event(value) if begins_with_kind(value, ConnectionStatus) else None


def _in_frame(partition: int, record: Any, wanted: Wanted, since: Position) -> Iterator[Seen]:
    try:
        frame = read_frame(record.headers, record.value)
        if not wanted.frame(frame):
            return
        for index, event in wanted.events(frame):
            place = position(record.offset, index)
            if place >= since:
                kind, node = name_of(event.KIND), frame.header.node
                yield Seen(partition, place, record.timestamp, kind, client_of(event), node, shown(event))
    except FrameError as error:
        # The log is the truth, and this is a part of it: whoever reads it learns that it can't be read.
        logger.warning("a frame can't be read", extra={"partition": partition, "offset": record.offset})
        place = position(record.offset, 0)
        yield Seen(partition, place, record.timestamp, UNREADABLE, None, "", {"problem": str(error)[:200]})


def client_of(event: Event) -> str | None:
    """The client to whom it happened: one that a rule or a connection to another broker names is none."""
    return None if name_of(event.KIND) in _OF_NO_CLIENT else getattr(event, "client_id", None)


def shown(event: Event) -> dict[str, Any]:
    """The fields of an event, without payloads: what clients say to each other is not for everyone who may look; and
    with ``***`` for secrets."""
    plain = to_plain(without_secrets(event))
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


async def _answer(asked: Awaitable[T]) -> T:
    """What Kafka answers. Raises ProblemError, UnavailableError."""
    with _translated():
        async with asyncio.timeout(START_SECONDS):
            return await asked


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await consumer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.info("a consumer did not stop in order", extra={"error": repr(error)})
