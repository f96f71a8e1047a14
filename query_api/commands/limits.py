"""What nodes take of a client's PUBLISH, which holds for messages by command, too: levels of a topic, size of a packet.

Nodes tell it in heartbeats; of several that run, the strictest decides. Where none runs, none is known to refuse. While
Postgres is away, what was known last holds: a message needs nothing but the log.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Final

from query_api import cluster
from query_api.errors import TooLargeError, TopicError, UnavailableError
from query_api.store import Store

REMEMBERED_SECONDS: Final = 1.0
LEVELS: Final = "max_topic_levels"
PACKET: Final = "max_packet_size"

logger = logging.getLogger(__name__)


class PublishLimits:
    """One per process. Invariant: ``_known`` is what nodes said last, and nobody is asked again before ``_until``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: Mapping[str, int] = {}
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def check(self, topic: str, qos: int, properties: bytes, payload: bytes) -> None:
        """Raises TopicError, TooLargeError for what no client might publish."""
        # One asks at a time: with a Postgres that hangs, the others go on with what is known.
        if self._due and not (self._known and self._asking.locked()):
            async with self._asking:
                if self._due:
                    await self._ask()
                    self._until = time.monotonic() + REMEMBERED_SECONDS
        levels, most = topic.count("/") + 1, self._known.get(LEVELS, 0)
        if most and levels > most:
            raise TopicError(topic, f"the topic has {levels} levels, and may have {most}")
        size, most = packet_size(topic, qos, properties, payload), self._known.get(PACKET, 0)
        if most and size > most:
            raise TooLargeError(f"the message makes a packet of {size} bytes, and may make one of {most}")

    @property
    def _due(self) -> bool:
        return time.monotonic() > self._until

    async def _ask(self) -> None:
        try:
            nodes = await cluster.nodes(self._store)
        except UnavailableError as error:
            logger.info("limits of nodes can't be read; the last ones hold: %s", error)
            return
        self._known = strictest(one.limits for one in nodes if one.running)


def strictest(limits: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The lowest of each limit."""
    found: dict[str, int] = {}
    for one in limits:
        for name, value in one.items():
            found[name] = min(value, found.get(name, value))
    return found


def packet_size(topic: str, qos: int, properties: bytes, payload: bytes) -> int:
    """Bytes of the PUBLISH that a client of MQTT 5 would send (section 3.3)."""
    rest = 2 + len(topic.encode()) + (2 if qos else 0) + _counted(len(properties)) + len(payload)
    return 1 + _counted(rest)


def _counted(size: int) -> int:
    """Bytes of something with its length in front, as a variable byte integer (section 1.5.5)."""
    return size + 1 + sum(size >= 128**power for power in (1, 2, 3))
