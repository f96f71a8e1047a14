"""Counters, metrics and what says nothing to the read models."""

from __future__ import annotations

import pytest

from domain.models import FoldError, ModelFold, read_record
from domain.models.memory import MemoryTables
from schemas.events import (
    AnyEvent,
    ClientCounters,
    Counters,
    Dropped,
    Measured,
    NodeStopped,
    Progress,
    Received,
    Refused,
    Released,
    Sending,
    WillFired,
)
from schemas.frames import FrameError, encode_events, frame_headers
from schemas.positions import position
from tests.unit.models.log import START, Log, all_named, connected, disconnected, metric, named, published


def test_publishes_are_counted_from_frame_headers() -> None:
    log = Log()
    log.frame(published(b"12345", qos=0), published(b"123", qos=1, retain=True), published(b"1", qos=2, tenant="u"))
    tables = log.fold()
    assert metric(tables, "messages.published.qos0") == metric(tables, "messages.published.qos1") == 1
    assert metric(tables, "bytes.published") == 8
    assert metric(tables, "messages.retained") == 1
    assert metric(tables, "messages.published.qos2", "u") == 1
    assert metric(tables, "bytes.published", "u") == 1
    assert metric(tables, "events", "") == 3
    assert metric(tables, "frames", "") == 1


def test_payloads_are_never_decoded() -> None:
    events: list[AnyEvent] = [published(), connected()]
    value = encode_events(events)
    assert value.endswith(encode_events([published()])[-5:])
    broken = value[:-3] + b"\xc1\xc1\xc1"  # no MessagePack
    record = read_record(0, START, frame_headers("n1", 0, 0, 0, [], events), broken)
    fold = ModelFold(0)
    fold.fold(record)
    assert len(fold.changes().sessions_new) == 1


def test_the_counters_of_a_disconnect_are_kept() -> None:
    log = Log()
    epoch = log.connect()
    log.disconnect(epoch, counters=Counters(inflight=1, queued=2, packets_in=3, dropped=4))
    row = named("session_counters", log.fold().get("session_counters", "t", "c"))
    assert (row["epoch"], row["inflight"], row["queued"], row["packets_in"], row["dropped"]) == (epoch, 1, 2, 3, 4)
    assert row["at"] == START + 2000


def test_measured_counters_replace_older_ones_of_the_same_epoch() -> None:
    log = Log()
    epoch = log.connect()
    log.frame(
        Measured([ClientCounters("t", "c", epoch, Counters(bytes_in=1)), ClientCounters("t", "x", 0, Counters())])
    )
    log.frame(Measured([ClientCounters("t", "c", epoch, Counters(bytes_in=2))]))
    log.frame(Measured([ClientCounters("t", "c", epoch + 1, Counters(bytes_in=3))]))
    (row,) = all_named(log.fold(), "session_counters")
    assert row["bytes_in"] == 2


def test_what_is_measured_of_a_session_that_is_away_leaves_what_its_connection_counted() -> None:
    log = Log()
    epoch = log.connect()
    log.disconnect(epoch, counters=Counters(inflight=1, packets_in=3, bytes_in=70))
    log.frame(Measured([ClientCounters("t", "c", epoch, Counters(queued=2))]))
    at_once = MemoryTables()
    at_once.apply(log.changes())
    for tables in (log.fold(), at_once):
        row = named("session_counters", tables.get("session_counters", "t", "c"))
        assert (row["inflight"], row["queued"], row["packets_in"], row["bytes_in"]) == (0, 2, 3, 70)
    later = log.connect()
    log.frame(Measured([ClientCounters("t", "c", later, Counters(packets_in=1))]))
    row = named("session_counters", log.fold().get("session_counters", "t", "c"))
    assert (row["queued"], row["packets_in"], row["bytes_in"]) == (0, 1, 0)


