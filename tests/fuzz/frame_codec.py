"""Fuzzing of the frame codec: any record gives a frame or a FrameError, nothing else.

    python -m tests.fuzz.frame_codec --seconds 600 --seed 1

Inputs are records with frames of every event, altered: bytes of the value, of its sections and of the headers; parts
of their decoded trees; headers that are missing, foreign, twice there or another frame's; lengths and nesting that
promise more than there is. For each:
- headers, lifecycle events, all events, the projector's reading of it up to a random place, and a search raise
  nothing but FrameError;
- all ways of reading it that succeed agree about the events, their places and their number;
- events that were read can be written again, and are then read as themselves;
- no input takes long, and memory stays where it was.

A finding is printed as headers and value in hexadecimal; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from domain.models import read_record
from schemas.events import MESSAGE_TYPE_SET, AnyEvent, Heartbeat, Published
from schemas.frames import Frame, FrameError, Headers, encode_events, frame_headers, read_frame
from schemas.plain import from_plain, to_plain
from schemas.positions import MAX_INDEX, position
from stack.logreader.select import Wanted
from tests.golden.examples import EVENTS, FRAME_HEADER, FRAMES

LONGEST_SECONDS = 2.0
"""Of CPU, for one input; a mebibyte of hostile bytes takes a twentieth of it."""
MOST_MEMORY = 256 * 1024
"""KiB by which the process may grow in the whole run."""
OFFSET = 7
SEARCHES = (
    Wanted(clients=frozenset({"sensor-1"})),
    Wanted(topics=frozenset({"site/+/temp"})),
    Wanted(kinds=frozenset({"connected"})),
)
pack = msgspec.msgpack.encode
Record = tuple[Headers, bytes | None]


@dataclass
class Findings:
    """What was run and what broke."""

    inputs: int = 0
    events: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    """CPU seconds."""
    failures: list[str] = field(default_factory=list)


def seeds() -> list[tuple[Headers, bytes]]:
    """Valid frames: the golden ones, one of every event, and a big one."""
    alone: list[Sequence[AnyEvent]] = [[event] for event in EVENTS if not isinstance(event, Heartbeat)]  # type: ignore[list-item]
    many = [Published("default", f"c{i % 30}", i, f"site/{i}/temp", i % 3, False, i, b"", b"x" * i) for i in range(300)]
    frames: list[Sequence[AnyEvent]] = [*FRAMES.values(), *alone, many]
    return [(frame_headers(*FRAME_HEADER, events), encode_events(events)) for events in frames]


class Inputs:
    """An endless, repeatable supply of hostile records."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.seeds = seeds()
        self.tags = sorted({tag for headers, _ in self.seeds for tag in read_frame(headers, b"").header.counts})
        self.ways = (
            self._altered_value,
            self._altered_section,
            self._altered_tree,
            self._altered_event,
            self._altered_header,
            self._altered_headers,
            self._bomb,
            self._nonsense,
        )

    def next(self) -> Record:
        """A record that may be anything; most were frames once."""
        headers, value = self.dice.choice(self.seeds)
        return self.dice.choice(self.ways)(headers, value)

    def _altered_value(self, headers: Headers, value: bytes) -> Record:
        return headers, self._altered(value)

    def _altered_section(self, headers: Headers, value: bytes) -> Record:
        """A sound body around bytes that are not."""
        body = msgspec.msgpack.decode(value)
        place = self.dice.choice((1, 2))
        body[place] = self._altered(body[place])
        return headers, pack(body)

    def _altered_tree(self, headers: Headers, value: bytes) -> Record:
        """Well-formed MessagePack of another shape."""
        at, lifecycle, messages = msgspec.msgpack.decode(value)
        tree = [at, msgspec.msgpack.decode(lifecycle), msgspec.msgpack.decode(messages)]
        for _ in range(self.dice.choice((1, 1, 2, 5))):
            self._alter_node(tree)
        return headers, pack([part if i == 0 else pack(part) for i, part in enumerate(tree)])

    def _altered_event(self, headers: Headers, value: bytes) -> Record:
        """The right number of events in the right places, with fields that may be anything."""
        at, *sections = msgspec.msgpack.decode(value)
        trees = [msgspec.msgpack.decode(section) for section in sections]
        events = [event for tree in trees for event in tree]
        if events:
            event = self.dice.choice(events)
            self._alter_node(event) if self.dice.random() < 0.7 else event.append(self._hostile())
        return headers, pack([at, *map(pack, trees)])

    def _altered_header(self, headers: Headers, value: bytes) -> Record:
        """Another header of the frame: its bytes, or its tree."""
        header = dict(headers)["frame"]
        if self.dice.random() < 0.5:
            header = self._altered(header)
        else:
            tree = msgspec.msgpack.decode(header)
            self._alter_node(tree)
            header = pack(tree)
        return [("frame", header), *list(headers)[1:]], value

    def _altered_headers(self, headers: Headers, value: bytes) -> Record:
        """Headers that are missing, foreign, another frame's, twice there or empty; or no value."""
        dice, found = self.dice, list(headers)
        other, _ = dice.choice(self.seeds)
        action = dice.randrange(6)
        if action == 0:
            del found[dice.randrange(3)]
        elif action == 1:
            found = list(other)
        elif action == 2:
            found.insert(dice.randrange(4), dice.choice(list(other)))
        elif action == 3:
            found[dice.choice((1, 2))] = (
                dice.choice(("clients", "topics")),
                dice.randbytes(dice.choice((1, 2, 3, 64, 65, 20_000))),
            )
        elif action == 4:
            found.append((dice.choice(("", "frame ", "é", "filter")), dice.randbytes(9)))
        else:
            return found, dice.choice((None, b""))
        return found, value

    def _bomb(self, headers: Headers, value: bytes) -> Record:
        """Few bytes that promise many: lengths that are not there, nesting, repetition."""
        dice = self.dice
        size = dice.choice((0x10000, 0xFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF)).to_bytes(4, "big")
        bomb = dice.choice((
            dice.choice((b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9")) + size + dice.randbytes(dice.randrange(40)),
            dice.choice((b"\x91", b"\x81\xa1a", b"\x93\x90")) * dice.choice((10, 2_000, 200_000)),
            b"\xdd" + (200_000).to_bytes(4, "big") + dice.choice((b"\x90", b"\xc0", b"\x00", b"\x80")) * 200_000,
            b"\xde\xff\xff" + b"\xa1a\x01" * 0xFFFF,
            b"\x91\xdc\xff\xff" + pack(dice.choice(self.tags)) + b"\x90" * 0xFFFE,
        ))  # fmt: skip
        header = dict(headers)["frame"]
        at, lifecycle, messages = map(msgspec.Raw, map(pack, msgspec.msgpack.decode(value)))
        return dice.choice((
            (headers, bomb),
            ([("frame", bomb)], value),
            ([("frame", header[:1] + b"\x01" + bomb)], value),
            ([("frame", header[:-1] + bomb)], value),
            (headers, b"\x93" + bomb + bytes(lifecycle) + bytes(messages)),
            (headers, b"\x93" + bytes(at) + pack(bomb) + bytes(messages)),
            (headers, b"\x93" + bytes(at) + bytes(lifecycle) + pack(bomb)),
        ))  # fmt: skip

    def _nonsense(self, headers: Headers, value: bytes) -> Record:
        random_bytes = self.dice.randbytes(self.dice.randint(0, 200))
        return self.dice.choice(((headers, random_bytes), ([("frame", random_bytes)], value)))

    def _altered(self, data: bytes) -> bytes:
        dice, changed = self.dice, bytearray(data)
        for _ in range(dice.choice((1, 1, 2, 3, 8))):
            at = dice.randint(0, len(changed))
            action = dice.randrange(6)
            if action == 0:
                del changed[at:]
            elif action == 1:
                del changed[at : at + dice.choice((1, 1, 2, 5))]
            elif action == 2:
                changed[at:at] = dice.randbytes(dice.randint(1, 4))
            elif action == 3:
                changed[at:at] = pack(self._hostile())
            elif at < len(changed):
                changed[at] = dice.choice((dice.randrange(256), changed[at] ^ 1 << dice.randrange(8)))
        return bytes(changed)

    def _alter_node(self, tree: list[Any]) -> None:
        """Change one list somewhere in the tree."""
        dice, node = self.dice, tree
        while (lists := [child for child in node if isinstance(child, list) and child]) and dice.random() < 0.7:
            node = dice.choice(lists)
        if not node:
            node.append(self._hostile())
            return
        at = dice.randrange(len(node))
        action = dice.randrange(5)
        if action == 0:
            del node[at]
        elif action == 1:
            node.insert(at, node[dice.randrange(len(node))])
        elif action == 2:
            node.insert(at, self._hostile())
        elif action == 3 and type(node[at]) is int:
            node[at] += dice.choice((-1, 1, 65_536, -65_536)) if abs(node[at]) < 1 << 62 else 0
        else:
            node[at] = self._hostile()

    def _hostile(self) -> Any:
        dice = self.dice
        return dice.choice((
            None, True, False, 0, 1, -1, 255, 65_535, 65_536, 1 << 31, 1 << 63, (1 << 64) - 1, -(1 << 63), 0.5,
            float("nan"), float("inf"), "", "a", "default", "\0", "é\U0001f600", "x" * 70_000, b"", b"\xff" * 9,
            [], [[]], [[], {}], {}, {"a": 1}, {1: 2}, msgspec.msgpack.Ext(1, b"abc"),
            msgspec.msgpack.Ext(-1, b"\0" * 12), dice.choice(self.tags), [dice.choice(self.tags)],
            list(range(dice.randrange(300))),
        ))  # fmt: skip


def check(record: Record, dice: random.Random, findings: Findings) -> None:
    """Runs one input; what escapes is a finding of the caller."""
    headers, value = record
    try:
        frame = read_frame(headers, value)
        events = frame.event_list()
    except FrameError as error:
        findings.reasons[_reason(error)] += 1
        events = None
    lifecycle = _lifecycle(headers, value)
    cut = position(OFFSET + dice.choice((-1, 0, 0, 0, 1)), dice.choice((0, 1, 5, MAX_INDEX)))
    _read_as_the_projector(headers, value, None)
    _read_as_the_projector(headers, value, cut)
    if events is None:
        return
    for event in events:
        findings.events[event.KIND] += 1
    own = [(i, event) for i, event in enumerate(events) if type(event) not in MESSAGE_TYPE_SET]
    if list(frame.events()) != list(enumerate(events)) or lifecycle != own:
        raise AssertionError(f"ways of reading differ: {events} and {lifecycle}")
    if (frame.header.events, frame.header.lifecycle_events) != (len(events), len(own)):
        raise AssertionError(f"the header counts otherwise: {frame.header} and {events}")
    _check_search(frame)
    _check_round_trip(events)


def _lifecycle(headers: Headers, value: bytes | None) -> list[tuple[int, Any]] | None:
    try:
        return list(read_frame(headers, value).lifecycle())
    except FrameError:
        return None


def _read_as_the_projector(headers: Headers, value: bytes | None, until: int | None) -> None:
    try:
        read_record(OFFSET, 1_000, headers, value, until)
    except FrameError:
        return


def _check_search(frame: Frame) -> None:
    for wanted in SEARCHES:
        wanted.frame(frame)
        for _ in wanted.events(frame):
            pass


def _check_round_trip(events: Sequence[AnyEvent]) -> None:
    """Events that were read are events: they can be written, in both forms, and come back."""
    again = read_frame(frame_headers(*FRAME_HEADER, events), encode_events(events))
    if again.event_list() != events:
        raise AssertionError(f"{events} come back as {again.event_list()}")
    for event in events[:5]:
        if from_plain(to_plain(event)) != event:
            raise AssertionError(f"{event} has another plain form")


def _reason(error: FrameError) -> str:
    """What kind of error, without what differs each time."""
    return re.sub(r"'.*'|-?\d+", "...", str(error).partition(": ")[0])


def run(seconds: float, seed: int, most: int | None = None, quiet: bool = False) -> Findings:
    """Fuzzes until the time or the number of inputs is used up."""
    inputs, findings = Inputs(seed), Findings()
    memory = _memory()
    start = shown = time.monotonic()
    while time.monotonic() - start < seconds and (most is None or findings.inputs < most):
        record = inputs.next()
        began = time.process_time()
        try:
            check(record, inputs.dice, findings)
        except Exception as problem:  # a finding, whatever it is
            findings.failures.append(f"{_shown(record)}: {type(problem).__name__}: {problem}"[:5_000])
        findings.inputs += 1
        _watch(record, time.process_time() - began, _memory() - memory, findings)
        if len(findings.failures) >= 20:
            break
        if not quiet and time.monotonic() - shown > 5:
            shown = time.monotonic()
            print(
                f"{shown - start:6.0f} s  {findings.inputs:>12,} inputs  {findings.inputs / (shown - start):>8,.0f}/s"
                f"  {len(findings.failures)} failures",
                flush=True,
            )
    return findings


def _watch(record: Record, seconds: float, grown: int, findings: Findings) -> None:
    """Note an input that took long, or with which memory went over its bound."""
    findings.slowest = max(findings.slowest, seconds)
    if seconds > LONGEST_SECONDS:
        findings.failures.append(f"{_shown(record)}: took {seconds:.1f} s of CPU")
    if grown > MOST_MEMORY:
        findings.failures.append(f"{_shown(record)}: memory grew by {grown} KiB up to here")


def _memory() -> int:
    """The most memory the process ever had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _shown(record: Record) -> str:
    headers, value = record
    shown = [(name, content[:2_000].hex()) for name, content in headers]
    return f"{shown} {None if value is None else value[:2_000].hex()}"


def report(findings: Findings, seconds: float) -> None:
    """Prints the summary."""
    print(
        f"frame codec: {findings.inputs:,} inputs in {seconds:.0f} s, {len(findings.failures)} failures; "
        f"the slowest took {findings.slowest:.3f} s"
    )
    print("events:", ", ".join(f"{name} {count:,}" for name, count in findings.events.most_common()))
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
    print(f"frame codec: seed {seed}, {options.seconds:.0f} s")
    start = time.monotonic()
    findings = run(options.seconds, seed)
    report(findings, time.monotonic() - start)
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main())
