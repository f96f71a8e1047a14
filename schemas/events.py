"""The events of the log: what happened, in fixed fields, with an explicit name and version each.

On the wire an event is a MessagePack array whose first element is its tag ``name.version``, followed by its
fields in the order below. Fields are only ever appended, with a default; anything else is a new version, and the
old one is upcast on read (:mod:`schemas.registry`). What all events of a frame share (node, incarnation, stamp)
is in the frame's header (:mod:`schemas.frames`), not in the events.

``epoch`` is the position of the ``connected`` event that began the connection an event belongs to; an event
whose epoch is not that of its session is void. Times are milliseconds since 1970 UTC; intervals are seconds.
"""

from __future__ import annotations

from typing import ClassVar, Union

import msgspec

NEVER = 0xFFFFFFFF
"""A session expiry interval that never ends [MQTT-3.1.2.11.2]."""


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of the values that events are made of."""


class Event(msgspec.Struct, frozen=True, array_like=True, tag_field="event"):
    """Base of all events."""

    KIND: ClassVar[str]
    """The tag: name and version."""


class Will(Part, frozen=True):
    """A will message as the client gave it [MQTT-3.1.3.2]."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: bytes
    """Property block of the message to be published, in the encoding of MQTT 5 section 2.2.2, without its length."""
    delay: int
    """Will delay interval in seconds."""


class Subscription(Part, frozen=True):
    """One topic filter of a subscribe, with what the server made of it."""

    filter: str
    qos: int
    """Granted quality of service."""
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0
    subscription_id: int = 0
    """Subscription identifier; 0 when there is none."""
    reason_code: int = 0
    """The SUBACK code of MQTT 5: 0 to 2 granted, from 128 refused."""


class Unsubscription(Part, frozen=True):
    """One topic filter of an unsubscribe, with what the server made of it."""

    filter: str
    reason_code: int
    """The UNSUBACK code: 0 removed, 17 there was no such subscription."""


class Inflight(Part, frozen=True):
    """A message for a client that is sent and not finished."""

    packet_id: int
    """0 while it waits for a place in the window."""
    partition: int
    position: int
    state: int
    """1: QoS 1, PUBACK awaited. 2: QoS 2, PUBREC awaited. 3: QoS 2, PUBCOMP awaited."""
    retain: bool = False
    """Sent with the retain flag."""
    subscription_ids: list[int] = []


class Cursor(Part, frozen=True):
    """How far a session has acknowledged what matched its subscriptions."""

    low: list[int]
    """Per partition, the position from which on nothing was sent yet. Empty: the event's vector."""
    inflight: list[Inflight] = []
    """What matched below ``low`` and is not acknowledged; everything else there is."""
    last_id: int = 0
    """The packet identifier that QoS 1 used last; 0 says nothing."""


class Behind(Part, frozen=True):
    """The cursor of one session in a ``progress``."""

    tenant: str
    client_id: str
    epoch: int
    cursor: Cursor


class Counters(Part, frozen=True):
    """Counters of one connection since its CONNECT, and two gauges of its session."""

    inflight: int = 0
    queued: int = 0
    awaiting_rel: int = 0
    packets_in: int = 0
    packets_out: int = 0
    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    dropped: int = 0


class ClientCounters(Part, frozen=True):
    """The counters of one client in a ``measured``."""

    tenant: str
    client_id: str
    epoch: int
    counters: Counters


class NodeStarted(Event, frozen=True, tag="node_started.1"):
    """A node began an incarnation. Copied into every partition, it voids there every lower incarnation of the node.

    The incarnation is the offset of the node's own record of this event in the nodes topic (there it is -1).
    """

    KIND: ClassVar[str] = "node_started.1"
    node: str
    incarnation: int
    continues: int
    """The incarnation whose connections live on in this one (the producer was rebuilt), or -1."""
    version: str
    reads: list[str]
    """Tags of all events this node can read."""


class NodeStopped(Event, frozen=True, tag="node_stopped.1"):
    """A node stopped in good order; all its connections were ended before this."""

    KIND: ClassVar[str] = "node_stopped.1"
    node: str
    incarnation: int


