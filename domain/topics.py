"""Topic names, topic filters, and the trie that finds who listens to a topic.

Levels are separated by ``/``; ``+`` stands for one level, a final ``#`` for any number, none included.
Filters that begin with a wildcard do not match topics that begin with ``$`` [MQTT-4.7.2-1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

SHARE_PREFIX = "$share/"


def valid_filter(topic_filter: str, max_levels: int) -> bool:
    """Whether the text is a topic filter of MQTT section 4.7.1 with at most so many levels."""
    if not topic_filter or "\0" in topic_filter:
        return False
    levels = topic_filter.split("/")
    if len(levels) > max_levels:
        return False
    last = len(levels) - 1
    for i, level in enumerate(levels):
        if "#" in level and (level != "#" or i != last):  # [MQTT-4.7.1-1]
            return False
        if "+" in level and level != "+":  # [MQTT-4.7.1-2]
            return False
    return True


def has_wildcard(topic_filter: str) -> bool:
    """Whether the filter can match more than the topic of the same text."""
    return "+" in topic_filter or "#" in topic_filter


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a valid filter matches a topic name."""
    if topic[:1] == "$" and topic_filter[:1] in ("+", "#"):
        return False
    levels = topic.split("/")
    wanted = topic_filter.split("/")
    for i, want in enumerate(wanted):
        if want == "#":
            return True
        if i >= len(levels) or (want != "+" and want != levels[i]):
            return False
    return len(wanted) == len(levels)


class _Node(Generic[K, V]):
    __slots__ = ("children", "values")

    def __init__(self) -> None:
        self.children: dict[str, _Node[K, V]] = {}
        self.values: dict[K, V] = {}


class FilterTrie(Generic[K, V]):
    """Values by topic filter and key, found by topic.

    Invariant: every node but the root has a value or a child.
    """

    def __init__(self) -> None:
        self._root: _Node[K, V] = _Node()
        self.filters = 0
        """Number of different filters."""
        self.levels = 0
        """Number of nodes: levels of filters, those that filters share counted once."""

    def put(self, topic_filter: str, key: K, value: V) -> bool:
        """Set the value of a key under a filter; True when the key is new there."""
        node = self._root
        for level in topic_filter.split("/"):
            child = node.children.get(level)
            if child is None:
                child = node.children[level] = _Node()
                self.levels += 1
            node = child
        if not node.values:
            self.filters += 1
        new = key not in node.values
        node.values[key] = value
        return new

    def remove(self, topic_filter: str, key: K) -> bool:
        """Take a key away from a filter; False when it was not there."""
        path: list[tuple[_Node[K, V], str]] = []
        node = self._root
        for level in topic_filter.split("/"):
            child = node.children.get(level)
            if child is None:
                return False
            path.append((node, level))
            node = child
        if key not in node.values:
            return False
        del node.values[key]
        if not node.values:
            self.filters -= 1
        while path and not node.values and not node.children:
            node, level = path.pop()
            del node.children[level]
            self.levels -= 1
        return True

    def match(self, topic: str) -> Iterator[dict[K, V]]:
        """The values of each filter that matches the topic."""
        levels = topic.split("/")
        last = len(levels)
        nodes = [self._root]
        for depth, level in enumerate(levels):
            below: list[_Node[K, V]] = []
            wild = depth > 0 or not level.startswith("$")
            for node in nodes:
                children = node.children
                if (child := children.get(level)) is not None:
                    below.append(child)
                if wild:
                    if (child := children.get("+")) is not None:
                        below.append(child)
                    if (child := children.get("#")) is not None and child.values:
                        yield child.values
            nodes = below
            if not nodes:
                return
            if depth + 1 == last:
                break
        for node in nodes:
            if node.values:
                yield node.values
            if (child := node.children.get("#")) is not None and child.values:  # "a/#" matches "a"
                yield child.values


