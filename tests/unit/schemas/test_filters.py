"""The filter of a frame: never a false negative, and few false positives where it matters."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import filters
from schemas.filters import MOST_BYTES, client_marks, may_contain, topic_marks
from tests.unit.schemas.strategies import TEXTS

LEVELS = st.lists(
    TEXTS.map(lambda text: text.replace("/", "").replace("+", "").replace("#", "")), min_size=1, max_size=4
)
TOPICS = LEVELS.map("/".join)


def _topics(topics: Iterable[str]) -> bytes:
    return filters.of_topics({filters.topics[topic] for topic in topics})


def _clients(clients: dict[str, set[str]]) -> bytes:
    return filters.of_clients({filters.clients[tenant][client] for tenant, ids in clients.items() for client in ids})


def _documented(text: str) -> int:
    return crc32(text.encode()) * 2_654_435_761 % 2**32 // 2**16


def _held(summary: bytes) -> set[int]:
    return set(struct.unpack(f"<{len(summary) // 2}H", summary))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.dictionaries(TEXTS, st.sets(TEXTS, max_size=20), max_size=3))
def test_clients_are_never_denied_and_marked_as_documented(clients: dict[str, set[str]]) -> None:
    summary = _clients(clients)
    for tenant, client_ids in clients.items():
        for client_id in client_ids:
            assert may_contain(summary, client_marks(tenant, client_id))
    assert _held(summary) == {_documented(f"{tenant}/{client}") for tenant, ids in clients.items() for client in ids}


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.sets(TOPICS, max_size=60))
def test_topics_are_never_denied_and_marked_as_documented(topics: set[str]) -> None:
    summary = _topics(topics)
    texts = set()
    for topic in topics:
        assert may_contain(summary, topic_marks(topic))
        levels = topic.split("/")
        texts |= {f"t:{topic}", f"p:{levels[0]}"}
        if len(levels) > 1:
            texts.add(f"q:{levels[0]}/{levels[1]}")
    assert _held(summary) == set(map(_documented, texts))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 0xFFFF))
def test_a_mark_is_looked_for_at_even_places_only(summary: bytes, mark: int) -> None:
    wanted = struct.pack("<H", mark)
    plain = not summary or len(summary) % 2 or mark in struct.unpack(f"<{len(summary) // 2}H", summary)
    assert may_contain(summary, (wanted,)) == bool(plain)


def test_a_mark_across_two_others_is_not_there() -> None:
    assert not may_contain(b"\x01\x02\x03\x04", (b"\x02\x03",))
    assert may_contain(b"\x01\x02\x03\x02\x02\x03", (b"\x02\x03",))
    assert not may_contain(b"\x01\x02\x03\x04", (b"\x01\x02", b"\x02\x03"))


@settings(derandomize=True, max_examples=500, deadline=None)
@given(LEVELS, st.data())
def test_a_matching_topic_filter_is_never_denied(levels: list[str], data: st.DataObject) -> None:
    summary = _topics(["/".join(levels)])
    wild = [data.draw(st.sampled_from([level, "+"])) for level in levels]
    cut = data.draw(st.integers(0, len(wild)))
    assert may_contain(summary, topic_marks("/".join(wild)))
    assert may_contain(summary, topic_marks("/".join([*wild[:cut], "#"])))


def test_topics_share_the_marks_of_their_first_levels() -> None:
    assert len(_topics(f"site/a/{i}" for i in range(100))) == 2 * (100 + 2)


def test_the_order_is_the_same_in_every_process() -> None:
    """Golden files depend on it: hashes of texts differ from process to process, those of numbers don't."""
    assert _topics(["site/a/temp", "b"]).hex() == "5fc6c7d22b6dc587f76cf76c"
    assert filters.of_clients({filters.clients["default"][f"sensor-{i}"] for i in range(4)}).hex() == "a0ed219fd55577ef"


@pytest.mark.parametrize(("members", "most"), [(1, 0.001), (20, 0.005), (200, 0.01), (1_000, 0.03)])
def test_false_positives_are_few(members: int, most: float) -> None:
    clients = _clients({"default": {f"client-{i}" for i in range(members)}})
    topics = _topics(f"site/{i % 5}/device/{i}" for i in range(members))
    strangers = 4_000
    assert sum(may_contain(clients, client_marks("default", f"stranger-{i}")) for i in range(strangers)) <= (
        most * strangers
    )
    assert sum(may_contain(topics, topic_marks(f"site/x{i}/#")) for i in range(strangers)) <= most * strangers
    assert sum(may_contain(topics, topic_marks(f"site/1/x{i}")) for i in range(strangers)) <= most * strangers


def test_a_filter_that_would_be_too_long_is_empty() -> None:
    assert len(filters.of_clients(range(MOST_BYTES // 2))) == MOST_BYTES
    assert filters.of_clients(range(MOST_BYTES // 2 + 1)) == b""
    assert len(filters.of_topics(range(MOST_BYTES // 2 - 2))) == MOST_BYTES
    assert filters.of_topics(range(MOST_BYTES // 2 - 1)) == b""


@pytest.mark.parametrize("damaged", [b"", b"\0", b"\0" * 9, b"\0" * 1023])
def test_an_absent_or_damaged_filter_denies_nothing(damaged: bytes) -> None:
    assert may_contain(damaged, topic_marks("a/b"))


def test_a_filter_that_begins_with_a_wildcard_cannot_skip() -> None:
    assert topic_marks("#") == topic_marks("+/a") == ()
    assert may_contain(_topics(["a/b"]), ())


def test_a_very_long_name_is_not_kept() -> None:
    topic = "long/" + "x" * 1_000
    assert may_contain(_topics([topic]), topic_marks(topic))
    assert may_contain(_clients({"default": {topic}}), client_marks("default", topic))
    assert topic not in filters.topics
    assert topic not in filters.clients["default"]
