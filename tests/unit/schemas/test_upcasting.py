"""Old versions lie in logs for ever: an example of one proves that readers see the present version only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Union

import msgspec
import pytest

from schemas import frames, registry
from schemas.events import LIFECYCLE_TYPES, Event, NodeLost, Refused
from schemas.frames import FrameError, encode_events, frame_headers, read_frame
from schemas.registry import upcast
from tests.golden.examples import FRAME_HEADER


class NodeLostMinusOne(Event, frozen=True, tag="node_lost.-1"):
    """As if written before version 0: without an incarnation."""

    KIND: ClassVar[str] = "node_lost.-1"
    name: str


class NodeLostZero(Event, frozen=True, tag="node_lost.0"):
    """As if written before version 1: under another name of its field."""

    KIND: ClassVar[str] = "node_lost.0"
    name: str
    number: int


UPCASTERS: dict[type[Event], Callable[[Any], Event]] = {
    NodeLostMinusOne: lambda old: NodeLostZero(old.name, 0),
    NodeLostZero: lambda old: NodeLost(old.name, old.number),
}


def test_chains_are_followed_to_the_present_version() -> None:
    assert upcast(NodeLostMinusOne("n"), UPCASTERS) == NodeLost("n", 0)
    assert upcast(NodeLostZero("n", 7), UPCASTERS) == NodeLost("n", 7)
    assert upcast(NodeLost("n", 8), UPCASTERS) == NodeLost("n", 8)


def _old_frame() -> frames.Frame:
    events: list[Any] = [NodeLostMinusOne("n"), NodeLost("m", 1), NodeLostZero("n", 7)]
    return read_frame(frame_headers(*FRAME_HEADER, events), encode_events(events))


def test_a_frame_with_old_versions_reads_as_present_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = (*LIFECYCLE_TYPES, NodeLostMinusOne, NodeLostZero)
    decoder = msgspec.msgpack.Decoder(list[Union[kinds]])  # type: ignore[valid-type]  # noqa: UP007
    monkeypatch.setattr(frames, "_lifecycle_decoder", decoder)
    monkeypatch.setattr(frames, "UPCASTERS", UPCASTERS)
    monkeypatch.setattr(registry, "UPCASTERS", UPCASTERS)
    present = [NodeLost("n", 0), NodeLost("m", 1), NodeLost("n", 7)]
    assert _old_frame().event_list() == present
    assert [event for _, event in _old_frame().lifecycle()] == present


def test_without_its_class_an_old_version_is_unknown() -> None:
    with pytest.raises(FrameError, match=r"an event 'node_lost.-1'"):
        _old_frame().lifecycle()


def test_a_field_that_older_writers_left_out_has_its_default() -> None:
    wire = msgspec.msgpack.decode(msgspec.msgpack.encode(Refused("t", "c", "u", "p", 5, "a", 1, "l", 2, "r")))
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(wire[:-1]), type=Refused)  # a field without a default
    from schemas.events import Subscription

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(["a/b", 1]), type=Subscription) == Subscription("a/b", 1)


def test_every_old_version_has_an_upcaster_and_every_upcaster_an_old_version() -> None:
    assert set(registry.OLD_VERSIONS) == set(registry.UPCASTERS)
