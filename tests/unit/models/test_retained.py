"""Retained messages as rows: the winner is that of the nodes, whatever the order in which partitions are folded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.models import TABLES, MemoryTables
from domain.models.batch import Batch
from domain.models.changes import Changes
from domain.models.retained import LONGEST_KEY, key_of, retained_row
from domain.retained import Retained, RetainedStore
from domain.session import At
from schemas.events import Connected, NodeStarted, Order, Publish, Published, WillFired
from schemas.positions import position
from tests.unit.models.log import Log, all_named, connected, disconnected, metric


def message(epoch: int, payload: bytes = b"x", *, client_id: str = "c", topic: str = "a/b") -> Published:
    return Published("t", client_id, epoch, topic, 1, True, 7, b"\x01\x01", payload)


def will(epoch: int) -> WillFired:
    return WillFired("t", "c", epoch, "will/c", 2, True, b"", b"gone")


def sizes(log: Log) -> dict[str, int]:
    """Bytes of payload by topic."""
    return {row["topic"]: row["size"] for row in all_named(log.fold(), "retained")}


def test_a_message_is_a_row_without_its_payload() -> None:
    log = Log()
    epoch = log.connect()
    at = log.frame(message(epoch, b"four"), stamp=99)
    assert all_named(log.fold(), "retained") == [
        {
            "tenant": "t",
            "key": "a/b",
            "partition": 0,
            "topic": "a/b",
            "stamp": 99,
            "position": at,
            "time": log.now,
            "qos": 1,
            "client_id": "c",
            "size": 4,
            "properties": b"\x01\x01",
        }
    ]


def test_the_latest_by_stamp_counts_and_a_clear_is_a_value() -> None:
    log = Log()
    epoch = log.connect()
    log.frame(message(epoch, b"four"), stamp=5)
    log.frame(message(epoch, b"older"), stamp=4)
    assert sizes(log) == {"a/b": 4}
    log.frame(message(epoch, b""), stamp=5)
    assert sizes(log) == {"a/b": 0}
    log.frame(message(epoch, b"no"), stamp=4)
    assert sizes(log) == {"a/b": 0}


def test_a_message_of_another_epoch_or_incarnation_is_void() -> None:
    log = Log()
    old = log.connect()
    new = log.connect()
    log.frame(message(old))
    log.frame(message(new + 1))
    log.frame(message(0, client_id="nobody"))
    log.frame(NodeStarted("n1", 9, -1, "1", []), incarnation=9)
    log.frame(message(new), incarnation=8)
    assert sizes(log) == {}


def test_events_of_one_frame_are_taken_in_their_order() -> None:
    log = Log()
    epoch = log.next_position
    log.frame(connected("c"), message(epoch, b"1"), connected("c"), message(epoch, b"22"), message(epoch | 2, b"333"))
    assert sizes(log) == {"a/b": 3}
    assert isinstance(log.records[0].lifecycle[0][1], Connected)


def test_a_will_is_retained_when_its_connection_has_ended() -> None:
    log = Log()
    epoch = log.connect()
    log.frame(will(epoch))
    assert sizes(log) == {}
    log.frame(disconnected(epoch, will=True))
    log.frame(will(epoch))
    assert sizes(log) == {"will/c": 4}


def test_a_publish_by_command_is_retained_once_and_at_no_earlier_stamp_than_its_time() -> None:
    log = Log()
    order = Order("one", "ada", "", "", 0, 0, True)
    for payload in (b"one", b"other"):
        log.frame(Publish("t", "http", order, "a/b", 0, True, True, False, b"", payload), node="api")
    assert sizes(log) == {"a/b": 3}
    (row,) = all_named(log.fold(), "retained")
    assert row["stamp"] == row["time"] << 16


def test_messages_without_the_flag_are_not_decoded() -> None:
    log = Log()
    epoch = log.connect()
    log.frame(Published("t", "c", epoch, "a/b", 0, False, 0, b"", b"x"), disconnected(epoch))
    assert [index for index, _ in log.records[1].lifecycle] == [1]
    assert metric(log.fold(), "messages.published.qos0") == 1


def test_long_topics_have_keys_that_an_index_can_hold() -> None:
    topics = ["ä" * 30_000, "ä" * 29_999 + "b", "short"]
    keys = [key_of(topic) for topic in topics]
    assert len(set(keys)) == 3
    assert keys[2] == "short"
    assert all(len(key.encode()) <= LONGEST_KEY for key in keys)


FACTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 1)), max_size=12)


@given(FACTS)
def test_the_winner_of_all_partitions_is_that_of_the_nodes(facts: list[tuple[int, int, str, int]]) -> None:
    store, tables = RetainedStore(), MemoryTables()
    for offset, (partition, stamp, topic, size) in enumerate(facts):
        at = At(partition, position(offset, 0), offset, "n", 0)
        event = Published("t", "c", 0, topic, 0, True, 0, b"", b"x" * size)
        store.observe(topic, Retained(stamp, partition, at.position, offset, 0, "c", b"", event.payload))
        batch = Batch(offset)
        batch.retain(retained_row(event, at, stamp))
        changes = Changes(partition, offset, offset + 1, offset, {}, "")
        changes.retained = list(batch._retained.values())
        tables.apply(changes)
    for topic in "ab":
        rows = [row for row in all_named(tables, "retained") if row["topic"] == topic]
        winner = max(rows, key=lambda row: (row["stamp"], row["partition"], row["position"]), default=None)
        held = store.get(topic)
        shown = winner if winner is not None and winner["size"] else None
        assert (held and (held.partition, held.position)) == (shown and (shown["partition"], shown["position"]))
    assert TABLES["retained"].key == ("tenant", "key", "partition")
