"""The layout of a frame, from the structs that encode it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec

from schemas import frames
from tools.diagrams.text import mermaid

BODY = frames._WrittenBody


def _fields(cls: Any) -> str:
    return "<br/>".join(field.name for field in msgspec.structs.fields(cls))


def layout() -> str:
    """A Kafka record with its two headers and its value; fields in the order of the wire."""
    body = [field.name for field in msgspec.structs.fields(BODY)]
    return mermaid(
        "flowchart LR",
        [
            "subgraph record [Kafka record of the event topic: no key]",
            "subgraph headers [headers]",
            f'frame["<b>frame</b><br/>{_fields(frames.FrameHeader)}"]',
            f'traffic["each of traffic<br/>{_fields(frames.Traffic)}"]',
            'filters["<b>clients</b>, <b>topics</b><br/>two bytes for each, to skip the frame by"]',
            "frame --- traffic",
            "end",
            "subgraph value [value]",
            *(f'{name}["{name}"]' for name in body),
            *(f"{a} --- {b}" for a, b in pairwise(body)),
            "end",
            "end",
        ],
    )
