"""A partition of the log, written event by event for tests, and the tables that its fold gives."""

from __future__ import annotations

from typing import Any

from domain.models import Changes, FrameRecord, MemoryTables, ModelFold, read_record
from domain.models.tables import TABLES
from schemas.events import (
    AnyEvent,
    Connected,
    Counters,
    Cursor,
    Disconnected,
    Published,
    SessionEnded,
    Subscribed,
    Subscription,
    Unsubscribed,
    Unsubscription,
)
from schemas.frames import encode_events, frame_headers
from schemas.positions import position

START = 1_700_000_000_000


class Log:
    """One partition. Every method that writes makes one frame, unless ``frame`` is given several events."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.records: list[FrameRecord] = []
        self.raw: list[tuple[list[tuple[str, bytes]], bytes, int]] = []
        """Headers, value and time of every frame."""
        self.now = START

    @property
    def next_position(self) -> int:
        """Where the first event of the next frame will be."""
        return position(len(self.records), 0)

    def frame(
        self, *events: AnyEvent, node: str = "n1", incarnation: int = 0, after: float = 1.0, stamp: int = 0
    ) -> int:
        """A frame, so many seconds after the one before; the position of its first event."""
        offset = len(self.records)
        self.now += round(after * 1000)
        headers = frame_headers(node, incarnation, offset, stamp, [offset], events)
        value = encode_events(events)
        self.raw.append((headers, value, self.now))
        self.records.append(read_record(offset, self.now, headers, value))
        return position(offset, 0)

    def connect(
        self, client_id: str = "c", *, after: float = 1.0, node: str = "n1", incarnation: int = 0, **fields: Any
    ) -> int:
        """A client connects; the epoch."""
        return self.frame(connected(client_id, **fields), after=after, node=node, incarnation=incarnation)

    def subscribe(self, epoch: int, *filters: str | Subscription, client_id: str = "c", tenant: str = "t") -> int:
        """It subscribes, with QoS 1 where only the filter is given."""
        asked = [Subscription(f, 1) if isinstance(f, str) else f for f in filters]
        return self.frame(Subscribed(tenant, client_id, epoch, [], asked))

    def unsubscribe(self, epoch: int, *filters: str, client_id: str = "c", tenant: str = "t") -> int:
        """It gives filters back."""
        return self.frame(Unsubscribed(tenant, client_id, epoch, [], [Unsubscription(f, 0) for f in filters]))

    def disconnect(self, epoch: int, *, client_id: str = "c", after: float = 1.0, **fields: Any) -> int:
        """Its connection ends."""
        return self.frame(disconnected(epoch, client_id, **fields), after=after)

    def end(self, epoch: int, reason: str = "expired", client_id: str = "c", tenant: str = "t") -> int:
        """Its session is over."""
        return self.frame(SessionEnded(tenant, client_id, epoch, reason))

    def fold(self) -> MemoryTables:
        """The tables, folded frame by frame."""
        fold, tables = ModelFold(self.partition), MemoryTables()
        for record in self.records:
            fold.fold(record)
            tables.apply(fold.changes())
        return tables

    def changes(self) -> Changes:
        """The changes of one batch with everything in it."""
        fold = ModelFold(self.partition)
        for record in self.records:
            fold.fold(record)
        return fold.changes()


def connected(client_id: str = "c", *, tenant: str = "t", **fields: Any) -> Connected:
    """A connect that continues a session and leaves one for an hour."""
    values: dict[str, Any] = {
        "username": "user",
        "protocol": "mqtt5",
        "version": 5,
        "address": "10.0.0.1",
        "port": 1234,
        "listener": "tcp",
        "clean_start": False,
        "expiry": 3600,
        "keep_alive": 60,
        "receive_maximum": 100,
        "max_packet_size": 0,
        "topic_alias_max": 0,
        "request_response": False,
        "request_problem": True,
    }
    return Connected(tenant, client_id, **(values | fields))


def disconnected(epoch: int, client_id: str = "c", *, tenant: str = "t", **fields: Any) -> Disconnected:
    """A client that says goodbye and leaves its session for an hour."""
    values: dict[str, Any] = {
        "reason_code": 0,
        "reason": "normal",
        "by": "client",
        "expiry": 3600,
        "will": False,
        "vector": [],
        "cursor": Cursor([]),
        "counters": Counters(),
    }
    return Disconnected(tenant, client_id, epoch, **(values | fields))


def published(payload: bytes = b"x", *, tenant: str = "t", qos: int = 0, retain: bool = False) -> Published:
    """A publish."""
    return Published(tenant, "p", 0, "a/b", qos, retain, 0, b"", payload)


def named(table: str, row: tuple[Any, ...] | None) -> dict[str, Any]:
    """A row with its column names."""
    assert row is not None, f"there is no such row in {table}"
    return dict(zip(TABLES[table].columns, row, strict=True))


def all_named(tables: MemoryTables, table: str) -> list[dict[str, Any]]:
    """All rows of a table with their column names, in the order of their keys."""
    return [named(table, row) for row in sorted(tables.rows(table), key=TABLES[table].key_of)]


def total(tables: MemoryTables, name: str, tenant: str = "t", partition: int = 0) -> int:
    """A total; 0 when there is none."""
    row = tables.get("totals", partition, tenant, name)
    return row[-1] if row else 0


def metric(tables: MemoryTables, name: str, tenant: str = "t", node: str = "n1", partition: int = 0) -> int:
    """A metric; 0 when there is none."""
    row = tables.get("metrics", partition, tenant, node, name)
    return row[-1] if row else 0
