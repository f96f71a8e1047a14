"""Writes the golden files anew: ``python -m tests.golden.regenerate``; look at the diff before you commit it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from schemas.frames import encode_events, frame_headers
from schemas.plain import to_plain
from schemas.registry import tag_of
from tests.golden.examples import EVENTS, FRAME_HEADER, FRAMES

HERE = Path(__file__).parent


def golden_files() -> dict[str, bytes]:
    """What every golden file of events and frames must hold, by path below this folder."""
    files: dict[str, bytes] = {}
    for event in EVENTS:
        tag = tag_of(type(event))
        files[f"events/{tag}.json"] = _json(to_plain(event))
        files[f"events/{tag}.bin"] = msgspec.msgpack.encode(event)
    for name, events in FRAMES.items():
        headers = dict(frame_headers(*FRAME_HEADER, events))
        value = encode_events(events)
        files[f"frames/{name}.bin"] = value
        files[f"frames/{name}.json"] = _json({
            "headers": {key: content.hex() for key, content in headers.items()},
            "events": [to_plain(event) for event in events],
        })  # fmt: skip
    return files


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()


def main() -> None:
    """Write what is new or different, remove what no example stands for, and say so."""
    files = golden_files()
    for folder in ("events", "frames"):
        (HERE / folder).mkdir(exist_ok=True)
        for path in (HERE / folder).iterdir():
            name = f"{folder}/{path.name}"
            if name not in files:
                path.unlink()
                print("removed", name)
    for name, content in files.items():
        path = HERE / name
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            print("written", name)


if __name__ == "__main__":
    main()
