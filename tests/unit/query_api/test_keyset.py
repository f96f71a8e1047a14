"""Ranges of keys: exactly the texts that begin with a prefix and come after a key, in bytewise order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.keyset import bounds, following, storable, successor

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=6)
edgy = st.text(st.sampled_from("\x01a\u007f\ud7ff\ue000\uffff\U0010fffe\U0010ffff"), max_size=4)


def within(key: tuple[str, ...], ends: tuple[str, ...]) -> bool:
    """What Postgres answers to ``key >= low and key < high`` under collate "C"."""
    half = len(ends) // 2
    low, high = ends[:half], ends[half:]
    encoded = tuple(part.encode() for part in key)
    return tuple(part.encode() for part in low) <= encoded < tuple(part.encode() for part in high)


@given(texts | edgy, texts | edgy)
def test_a_prefix_holds_what_begins_with_it(prefix: str, client_id: str) -> None:
    assert within(("t", client_id), bounds(("t",), prefix)) == client_id.startswith(prefix)


@given(texts | edgy, texts | edgy, texts | edgy)
def test_after_a_key_comes_what_is_above_it(prefix: str, rest: str, client_id: str) -> None:
    after = prefix + rest
    expected = client_id.startswith(prefix) and client_id.encode() > after.encode()
    assert within(("t", client_id), bounds(("t",), prefix, after)) == expected


@given(texts | edgy, texts | edgy)
def test_no_range_leaves_its_scope(tenant: str, client_id: str) -> None:
    assert within((tenant, client_id), bounds(("t",))) == (tenant == "t")
    assert within(("t", tenant, client_id), bounds(("t", "a/+"))) == (tenant == "a/+")


@given(texts | edgy, texts | edgy)
def test_nothing_lies_between_a_text_and_the_following(text: str, other: str) -> None:
    assert not text.encode() < other.encode() < following(text).encode()


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("a", "b"), ("", None), ("\U0010ffff", None), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000"), ("é", "ê")],
)
def test_successor(prefix: str, expected: str | None) -> None:
    assert successor(prefix) == expected


@pytest.mark.parametrize("text", ["a\x00b", "\udcff", "ok\udc80"])
def test_what_postgres_cannot_hold_gives_an_empty_range(text: str) -> None:
    assert not storable(text)
    low_and_high = bounds(("t",), text)
    assert low_and_high[:2] == low_and_high[2:]
