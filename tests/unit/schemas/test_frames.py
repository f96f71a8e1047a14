"""Frames: whatever goes in comes out, in order, and hostile bytes give nothing but FrameError."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import frames
from schemas.events import AnyEvent, NodeLost, NodeStopped, Published
from schemas.filters import MOST_BYTES, client_marks, may_contain, topic_marks
from schemas.frames import Frame, FrameError, encode_events, frame_headers, read_frame
from schemas.positions import MAX_INDEX
from tests.golden.examples import FRAME_HEADER
from tests.golden.examples import FRAMES as EXAMPLES
from tests.unit.schemas.strategies import FRAMES

HEADERS = frame_headers(*FRAME_HEADER, [])
pack = msgspec.msgpack.encode


def _read(events: list[AnyEvent]) -> Frame:
    return read_frame(frame_headers(*FRAME_HEADER, events), encode_events(events))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(FRAMES)
def test_events_come_out_as_they_went_in(events: list[AnyEvent]) -> None:
    frame = _read(events)
    assert frame.event_list() == events
    assert list(frame.events()) == list(enumerate(events))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(FRAMES)
def test_lifecycle_reading_leaves_the_messages(events: list[AnyEvent]) -> None:
    lifecycle = [(i, e) for i, e in enumerate(events) if type(e) not in frames._MESSAGES]
    frame = _read(events)
    at, section, _ = msgspec.msgpack.decode(frame.value)
    without_messages = Frame(frame.header, b"", b"", pack([at, section, b"not even MessagePack"]))
    assert without_messages.lifecycle() == lifecycle


@settings(derandomize=True, max_examples=300, deadline=None)
@given(FRAMES)
def test_headers_count_what_is_inside(events: list[AnyEvent]) -> None:
    header = _read(events).header
    assert (header.node, header.incarnation, header.sequence, header.stamp, header.depends) == FRAME_HEADER
    assert header.events == len(events)
    assert header.counts == {e.KIND: sum(o.KIND == e.KIND for o in events) for e in events}
    published = [e for e in events if type(e) is Published]
    keys = list(dict.fromkeys((e.tenant, e.qos) for e in published))
    assert [(row.tenant, row.qos) for row in header.traffic] == keys
    for row in header.traffic:
        of_row = [e for e in published if (e.tenant, e.qos) == (row.tenant, row.qos)]
        sizes = sum(len(e.payload) for e in of_row)
        assert (row.messages, row.bytes, row.retained) == (len(of_row), sizes, sum(e.retain for e in of_row))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(FRAMES)
def test_the_filter_holds_every_client_and_topic(events: list[AnyEvent]) -> None:
    frame = _read(events)
    for event in events:
        named = getattr(event, "sessions", None) or getattr(event, "clients", None) or [event]
        for one in named:
            if hasattr(one, "client_id"):
                assert may_contain(frame.clients, client_marks(one.tenant, one.client_id))
        if hasattr(event, "topic"):
            assert may_contain(frame.topics, topic_marks(event.topic))


def test_a_frame_with_very_many_members_has_an_empty_filter_which_denies_nothing() -> None:
    def frame(most: int) -> Frame:
        """With so many different marks, as far as clients go: ``c0`` and what follows."""
        marks = {client_marks("t", f"c{i}"): f"c{i}" for i in range(20_000)}
        clients = list(marks.values())[:most]
        return _read([Published("t", client, 1, "a", 1, False, 0, b"", b"") for client in clients])

    full = MOST_BYTES // 2
    assert len(frame(full).clients) == MOST_BYTES
    assert frame(full + 1).clients == b""
    assert not may_contain(frame(full + 1).topics, topic_marks("b"))
    assert may_contain(frame(full + 1).clients, client_marks("t", "anybody"))


def test_a_frame_holds_no_more_than_a_position_can_name() -> None:
    events: list[AnyEvent] = [NodeLost("n", 1)] * (MAX_INDEX + 1)
    assert len(_read(events).event_list()) == MAX_INDEX + 1
    with pytest.raises(ValueError, match="at most 65536 events"):
        encode_events([*events, NodeLost("n", 1)])


def test_a_header_that_counts_otherwise_than_its_frame_is_a_frame_error() -> None:
    one: list[AnyEvent] = [Published("t", "c", 1, "a", 1, False, 0, b"", b"")]
    two: list[AnyEvent] = [NodeStopped("n", 1)]
    for said, held, lifecycle in ((one, two, 1), (two, one, 0), ([*one, *two], two, 1), ([*one, *one], one, 0)):
        frame = read_frame(frame_headers(*FRAME_HEADER, said), encode_events(held))
        with pytest.raises(FrameError, match=r"the frame's header counts \d (lifecycle )?events, the frame holds \d"):
            frame.event_list()
        if frame.header.lifecycle_events != lifecycle:
            with pytest.raises(FrameError, match="lifecycle events, the frame holds"):
                frame.lifecycle()


STOPPED = msgspec.msgpack.decode(pack(NodeStopped("n", 1)))
TEXT_NOT_UTF8 = b"\x91\x93\xaenode_stopped.1\xa2\xff\xfe\x01"
NESTED = b"\x91\x94\xaenode_stopped.1\xa1a\x01" + b"\x91" * 100_000 + b"\xc0"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([[0], pack([["melted.3", 1]]), pack([])], "an event 'melted.3', which this version of mqledger cannot read"),
        ([[], pack([]), pack([["melted.3", 1]])], "an event 'melted.3', which this version of mqledger cannot read"),
        ([[0, 1], pack([STOPPED]), pack([])], "2 indexes for 1 lifecycle events"),
        ([[], pack([STOPPED]), pack([])], "0 indexes for 1 lifecycle events"),
        ([[-1], pack([STOPPED]), pack([])], "do not ascend"),
        ([[1, 0], pack([STOPPED, STOPPED]), pack([])], "do not ascend"),
        ([[65_536], pack([STOPPED]), pack([])], "do not ascend"),
        ([[7], pack([STOPPED]), pack([])], "beyond its end"),
        ([[0], TEXT_NOT_UTF8, pack([])], "lifecycle events cannot be read"),
        ([[0], NESTED, pack([])], "lifecycle events cannot be read"),
        ([[], pack([]), b""], "message events cannot be read"),
        ([[], pack([]), pack([STOPPED])], "message events cannot be read"),
        ([[], pack([])], "no frame body"),
    ],
)
def test_a_damaged_body_is_a_frame_error_that_says_what(body: list[Any], says: str) -> None:
    frame = read_frame(HEADERS, pack(body))
    with pytest.raises(FrameError, match=says):
        frame.event_list()


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (pack([2, "another", {"shape": 1}]), "format 2; this version of mqledger reads format 1 only"),
        (pack([0]), "format 0"),
        (pack([1, "n"]), "header cannot be read"),
        (b"", "header cannot be read"),
        (pack([1, "n", 1, 1, 1, [], {}, []]) + b"\x00", "header cannot be read"),
        (b"\x99\x01\xa1a\x01\x01\x01\x90\x80\x90" + b"\x91" * 100_000 + b"\xc0", "header cannot be read"),
    ],
)
def test_a_damaged_header_is_a_frame_error_that_says_what(header: bytes, says: str) -> None:
    with pytest.raises(FrameError, match=says):
        read_frame([("frame", header)], b"")


def test_a_record_that_is_no_frame() -> None:
    with pytest.raises(FrameError, match="no frame header"):
        read_frame([("clients", b"")], b"x")
    with pytest.raises(FrameError, match="no value"):
        read_frame(HEADERS, None)


def _read_all(header: bytes, value: bytes) -> None:
    """Reads everything; anything but a FrameError fails the test that calls this."""
    try:
        frame = read_frame([("frame", header), ("clients", b"")], value)
        frame.lifecycle()
        frame.event_list()
    except FrameError:
        return


@settings(derandomize=True, max_examples=1_000, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_give_a_frame_or_a_frame_error(header: bytes, value: bytes) -> None:
    _read_all(header, value)
    _read_all(dict(HEADERS)["frame"], value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_altered_frames_give_a_frame_or_a_frame_error(name: str) -> None:
    header = dict(frame_headers(*FRAME_HEADER, EXAMPLES[name]))["frame"]
    value = encode_events(EXAMPLES[name])
    chance = random.Random(name)
    for _ in range(2_000):
        _read_all(_altered(header, chance), value)
        _read_all(header, _altered(value, chance))
    for cut in range(len(value)):
        _read_all(header, value[:cut])


def _altered(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)
