"""The bytes of every event and of some frames never change."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from schemas.frames import read_frame
from schemas.plain import from_plain, to_plain
from schemas.registry import CURRENT, tag_of
from tests.golden.examples import EVENTS, FRAMES
from tests.golden.regenerate import HERE, golden_files

FILES = golden_files()


def test_every_event_has_an_example() -> None:
    assert {tag_of(type(event)) for event in EVENTS} == set(CURRENT)


def test_examples_say_something_in_every_field() -> None:
    for event in EVENTS:
        for field in msgspec.structs.fields(type(event)):
            assert getattr(event, field.name) != field.default, f"{tag_of(type(event))}.{field.name}"


@pytest.mark.parametrize("name", sorted(FILES))
def test_bytes_are_those_of_the_golden_file(name: str) -> None:
    assert (HERE / name).read_bytes() == FILES[name], (
        f"{name} changed. Logs hold the old bytes: append a field with a default or make a new version "
        "(schemas/registry.py). Before the first release: python -m tests.golden.regenerate"
    )


def test_no_golden_file_is_left_over() -> None:
    present = {f"{path.parent.name}/{path.name}" for folder in ("events", "frames") for path in _files(HERE / folder)}
    assert present == set(FILES)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: tag_of(type(event)))
def test_golden_bytes_are_read_as_the_example(event: msgspec.Struct) -> None:
    cls = type(event)
    content = (HERE / "events" / f"{event.__struct_config__.tag}.bin").read_bytes()
    assert msgspec.msgpack.decode(content, type=cls) == event
    plain = json.loads((HERE / "events" / f"{event.__struct_config__.tag}.json").read_text(encoding="utf-8"))
    assert from_plain(plain) == event


@pytest.mark.parametrize("name", FRAMES)
def test_golden_frames_are_read_as_the_examples(name: str) -> None:
    about = json.loads((HERE / "frames" / f"{name}.json").read_text(encoding="utf-8"))
    headers = [(key, bytes.fromhex(content)) for key, content in about["headers"].items()]
    frame = read_frame(headers, (HERE / "frames" / f"{name}.bin").read_bytes())
    assert frame.event_list() == list(FRAMES[name])
    assert [to_plain(event) for event in frame.event_list()] == about["events"]
    assert frame.header.events == len(FRAMES[name])


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]
