"""Round trips of events, in the wire form and in the plain form."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import given, settings

from schemas.events import Event, Published
from schemas.plain import PlainError, from_plain, plain_bytes, to_plain
from schemas.registry import CURRENT, name_of, tag_of
from tests.unit.schemas.strategies import ALL_EVENTS


@settings(derandomize=True, max_examples=400, deadline=None)
@given(ALL_EVENTS)
def test_every_event_survives_the_wire(event: Event) -> None:
    wire = msgspec.msgpack.encode(event)
    assert msgspec.msgpack.decode(wire, type=type(event)) == event
    assert msgspec.msgpack.decode(wire)[0] == tag_of(type(event))


@settings(derandomize=True, max_examples=400, deadline=None)
@given(ALL_EVENTS)
def test_every_event_survives_json(event: Event) -> None:
    assert from_plain(json.loads(json.dumps(to_plain(event)))) == event


@pytest.mark.parametrize("cls", CURRENT.values(), ids=tag_of)
def test_tags_are_name_and_version(cls: type[Event]) -> None:
    assert tag_of(cls) == cls.KIND
    name, _, version = cls.KIND.rpartition(".")
    assert name == name_of(cls.KIND)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert version.isdigit()


def test_fields_appended_by_a_later_writer_are_ignored() -> None:
    event = Published("t", "c", 1, "a", 0, False, 0, b"", b"x")
    wire = msgspec.msgpack.encode([*msgspec.msgpack.decode(msgspec.msgpack.encode(event)), "later", {"more": 1}])
    assert msgspec.msgpack.decode(wire, type=Published) == event


def test_bytes_are_text_or_base64_and_the_two_cannot_be_mistaken() -> None:
    assert plain_bytes(b'{"base64": "x"}') == '{"base64": "x"}'
    assert plain_bytes(b"\xff") == {"base64": "/w=="}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"event": "nothing.9"},
        {"event": "node_lost.1"},
        {"event": "node_lost.1", "node": 5, "incarnation": 1},
        {"event": "released.1", "tenant": "t", "client_id": "c", "epoch": "1", "packet_id": 1},
    ],
)
def test_what_is_no_event_is_said_so(data: dict[str, object]) -> None:
    with pytest.raises(PlainError):
        from_plain(data)
