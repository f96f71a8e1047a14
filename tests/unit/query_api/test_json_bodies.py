"""Members that are said twice: the first counts, or none does."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.json_bodies import DoubledError, of_each_one, of_each_the_first

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


@given(VALUES)
def test_what_says_nothing_twice_is_what_it_is(value: object) -> None:
    raw = msgspec.json.encode(value)
    assert of_each_one(raw) == of_each_the_first(raw) == msgspec.json.decode(raw)


@pytest.mark.parametrize("raw", [b'{"a":1,"a":2}', b'[{"b":0,"a":1,"a":2}]', b'{"c":{"a":1,"\\u0061":2}}'])
def test_the_first_of_two(raw: bytes) -> None:
    assert b'"a":1' in msgspec.json.encode(of_each_the_first(raw))
    with pytest.raises(DoubledError, match="a"):
        of_each_one(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b'{"a":1,"b":NaN}', b'{"a":1,"b":1e999}', b'{"a":1,"b":"\\ud800"}']
)
def test_what_is_no_json(raw: bytes) -> None:
    for read in (of_each_one, of_each_the_first):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            read(raw)
