"""Retained messages: a fold of published events. The highest (stamp, partition, position) wins; a clear is a value.

A stamp is the hybrid logical stamp of the frame (:mod:`schemas.frames`), so that every node and every fold of the
log agree on the winner whatever order they read the partitions in.
"""

from __future__ import annotations

import msgspec

from domain.topics import TopicTree
from schemas.positions import Position

_CLEARS = 65_536
"""Clears remembered per tenant: they only have to outlive the messages that other partitions have under way."""


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
        self.bytes = 0
        """Bytes of topics, payloads and properties held."""

    def __len__(self) -> int:
        return len(self._tree)

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
            self.bytes -= _size_of(topic, held)
        if message.payload:
            self._cleared.pop(topic, None)
            self._tree.put(topic, message)
            self.bytes += _size_of(topic, message)
        else:
            self._tree.pop(topic)
            self._cleared.pop(topic, None)
            self._cleared[topic] = message.order
            if len(self._cleared) > _CLEARS:
                del self._cleared[next(iter(self._cleared))]

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
    return len(topic) + len(message.payload) + len(message.properties)
