"""Frames: the events of one partition that were gathered while its previous append was in flight, as one Kafka record.

Record key: none. Record headers:

``frame``   MessagePack array, see :class:`FrameHeader`; its first element is the format version.
``clients`` Filter over the clients of its events, see :mod:`schemas.filters`.
``topics``  Filter over the topics of its messages, as above.

Record value: MessagePack array of three: the indexes of the lifecycle events in the frame; a binary with the
MessagePack array of the lifecycle events; a binary with the MessagePack array of the message events, which take the
remaining indexes in order. A reader that wants only lifecycle events never touches the payloads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import ge
from typing import Union

import msgspec

from schemas import filters
from schemas.events import LIFECYCLE_TYPES, MESSAGE_TYPES, AnyEvent, LifecycleEvent, MessageEvent, Published
from schemas.positions import MAX_INDEX
from schemas.registry import OLD_VERSIONS, UPCASTERS, unknown_tag, upcast

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

    @property
    def lifecycle_events(self) -> int:
        """Number of lifecycle events in the frame."""
        return sum([count for tag, count in self.counts.items() if tag not in _MESSAGE_TAGS])


class _AnyFormat(msgspec.Struct, frozen=True, array_like=True):
    format: int


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
_format_decoder = msgspec.msgpack.Decoder(_AnyFormat)
_header_decoder = msgspec.msgpack.Decoder(FrameHeader)
_lifecycle_decoder: msgspec.msgpack.Decoder[list[LifecycleEvent]] = msgspec.msgpack.Decoder(
    list[Union[(*LIFECYCLE_TYPES, *OLD_VERSIONS)]]  # type: ignore[valid-type]
)
_message_decoder: msgspec.msgpack.Decoder[list[MessageEvent]] = msgspec.msgpack.Decoder(
    list[Union[MESSAGE_TYPES]]  # type: ignore[valid-type]  # noqa: UP007
)
_EMPTY = _encoder.encode([])
_MESSAGES = frozenset(MESSAGE_TYPES)
_MESSAGE_TAGS = frozenset(cls.KIND for cls in MESSAGE_TYPES)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for hostile bytes: wrong shapes, text that is not UTF-8, nesting without end."""

Headers = Sequence[tuple[str, bytes]]


class Frame(msgspec.Struct, frozen=True):
    """A frame as read: its header at once, its events when asked for."""

    header: FrameHeader
    clients: bytes
    """Filter over clients; :mod:`schemas.filters` reads it."""
    topics: bytes
    """Filter over topics."""
    value: bytes

    def lifecycle(self) -> list[tuple[int, LifecycleEvent]]:
        """The lifecycle events with their indexes; payloads are not touched. Raises :class:`FrameError`."""
        body = _decode_body(self.value)
        lifecycle = _decode_lifecycle(body.lifecycle)
        _check_indexes(body.lifecycle_at, len(lifecycle))
        _check_count(self.header.lifecycle_events, len(lifecycle), "lifecycle events")
        return list(zip(body.lifecycle_at, lifecycle, strict=True))

    def events(self) -> Iterator[tuple[int, AnyEvent]]:
        """All events with their indexes, in order. Raises :class:`FrameError`."""
        return enumerate(self.event_list())

    def event_list(self) -> list[AnyEvent]:
        """All events in order; the place in the list is the index. Raises :class:`FrameError`."""
        body = _decode_body(self.value)
        messages = _decode_messages(body.messages)
        lifecycle = _decode_lifecycle(body.lifecycle)
        _check_indexes(body.lifecycle_at, len(lifecycle))
        events = _interleave(body.lifecycle_at, lifecycle, messages) if lifecycle else messages
        _check_count(self.header.lifecycle_events, len(lifecycle), "lifecycle events")
        _check_count(self.header.events, len(events), "events")
        return events  # type: ignore[return-value]


def _decode_body(value: bytes) -> _Body:
    try:
        return _body_decoder.decode(value)
    except _UNREADABLE as error:
        raise FrameError(f"the record's value is no frame body: {error}") from error


