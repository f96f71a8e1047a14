"""Batches of the log whose bytes are not what was written: the checksum, or the structure, is wrong.

Unlike a record that can't be read (``poison.py``), such a batch can't be stepped over by name: where it ends is a part
of what is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CorruptRecordException


class DamagedLogError(RuntimeError):
    """Kafka's data are damaged; the text says where, and how to mend it."""


@contextmanager
def naming_damage(consumer: AIOKafkaConsumer) -> Iterator[None]:
    """Around fetching: gives the client library's complaint about a batch its place. Raises DamagedLogError."""
    try:
        yield
    except CorruptRecordException as error:
        what = "checksum" if "CRC" in str(error) else "structure"
        raise DamagedLogError(
            f"the log of {_place(consumer)} (a batch has a wrong {what}): put back a copy of Kafka's folder, or of "
            "that partition from another replica; without one, begin with an empty log (kafka.topic_prefix, or move "
            "the folder away)"
        ) from error


def _place(consumer: AIOKafkaConsumer) -> str:
    """The partition and offset at which unpacking ended. The error itself tells only the partition, as text."""
    for tp, fetched in consumer._fetcher._records.items():
        batches = getattr(fetched, "_partition_records", None)
        unpacking = getattr(batches, "_records_iterator", None)
        if batches is not None and unpacking is not None and unpacking.gi_frame is None:
            return f"partition {tp.partition} of {tp.topic} is damaged at offset {batches.next_fetch_offset}"
    return "a partition is damaged"
