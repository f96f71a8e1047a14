"""Retained messages as rows, one for each topic and partition that they came by; payloads stay in the log.

The rule is that of :mod:`domain.retained`: the highest (stamp, partition, position) wins, and a clear is a value. So a
clear is a row, too; who reads takes the winner of a topic's rows, and nothing when that is a clear.
"""

from __future__ import annotations

from hashlib import sha256

from domain.models.tables import RETAINED, Row
from domain.session import At
from schemas.events import Message

LONGEST_KEY = 1_024
"""Bytes of a topic that are taken as its key; what an index can hold is not much more."""

_STAMP = RETAINED.columns.index("stamp")
_POSITION = RETAINED.columns.index("position")


def key_of(topic: str) -> str:
    """The topic, or of a longer one its beginning and a checksum: keys sort as topics do, nearly."""
    encoded = topic.encode()
    if len(encoded) <= LONGEST_KEY:
        return topic
    return f"{encoded[: LONGEST_KEY // 2].decode(errors='ignore')}#{sha256(encoded).hexdigest()}"


def retained_row(event: Message, at: At, stamp: int) -> Row:
    """The row of a message published with the retain flag."""
    return (
        event.tenant,
        key_of(event.topic),
        at.partition,
        event.topic,
        stamp,
        at.position,
        at.time,
        event.qos,
        event.client_id,
        len(event.payload),
        event.properties,
    )


def later(row: Row, other: Row | None) -> bool:
    """Whether a row of a topic and partition takes the place of another."""
    return other is None or (row[_STAMP], row[_POSITION]) > (other[_STAMP], other[_POSITION])
