"""Fuzzing of the MQTT codec: any bytes give packets or a ProtocolError, nothing else.

    python -m tests.fuzz.mqtt_codec --seconds 600 --seed 1

Inputs are random bytes, mutations of the table of cases, and splices of both. For each:
- the parser raises nothing but ProtocolError, and holds no more than its limit;
- any chunking gives the same packets and the same error;
- a packet it gives is encoded without complaint, and decoded from that again as the same value.

A finding is printed as a case for tests/unit/mqtt_codec/cases.py; the exit status is then 1.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.mqtt.codec import (
    ConnectPacket,
    Packet,
    Parser,
    ProtocolError,
    ProtocolVersion,
    PublishPacket,
    decode_publish_properties,
    encode,
)
from tests.unit.mqtt_codec.cases import CASES

LIMIT = 4_096
Setting = tuple[str, ProtocolVersion | None]
SETTINGS: tuple[Setting, ...] = (
    ("server", None),
    *(("server", version) for version in ProtocolVersion),
    *(("client", version) for version in ProtocolVersion),
)
INTERESTING = (0, 1, 2, 3, 4, 5, 0x0B, 0x10, 0x18, 0x23, 0x26, 0x30, 0x32, 0x7F, 0x80, 0x82, 0xED, 0xFF)


@dataclass
class Findings:
    """What was run and what broke."""

    inputs: int = 0
    packets: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Inputs:
    """An endless, repeatable supply of hostile bytes for each setting."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.seeds = {setting: self._seeds(setting) for setting in SETTINGS}

    @staticmethod
    def _seeds(setting: Setting) -> list[bytes]:
        role, version = setting
        own = [case.data for case in CASES if case.role == role and case.version == version]
        if version is not None:
            return own
        # Before CONNECT: what may follow it, too.
        rest = b"".join(case.data for case in CASES if case.role == role and case.version and case.packet)
        return [*own, *(data + rest[at : at + 60] for at, data in enumerate(own))]

    def next(self) -> tuple[Setting, bytes]:
        """A setting and bytes for it."""
        dice = self.dice
        setting = dice.choice(SETTINGS)
        if dice.random() < 0.1:
            return setting, dice.randbytes(dice.randint(0, 64))
        data = bytearray(dice.choice(self.seeds[setting]))
        for _ in range(dice.choice((0, 1, 1, 2, 3, 8))):
            self._mutate(data, setting)
        if 2 <= len(data) < 130 and dice.random() < 0.6:
            data[1] = len(data) - 2
        if dice.random() < 0.3:
            data += dice.choice(self.seeds[setting])
        return setting, bytes(data[: LIMIT * 2])

    def _mutate(self, data: bytearray, setting: Setting) -> None:
        dice = self.dice
        at = dice.randint(0, len(data))
        action = dice.randrange(6)
        if action == 0:
            del data[at : at + dice.choice((1, 1, 2, 5))]
        elif action == 1:
            data.insert(at, dice.choice(INTERESTING))
        elif action == 2:
            data[at:at] = dice.randbytes(dice.randint(1, 4))
        elif action == 3:
            other = dice.choice(self.seeds[setting])
            start = dice.randint(0, len(other))
            data[at:at] = other[start : start + dice.randint(1, 12)]
        elif at < len(data):
            data[at] = dice.choice((dice.choice(INTERESTING), data[at] ^ 1 << dice.randrange(8)))


def feed_all(setting: Setting, chunks: Iterator[bytes]) -> tuple[list[Packet], ProtocolError | None]:
    """What a parser makes of the chunks; raises AssertionError when it holds too much."""
    role, version = setting
    parser = Parser(role, version, LIMIT)  # type: ignore[arg-type]
    packets: list[Packet] = []
    for chunk in chunks:
        packets += parser.feed(chunk)
        if parser.buffered > LIMIT:
            raise AssertionError(f"holds {parser.buffered} bytes")
        if parser.error is not None:
            break
    return packets, parser.error


def pieces(data: bytes, dice: random.Random) -> Iterator[bytes]:
    """`data` in random pieces."""
    at = 0
    while at < len(data):
        size = dice.choice((1, 1, 2, 3, 7, 30))
        yield data[at : at + size]
        at += size


def check(setting: Setting, data: bytes, dice: random.Random, findings: Findings) -> None:
    """Runs one input; what escapes is a finding of the caller."""
    packets, error = feed_all(setting, iter((data,)))
    again, other = feed_all(setting, pieces(data, dice))
    if (packets, str(error)) != (again, str(other)):
        raise AssertionError(f"in pieces {again} {other}, at once {packets} {error}")
    version = setting[1]
    for packet in packets:
        findings.packets[type(packet).__name__] += 1
        if isinstance(packet, ConnectPacket):
            version = packet.version
            check_round_trip(packet, ("server", None), version)
        elif version is not None:
            check_round_trip(packet, (setting[0], version), version)
    findings.reasons["none" if error is None else error.reason.name] += 1
    findings.inputs += 1


def check_round_trip(packet: Packet, setting: Setting, version: ProtocolVersion) -> None:
    """A decoded packet can be encoded, and is then read as itself."""
    packets, error = feed_all(setting, iter((encode(packet, version),)))
    if packets != [packet]:
        raise AssertionError(f"{packet} comes back as {packets} {error}")
    if isinstance(packet, PublishPacket):
        decode_publish_properties(packet.properties)


def run(seconds: float, seed: int, most: int | None = None, quiet: bool = False) -> Findings:
    """Fuzzes until the time or the number of inputs is used up."""
    inputs, findings = Inputs(seed), Findings()
    start = shown = time.monotonic()
    while time.monotonic() - start < seconds and (most is None or findings.inputs < most):
        setting, data = inputs.next()
        try:
            check(setting, data, inputs.dice, findings)
        except Exception as problem:  # a finding, whatever it is
            findings.failures.append(f"{setting} {data.hex()}: {type(problem).__name__}: {problem}")
            if len(findings.failures) >= 20:
                break
        if not quiet and time.monotonic() - shown > 5:
            shown = time.monotonic()
            rate = findings.inputs / (shown - start)
            print(
                f"{shown - start:6.0f} s  {findings.inputs:>12,} inputs  {rate:>8,.0f}/s"
                f"  {len(findings.failures)} failures",
                flush=True,
            )
    return findings


def report(findings: Findings, seconds: float) -> None:
    """Prints the summary."""
    print(f"mqtt codec: {findings.inputs:,} inputs in {seconds:.0f} s, {len(findings.failures)} failures")
    print("packets:", ", ".join(f"{name} {count:,}" for name, count in findings.packets.most_common()))
    print("errors:", ", ".join(f"{name} {count:,}" for name, count in findings.reasons.most_common()))
    for failure in findings.failures:
        print(failure, file=sys.stderr)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="default: the time")
    options = parser.parse_args()
    seed = time.time_ns() if options.seed is None else options.seed
    print(f"mqtt codec: seed {seed}, {options.seconds:.0f} s")
    start = time.monotonic()
    findings = run(options.seconds, seed)
    report(findings, time.monotonic() - start)
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main())