def _decode_lifecycle(section: memoryview) -> list[LifecycleEvent]:
    try:
        events = _lifecycle_decoder.decode(section)
    except _UNREADABLE as error:
        raise _section_error("lifecycle", section, error) from error
    return [upcast(event) for event in events] if UPCASTERS else events  # type: ignore[misc]


def _decode_messages(section: memoryview) -> list[MessageEvent]:
    try:
        return _message_decoder.decode(section)
    except _UNREADABLE as error:
        raise _section_error("message", section, error) from error


def _section_error(section_name: str, section: memoryview, error: Exception) -> FrameError:
    tag = unknown_tag(section)
    if tag is not None:
        return FrameError(f"the frame holds an event {tag!r}, which this version of mqledger cannot read")
    return FrameError(f"{section_name} events cannot be read: {error}")


def _check_indexes(at: Sequence[int], count: int) -> None:
    if len(at) != count:
        raise FrameError(f"the frame gives {len(at)} indexes for {count} lifecycle events")
    if count and (at[0] < 0 or at[-1] > MAX_INDEX or any(map(ge, at, at[1:]))):
        raise FrameError("the indexes of the frame's lifecycle events do not ascend")


def _check_count(said: int, found: int, what: str) -> None:
    """Who counts from the header and who reads the events must come to the same."""
    if said != found:
        raise FrameError(f"the frame's header counts {said} {what}, the frame holds {found}")


def _interleave(
    at: Sequence[int], lifecycle: Sequence[LifecycleEvent], messages: Sequence[MessageEvent]
) -> list[AnyEvent]:
    """Lifecycle events at their (ascending) indexes, message events in the places that remain."""
    events: list[AnyEvent] = []
    taken = 0
    for index, event in zip(at, lifecycle, strict=True):
        gap = index - len(events)
        if gap:
            events += messages[taken : taken + gap]
            taken += gap
        events.append(event)
    if taken > len(messages):
        raise FrameError("the indexes of the frame's lifecycle events lie beyond its end")
    events += messages[taken:]
    return events


