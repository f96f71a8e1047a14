"""Batches of the log whose bytes are not what was written: the checksum, or the structure, is wrong.

Unlike a record that can't be read (``poison.py``), such a batch can't be stepped over by name: where it ends is a part
of what is damaged.

Either the client library finds that while it unpacks, or the broker while it looks for an offset. The latter is an
answer that the library repeats its question to without end, and tells nobody of; so who has waited for a while asks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, for_code
from aiokafka.protocol.fetch import FetchRequest

SILENT_SECONDS: Final = 5.0
"""After so long without a record of a partition, the broker is asked why, and again after as long."""
_LEAST_BYTES: Final = 1
_READ_COMMITTED: Final = 1
_MEND: Final = (
    "put back a copy of Kafka's folder, or of that partition from another replica; without one, begin with an empty "
    "log (kafka.topic_prefix, or move the folder away)"
)

log = logging.getLogger(__name__)


class DamagedLogError(RuntimeError):
    """Kafka's data are damaged; the text says where, and how to mend it."""


@contextmanager
def naming_damage(consumer: AIOKafkaConsumer) -> Iterator[None]:
    """Around fetching: gives the client library's complaint about a batch its place. Raises DamagedLogError."""
    try:
        yield
    except CorruptRecordException as error:
        what = "checksum" if "CRC" in str(error) else "structure"
        raise DamagedLogError(f"the log of {_place(consumer)} (a batch has a wrong {what}): {_MEND}") from error


class Fetching:
    """The records of a consumer, and what is wrong when none come. One per consumer; not for two readers at once."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._heard: dict[TopicPartition, float] = {}
        """When a partition that is waited for last had a record, or was asked about."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int | None = None
    ) -> dict[TopicPartition, list[Any]]:
        """As that of aiokafka. Raises DamagedLogError, and KafkaError."""
        with naming_damage(self._consumer):
            batches: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
                *partitions, timeout_ms=timeout_ms, max_records=max_records
            )
        now = time.monotonic()
        self._heard = {tp: now if tp in batches else self._heard.get(tp, now) for tp in partitions}
        for tp, heard in self._heard.items():
            if now - heard >= SILENT_SECONDS:
                self._heard[tp] = now
                await self._ask(tp)
        return batches

    async def _ask(self, tp: TopicPartition) -> None:
        """Ask the broker for the next record. Raises DamagedLogError; whatever else keeps it from coming may pass."""
        offset = await self._consumer.position(tp)
        client = self._consumer._client
        leader = client.cluster.leader_for_partition(tp)
        if leader is None or leader < 0:
            return
        wanted = [(tp.topic, [(tp.partition, offset, _LEAST_BYTES)])]
        try:
            answer = await client.send(leader, FetchRequest(0, 0, _LEAST_BYTES, _READ_COMMITTED, wanted))
        except KafkaError as error:
            log.info("a partition is silent, and its broker too", extra={"partition": str(tp), "error": repr(error)})
            return
        code = answer.topics[0][1][0][1]
        if for_code(code) is CorruptRecordException:
            raise DamagedLogError(
                f"the log of partition {tp.partition} of {tp.topic} is damaged at offset {offset} (Kafka itself can't "
                f"read it): {_MEND}"
            )


def _place(consumer: AIOKafkaConsumer) -> str:
    """The partition and offset at which unpacking ended. The error itself tells only the partition, as text."""
    for tp, fetched in consumer._fetcher._records.items():
        batches = getattr(fetched, "_partition_records", None)
        unpacking = getattr(batches, "_records_iterator", None)
        if batches is not None and unpacking is not None and unpacking.gi_frame is None:
            return f"partition {tp.partition} of {tp.topic} is damaged at offset {batches.next_fetch_offset}"
    return "a partition is damaged"
