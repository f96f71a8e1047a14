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

from schemas.commands import ClearAcl, CommandDone, Expire, Kick, Order, Publish, Retain, Subscribe, Unsubscribe
from schemas.parts import (
    NEVER,
    Behind,
    ClientCounters,
    Counters,
    Cursor,
    Event,
    Inflight,
    Listener,
    Part,
    Subscription,
    Unsubscription,
    Will,
)

__all__ = [
    "NEVER",
    "AnyEvent",
    "Appended",
    "Behind",
    "ClearAcl",
    "ClientCounters",
    "CommandDone",
    "Connected",
    "ConnectionStatus",
    "Counters",
    "Cursor",
    "Denied",
    "Disconnected",
    "Dropped",
    "Event",
    "Expire",
    "Heartbeat",
    "Inflight",
    "Kick",
    "LifecycleEvent",
    "LinkError",
    "Listener",
    "Measured",
    "Message",
    "MessageEvent",
    "NodeEvent",
    "NodeLost",
    "NodeStarted",
    "NodeStopped",
    "Order",
    "Part",
    "Progress",
    "Publish",
    "Published",
    "Received",
    "Refused",
    "Released",
    "Retain",
    "Sending",
    "SessionEnded",
    "Subscribe",
    "Subscribed",
    "Subscription",
    "Unsubscribe",
    "Unsubscribed",
    "Unsubscription",
    "Will",
    "WillFired",
]


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
    """How far the connected sessions of a partition are; or one that is away, when a subscription on behalf of it has
    put retained messages into its queue.

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


class Denied(Event, frozen=True, tag="denied.1"):
    """Publishes of a client were refused by its tenant's access rules: nobody gets them, nothing is retained."""

    KIND: ClassVar[str] = "denied.1"
    tenant: str
    client_id: str
    epoch: int
    topic: str
    """Of the latest one."""
    qos: int
    packet_id: int
    """Of a publish of QoS 1 or 2, which is answered when this is applied; 0 for QoS 0."""
    rule: str
    """Id of the rule that decided over the latest one; empty: the default did."""
    count: int = 1
    """How many there were; those of QoS 0 are told together, at most once in a while."""


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
    Denied,
    Measured,
    Kick,
    Publish,
    Retain,
    Subscribe,
    Unsubscribe,
    Expire,
    ClearAcl,
    CommandDone,
]
MessageEvent = Union[Published, WillFired, Released]  # noqa: UP007
AnyEvent = Union[LifecycleEvent, MessageEvent]  # noqa: UP007
Message = Published | WillFired | Publish
"""What subscribers get, whoever published it; of a command only if it is to be delivered."""

LIFECYCLE_TYPES: tuple[type[LifecycleEvent], ...] = LifecycleEvent.__args__  # type: ignore[attr-defined]
MESSAGE_TYPES: tuple[type[MessageEvent], ...] = MessageEvent.__args__  # type: ignore[attr-defined]
MESSAGE_TYPE_SET = frozenset(MESSAGE_TYPES)


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
    admin: int = 0
    """Offset of the next record of ``mq.admin`` that the node will apply: all before it is in force there."""
    limits: dict[str, int] = {}
    """What the node grants a client, such as ``max_inflight``, ``max_queued_messages``, ``receive_maximum``."""
    plugins: list[str] = []
    """Modules that run."""


class Appended(Event, frozen=True, tag="appended.1"):
    """A bell: somebody who is no node appended to a partition of ``mq.events``, up to this offset.

    Nodes read what is not theirs when a response of Kafka shows that it is there, and in a quiet partition when the
    bell rings, instead of fetching all that they wrote themselves.
    """

    KIND: ClassVar[str] = "appended.1"
    partition: int
    next: int
    """Offset behind what was appended."""


class LinkError(Part, frozen=True):
    """Why a connection to another broker is not there."""

    code: str
    """Such as ``ECONNREFUSED``, ``ENOTFOUND``, ``UNABLE_TO_VERIFY_LEAF_SIGNATURE``."""
    errno: int = 0
    syscall: str = ""
    address: str = ""
    port: int = 0
    hostname: str = ""
    message: str = ""


class ConnectionStatus(Event, frozen=True, tag="connection_status.1"):
    """How a connection to another broker is, in the nodes topic: what changes by itself is not in ``mq.admin``."""

    KIND: ClassVar[str] = "connection_status.1"
    tenant: str
    connection_id: str
    position: int
    """Offset of the ``connection_set`` in ``mq.admin`` that it speaks of."""
    connected: bool
    at: int
    """When it became so, in milliseconds since 1970 UTC."""
    error: LinkError | None = None


NodeEvent = Union[NodeStarted, NodeStopped, Heartbeat, Appended, ConnectionStatus]  # noqa: UP007
NODE_TYPES: tuple[type[NodeEvent], ...] = NodeEvent.__args__  # type: ignore[attr-defined]
