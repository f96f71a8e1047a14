"""Reading query strings and paths as the original does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.requests import non_negative, parse_query, tail, trimmed, unescape


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", {}),
        (b"limit=2", {"limit": "2"}),
        (b"limit=2&limit=3", {"limit": "2"}),
        (b"limit=&limit=3", {"limit": ""}),
        (b"limit", {"limit": ""}),
        (b"limit=+2+", {"limit": " 2 "}),
        (b"limit=%2B2", {"limit": "+2"}),
        (b"a=b=c", {"a": "b=c"}),
        (b"&&a=1&", {"a": "1"}),
        (b"limit=%zz&limit=3", {"limit": "3"}),
        (b"limit=%2&limit=3", {"limit": "3"}),
        (b"a;b=1&c=2", {"c": "2"}),
        (b"pre%66ix=x", {"prefix": "x"}),
        (b"prefix=%C3%A9", {"prefix": "é"}),
        (b"prefix=\xc3\xa9", {"prefix": "é"}),
        (b"prefix=%FF", {"prefix": "\udcff"}),
        (b"prefix=%00", {"prefix": "\x00"}),
    ],
)
def test_query(raw: bytes, expected: dict[str, str]) -> None:
    assert parse_query(raw) == expected


@given(st.binary(max_size=60))
def test_any_query_string_can_be_read(raw: bytes) -> None:
    parse_query(raw)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("2", 2),
        ("+2", 2),
        ("007", 7),
        ("-0", 0),
        ("+000", 0),
        ("9223372036854775807", 10**18),
        ("9223372036854775808", None),
        ("99999999999999999999", None),
        ("9" * 10_000, None),
        ("0" * 10_000 + "5", 5),
        ("-1", None),
        ("-9999999999999999999", None),
        ("", None),
        ("+", None),
        ("++2", None),
        ("1_000", None),
        ("٣", None),
        ("\uff12", None),
        ("1.0", None),
        ("1e3", None),
        ("0x10", None),
        ("2 3", None),
        ("2\n", None),
    ],
)
def test_numbers(text: str, expected: int | None) -> None:
    assert non_negative(text) == expected


def test_trimming_takes_white_space_and_nothing_else() -> None:
    assert trimmed({"a": "\u2003\x85\xa0 x \u3000\t"}, "a") == "x"
    assert trimmed({"a": "\x1cx\x1f\u200b"}, "a") == "\x1cx\x1f\u200b"
    assert trimmed({}, "a") == ""


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a%2Fb", "a/b"),
        (b"a+b", "a+b"),
        (b"%25", "%"),
        (b"%2525", "%25"),
        (b"%C3%A9", "é"),
        (b"%e2%82%ac", "€"),
        (b"%ff", "\udcff"),
        (b"%C3", "\udcc3"),
        (b"%", None),
        (b"%g0", None),
        (b"%0", None),
    ],
)
def test_unescape(raw: bytes, expected: str | None) -> None:
    assert unescape(raw) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/api/v1/sessions", b""),
        (b"/api/v1/sessions/", b"/"),
        (b"//api/v1/sessions/x", b"/x"),
        (b"/api/v1/sessions/%2F", b"/%2F"),
        (b"/api/v1/sess%69ons", None),
    ],
)
def test_tail(path: bytes, expected: bytes | None) -> None:
    assert tail(path, b"/api/v1/sessions") == expected
