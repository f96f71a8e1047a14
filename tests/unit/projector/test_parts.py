"""Small parts of the projector: rules for poison, statements, heartbeats, delays."""

from __future__ import annotations

import msgspec
import pytest

from projector import sqlfiles
from projector.backoff import FIRST, LONGEST, Backoff
from projector.errors import LeftOutError
from projector.inbox import Message
from projector.metadata import _Response
from projector.nodes import SQL, statement
from projector.poison import Poison, frame_id_of
from projector.settings import ProjectorSettings
from projector.vacancy import VACANT_SECONDS, Vacancy
from schemas.events import NodeStarted, NodeStopped
from schemas.frames import frame_headers
from schemas.records import RecordError, read_node_event
from schemas.settings import SettingsError


def test_poison_stops_by_default() -> None:
    assert not Poison(ProjectorSettings()).put_aside(0, 1)


def test_poison_is_put_aside_by_rule() -> None:
    assert Poison(ProjectorSettings(poison="dead_letter")).put_aside(0, 1)


def test_poison_is_put_aside_by_name() -> None:
    poison = Poison(ProjectorSettings(quarantine="3/17, 4/0"))
    assert poison.put_aside(3, 17)
    assert poison.put_aside(4, 0)
    assert not poison.put_aside(3, 18)


@pytest.mark.parametrize("settings", [{"poison": "skip"}, {"quarantine": "17"}, {"quarantine": "a/b"}])
def test_rules_that_are_none_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        Poison(ProjectorSettings(**settings))  # type: ignore[arg-type]


def test_the_report_says_which_frame_why_and_what_to_do() -> None:
    message = Message(17, 0, frame_headers("n1", 2, 5, 0, [], []), b"")
    report = Poison(ProjectorSettings()).report(3, message, "it is broken")
    for part in ("3/17", "mq.events", "n1/2/5", "it is broken", 'projector.quarantine = "3/17"', "mq.events.dead"):
        assert part in report


def test_a_frame_without_a_header_is_named_by_its_checksum() -> None:
    assert frame_id_of(Message(0, 0, [], b"123456789")) == "crc32:cbf43926"


def test_statements_have_names_and_end() -> None:
    found = sqlfiles.statements("store")
    assert {"move", "sessions_changed", "sessions_staged", "node_heartbeat"} <= found.keys()
    for sql in found.values():
        assert sql.endswith(";")


def test_the_incarnation_of_a_started_node_is_its_offset() -> None:
    assert statement(NodeStarted("n", -1, -1, "1", []), 42, 1000) == (SQL["node_started"], ("n", 42, 1000, "1"))


def test_node_events_are_read() -> None:
    assert read_node_event(msgspec.msgpack.encode(NodeStopped("n", 3))) == NodeStopped("n", 3)


@pytest.mark.parametrize("value", [None, b"", b"\xc1", msgspec.msgpack.encode(["other.1", 1])])
def test_other_records_of_the_nodes_topic_are_refused(value: bytes | None) -> None:
    with pytest.raises(RecordError):
        read_node_event(value)


def test_delays_grow_to_a_bound_and_begin_again() -> None:
    backoff = Backoff()
    delays = [backoff.next() for _ in range(20)]
    assert delays[0] == FIRST
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST
    backoff.reset()
    assert backoff.next() == FIRST


def test_metadata_of_version_10_is_read() -> None:
    topic_id = bytes(range(16))
    partition: tuple[object, ...] = (0, 0, 1, 5, [1], [1], [], {})
    answer = _Response(
        0, [(1, "host", 9092, None, {})], "cluster", 1, [(0, "t", topic_id, False, [partition], 0, {})], 0, {}
    )
    again = _Response.decode(answer.encode())
    assert again.cluster_id == "cluster"
    assert again.topics[0][1:3] == ("t", topic_id)


def test_a_worker_without_partitions_begins_again_when_some_stay_nobodys() -> None:
    now = 0.0
    vacancy = Vacancy(lambda: now)
    vacancy.look(0, 4)
    now = VACANT_SECONDS
    vacancy.look(0, 1)
    now += 1.0
    with pytest.raises(LeftOutError, match="1 partitions have been nobody's"):
        vacancy.look(0, 1)


@pytest.mark.parametrize("look", [(2, 2), (0, 0)])
def test_a_worker_with_partitions_or_a_spare_one_waits(look: tuple[int, int]) -> None:
    now = 0.0
    vacancy = Vacancy(lambda: now)
    vacancy.look(0, 4)
    vacancy.look(*look)
    now = VACANT_SECONDS + 1.0
    vacancy.look(0, 4)