def read_frame(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Frame:
    """The frame in a Kafka record of the event topic.

    Raises:
        FrameError: the record is not a frame, or its format is newer than this version reads.
    """
    header = clients = topics = None
    for name, content in headers:
        if name == "frame":
            header = content
        elif name == "clients":
            clients = content
        elif name == "topics":
            topics = content
    if header is None or value is None:
        raise FrameError("the record has no frame header or no value")
    return Frame(read_header(header), clients or b"", topics or b"", value)


def read_header(content: bytes) -> FrameHeader:
    """The header of a frame. Raises :class:`FrameError`."""
    try:
        header = _header_decoder.decode(content)
    except _UNREADABLE as error:
        _check_format(content)
        raise FrameError(f"the frame header cannot be read: {error}") from error
    if header.format != FORMAT:
        _check_format(content)
    return header


def _check_format(content: bytes) -> None:
    """Say so when a header cannot be read because its format is another one; a new format may change all but that."""
    try:
        number = _format_decoder.decode(content).format
    except _UNREADABLE:
        return  # not even a format number: the caller has the better error
    if number != FORMAT:
        raise FrameError(f"the frame has format {number}; this version of mqledger reads format {FORMAT} only")


def encode_events(events: Sequence[AnyEvent]) -> bytes:
    """The value of a record that holds these events, in order."""
    if len(events) > MAX_INDEX + 1:
        raise ValueError(f"a frame holds at most {MAX_INDEX + 1} events, not {len(events)}")
    if _only_published(events) or _MESSAGES.issuperset(map(type, events)):
        return _encoder.encode(_WrittenBody([], _EMPTY, _encoder.encode(events)))
    lifecycle_at = [i for i, event in enumerate(events) if type(event) not in _MESSAGES]
    lifecycle = [events[i] for i in lifecycle_at]
    if len(lifecycle) == len(events):
        return _encoder.encode(_WrittenBody(lifecycle_at, _encoder.encode(lifecycle), _EMPTY))
    messages = [event for event in events if type(event) in _MESSAGES]
    return _encoder.encode(_WrittenBody(lifecycle_at, _encoder.encode(lifecycle), _encoder.encode(messages)))


def _only_published(events: Sequence[AnyEvent]) -> bool:
    kinds: list[type] = [*map(type, events)]
    return kinds.count(Published) == len(kinds)


def summarize(events: Sequence[AnyEvent]) -> tuple[dict[str, int], list[Traffic], bytes, bytes]:
    """Counts by tag, traffic by tenant and QoS, and the filters over clients and topics of a frame with these events.

    On the hottest path of ingest: one comprehension per fact and frame is several times cheaper than one loop body.
    """
    counts: dict[str, int] = {}
    traffic: list[Traffic] = []
    topics: set[int] = set()
    clients: set[int] = set()
    published: Sequence[Published] = events  # type: ignore[assignment]
    if not _only_published(events):
        published = [event for event in events if type(event) is Published]
        for event in events:
            if type(event) is not Published:
                counts[event.KIND] = counts.get(event.KIND, 0) + 1
                _mention(event, topics, clients)
    if published:
        counts[Published.KIND] = len(published)
        marks = filters.topics
        topics |= {marks[event.topic] for event in published}
        for group in _by_tenant_and_qos(published):
            marks_of_tenant = filters.clients[group[0].tenant]
            clients |= {marks_of_tenant[event.client_id] for event in group}
            traffic.append(_traffic_of(group))
    return counts, traffic, filters.of_clients(clients), filters.of_topics(topics)


def _by_tenant_and_qos(published: Sequence[Published]) -> Iterable[Sequence[Published]]:
    """Groups in the order in which their first messages lie in the frame; nearly always there is one."""
    first, count = published[0], len(published)
    if count == 1 or (
        [event.qos for event in published].count(first.qos) == count
        and [event.tenant for event in published].count(first.tenant) == count
    ):
        return (published,)
    groups: dict[tuple[str, int], list[Published]] = {}
    for event in published:
        key = (event.tenant, event.qos)
        group = groups.get(key)
        if group is None:
            groups[key] = [event]
        else:
            group.append(event)
    return groups.values()


def _traffic_of(group: Sequence[Published]) -> Traffic:
    size = sum([len(event.payload) for event in group])
    retained = len([None for event in group if event.retain])
    return Traffic(group[0].tenant, group[0].qos, len(group), size, retained)


def _mention(event: AnyEvent, topics: set[int], clients: set[int]) -> None:
    """Add the clients and topics of an event that is not a publish."""
    client_id = getattr(event, "client_id", None)
    if client_id is not None:
        clients.add(filters.clients[event.tenant][client_id])  # type: ignore[union-attr]
        topic = getattr(event, "topic", None)
        if topic is not None:
            topics.add(filters.topics[topic])
        return
    for named in getattr(event, "sessions", ()) or getattr(event, "clients", ()):
        clients.add(filters.clients[named.tenant][named.client_id])


def frame_headers(
    node: str, incarnation: int, sequence: int, stamp: int, depends: list[int], events: Sequence[AnyEvent]
) -> list[tuple[str, bytes]]:
    """The Kafka headers of a frame with these events."""
    return headers_and_traffic(node, incarnation, sequence, stamp, depends, events)[0]


def headers_and_traffic(
    node: str, incarnation: int, sequence: int, stamp: int, depends: list[int], events: Sequence[AnyEvent]
) -> tuple[list[tuple[str, bytes]], list[Traffic]]:
    """The same, and the traffic that they tell of, for who counts what it writes."""
    counts, traffic, clients, topics = summarize(events)
    header = FrameHeader(FORMAT, node, incarnation, sequence, stamp, depends, counts, traffic)
    return [("frame", _encoder.encode(header)), ("clients", clients), ("topics", topics)], traffic
