"""Times, positions and vectors as people write them."""

from __future__ import annotations

import pytest

from schemas.positions import position
from stack.logreader.bounds import AtPositions, AtTime, AtVector, Bound, BoundError, parse_bound, time_text

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("1970-01-01T00:00:01Z", AtTime(1_000)),
        ("1970-01-01T01:00:01+01:00", AtTime(1_000)),
        ("1970-01-01T00:00:01.250", AtTime(1_250)),
        ("1970-01-02", AtTime(86_400_000)),
        ("10m", AtTime(NOW - 600_000)),
        ("1.5s", AtTime(NOW - 1_500)),
        ("2h", AtTime(NOW - 7_200_000)),
        ("1d", AtTime(NOW - 86_400_000)),
        ("1w", AtTime(NOW - 7 * 86_400_000)),
        ("3/120.4", AtPositions({3: position(120, 4)})),
        ("3/120", AtPositions({3: position(120, 0)})),
        (" 3/120.4, 0/7 ", AtPositions({3: position(120, 4), 0: position(7, 0)})),
        ("120,7,0", AtVector((120, 7, 0))),
        ("[5]", AtVector((5,))),
        ("[5, 6]", AtVector((5, 6))),
    ],
)
def test_what_a_text_means(text: str, means: Bound) -> None:
    assert parse_bound(text, NOW) == means


@pytest.mark.parametrize(
    "text", ["", "yesterday", "10", "10y", "3/", "3/x", "3/1,3/2", "3/1.70000", "1,x", "2026-13-01"]
)
def test_anything_else_says_what_would_be(text: str) -> None:
    with pytest.raises(BoundError, match=r"3/120\.4|partition 3 twice"):
        parse_bound(text, NOW)


def test_times_are_shown_in_utc_with_milliseconds() -> None:
    assert time_text(1_250) == "1970-01-01T00:00:01.250Z"
