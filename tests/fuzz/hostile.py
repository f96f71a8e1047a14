"""Makes byte strings that a broker should never see: valid conversations, mutated, and plain nonsense."""

from __future__ import annotations

import random
from collections.abc import Callable

from ingest.mqtt.codec import ProtocolVersion
from tests.mqttkit import raw

TOPICS = ["a", "a/b", "fuzz/x", "fuzz/é", "$SYS/x", "/", "x" * 300]
FILTERS = ["a/#", "+/b", "#", "fuzz/+", "$share/g/a", "a#", "+a", "", "x" * 300]
BLOCKS = [
    b"",
    b"\x01\x01",
    b"\x02\x00\x00\x00\x05",
    b"\x23\x00\x01",
    b"\x23\xff\xff",
    b"\x0b\x07",
    b"\x26\x00\x01k\x00\x01v",
    b"\x26\x00\x01k\x00\x01v" * 40,
    b"\x08\x00\x01r\x09\x00\x02cd\x03\x00\x01t",
    b"\x11\x00\x00\x00\x05",
    b"\x21\x00\x01",
    b"\x27\x00\x00\x00\x40",
    b"\x15\x00\x01m\x16\x00\x01d",
]


def conversation(lots: random.Random) -> bytes:
    """One string; the same lots give the same one."""
    kind = lots.random()
    if kind < 0.1:
        return lots.randbytes(lots.randrange(1, 400))
    if kind < 0.2:
        return _connect(lots, 0) + lots.randbytes(lots.randrange(1, 400))
    version = lots.choice((3, 4, 4, 5, 5, 5))
    packets = [_connect(lots, version)] + [lots.choice(_MAKERS)(lots, version) for _ in range(lots.randrange(8))]
    if kind < 0.3:
        lots.shuffle(packets)
    data = b"".join(packets)
    for _ in range(lots.choice((0, 1, 1, 2, 3, 8))):
        data = lots.choice(_MUTATIONS)(lots, data)
    return data or b"\x00"


def _connect(lots: random.Random, version: int) -> bytes:
    version = version or lots.choice((4, 5))
    name = f"fuzz{lots.randrange(1_000)}"
    flags = 0x02 if lots.random() < 0.9 else lots.randrange(256)
    block = lots.choice(BLOCKS) if lots.random() < 0.2 else b""
    return raw.connect(version, name, flags=flags, keep_alive=lots.choice((0, 60, 65_535)), block=block)


def _publish(lots: random.Random, version: int) -> bytes:
    qos = lots.randrange(4)
    flags = qos << 1 | lots.randrange(2) | (lots.randrange(2) << 3 if qos else 0)
    packet_id = lots.randrange(1, 12) if qos else None
    payload = lots.randbytes(lots.choice((0, 1, 20, 300)))
    block = lots.choice(BLOCKS) if lots.random() < 0.3 else b""
    return raw.publish(version, lots.choice(TOPICS), payload, flags=flags, packet_id=packet_id, block=block)


def _subscribe(lots: random.Random, version: int) -> bytes:
    filters = [(lots.choice(FILTERS), lots.choice((0, 1, 2, lots.randrange(256)))) for _ in range(lots.randrange(1, 4))]
    return raw.subscribe(version, lots.randrange(0, 9), *filters)


def _unsubscribe(lots: random.Random, version: int) -> bytes:
    middle = b"\x00" if version == ProtocolVersion.V5 else b""
    return raw.frame(0xA2, lots.randrange(9).to_bytes(2, "big"), middle, raw.field(lots.choice(FILTERS)))


def _acknowledge(lots: random.Random, version: int) -> bytes:
    first = lots.choice((0x40, 0x50, 0x62, 0x70))
    more = lots.choice((b"", b"\x00", b"\x92", b"\x80\x00", b"\x00\x05\x1f\x00\x02ok"))
    return raw.frame(first, lots.randrange(12).to_bytes(2, "big"), more if version == ProtocolVersion.V5 else b"")


def _small(lots: random.Random, _version: int) -> bytes:
    return lots.choice((b"\xc0\x00", b"\xe0\x00", b"\xe0\x01\x04", b"\xf0\x00", b"\xf0\x02\x19\x00", b"\xd0\x00"))


_MAKERS: tuple[Callable[[random.Random, int], bytes], ...] = (
    _publish,
    _publish,
    _publish,
    _subscribe,
    _subscribe,
    _unsubscribe,
    _acknowledge,
    _small,
    _connect,
)


def _flip(lots: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(lots.randrange(1, 4)):
        if out:
            out[lots.randrange(len(out))] ^= 1 << lots.randrange(8)
    return bytes(out)


def _overwrite(lots: random.Random, data: bytes) -> bytes:
    at = lots.randrange(len(data) + 1)
    return data[:at] + lots.choice((b"\xff", b"\x00", b"\x7f", b"\x80", b"\xff\xff\xff\x7f")) + data[at + 1 :]


def _cut(lots: random.Random, data: bytes) -> bytes:
    return data[: lots.randrange(len(data) + 1)]


def _drop(lots: random.Random, data: bytes) -> bytes:
    at = lots.randrange(len(data) + 1)
    return data[:at] + data[at + lots.randrange(1, 5) :]


def _insert(lots: random.Random, data: bytes) -> bytes:
    at = lots.randrange(len(data) + 1)
    return data[:at] + lots.randbytes(lots.randrange(1, 6)) + data[at:]


def _repeat(lots: random.Random, data: bytes) -> bytes:
    at = lots.randrange(len(data) + 1)
    return data + data[at:] * lots.choice((1, 1, 5))


_MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip,
    _flip,
    _overwrite,
    _cut,
    _drop,
    _insert,
    _repeat,
)
