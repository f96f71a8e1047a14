"""A small Bloom filter per frame over its client ids and topics, so that readers can skip what cannot match.

Members are the texts ``c:<tenant>/<client id>``, ``t:<topic>`` and, for wildcard searches, ``p:<first level>`` and
``q:<first two levels>``. A member sets four bits: with ``h = crc32(text)`` and ``s = (h >> 16) | 1``, the bits
``(h + k * s) mod 1024`` for k = 0..3. A filter of 1024 bits is folded in half (upper OR lower) while it stays under
a quarter full, down to 64 bits, and stored little endian; bit numbers are then taken modulo its size.
A frame with more than 128 clients and topics has an empty filter, which may contain anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from itertools import chain
from operator import or_
from zlib import crc32

FULL_BITS = 1024
MIN_BITS = 64
MOST_MEMBERS = 128
"""With more clients and topics than this a filter says nothing any more, and a frame goes without one."""
_CACHE_LIMIT = 65_536
_CACHED_LENGTH = 256
_TENANT_LIMIT = 1_024
_LOW = {1 << power: (1 << (1 << power)) - 1 for power in range(6, 11)}
"""For every size of a filter in bits, from 64 to 1024: a number with all of them set."""


def _member(text: str) -> int:
    h = crc32(text.encode())
    s = (h >> 16) | 1
    mask = 0
    for k in range(4):
        mask |= 1 << ((h + k * s) % FULL_BITS)
    return mask


class _TopicMasks(dict[str, int]):
    """Masks by topic, worked out when first asked for. Forgets everything when full: cheap and rare."""

    def __missing__(self, topic: str) -> int:
        levels = topic.split("/", 2)
        mask = _member(f"t:{topic}") | _member(f"p:{levels[0]}")
        if len(levels) > 1:
            mask |= _member(f"q:{levels[0]}/{levels[1]}")
        if len(topic) <= _CACHED_LENGTH:
            if len(self) >= _CACHE_LIMIT:
                self.clear()
            self[topic] = mask
        return mask


class _ClientMasks(dict[str, int]):
    """Masks by client id of one tenant, as above."""

    def __init__(self, tenant: str) -> None:
        super().__init__()
        self._prefix = f"c:{tenant}/"

    def __missing__(self, client_id: str) -> int:
        mask = _member(self._prefix + client_id)
        if len(client_id) <= _CACHED_LENGTH:
            if sum(map(len, _clients.values())) >= _CACHE_LIMIT:
                _clients.clear()
            self[client_id] = mask
        return mask


class _Tenants(dict[str, _ClientMasks]):
    def __missing__(self, tenant: str) -> _ClientMasks:
        if len(self) >= _TENANT_LIMIT:
            self.clear()
        masks = self[tenant] = _ClientMasks(tenant)
        return masks


_topics = _TopicMasks()
_clients = _Tenants()


def topic_mask(topic: str) -> int:
    """All bits that a topic sets: itself and its first one and two levels."""
    return _topics[topic]


def client_mask(tenant: str, client_id: str) -> int:
    """All bits that a client sets."""
    return _clients[tenant][client_id]


def masks(topics: Iterable[str], clients: Mapping[str, Iterable[str]]) -> Iterator[int]:
    """The masks of topics and of client ids by tenant."""
    found = [map(_topics.__getitem__, topics)]
    for tenant, client_ids in clients.items():
        found.append(map(_clients[tenant].__getitem__, client_ids))
    return chain.from_iterable(found)


def build(masks: Iterable[int]) -> bytes:
    """The filter of a frame from the masks of its members."""
    bits = reduce(or_, masks, 0)
    size = FULL_BITS
    certain = bits.bit_count() * 4  # folding never adds bits, so that it needs no look at them down to this size
    while size > MIN_BITS:
        half = size >> 1
        folded = (bits >> half) | (bits & _LOW[half])
        if half < certain and folded.bit_count() * 4 > half:
            break
        bits, size = folded, half
    return bits.to_bytes(size >> 3, "little")


def may_contain(filter_bytes: bytes, mask: int) -> bool:
    """False only when no member with this mask is in the frame; True for a filter that is absent or damaged."""
    size = len(filter_bytes) << 3
    if size not in _LOW:
        return True
    width = FULL_BITS
    while width > size:
        width >>= 1
        mask = (mask >> width) | (mask & _LOW[width])
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
