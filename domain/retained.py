"""Retained messages: a fold of published events. The highest (stamp, partition, position) wins; a clear is a value.

A stamp is the hybrid logical stamp of the frame (:mod:`schemas.frames`), so that every node and every fold of the
log agree on the winner whatever order they read the partitions in.
"""

from __future__ import annotations

import msgspec

from domain.topics import TopicTree
from schemas.positions import Position

_CLEARS = 65_536
_CLEARED_BYTES = 16_777_216
"""Clears remembered per tenant, and bytes of their topics: they only have to outlive the messages that other partitions
have under way."""
_MESSAGE = 560
_LEVEL = 240
"""Bytes that a retained message takes beside its texts, and a level of its topic that no other topic has, about."""


class Retained(msgspec.Struct, frozen=True, gc=False):
    """A retained message, or with an empty payload the memory that one was cleared."""

    stamp: int
    partition: int
    position: Position
    time: int
    """Append time in milliseconds, for message expiry."""
    qos: int
    client_id: str
    properties: bytes
    payload: bytes

    @property
    def order(self) -> tuple[int, int, Position]:
        """What decides between two messages for one topic."""
        return self.stamp, self.partition, self.position


class RetainedStore:
    """The retained messages of one tenant."""

    def __init__(self) -> None:
        self._tree: TopicTree[Retained] = TopicTree()
        self._cleared: dict[str, tuple[int, int, Position]] = {}
        self._cleared_bytes = 0
        self._texts = 0

    def __len__(self) -> int:
        return len(self._tree)

    @property
    def bytes(self) -> int:
        """What the retained messages take in memory, about."""
        return self._texts + _MESSAGE * len(self._tree) + _LEVEL * self._tree.levels

    def get(self, topic: str) -> Retained | None:
        """The message retained for a topic, or None."""
        return self._tree.get(topic)

    def observe(self, topic: str, message: Retained) -> None:
        """Take note of a message published with the retain flag; an empty payload clears [MQTT-3.3.1-6]."""
        held = self._tree.get(topic)
        before = held.order if held is not None else self._cleared.get(topic)
        if before is not None and before >= message.order:
            return
        if held is not None:
            self._texts -= _size_of(topic, held)
        if message.payload:
            self._forget_clear(topic)
            self._tree.put(topic, message)
            self._texts += _size_of(topic, message)
        else:
            self._tree.pop(topic)
            self._forget_clear(topic)
            self._cleared[topic] = message.order
            self._cleared_bytes += len(topic)
            while len(self._cleared) > _CLEARS or self._cleared_bytes > _CLEARED_BYTES:
                self._forget_clear(next(iter(self._cleared)))

    def _forget_clear(self, topic: str) -> None:
        if self._cleared.pop(topic, None) is not None:
            self._cleared_bytes -= len(topic)

    def match(self, topic_filter: str, vector: list[int]) -> list[tuple[str, Retained]]:
        """Messages that the filter matches and that lie below the vector, oldest first."""
        found = [
            (topic, message)
            for topic, message in self._tree.match(topic_filter)
            if message.position >> 16 < vector[message.partition]
        ]
        found.sort(key=lambda item: item[1].order)
        return found


def _size_of(topic: str, message: Retained) -> int:
    """Bytes of its texts; those of the topic lie in the tree once more, by level."""
    return 2 * len(topic) + len(message.payload) + len(message.properties)


def most_bytes(topic: str, size: int) -> int:
    """What a new message with so many bytes of payload and properties can add to a store at most."""
    return _MESSAGE + _LEVEL * (topic.count("/") + 1) + 2 * len(topic) + size
