"""What a follower asks of its log, beside the records themselves."""

from __future__ import annotations

from typing import Protocol

import msgspec

from projector.inbox import Message


class LogIdentity(msgspec.Struct, frozen=True):
    """Which log it is: names may be reused, these identifiers are not."""

    cluster_id: str
    topic_id: str


class EventLog(Protocol):
    """A topic as the consumer of this worker reaches it."""

    async def identity(self) -> LogIdentity:
        """Identifiers of the cluster and the topic."""

    async def bounds(self, partition: int) -> tuple[int, int]:
        """The first offset and the end offset of a partition."""

    async def seek(self, partition: int, offset: int) -> None:
        """Let the next record that comes be the one at the offset."""

    def end(self, partition: int) -> int:
        """The highest end offset seen of a partition, without asking."""

    def silent(self, partition: int) -> float:
        """Seconds since Kafka said where a partition ends; infinite before the first time."""


class DeadLetters(Protocol):
    """Where frames go that are put aside."""

    async def put(self, partition: int, message: Message, reason: str) -> None:
        """Keep a copy of the frame with the reason; returns when it is safe."""
