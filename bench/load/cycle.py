"""A publisher's packets, encoded once: an endless stream made of a ring of packets with distinct payloads.

Packet ``k`` of the stream is packet ``k mod length`` of the ring and carries the identifier ``k mod length + 1``. A
publisher that never has more than ``length`` messages in flight so never reuses an identifier that is in use. All
packets are of one size; that is what makes slices, and comparing whole reads with what must come, possible.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench.load import packets
from bench.load.packets import QoS, Version

PAYLOAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class Cycle:
    """A ring of PUBLISH packets laid out twice in a row, and their PUBACKs likewise, so that slices never wrap."""

    length: int
    """Packets in the ring."""
    size: int
    """Bytes of each packet."""
    identifier_at: int
    """Offset of the packet identifier within a packet; 0 for QoS 0, which has none."""
    packets: bytes
    pubacks: bytes

    def unsent(self, sent_bytes: int, allowed: int) -> bytes:
        """The bytes from ``sent_bytes`` of the stream up to its packet ``allowed``, at most one ring ahead."""
        ring = self.length * self.size
        begin = sent_bytes % ring
        length = allowed * self.size - sent_bytes
        if not 0 <= length <= ring:
            raise ValueError(f"{length} bytes can't be sent at once from a ring of {ring}")
        return self.packets[begin : begin + length]

    def acknowledges(self, data: bytes, first: int) -> bool:
        """Whether ``data`` is exactly the short PUBACKs of the packets from ``first`` on, at most one ring of them."""
        return len(data) <= self.length * 4 and self.pubacks.startswith(data, first % self.length * 4)

    def deliveries(self, first: int, count: int) -> bytes:
        """What a subscriber must get for ``count`` packets from ``first`` on, but with the publisher's identifiers."""
        begin = first % self.length * self.size
        ring = self.length * self.size
        whole, rest = divmod(count, self.length)
        return self.packets[begin : begin + ring] * whole + self.packets[begin : begin + rest * self.size]


def make(topic: str, length: int, version: Version = 4, *, qos: QoS, seed: int = 1) -> Cycle:
    """A ring of ``length`` packets on ``topic`` with random payloads of 64 bytes; the same for the same arguments."""
    if not 1 <= length <= 65_535:
        raise ValueError(f"a ring has 1 to 65,535 packets, as there are packet identifiers; not {length}")
    chance = random.Random(seed)
    made = [
        packets.publish(topic, chance.randbytes(PAYLOAD_BYTES), version, qos=qos, packet_id=index + 1)
        for index in range(length)
    ]
    size = len(made[0])
    return Cycle(
        length=length,
        size=size,
        identifier_at=packets.identifier_offset(topic, size) if qos else 0,
        packets=b"".join(made) * 2,
        pubacks=b"".join(packets.puback(index + 1) for index in range(length)) * 2,
    )
