"""Frames: the events of one partition that were gathered while its previous append was in flight, as one Kafka record.

Record key: none. Record headers:

``frame``   MessagePack array, see :class:`FrameHeader`; its first element is the format version.
``filter``  Bloom filter over client ids and topics, see :mod:`schemas.filters`.

Record value: MessagePack array of three: the indexes of the lifecycle events in the frame; a binary with the
MessagePack array of the lifecycle events; a binary with the MessagePack array of the message events, which take the
remaining indexes in order. A reader that wants only lifecycle events never touches the payloads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Union

import msgspec

from schemas import filters
from schemas.events import LIFECYCLE_TYPES, MESSAGE_TYPES, AnyEvent, LifecycleEvent, MessageEvent, Published
from schemas.positions import MAX_INDEX
from schemas.registry import OLD_VERSIONS, UPCASTERS, upcast

FORMAT = 1


class FrameError(ValueError):
    """A record is not a frame this version can read; the text says why."""


class Traffic(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Published messages of one tenant and QoS in a frame."""

    tenant: str
    qos: int
    messages: int
    bytes: int
    """Payload bytes."""
    retained: int
    """Messages with the retain flag."""


class FrameHeader(msgspec.Struct, frozen=True, array_like=True):
    """What a reader needs to skip or count a frame without decoding it."""

    format: int
    node: str
    incarnation: int
    sequence: int
    """Number of the frame in its partition and incarnation, from 0."""
    stamp: int
    """Hybrid logical stamp, above that of every frame the node had applied: milliseconds << 16 | counter."""
    depends: list[int]
    """The node's applied vector when it sealed the frame."""
    counts: dict[str, int]
    """Number of events by tag."""
    traffic: list[Traffic]

    @property
    def events(self) -> int:
        """Number of events in the frame."""
        return sum(self.counts.values())


class _Body(msgspec.Struct, frozen=True, array_like=True):
    lifecycle_at: list[int]
    lifecycle: memoryview
    messages: memoryview


class _WrittenBody(msgspec.Struct, frozen=True, array_like=True):
    lifecycle_at: list[int]
    lifecycle: bytes
    messages: bytes


_encoder = msgspec.msgpack.Encoder()
_body_decoder = msgspec.msgpack.Decoder(_Body)
_header_decoder = msgspec.msgpack.Decoder(FrameHeader)
_lifecycle_decoder: msgspec.msgpack.Decoder[list[LifecycleEvent]] = msgspec.msgpack.Decoder(
    list[Union[(*LIFECYCLE_TYPES, *OLD_VERSIONS)]]  # type: ignore[valid-type]
)
_message_decoder: msgspec.msgpack.Decoder[list[MessageEvent]] = msgspec.msgpack.Decoder(
    list[Union[MESSAGE_TYPES]]  # type: ignore[valid-type]
)
_EMPTY = _encoder.encode([])
_MESSAGES = frozenset(MESSAGE_TYPES)

Headers = Sequence[tuple[str, bytes]]


class Frame(msgspec.Struct, frozen=True):
    """A frame as read: its header at once, its events when asked for."""

    header: FrameHeader
    filter: bytes
    value: bytes

    def lifecycle(self) -> list[tuple[int, LifecycleEvent]]:
        """The lifecycle events with their indexes; payloads are not touched. Raises :class:`FrameError`."""
        body = _decode_body(self.value)
        return list(zip(body.lifecycle_at, _decode_lifecycle(body.lifecycle), strict=True))

    def events(self) -> Iterator[tuple[int, AnyEvent]]:
        """All events with their indexes, in order. Raises :class:`FrameError`."""
        return enumerate(self.event_list())

    def event_list(self) -> list[AnyEvent]:
        """All events in order; the place in the list is the index. Raises :class:`FrameError`."""
        body = _decode_body(self.value)
        try:
            events: list[AnyEvent] = list(_message_decoder.decode(body.messages))
        except msgspec.MsgspecError as error:
            raise FrameError(f"message events cannot be read: {error}") from error
        if body.lifecycle_at:
            lifecycle = _decode_lifecycle(body.lifecycle)
            for index, event in zip(body.lifecycle_at, lifecycle, strict=True):
                events.insert(index, event)
        return events


