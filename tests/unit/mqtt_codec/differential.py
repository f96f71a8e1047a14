"""What the comparisons with other codecs share: streams to compare on, and mutations of them.

A comparison looks at one packet at a time. Where both codecs accept it, what they read must be
equal; where one refuses, the reason must be in a table that names and explains it.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(frozen=True)
class Oracle:
    """Another codec: how it reads, how both sides say what they read, and the disagreements.

    The tables map a pattern (of our refusal, of theirs, of both views) to the reason.
    """

    parse: Callable[[bytes], Any]
    view_ours: Callable[[Packet], dict[str, Any]]
    view_theirs: Callable[[Any], dict[str, Any]]
    we_refuse: dict[str, str]
    they_refuse: dict[str, str]
    read_otherwise: dict[str, str] = field(default_factory=dict)


def disagreements(oracle: Oracle, role: str, version: ProtocolVersion, count: int) -> tuple[Counter[str], list[str]]:
    """How often which verdict came, and what no table explains."""
    seen: Counter[str] = Counter()
    unexplained: list[str] = []
    for data in mutations(role, version, count):
        verdict, said = _verdict(oracle, data, role, version)
        seen[verdict] += 1
        if said:
            unexplained.append(f"{verdict} {data.hex()}: {said}")
    return seen, unexplained


def _verdict(oracle: Oracle, data: bytes, role: str, version: ProtocolVersion) -> tuple[str, str]:
    ours, theirs = parse_one(data, role, version), oracle.parse(data)
    if isinstance(ours, str) and isinstance(theirs, str):
        return "both refuse", ""
    if isinstance(ours, str):
        return "only we refuse", "" if explained(ours, oracle.we_refuse) else f"{ours}; they read {theirs}"
    if isinstance(theirs, str):
        return "only they refuse", "" if explained(theirs, oracle.they_refuse) else f"{theirs}; we read {ours}"
    one, other = oracle.view_ours(ours), oracle.view_theirs(theirs)
    if one == other:
        return "equal", ""
    difference = repr({key: (one.get(key), other.get(key)) for key in one if one.get(key) != other.get(key)})
    return "read otherwise", "" if explained(difference, oracle.read_otherwise) else difference


def explained(why: str, table: dict[str, str]) -> str | None:
    """The entry of `table` that explains `why`."""
    return next((name for name in table if re.search(name, why)), None)
