"""The regular expression of a filter finds what the broker's own rule matches."""

from __future__ import annotations

import re
from itertools import product

import pytest

from domain.topics import matches
from query_api.errors import InvalidError
from query_api.patterns import of_filter

LEVELS = ("", "a", "b.c", "$SYS")
TOPICS = ["/".join(levels) for size in (1, 2, 3) for levels in product(LEVELS, repeat=size) if "/".join(levels)]
FILTERS = ["#", "+", "+/#", "a/#", "a/+", "+/a", "/#", "$SYS/#", "$SYS/+", "b.c", "a/+/b.c", "+/+/+"]


@pytest.mark.parametrize("wanted", FILTERS)
def test_it_finds_what_the_filter_matches(wanted: str) -> None:
    pattern = re.compile(of_filter(wanted))
    for topic in TOPICS:
        assert bool(pattern.search(topic)) is matches(wanted, topic), topic
        assert bool(pattern.search(f"$share/g/{topic}")) is matches(wanted, topic), topic


@pytest.mark.parametrize("wanted", ["", "a#", "#/a", "a\0", "/".join("a" * 200)])
def test_what_is_no_filter(wanted: str) -> None:
    with pytest.raises(InvalidError):
        of_filter(wanted)