class NodeLost(Event, frozen=True, tag="node_lost.1"):
    """The home of a partition declared an incarnation lost after too long a silence."""

    KIND: ClassVar[str] = "node_lost.1"
    node: str
    incarnation: int


class Connected(Event, frozen=True, tag="connected.1"):
    """A client connected; the position of this event is the epoch of the connection."""

    KIND: ClassVar[str] = "connected.1"
    tenant: str
    client_id: str
    username: str
    protocol: str
    """``mqtt3.1``, ``mqtt3.1.1``, ``mqtt5`` or ``amqp0.9.1``."""
    version: int
    """Protocol level on the wire: 3, 4 or 5; 0 for AMQP."""
    address: str
    port: int
    listener: str
    clean_start: bool
    expiry: int
    """Session expiry interval granted, in seconds; 0 ends with the connection, 4294967295 never."""
    keep_alive: int
    receive_maximum: int
    max_packet_size: int
    """Largest packet the client takes, in bytes; 0 is no limit."""
    topic_alias_max: int
    request_response: bool
    request_problem: bool
    will: Will | None = None
    connection_name: str = ""
    zone: str = ""
    tls_identity: str = ""
    bridge: bool = False
    assigned: bool = False
    """The server chose the client id."""
    user_properties: list[tuple[str, str]] = []


class Refused(Event, frozen=True, tag="refused.1"):
    """A client was not let in."""

    KIND: ClassVar[str] = "refused.1"
    tenant: str
    client_id: str
    username: str
    protocol: str
    version: int
    address: str
    port: int
    listener: str
    reason_code: int
    """CONNACK reason code of MQTT 5 that fits."""
    reason: str


class Subscribed(Event, frozen=True, tag="subscribed.1"):
    """A client asked for topic filters; granted ones match from ``vector`` on."""

    KIND: ClassVar[str] = "subscribed.1"
    tenant: str
    client_id: str
    epoch: int
    vector: list[int]
    subscriptions: list[Subscription]


class Unsubscribed(Event, frozen=True, tag="unsubscribed.1"):
    """A client gave topic filters back."""

    KIND: ClassVar[str] = "unsubscribed.1"
    tenant: str
    client_id: str
    epoch: int
    vector: list[int]
    unsubscriptions: list[Unsubscription]


class Disconnected(Event, frozen=True, tag="disconnected.1"):
    """A connection ended. With an expiry of 0 its session ends with it."""

    KIND: ClassVar[str] = "disconnected.1"
    tenant: str
    client_id: str
    epoch: int
    reason_code: int
    """DISCONNECT reason code of MQTT 5 that fits."""
    reason: str
    by: str
    """``client``, ``server``, ``network`` (the socket went away) or ``home`` (the node that held it is gone)."""
    expiry: int
    """Session expiry interval from here on, in seconds."""
    will: bool
    """The will, if there is one, becomes due."""
    vector: list[int]
    """Applied by the node when it ended the connection; the cursor speaks of everything below it."""
    cursor: Cursor
    counters: Counters = Counters()


class SessionEnded(Event, frozen=True, tag="session_ended.1"):
    """A session that was away is over."""

    KIND: ClassVar[str] = "session_ended.1"
    tenant: str
    client_id: str
    epoch: int
    reason: str
    """``expired`` or the name of a command."""


class Sending(Event, frozen=True, tag="sending.1"):
    """QoS 2 messages get packet identifiers; logged before their PUBLISH is sent [MQTT-4.3.3-1]."""

    KIND: ClassVar[str] = "sending.1"
    tenant: str
    client_id: str
    epoch: int
    messages: list[Inflight]


class Received(Event, frozen=True, tag="received.1"):
    """A client has QoS 2 messages (PUBREC); logged before their PUBREL is sent."""

    KIND: ClassVar[str] = "received.1"
    tenant: str
    client_id: str
    epoch: int
    packet_ids: list[int]