def _decode_body(value: bytes) -> _Body:
    try:
        return _body_decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise FrameError(f"the record's value is no frame body: {error}") from error


def _decode_lifecycle(section: memoryview) -> list[LifecycleEvent]:
    try:
        events = _lifecycle_decoder.decode(section)
    except msgspec.MsgspecError as error:
        raise FrameError(f"lifecycle events cannot be read: {error}") from error
    return [upcast(event) for event in events] if UPCASTERS else events  # type: ignore[misc]


def read_frame(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Frame:
    """The frame in a Kafka record of the event topic.

    Raises:
        FrameError: the record is not a frame, or its format is newer than this version reads.
    """
    header = summary = None
    for name, content in headers:
        if name == "frame":
            header = content
        elif name == "filter":
            summary = content
    if header is None or value is None:
        raise FrameError("the record has no frame header or no value")
    return Frame(read_header(header), summary or b"", value)


def read_header(content: bytes) -> FrameHeader:
    """The header of a frame. Raises :class:`FrameError`."""
    try:
        header = _header_decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise FrameError(f"the frame header cannot be read: {error}") from error
    if header.format != FORMAT:
        raise FrameError(f"frame format {header.format} is newer than {FORMAT}, which this version reads")
    return header


def encode_events(events: Sequence[AnyEvent]) -> bytes:
    """The value of a record that holds these events, in order."""
    if len(events) > MAX_INDEX + 1:
        raise ValueError(f"a frame holds at most {MAX_INDEX + 1} events, not {len(events)}")
    lifecycle_at = [i for i, event in enumerate(events) if type(event) not in _MESSAGES]
    if not lifecycle_at:
        return _encoder.encode(_WrittenBody([], _EMPTY, _encoder.encode(events)))
    lifecycle = [events[i] for i in lifecycle_at]
    if len(lifecycle) == len(events):
        return _encoder.encode(_WrittenBody(lifecycle_at, _encoder.encode(lifecycle), _EMPTY))
    messages = [event for event in events if type(event) in _MESSAGES]
    return _encoder.encode(_WrittenBody(lifecycle_at, _encoder.encode(lifecycle), _encoder.encode(messages)))


def summarize(events: Sequence[AnyEvent]) -> tuple[dict[str, int], list[Traffic], bytes]:
    """Counts by tag, traffic by tenant and QoS, and the filter of a frame with these events."""
    counts: dict[str, int] = {}
    traffic: dict[tuple[str, int], list[int]] = {}
    topics: set[str] = set()
    clients: set[tuple[str, str]] = set()
    published = 0
    for event in events:
        if type(event) is Published:
            published += 1
            key = (event.tenant, event.qos)
            row = traffic.get(key)
            if row is None:
                row = traffic[key] = [0, 0, 0]
            row[0] += 1
            row[1] += len(event.payload)
            if event.retain:
                row[2] += 1
            topics.add(event.topic)
            clients.add((event.tenant, event.client_id))
        else:
            counts[event.KIND] = counts.get(event.KIND, 0) + 1
            _mention(event, topics, clients)
    if published:
        counts[Published.KIND] = published
    masks = [filters.topic_mask(topic) for topic in topics]
    masks += [filters.client_mask(tenant, client) for tenant, client in clients]
    return counts, [Traffic(t, q, *row) for (t, q), row in traffic.items()], filters.build(masks)


def _mention(event: AnyEvent, topics: set[str], clients: set[tuple[str, str]]) -> None:
    client_id = getattr(event, "client_id", None)
    if client_id is not None:
        clients.add((event.tenant, client_id))  # type: ignore[union-attr]
        topic = getattr(event, "topic", None)
        if topic is not None:
            topics.add(topic)
        return
    for named in getattr(event, "sessions", ()) or getattr(event, "clients", ()):
        clients.add((named.tenant, named.client_id))


def frame_headers(
    node: str, incarnation: int, sequence: int, stamp: int, depends: list[int], events: Sequence[AnyEvent]
) -> list[tuple[str, bytes]]:
    """The Kafka headers of a frame with these events."""
    counts, traffic, summary = summarize(events)
    header = FrameHeader(FORMAT, node, incarnation, sequence, stamp, depends, counts, traffic)
    return [("frame", _encoder.encode(header)), ("filter", summary)]