class TopicTree(Generic[V]):
    """Values by topic name, found by topic filter: the store of retained messages."""

    def __init__(self) -> None:
        self._by_topic: dict[str, V] = {}
        self._root: dict[str, object] = {}
        self.levels = 0
        """Number of nodes: levels of topics, those that topics share counted once."""

    def __len__(self) -> int:
        return len(self._by_topic)

    def get(self, topic: str) -> V | None:
        """The value at a topic, or None."""
        return self._by_topic.get(topic)

    def put(self, topic: str, value: V) -> None:
        """Set the value at a topic."""
        if topic not in self._by_topic:
            node = self._root
            for level in topic.split("/"):
                if level not in node:
                    node[level] = {}
                    self.levels += 1
                node = node[level]  # type: ignore[assignment]
            node[_HERE] = topic
        self._by_topic[topic] = value

    def pop(self, topic: str) -> V | None:
        """Take the value at a topic away; None when there was none."""
        if topic not in self._by_topic:
            return None
        path: list[tuple[dict[str, object], str]] = []
        node = self._root
        for level in topic.split("/"):
            path.append((node, level))
            node = node[level]  # type: ignore[assignment]
        del node[_HERE]
        while path and not node:
            node, level = path.pop()
            del node[level]
            self.levels -= 1
        return self._by_topic.pop(topic)

    def match(self, topic_filter: str) -> list[tuple[str, V]]:
        """Topics and values that the filter matches, in no particular order."""
        if not has_wildcard(topic_filter):
            value = self._by_topic.get(topic_filter)
            return [] if value is None else [(topic_filter, value)]
        found: list[str] = []
        _collect(self._root, topic_filter.split("/"), 0, found)
        return [(topic, self._by_topic[topic]) for topic in found]


_HERE = "\0"
"""Key of the topic that ends at a node; no level can hold it, since topics hold no NUL."""


def _collect(node: dict[str, object], wanted: list[str], depth: int, found: list[str]) -> None:
    if depth == len(wanted):
        _take(node, found)
        return
    want = wanted[depth]
    if want == "#":
        _collect_all(node, found, hide_dollar=depth == 0)
    elif want == "+":
        for level, child in node.items():
            if level != _HERE and not (depth == 0 and level.startswith("$")):
                _collect(child, wanted, depth + 1, found)  # type: ignore[arg-type]
    elif (named := node.get(want)) is not None:
        _collect(named, wanted, depth + 1, found)  # type: ignore[arg-type]


def _collect_all(node: dict[str, object], found: list[str], hide_dollar: bool) -> None:
    stack = [node]
    while stack:
        here = stack.pop()
        _take(here, found)
        for level, child in here.items():
            if level != _HERE and not (hide_dollar and here is node and level.startswith("$")):
                stack.append(child)  # type: ignore[arg-type]


def _take(node: dict[str, object], found: list[str]) -> None:
    topic = node.get(_HERE)
    if topic is not None:
        found.append(topic)  # type: ignore[arg-type]


class TopicCache(Generic[V]):
    """What a topic matches, remembered until a filter that could match it changes. Long topics are not remembered.

    Invariant: it holds at most ``limit`` topics, whose values weigh at most ``heaviest`` together.
    """

    def __init__(
        self,
        find: Callable[[str], V],
        limit: int = 65_536,
        longest: int = 256,
        weigh: Callable[[V], int] = lambda _: 0,
        heaviest: int = 262_144,
    ) -> None:
        self._find = find
        self._limit = limit
        self._longest = longest
        self._weigh = weigh
        self._heaviest = heaviest
        self._weight = 0
        self.known: dict[str, V] = {}
        """Read by the hot path; missing topics go through :meth:`find`."""

    def find(self, topic: str) -> V:
        """The value for a topic, computed and, if it is not too long, remembered."""
        if len(topic) > self._longest:
            return self._find(topic)
        value = self._find(topic)
        weight = self._weigh(value)
        if weight <= self._heaviest:
            if len(self.known) >= self._limit or self._weight + weight > self._heaviest:
                self._clear()
            self.known[topic] = value
            self._weight += weight
        return value

    def changed(self, topic_filter: str) -> None:
        """Forget what the filter could match."""
        if has_wildcard(topic_filter):
            self._clear()
        elif (value := self.known.pop(topic_filter, None)) is not None:
            self._weight -= self._weigh(value)

    def _clear(self) -> None:
        self.known.clear()
        self._weight = 0
