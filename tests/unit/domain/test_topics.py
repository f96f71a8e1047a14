"""Filters and topics: the trie, the tree and the cache against the plain rule."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.topics import FilterTrie, TopicCache, TopicTree, has_wildcard, matches, valid_filter

levels = st.sampled_from(["", "a", "b", "$s", "é"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
wild = st.lists(st.one_of(levels, st.just("+")), max_size=4)
filters = st.one_of(
    wild.map("/".join).filter(bool),
    wild.map(lambda found: "/".join([*found, "#"])),
)
changes = st.lists(st.tuples(st.booleans(), filters, st.integers(0, 2)), max_size=30)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a", False),
        ("a", "a/b", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("+", "a", True),
        ("+", "a/b", False),
        ("+/+", "/a", True),
        ("/+", "/a", True),
        ("+", "/a", False),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("$SYS/+", "$SYS/x", True),
        ("a/#", "a/$b", True),
        ("a/+", "a/$b", True),
        ("A", "a", False),
    ],
)
def test_a_filter_matches_as_the_standard_says(topic_filter: str, topic: str, expected: bool) -> None:
    """Given a filter and a topic of MQTT section 4.7, then they match or not."""
    assert matches(topic_filter, topic) is expected


@pytest.mark.parametrize(
    ("topic_filter", "expected"),
    [
        ("a", True),
        ("", False),
        ("/", True),
        ("#", True),
        ("a/#", True),
        ("a#", False),
        ("#/a", False),
        ("a/#/b", False),
        ("+", True),
        ("+a", False),
        ("a+/b", False),
        ("+/+/#", True),
        ("a\0", False),
        ("a/b/c/d", True),
        ("a/b/c/d/e", False),
    ],
)
def test_a_filter_is_valid_or_not(topic_filter: str, expected: bool) -> None:
    """Given a text, then it is a topic filter of at most four levels or not [MQTT-4.7.1-1] [MQTT-4.7.1-2]."""
    assert valid_filter(topic_filter, 4) is expected


def build(changed: list[tuple[bool, str, int]]) -> tuple[FilterTrie[int, str], dict[str, dict[int, str]]]:
    """A trie and a plain dict after the same changes."""
    trie: FilterTrie[int, str] = FilterTrie()
    plain: dict[str, dict[int, str]] = {}
    for put, topic_filter, key in changed:
        held = plain.setdefault(topic_filter, {})
        if put:
            assert trie.put(topic_filter, key, f"{topic_filter} {key}") is (key not in held)
            held[key] = f"{topic_filter} {key}"
        else:
            assert trie.remove(topic_filter, key) is (held.pop(key, None) is not None)
    return trie, {topic_filter: held for topic_filter, held in plain.items() if held}


def levels_of(texts: Iterable[str]) -> int:
    """Levels of topics or filters, those that they share counted once."""
    paths = [text.split("/") for text in texts]
    return len({tuple(path[: n + 1]) for path in paths for n in range(len(path))})


@given(changes, topics)
def test_the_trie_finds_what_matches(changed: list[tuple[bool, str, int]], topic: str) -> None:
    """Given any subscriptions put and removed, when a topic is looked up, then exactly those that match are found,
    each once."""
    trie, plain = build(changed)
    assert trie.filters == len(plain)
    assert trie.levels == levels_of(plain)
    found = [value for values in trie.match(topic) for value in values.values()]
    expected = [v for topic_filter, held in plain.items() if matches(topic_filter, topic) for v in held.values()]
    assert sorted(found) == sorted(expected)


@given(changes)
def test_the_trie_keeps_nothing_of_what_left(changed: list[tuple[bool, str, int]]) -> None:
    """Given any subscriptions, when all are removed, then the trie is as new."""
    trie, plain = build(changed)
    for topic_filter, held in plain.items():
        for key in held:
            assert trie.remove(topic_filter, key)
    assert trie.filters == trie.levels == 0
    assert not trie._root.children
    assert not trie._root.values


@given(st.lists(st.tuples(st.booleans(), topics), max_size=30), filters)
def test_the_tree_finds_what_matches(changed: list[tuple[bool, str]], topic_filter: str) -> None:
    """Given any topics put and popped, when a filter is looked up, then exactly the topics that match are found."""
    tree: TopicTree[int] = TopicTree()
    plain: dict[str, int] = {}
    for number, (put, topic) in enumerate(changed):
        if put:
            tree.put(topic, number)
            plain[topic] = number
        else:
            assert tree.pop(topic) == plain.pop(topic, None)
    assert len(tree) == len(plain)
    assert tree.levels == levels_of(plain)
    assert sorted(tree.match(topic_filter)) == sorted((t, n) for t, n in plain.items() if matches(topic_filter, t))
    for topic in list(plain):
        tree.pop(topic)
    assert not tree._root
    assert tree.levels == 0


@given(changes, topics)
def test_the_cache_never_lies(changed: list[tuple[bool, str, int]], topic: str) -> None:
    """Given a cache of what topics match, when subscriptions change and it is told, then it says what the trie says."""
    trie: FilterTrie[int, str] = FilterTrie()

    def find(wanted: str) -> tuple[str, ...]:
        return tuple(sorted(value for values in trie.match(wanted) for value in values.values()))

    cache = TopicCache(find, limit=3, weigh=len, heaviest=4)
    for put, topic_filter, key in changed:
        if put:
            trie.put(topic_filter, key, f"{topic_filter} {key}")
        else:
            trie.remove(topic_filter, key)
        cache.changed(topic_filter)
        for name in (topic, topic_filter):
            if not has_wildcard(name):
                known = cache.known.get(name)
                assert (cache.find(name) if known is None else known) == find(name)
        assert len(cache.known) <= 3
        assert sum(map(len, cache.known.values())) == cache._weight <= 4
