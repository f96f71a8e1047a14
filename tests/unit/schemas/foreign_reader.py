"""A reader of frames that knows nothing but ``docs/events.md``: neither schemas nor msgspec are imported here.

It takes the places, names and types of fields from the tables of that page, as somebody with another language would.
"""

from __future__ import annotations

import re
import struct
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

Rows = list[tuple[str, str]]
"""(field, type) by place."""


class Unpacker:
    """MessagePack, as its specification says; what the page does not use is refused."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        assert len(taken) == count, "cut short"
        self.at += count
        return taken

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def value(self) -> Any:
        first = self.number(">B")
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first < 0xC0:
            low = first & (0x1F if first >= 0xA0 else 0x0F)
            return self.text(low) if first >= 0xA0 else self.items(low) if first >= 0x90 else self.pairs(low)
        constants = {0xC0: None, 0xC2: False, 0xC3: True}
        if first in constants:
            return constants[first]
        numbers = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}
        numbers |= {0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
        if first in numbers:
            return self.number(numbers[first])
        sized: dict[int, tuple[str, Callable[[int], Any]]]
        sized = {0xC4: (">B", self.take), 0xC5: (">H", self.take), 0xC6: (">I", self.take)}
        sized |= {0xD9: (">B", self.text), 0xDA: (">H", self.text), 0xDB: (">I", self.text)}
        sized |= {
            0xDC: (">H", self.items),
            0xDD: (">I", self.items),
            0xDE: (">H", self.pairs),
            0xDF: (">I", self.pairs),
        }
        layout, read = sized[first]
        return read(self.number(layout))

    def text(self, count: int) -> str:
        return self.take(count).decode()

    def items(self, count: int) -> list[Any]:
        return [self.value() for _ in range(count)]

    def pairs(self, count: int) -> dict[Any, Any]:
        return {self.value(): self.value() for _ in range(count)}


def unpack(data: bytes) -> Any:
    """The one value in the data."""
    unpacker = Unpacker(data)
    value = unpacker.value()
    assert unpacker.at == len(data), "more than one value"
    return value


class Page:
    """The tables of the page, by the heading or the words above them."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        self.tables: dict[str, Rows] = {}
        for title, body in re.findall(r"^### `?([\w.]+)`?\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL):
            self.tables[title] = self._rows(body)
        self.tables["FrameHeader"] = self._rows(text.split("Header `frame` is an array:")[1].split("Each row")[0])
        self.tables["Traffic"] = self._rows(text.split("Each row of `traffic` is an array:")[1].split("##")[0])

    @staticmethod
    def _rows(body: str) -> Rows:
        return re.findall(r"^\| \d+ \| `(\w+)` \| ([^|]+?) \|", body, re.MULTILINE)

    def named(self, table: str, values: list[Any]) -> dict[str, Any]:
        """An array of values as an object, with defaults for what is missing at its end."""
        rows = self.tables[table]
        return {
            field: self._shown(kind.partition(" = ")[0], values[place]) if place < len(values) else kind
            for place, (field, kind) in enumerate(rows)
        }

    def event(self, values: list[Any]) -> dict[str, Any]:
        """An event with its tag."""
        return {"event": values[0], **self.named(values[0], values[1:])}

    def _shown(self, kind: str, value: Any) -> Any:
        if kind.startswith("list of "):
            return [self._shown(kind[8:], item) for item in value]
        if (part := re.match(r"\[(\w+)\]", kind)) and value is not None:
            return self.named(part[1], value)
        if isinstance(value, bytes):
            return _shown_bytes(value)
        return value


def _shown_bytes(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


def read_events(page: Page, value: bytes) -> list[dict[str, Any]]:
    """The events of a frame, in order, from the record's value."""
    lifecycle_at, lifecycle, messages = unpack(value)
    by_place = dict(zip(lifecycle_at, unpack(lifecycle), strict=True))
    rest = iter(unpack(messages))
    total = len(by_place) + len(unpack(messages))
    return [page.event(by_place[i] if i in by_place else next(rest)) for i in range(total)]


def may_hold(summary: bytes, member: str) -> bool:
    """Whether a frame with this filter may hold the member, such as ``default/sensor-1``."""
    if not summary or len(summary) % 2:
        return True
    marks = struct.unpack(f"<{len(summary) // 2}H", summary)
    return (crc32(member.encode()) * 2654435761) % 2**32 // 2**16 in marks


def partition(tenant: str, client_id: str, partitions: int) -> int:
    """The partition of a client."""
    name = tenant.encode()
    return crc32(struct.pack(">H", len(name)) + name + client_id.encode()) % partitions
