"""Positions order everything that happens in a partition; times only label it.

A *position* is one integer: ``offset << 16 | index``, where ``offset`` is the Kafka offset of a frame and
``index`` the place of an event in that frame. It fits a signed 64-bit column. A *vector* gives, for every
partition, the next offset to apply: everything below it has been applied.
"""

from __future__ import annotations

from zlib import crc32

INDEX_BITS = 16
MAX_INDEX = (1 << INDEX_BITS) - 1

Position = int
Vector = list[int]


def position(offset: int, index: int) -> Position:
    """The position of event ``index`` in the frame at ``offset``."""
    return offset << INDEX_BITS | index


def offset_of(at: Position) -> int:
    """The Kafka offset of the frame that holds the position."""
    return at >> INDEX_BITS


def index_of(at: Position) -> int:
    """The place of the event in its frame, from 0."""
    return at & MAX_INDEX


def partition_of(tenant: str, client_id: str, partitions: int) -> int:
    """The partition of everything a client does.

    CRC-32 (ISO 3309, as in zlib) of the tenant's length in UTF-8 bytes as two bytes big endian, the tenant and the
    client id, modulo the number of partitions. The length keeps ("a", "bc") and ("ab", "c") apart.
    """
    name = tenant.encode()
    return crc32(len(name).to_bytes(2, "big") + name + client_id.encode()) % partitions


def position_text(partition: int, at: Position) -> str:
    """A position as people read it: ``partition/offset.index``."""
    return f"{partition}/{at >> INDEX_BITS}.{at & MAX_INDEX}"


def parse_position(text: str) -> tuple[int, Position]:
    """The partition and position that :func:`position_text` wrote; ``ValueError`` for anything else."""
    partition, _, rest = text.partition("/")
    offset, _, index = rest.partition(".")
    at = (int(partition), int(offset), int(index or "0"))
    if min(at) < 0 or at[2] > MAX_INDEX:
        raise ValueError(f"not a position (partition/offset.index): {text!r}")
    return at[0], position(at[1], at[2])