class Progress(Event, frozen=True, tag="progress.1"):
    """How far the connected sessions of a partition are.

    Persistent sessions connected under the frame's incarnation that are neither named here nor behind since an
    earlier ``progress`` have acknowledged everything below ``vector``. One that is behind stays behind until named.
    The frame's incarnation speaks for those that it continues, too.
    """

    KIND: ClassVar[str] = "progress.1"
    vector: list[int]
    sessions: list[Behind]
    complete: bool = True
    """False in all but the last of several that are written together: they say nothing of sessions not named."""


class Dropped(Event, frozen=True, tag="dropped.1"):
    """Messages for a session were dropped by rule."""

    KIND: ClassVar[str] = "dropped.1"
    tenant: str
    client_id: str
    epoch: int
    reason: str
    """``queue_full``, ``expired``, ``slow_consumer`` or ``packet_too_large``."""
    count: int
    ranges: list[tuple[int, int, int]]
    """(partition, first position, last position): all that matched there is gone. Empty for QoS 0."""


class Measured(Event, frozen=True, tag="measured.1"):
    """Counters of clients, at a slow pace; models keep them without history."""

    KIND: ClassVar[str] = "measured.1"
    clients: list[ClientCounters]


class Published(Event, frozen=True, tag="published.1", gc=False):
    """A client published a message."""

    KIND: ClassVar[str] = "published.1"
    tenant: str
    client_id: str
    epoch: int
    topic: str
    qos: int
    retain: bool
    packet_id: int
    """Packet identifier of a QoS 2 publish, which ``released`` refers to; of QoS 1 for audits; 0 for QoS 0."""
    properties: bytes
    """Property block in the encoding of MQTT 5 section 2.2.2, without its length and without topic alias."""
    payload: bytes


class WillFired(Event, frozen=True, tag="will_fired.1", gc=False):
    """The will of a connection became due and is published. Counts once per epoch."""

    KIND: ClassVar[str] = "will_fired.1"
    tenant: str
    client_id: str
    epoch: int
    topic: str
    qos: int
    retain: bool
    properties: bytes
    payload: bytes


class Released(Event, frozen=True, tag="released.1", gc=False):
    """A client released a QoS 2 publish (PUBREL): its packet identifier is free again."""

    KIND: ClassVar[str] = "released.1"
    tenant: str
    client_id: str
    epoch: int
    packet_id: int


LifecycleEvent = Union[  # noqa: UP007 - msgspec builds its decoder from this at run time
    NodeStarted,
    NodeStopped,
    NodeLost,
    Connected,
    Refused,
    Subscribed,
    Unsubscribed,
    Disconnected,
    SessionEnded,
    Sending,
    Received,
    Progress,
    Dropped,
    Measured,
]
MessageEvent = Union[Published, WillFired, Released]  # noqa: UP007
AnyEvent = Union[LifecycleEvent, MessageEvent]  # noqa: UP007

LIFECYCLE_TYPES: tuple[type[LifecycleEvent], ...] = LifecycleEvent.__args__  # type: ignore[attr-defined]
MESSAGE_TYPES: tuple[type[MessageEvent], ...] = MessageEvent.__args__  # type: ignore[attr-defined]
MESSAGE_TYPE_SET = frozenset(MESSAGE_TYPES)


class Listener(Part, frozen=True):
    """Where a node listens."""

    name: str
    protocol: str
    address: str
    port: int
    connections: int


class Heartbeat(Event, frozen=True, tag="heartbeat.1"):
    """A sign of life of a node, in the nodes topic; the only rows that the event log does not prove come from it."""

    KIND: ClassVar[str] = "heartbeat.1"
    node: str
    incarnation: int
    at: int
    """The node's own clock, in milliseconds; for display."""
    started_at: int
    version: str
    host: str
    pid: int
    interval: float
    """Seconds until the next one is due."""
    applied: list[int]
    listeners: list[Listener]
    counters: dict[str, int]
    """Totals of this incarnation, such as ``packets.connect.received``, ``messages.dropped.expired``."""
    gauges: dict[str, int]
    """Present values, such as ``connections``, ``sessions``, ``subscriptions``, ``topics``, ``retained``."""
    maxima: dict[str, int]
    """Highest values of the same gauges in this incarnation."""


NodeEvent = Union[NodeStarted, NodeStopped, Heartbeat]  # noqa: UP007
