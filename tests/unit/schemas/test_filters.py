"""The Bloom filter of a frame: never a false negative, and few false positives where it matters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.filters import FULL_BITS, build, client_mask, filter_masks, masks, may_contain, topic_mask
from tests.unit.schemas.strategies import TEXTS

LEVELS = st.lists(
    TEXTS.map(lambda text: text.replace("/", "").replace("+", "").replace("#", "")), min_size=1, max_size=4
)
TOPICS = LEVELS.map("/".join)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.sets(TOPICS, max_size=60), st.dictionaries(TEXTS, st.sets(TEXTS, max_size=20), max_size=3))
def test_no_member_is_ever_denied(topics: set[str], clients: dict[str, set[str]]) -> None:
    summary = build(masks(topics, clients))
    assert len(summary) * 8 in {64, 128, 256, 512, 1024}
    for topic in topics:
        assert may_contain(summary, topic_mask(topic))
    for tenant, client_ids in clients.items():
        for client_id in client_ids:
            assert may_contain(summary, client_mask(tenant, client_id))


@settings(derandomize=True, max_examples=500, deadline=None)
@given(LEVELS, st.data())
def test_a_matching_topic_filter_is_never_denied(levels: list[str], data: st.DataObject) -> None:
    summary = build([topic_mask("/".join(levels))])
    wild = [data.draw(st.sampled_from([level, "+"])) for level in levels]
    cut = data.draw(st.integers(0, len(wild)))
    assert may_contain(summary, filter_masks("/".join(wild)))
    assert may_contain(summary, filter_masks("/".join([*wild[:cut], "#"])))


def test_folding_is_what_the_document_says() -> None:
    """Against a plain reading of it: halve while the half is at most a quarter full."""
    for count in (0, 1, 2, 3, 5, 10, 20, 50, 100, 300, 1_000):
        members = [topic_mask(f"site/{i}/temp") for i in range(count)]
        bits = [any(mask >> i & 1 for mask in members) for i in range(FULL_BITS)]
        while len(bits) > 64:
            half = len(bits) // 2
            folded = [low or high for low, high in zip(bits[:half], bits[half:], strict=True)]
            if sum(folded) * 4 > half:
                break
            bits = folded
        plain = sum(bit << i for i, bit in enumerate(bits)).to_bytes(len(bits) // 8, "little")
        assert build(members) == plain


@pytest.mark.parametrize(
    ("clients", "topics_each", "most"), [(1, 1, 0.02), (10, 1, 0.02), (40, 1, 0.02), (64, 1, 0.05), (20, 5, 0.05)]
)
def test_false_positives_of_clients_are_few(clients: int, topics_each: int, most: float) -> None:
    topics = [f"site/{i % 5}/device/{i}" for i in range(clients * topics_each)]
    summary = build(masks(topics, {"default": [f"client-{i}" for i in range(clients)]}))
    strangers = 4_000
    wrong = sum(may_contain(summary, client_mask("default", f"stranger-{i}")) for i in range(strangers))
    assert wrong / strangers <= most


@pytest.mark.parametrize("damaged", [b"", b"\0", b"\0" * 9, b"\0" * 1024])
def test_an_absent_or_damaged_filter_denies_nothing(damaged: bytes) -> None:
    assert may_contain(damaged, topic_mask("a/b"))


def test_a_filter_that_begins_with_a_wildcard_cannot_skip() -> None:
    assert filter_masks("#") == filter_masks("+/a") == 0
    assert may_contain(build([]), 0)