def test_drops_are_counted_by_reason_unless_void() -> None:
    log = Log()
    epoch = log.connect()
    log.frame(Dropped("t", "c", epoch, "queue_full", 5, []))
    log.frame(Dropped("t", "c", epoch, "queue_full", 2, []))
    log.frame(Dropped("t", "c", epoch - 1, "queue_full", 100, []))
    assert metric(log.fold(), "messages.dropped.queue_full") == 7
    assert metric(log.fold(), "events.void") == 1


def test_refusals_are_counted() -> None:
    log = Log()
    log.frame(Refused("t", "c", "u", "mqtt5", 5, "10.0.0.1", 1, "tcp", 0x87, "not authorized"))
    assert metric(log.fold(), "refused") == 1
    assert list(log.fold().rows("sessions")) == []


def test_what_says_nothing_to_the_models_changes_nothing_but_the_counts() -> None:
    log = Log()
    epoch = log.connect()
    before = list(log.fold().rows("sessions"))
    log.frame(
        Sending("t", "c", epoch, []),
        Received("t", "c", epoch, []),
        Progress([1], []),
        NodeStopped("n1", 0),
        WillFired("t", "c", epoch, "w", 0, False, b"", b""),
        Released("t", "c", epoch, 1),
    )
    assert list(log.fold().rows("sessions")) == before
    assert metric(log.fold(), "events", "") == 7


def test_an_unknown_event_is_refused() -> None:
    headers = frame_headers("n1", 0, 0, 0, [], [connected()])
    tampered = [(name, content.replace(b"connected.1", b"connected.9")) for name, content in headers]
    value = encode_events([connected()]).replace(b"connected.1", b"connected.9")
    with pytest.raises(FrameError, match=r"connected\.9"):
        read_record(0, START, tampered, value)


def test_an_unknown_message_event_is_refused_by_its_header() -> None:
    headers = frame_headers("n1", 0, 0, 0, [], [published()])
    tampered = [(name, content.replace(b"published.1", b"published.9")) for name, content in headers]
    with pytest.raises(FrameError, match=r"published\.9"):
        read_record(0, START, tampered, encode_events([published()]))


def test_a_frame_is_folded_once() -> None:
    log = Log()
    log.connect()
    fold = ModelFold(0)
    fold.fold(log.records[0])
    with pytest.raises(FoldError, match="already folded"):
        fold.fold(log.records[0])


def test_a_frame_put_aside_moves_position_and_partition_time() -> None:
    fold = ModelFold(0)
    fold.skip(0, START + 5000, "crc32:0")
    changes = fold.changes()
    assert (changes.first, changes.next, changes.partition_time, changes.last_frame) == (0, 1, START + 5000, "crc32:0")
    assert changes.metrics == {("", "", "frames.quarantined"): 1}


def test_a_fold_stops_inside_a_frame_when_told() -> None:
    log = Log()
    log.frame(connected("a"), connected("b"), connected("c"))
    headers, value, time = log.raw[0]
    record = read_record(0, time, headers, value, until=position(0, 2))
    assert [event.client_id for _, event in record.lifecycle] == ["a", "b"]  # type: ignore[union-attr]


def test_a_session_that_was_not_supplied_is_a_defect_not_a_new_session() -> None:
    log = Log()
    log.connect()
    fold = ModelFold(0, complete=False)
    assert fold.missing(log.records) == {("t", "c")}
    with pytest.raises(LookupError, match="not supplied"):
        fold.fold(log.records[0])


def test_supplied_rows_are_where_the_fold_goes_on() -> None:
    log = Log()
    epoch = log.connect()
    log.subscribe(epoch, "a")
    tables = log.fold()
    log.frame(disconnected(epoch))
    fold = ModelFold(0, start=2, partition_time=START + 2000, complete=False)
    fold.supply([("t", "c")], tables.rows("sessions"), tables.rows("subscriptions"))
    fold.fold(log.records[2])
    tables.apply(fold.changes())
    assert list(tables.rows("sessions")) == list(log.fold().rows("sessions"))
