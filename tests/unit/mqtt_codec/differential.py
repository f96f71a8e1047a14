"""What the comparisons with other codecs share: streams to compare on, and mutations of them.

A comparison looks at one packet at a time. Where both codecs accept it, what they read must be
equal; where one refuses, the reason must be in a table that names and explains it.
"""

import random
from collections.abc import Iterator

from ingest.mqtt.codec import Packet, Parser, ProtocolVersion

from .cases import CASES


def parse_one(data: bytes, role: str, version: ProtocolVersion) -> Packet | str:
    """The packet that `data` is as a whole, or why it is none."""
    is_connect = data[:1] != b"" and data[0] >> 4 == 1
    parser = Parser(role, None if is_connect and role == "server" else version)  # type: ignore[arg-type]
    packets = parser.feed(data)
    if parser.error is not None:
        return str(parser.error)
    if len(packets) != 1 or parser.buffered:
        return "not one packet"
    return packets[0]


def samples(role: str, version: ProtocolVersion) -> list[bytes]:
    """The bytes of every good case for this role and version."""
    return [
        case.data
        for case in CASES
        if case.packet is not None
        and case.role == role
        and version in (case.version, getattr(case.packet, "version", None))
    ]


def mutations(role: str, version: ProtocolVersion, count: int) -> Iterator[bytes]:
    """The samples and `count` variations of them, always the same; the length byte stays right
    more often than not, so that most get past framing."""
    seeds = samples(role, version)
    yield from seeds
    dice = random.Random(f"{role} {version}")
    for _ in range(count):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(1, 2)):
            _mutate(data, dice)
        if len(data) > 1 and len(data) - 2 < 128 and dice.random() < 0.9:
            data[1] = len(data) - 2
        yield bytes(data)


def _mutate(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(data)) if data else 0
    action = dice.randrange(5)
    if action == 0 and len(data) > 2:
        del data[at]
    elif action == 1:
        data.insert(at, dice.choice([0, 1, 2, 3, 0x26, 0x7F, 0x80, 0xFF, dice.randrange(256)]))
    elif action == 2 and len(data) > 2:
        data[at] = (data[at] + dice.choice([1, -1])) % 256
    elif data:
        data[at] = dice.choice([0, 1, 2, 0x7F, 0x80, 0xFF, dice.randrange(256)])
