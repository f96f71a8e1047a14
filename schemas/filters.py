"""A small Bloom filter per frame over its client ids and topics, so that readers can skip what cannot match.

Members are the texts ``c:<tenant>/<client id>``, ``t:<topic>`` and, for wildcard searches, ``p:<first level>`` and
``q:<first two levels>``. A member sets four bits: with ``h = crc32(text)`` and ``s = (h >> 16) | 1``, the bits
``(h + k * s) mod 4096`` for k = 0..3. A filter of 4096 bits is folded in half (upper OR lower) while it stays under
a quarter full, down to 64 bits, and stored little endian; bit numbers are then taken modulo its size.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

FULL_BITS = 4096
MIN_BITS = 64
_CACHE_LIMIT = 65_536

_topic_masks: dict[str, int] = {}
_client_masks: dict[tuple[str, str], int] = {}


def _member(text: str) -> int:
    h = crc32(text.encode())
    s = (h >> 16) | 1
    mask = 0
    for k in range(4):
        mask |= 1 << ((h + k * s) % FULL_BITS)
    return mask


def topic_mask(topic: str) -> int:
    """All bits that a topic sets: itself and its first one and two levels."""
    mask = _topic_masks.get(topic)
    if mask is None:
        levels = topic.split("/", 2)
        mask = _member(f"t:{topic}") | _member(f"p:{levels[0]}")
        if len(levels) > 1:
            mask |= _member(f"q:{levels[0]}/{levels[1]}")
        if len(_topic_masks) >= _CACHE_LIMIT:
            _topic_masks.clear()
        _topic_masks[topic] = mask
    return mask


def client_mask(tenant: str, client_id: str) -> int:
    """All bits that a client sets."""
    key = (tenant, client_id)
    mask = _client_masks.get(key)
    if mask is None:
        mask = _member(f"c:{tenant}/{client_id}")
        if len(_client_masks) >= _CACHE_LIMIT:
            _client_masks.clear()
        _client_masks[key] = mask
    return mask


def build(masks: Iterable[int]) -> bytes:
    """The filter of a frame from the masks of its members."""
    bits = 0
    for mask in masks:
        bits |= mask
    size = FULL_BITS
    while size > MIN_BITS:
        half = size >> 1
        folded = (bits >> half) | (bits & ((1 << half) - 1))
        if folded.bit_count() * 4 > half:
            break
        bits, size = folded, half
    return bits.to_bytes(size >> 3, "little")


def may_contain(filter_bytes: bytes, mask: int) -> bool:
    """False only when no member with this mask is in the frame."""
    size = len(filter_bytes) << 3
    width = FULL_BITS
    while width > size:
        width >>= 1
        mask = (mask >> width) | (mask & ((1 << width) - 1))
    bits = int.from_bytes(filter_bytes, "little")
    return bits & mask == mask


def filter_masks(topic_filter: str) -> int:
    """Bits that every topic matching the MQTT topic filter sets; 0 when the filter begins with a wildcard."""
    levels = topic_filter.split("/")
    if "+" not in levels and "#" not in levels:
        return topic_mask(topic_filter)
    if levels[0] in ("+", "#"):
        return 0
    mask = _member(f"p:{levels[0]}")
    if len(levels) > 1 and levels[1] not in ("+", "#"):
        mask |= _member(f"q:{levels[0]}/{levels[1]}")
    return mask
