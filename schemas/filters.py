"""Which clients and topics a frame may speak of, in two bytes each, so that readers can skip what cannot match.

A frame has two filters, one over its clients and one over its topics. Members of the first are the texts
``<tenant>/<client id>``; of the second ``t:<topic>`` and, for wildcard searches, ``p:<first level>`` and ``q:<first two
levels>`` of topics that have them. The *mark* of a member is the upper half of the low 32 bits of ``crc32(text) *
2654435761``. A filter is an array of the marks of its members, 16 bits each, little endian, in no particular order; a
mark may stand in it more than once. One that would be longer than 16,384 bytes is empty instead, and an empty one may
contain anything.
"""

# Why marks and not a Bloom filter: ingest pays for this with every frame. A mark is a small number out of a
# cache, a frame's filters are sets of them copied into arrays; bits would have to be gathered in big integers, in
# sizes that fit. With n marks a stranger is taken for a member in n of 65,536 cases: 0.3 % at 200 clients. At that rate
# a Bloom filter takes 12 bits a member instead of 16. Clients and topics are apart because what is in every frame, as
# some topics are, would hide some unlucky client's absence from every frame. The product is there because CRC is
# linear: names that are numbered, as most are, would share halves of it more often than chance has it.

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection
from zlib import crc32

MOST_BYTES = 16_384
"""A longer filter takes one stranger in eight for a member, and its frame goes without."""
_CACHE_LIMIT = 65_536
_CACHED_LENGTH = 256
_TENANT_LIMIT = 1_024
_FOREIGN_ORDER = sys.byteorder == "big"


def _mark(text: str) -> int:
    return (crc32(text.encode()) * 2_654_435_761 & 0xFFFFFFFF) >> 16


class TopicMarks(dict[str, int]):
    """By topic its marks in one number, worked out when first asked for.

    Bits 0 to 15 are the topic's own mark, bits 32 to 47 that of its first level, bits 48 to 63 that of its first two,
    or of the first again when it has no second. Forgets everything when full: cheap and rare.
    """

    def __missing__(self, topic: str) -> int:
        levels = topic.split("/", 2)
        first = two = _mark(f"p:{levels[0]}")
        if len(levels) > 1:
            two = _mark(f"q:{levels[0]}/{levels[1]}")
        marks = _mark(f"t:{topic}") | first << 32 | two << 48
        if len(topic) <= _CACHED_LENGTH:
            if len(self) >= _CACHE_LIMIT:
                self.clear()
            self[topic] = marks
        return marks


class ClientMarks(dict[str, int]):
    """Marks by client id of one tenant, as above."""

    def __init__(self, tenant: str) -> None:
        super().__init__()
        self._prefix = f"{tenant}/"

    def __missing__(self, client_id: str) -> int:
        mark = _mark(self._prefix + client_id)
        if len(client_id) <= _CACHED_LENGTH:
            if sum(map(len, clients.values())) >= _CACHE_LIMIT:
                clients.clear()
            self[client_id] = mark
        return mark


class Tenants(dict[str, ClientMarks]):
    """Marks of clients by tenant."""

    def __missing__(self, tenant: str) -> ClientMarks:
        if len(self) >= _TENANT_LIMIT:
            self.clear()
        marks = self[tenant] = ClientMarks(tenant)
        return marks


topics = TopicMarks()
"""``topics[topic]``: what :func:`of_topics` wants of a topic."""
clients = Tenants()
"""``clients[tenant][client_id]``: what :func:`of_clients` wants of a client."""


def of_clients(marks: Collection[int]) -> bytes:
    """The filter of a frame over clients, from what :data:`clients` says of each."""
    return _bounded(_packed("H", marks))


def of_topics(marks: Collection[int]) -> bytes:
    """The filter of a frame over topics, from what :data:`topics` says of each."""
    wide = memoryview(_packed("Q", marks))
    levels = array("I", {*wide.cast("I")[1::2]})  # topics share their first levels
    return _bounded(wide.cast("H")[::4].tobytes() + levels.tobytes())


def _bounded(marks: bytes) -> bytes:
    return marks if len(marks) <= MOST_BYTES else b""


def _packed(code: str, numbers: Collection[int]) -> bytes:
    """Little endian, whatever the machine is."""
    packed = array(code, [*numbers])
    if _FOREIGN_ORDER:
        packed.byteswap()
    return packed.tobytes()


def client_marks(tenant: str, client_id: str) -> tuple[bytes, ...]:
    """What the filter over clients of every frame with this client contains."""
    return (_bytes(clients[tenant][client_id]),)


def topic_marks(topic_filter: str) -> tuple[bytes, ...]:
    """What the filter over topics of every frame with a matching one contains; nothing when the first level is wild."""
    levels = topic_filter.split("/")
    if "+" not in levels and "#" not in levels:
        return (_bytes(_mark(f"t:{topic_filter}")),)
    if levels[0] in ("+", "#"):
        return ()
    if len(levels) == 1 or levels[1] in ("+", "#"):
        return (_bytes(_mark(f"p:{levels[0]}")),)
    return (_bytes(_mark(f"q:{levels[0]}/{levels[1]}")), _bytes(_mark(f"p:{levels[0]}")))


def _bytes(mark: int) -> bytes:
    return mark.to_bytes(2, "little")


def may_contain(marks: bytes, wanted: tuple[bytes, ...]) -> bool:
    """False only when a filter lacks any of the wanted marks; True when it is absent, empty or damaged."""
    if not marks or len(marks) & 1:
        return True
    for mark in wanted:
        at = marks.find(mark)
        while at > 0 and at & 1:  # the end of one mark and the beginning of the next
            at = marks.find(mark, at + 1)
        if at < 0:
            return False
    return True
