"""Topic names and topic filters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt.codec import valid_topic_filter, valid_topic_name

GOOD_FILTERS = [
    "a",
    "a/b",
    "/a",
    "a/",
    "/",
    "//",
    "+",
    "#",
    "+/+",
    "a/+/b",
    "a/#",
    "+/#",
    "/#",
    "$SYS/#",
    "+/+/#",
    "$share/g/a",
    "$share/g/+/#",
    "$share/g//",
    "$share/g/#",
    "$shared/a",
    "$share",
]
BAD_FILTERS = [
    "a#",
    "/x#/",
    "#/a",
    "##",
    "a/#/b",
    "+a",
    "a+",
    "a/+b/c",
    "+/a+",
    "$share/",
    "$share/g",
    "$share/g/",
    "$share//a",
    "$share/+/a",
    "$share/g+/a",
    "$share/#/a",
    "$share/g/a#",
    "$share/g/a/#/b",
]


@pytest.mark.parametrize("topic_filter", GOOD_FILTERS)
def test_good_filters(topic_filter: str) -> None:
    assert valid_topic_filter(topic_filter) is True


@pytest.mark.parametrize("topic_filter", [*BAD_FILTERS, "", "a\0", "\ud800"])
def test_bad_filters(topic_filter: str) -> None:
    # [MQTT-4.8.2-1], [MQTT-4.8.2-2]
    assert valid_topic_filter(topic_filter) is False


def by_levels(topic_filter: str) -> bool:
    """The rule for filters that are not shared, level by level [MQTT-4.7.1-1], [MQTT-4.7.1-2]."""
    levels = topic_filter.split("/")
    whole = all(level in ("+", "#") or not set(level) & {"+", "#"} for level in levels)
    return bool(topic_filter) and whole and "#" not in levels[:-1]


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(st.text("a/+#", max_size=9))
def test_filters_by_levels(topic_filter: str) -> None:
    assert valid_topic_filter(topic_filter) is by_levels(topic_filter)


def test_length_in_bytes() -> None:
    # [MQTT-4.7.3-3]
    assert valid_topic_filter("é" * 32_767)
    assert not valid_topic_filter("é" * 32_768)
    assert valid_topic_name("x" * 65_535)
    assert not valid_topic_name("x" * 65_536)


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("a", True),
        ("/", True),
        ("$SYS/a", True),
        ("", False),
        ("a/+", False),
        ("#", False),
        ("\0", False),
        ("\udfff", False),
    ],
)
def test_names(name: str, valid: bool) -> None:
    assert valid_topic_name(name) is valid
