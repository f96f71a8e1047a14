"""What goes in and out of the API.

Written by `python -m tools.client` from the OpenAPI document; changes here are lost.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType


class Account(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An account of the admin side."""

    name: str
    role: Literal["administrator", "connection_manager", "operator", "viewer"]
    tenant: str
    """The only tenant it sees; `*` for all."""
    tags: str
    changed_at: str
    """RFC 3339, in UTC."""
    changed_by: str


class AccountChange(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What to change of an account; what is left out stays."""

    password: str | None = None
    """Never returned."""
    role: Literal["administrator", "connection_manager", "operator", "viewer"] | None = None
    tenant: str | None = None
    """One tenant, or `*` for all."""
    tags: str | None = None


class AccountPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of accounts."""

    items: list[Account]
    next: str | None


class ApiKey(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An API key. Its secret is never told again."""

    app_id: str
    name: str
    role: Literal["administrator", "connection_manager", "operator", "viewer"]
    tenant: str
    enabled: bool
    expires: str | None
    """None: never."""
    changed_at: str
    """RFC 3339, in UTC."""
    changed_by: str


class ApiKeyChange(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What to change of an API key; what is left out stays."""

    name: str | None = None
    role: Literal["administrator", "connection_manager", "operator", "viewer"] | None = None
    tenant: str | None = None
    """One tenant, or `*` for all."""
    enabled: bool | None = None
    expires: str | None = None
    """RFC 3339, in UTC."""


class ApiKeyMade(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An API key with its secret, which is told only once."""

    app_id: str
    secret: str
    command: str
    """Path of the command."""


class ApiKeyPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of API keys."""

    items: list[ApiKey]
    next: str | None


class Ban(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who is not let in. One whose time is over stays here until somebody removes it."""

    kind: Literal["clientid", "peerhost", "username"]
    who: str
    by: str
    reason: str
    at: str
    """RFC 3339, in UTC."""
    until: str | None
    """None: for ever."""
    active: bool


class BanGiven(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A ban to be."""

    reason: str = ""
    seconds: int | None = None
    """How long; left out: for ever."""


class BanPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of bans."""

    items: list[Ban]
    next: str | None


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A setting that differs from what is in force; secrets are not shown."""

    setting: str
    old: str
    new: str


class Command(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What somebody asked for, and what came of it."""

    id: str
    verb: str
    """Such as `kick`, `publish`, `user_set`."""
    client_id: str | None
    target: str
    """What else it names: a topic, a filter, a user, a rule."""
    actor: str
    address: str
    correlation: str
    asked_at: str
    """RFC 3339, in UTC."""
    state: Literal["done", "pending"]
    outcome: str
    codes: list[int]
    count: int
    done_at: str | None
    """RFC 3339, in UTC."""
    partitions: list[PartOfLog]
    """One, or all of them for what concerns a whole tenant; none for a change of administration."""
    meta: dict[str, str]
    """What the caller told of itself: `client_meta_*` of BifroMQ's dialect."""


class CommandPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of commands, newest first."""

    items: list[Command]
    next: str | None


class Connection(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A connection to another broker."""

    id: str
    name: str
    url: str
    username: str | None
    client_id: str | None
    verify: bool
    """Whether the other side's certificate must be one to believe."""
    sealed: list[str]
    """Which of `password`, `ca`, `cert` and `key` it has."""
    connected: bool | None
    """None: nothing is known yet."""
    since: str | None
    """RFC 3339, in UTC."""
    error: LinkFailure | None
    changed_at: str
    """RFC 3339, in UTC."""
    changed_by: str


class ConnectionGiven(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A connection to be."""

    name: str
    url: str
    username: str | None = None
    password: str | None = None
    """Kept sealed, never returned."""
    client_id: str | None = None
    verify: bool = True
    ca: str = ""
    """PEM or DER in Base64. Kept sealed, never returned."""
    cert: str = ""
    """PEM or DER in Base64. Kept sealed, never returned."""
    key: str = ""
    """PEM or DER in Base64. Kept sealed, never returned."""


class ConnectionPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of connections."""

    items: list[Connection]
    next: str | None


class Counters(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Measurements of the present connection of a session, and of its queue."""

    at: str
    """RFC 3339, in UTC."""
    inflight: int
    queued: int
    """Messages that wait for the client."""
    awaiting_rel: int
    packets_in: int
    packets_out: int
    messages_in: int
    messages_out: int
    bytes_in: int
    bytes_out: int
    dropped: int
    reads: int
    """Times that bytes came from its socket."""
    writes: int
    """Times that bytes were written to it."""


class Disconnecting(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How to disconnect it."""

    reason: str = "kicked by an operator"
    username: str | None = None
    """Name of a user."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something that happened."""

    position: str
    """Its place in the log: partition, offset and index; -1 is the administration, -2 statuses of connections."""
    time: str
    """RFC 3339, in UTC."""
    kind: str
    client_id: str | None
    """The client that it happened to."""
    node: str
    """Who wrote it; empty where the log does not say."""
    data: dict[str, Any]
    """Its fields (`docs/events.md`); of a payload only the size, and `***` for secrets."""


class EventPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of events: by time, and those of one client always in their order."""

    items: list[Event]
    next: str | None
    """None: the end of what was asked for. A page may hold fewer than `limit` items, or none, and have a next one."""


class Expiring(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which sessions to end."""

    away: int
    """Seconds since the disconnect; 0 ends every one, connected too."""


class LinkFailure(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Why it is not connected."""

    code: str
    errno: int
    syscall: str
    address: str
    port: int
    hostname: str
    message: str


class Listener(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where a node takes connections, or would."""

    node: str
    name: str
    protocol: str
    address: str
    port: int
    connections: int
    active: bool


class ListenerList(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All listeners."""

    items: list[Listener]


class Login(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An account and its password."""

    name: str
    password: str


class Me(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who asks, and what they may do."""

    name: str
    """Of the account, or the app id of the key; `loopback` for a caller without any."""
    role: Literal["administrator", "connection_manager", "operator", "viewer"]
    tenant: str
    """The only tenant; `*` for all."""
    acts_on: str
    """The tenant that this request was about."""
    permissions: list[str]


class Metrics(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What happened: in the tenant since the log began, by name; and at nodes since each started."""

    tenant: dict[str, int]
    nodes: dict[str, dict[str, int]]
    """By node; concerns all tenants, and is empty for callers of one."""


class NewAccount(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An account to be."""

    name: str
    password: str
    """Never returned."""
    role: Literal["administrator", "connection_manager", "operator", "viewer"]
    tenant: str = "*"
    """One tenant, or `*` for all."""
    tags: str = ""


class NewApiKey(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An API key to be."""

    name: str
    role: Literal["administrator", "connection_manager", "operator", "viewer"]
    tenant: str = "*"
    """One tenant, or `*` for all."""
    expires: str | None = None
    """RFC 3339, in UTC."""
    app_id: str | None = None
    """Left out: a random one."""


class NewConnection(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A connection to be, with its id."""

    name: str
    url: str
    username: str | None = None
    password: str | None = None
    """Kept sealed, never returned."""
    client_id: str | None = None
    verify: bool = True
    ca: str = ""
    """PEM or DER in Base64. Kept sealed, never returned."""
    cert: str = ""
    """PEM or DER in Base64. Kept sealed, never returned."""
    key: str = ""
    """PEM or DER in Base64. Kept sealed, never returned."""
    id: str
    """Id."""


class NewMessage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A message to be published."""

    topic: str
    """Topic, no wildcards."""
    payload: str = ""
    base64: str = ""
    """The payload, when it is no text; wins over it."""
    qos: int = 0
    retain: bool = False
    deliver: bool = True
    """False: it is only retained."""
    client_id: str = "mqledger"
    """Client id."""
    report: bool = False
    """`count` tells how many sessions it matched."""
    properties: Properties | None = None


class NewPassword(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One's own password."""

    old: str
    new: str
    """Never returned."""


class NewRule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A rule to be."""

    allow: bool
    topic: str
    """Topic filter in which `%c` and `%u` stand for client id and user; with `eq ` in front, literally."""
    action: Literal["all", "publish", "subscribe"] = "all"
    username: str | None = None
    """Name of a user."""
    client_id: str | None = None
    """Client id."""
    address: str | None = None
    """An address, or a network such as `10.0.0.0/8`."""
    place: int = 100
    """Rules are asked by rising place, then by age."""


class NewSubscription(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A subscription to be."""

    filter: str
    """Topic filter."""
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0
    subscription_id: int | None = None


class NewUser(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A user to be, with its name."""

    username: str
    """Name of a user."""
    password: str
    """Never returned."""
    superuser: bool = False


class Node(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A node as it last reported."""

    node: str
    state: Literal["lost", "running", "stopped"]
    incarnation: int
    version: str
    host: str
    pid: int
    started_at: str | None
    """RFC 3339, in UTC."""
    reported_at: str | None
    """RFC 3339, in UTC."""
    uptime: int
    """Milliseconds; 0 when it does not run."""
    listeners: list[Listener]
    modules: list[str]
    """Those that run there."""
    limits: dict[str, int]
    """What it grants a client."""
    counters: dict[str, int]
    """Since it started."""
    gauges: dict[str, int]
    maxima: dict[str, int]
    """Highest values of the gauges since it started."""


class NodeList(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All nodes that have ever reported."""

    items: list[Node]


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a command came to, or that it is not known yet (202)."""

    id: str
    state: str
    outcome: str
    """`done`; empty while pending."""
    codes: list[int]
    """Of subscribe and unsubscribe, by filter: SUBACK and UNSUBACK codes of MQTT 5."""
    count: int
    """Sessions matched, ended or disconnected; filters that were new or are gone."""
    position: str
    """Give it as `at_least` to read what the command did."""
    command: str
    """Path of the command."""


class PartOfLog(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a partition of the log said of a command."""

    partition: int
    outcome: str
    """Empty while it has said nothing."""
    count: int


class Plugin(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A module of the broker, which runs on all nodes or on none."""

    name: str
    description: str
    active: bool


class PluginList(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All modules."""

    items: list[Plugin]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Why there is no better answer (RFC 9457)."""

    type: str
    """Names the kind of problem: `/problems/<name>`."""
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    """Names the request; the log has more under this id."""
    outcome: str = ""
    """What the command came to, when it was one."""
    command: str = ""
    """Path of the command, when it was one."""


class Properties(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a message says about itself, as MQTT 5 has it."""

    payload_is_text: bool | UnsetType = UNSET
    message_expiry: int | UnsetType = UNSET
    """Seconds."""
    content_type: str | UnsetType = UNSET
    response_topic: str | UnsetType = UNSET
    correlation_data: str | UnsetType = UNSET
    """Base64."""
    user_properties: list[UserProperty] = []


class Queue(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The queue of a session, measured. Which messages wait is known to its home alone; the log holds them all."""

    client_id: str
    measured_at: str | None
    """RFC 3339, in UTC."""
    queued: int
    inflight: int
    awaiting_rel: int
    dropped: int
    """Since the client connected."""


class QueuePage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of a queue: what was sent in the order of sending, retained messages that wait, then the others,
    those of
        one partition in their order.
    """

    items: list[Queued]
    next: str | None
    """None: the end. A page may hold fewer than `limit` items, or none, and have a next one."""
    as_of: str | None
    """When the log said last how far the client is: what it was sent or has acknowledged since is not known. None:
    not
        found yet, or never said, as of sessions that end with their connection.
    """
    position: str | None
    """Where the log said that."""


class Queued(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A message that a session still has to get."""

    position: str
    """Its place in the log."""
    topic: str
    client_id: str
    """Who published it."""
    qos: int
    """With which it is sent: the lower of the message's and the subscription's."""
    retain: bool
    """Whether it is sent as a retained message."""
    size: int
    """Bytes of its payload."""
    published_at: str
    """RFC 3339, in UTC."""
    expires_at: str | None
    """RFC 3339, in UTC."""
    state: Literal["received", "sent", "waiting"]
    """`sent`: not acknowledged. `received`: a message of QoS 2 that the client has; only the end of it is missing."""
    packet_id: int | None
    """Of what was sent."""
    properties: Properties


class QueuedMessage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A message of a queue with its payload."""

    message: Queued
    base64: str


class Reloaded(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What reading the configuration again has found."""

    version: int
    """Of the configuration in force: 1 when the process began."""
    applied: list[Change]
    restart_required: list[Change]


class Retained(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The retained message of a topic."""

    topic: str
    client_id: str
    qos: int
    size: int
    """Bytes of its payload."""
    published_at: str
    """RFC 3339, in UTC."""
    expires_at: str | None
    """RFC 3339, in UTC."""
    properties: Properties
    position: str
    """Its place in the log."""


class RetainedMessage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A retained message with its payload."""

    message: Retained
    base64: str | None
    """Its payload; None when the log does not hold it any more."""


class RetainedPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of retained messages."""

    items: list[Retained]
    next: str | None


class Route(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A node of which sessions hold a filter."""

    filter: str
    node: str
    sessions: int


class RoutePage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of routes."""

    items: list[Route]
    next: str | None


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An access rule. The first that fits decides."""

    id: str
    place: int
    allow: bool
    action: Literal["all", "publish", "subscribe"]
    topic: str
    """Topic filter in which `%c` and `%u` stand for client id and user; with `eq ` in front, literally."""
    username: str | None
    """None: any; so with the next two."""
    client_id: str | None
    address: str | None
    changed_at: str
    """RFC 3339, in UTC."""
    changed_by: str


class RulePage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of rules, in the order in which they are asked."""

    items: list[Rule]
    next: str | None


class Session(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A session of a client, connected or away."""

    client_id: str
    username: str | None
    connected: bool
    node: str
    """Where it is, or was last, connected."""
    created_at: str
    """RFC 3339, in UTC."""
    connected_at: str
    """RFC 3339, in UTC."""
    disconnected_at: str | None
    """RFC 3339, in UTC."""
    expiry_interval: int
    """Seconds; 4294967295 is never."""
    protocol: Literal["amqp0.9.1", "mqtt3.1", "mqtt3.1.1", "mqtt5"]
    version: int
    """Protocol level on the wire: 3, 4 or 5; 0 for AMQP."""
    address: str
    port: int
    listener: str
    zone: str
    clean_start: bool
    keep_alive: int
    """Seconds."""
    receive_maximum: int
    max_packet_size: int
    """Bytes; 0 is no limit."""
    topic_alias_max: int
    request_response: bool
    request_problem: bool
    has_will: bool
    connection_name: str
    tls_identity: str
    bridge: bool
    disconnect_code: int
    disconnect_reason: str
    subscriptions: int
    """How many it has."""
    since: str
    """RFC 3339, in UTC."""


class SessionDetail(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A session with its measurements and the first of its subscriptions."""

    session: Session
    counters: Counters | None
    """None: nothing was measured yet, or it is as of a moment of the past."""
    subscriptions: list[Subscription]
    """The first 1,000; the others by `list_session_subscriptions`."""


class SessionItem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A session, or some of its fields: with `fields`, of these alone."""

    client_id: str
    username: str | UnsetType | None = UNSET
    connected: bool | UnsetType = UNSET
    node: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    """RFC 3339, in UTC."""
    connected_at: str | UnsetType = UNSET
    """RFC 3339, in UTC."""
    disconnected_at: str | UnsetType | None = UNSET
    """RFC 3339, in UTC."""
    expiry_interval: int | UnsetType = UNSET
    """Seconds; 4294967295 is never."""
    protocol: Literal["amqp0.9.1", "mqtt3.1", "mqtt3.1.1", "mqtt5"] | UnsetType = UNSET
    version: int | UnsetType = UNSET
    """Protocol level on the wire: 3, 4 or 5; 0 for AMQP."""
    address: str | UnsetType = UNSET
    port: int | UnsetType = UNSET
    listener: str | UnsetType = UNSET
    zone: str | UnsetType = UNSET
    clean_start: bool | UnsetType = UNSET
    keep_alive: int | UnsetType = UNSET
    """Seconds."""
    receive_maximum: int | UnsetType = UNSET
    max_packet_size: int | UnsetType = UNSET
    """Bytes; 0 is no limit."""
    topic_alias_max: int | UnsetType = UNSET
    request_response: bool | UnsetType = UNSET
    request_problem: bool | UnsetType = UNSET
    has_will: bool | UnsetType = UNSET
    connection_name: str | UnsetType = UNSET
    tls_identity: str | UnsetType = UNSET
    bridge: bool | UnsetType = UNSET
    disconnect_code: int | UnsetType = UNSET
    disconnect_reason: str | UnsetType = UNSET
    subscriptions: int | UnsetType = UNSET
    since: str | UnsetType = UNSET
    """RFC 3339, in UTC."""


class SessionPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of sessions."""

    items: list[SessionItem]
    next: str | None


class Stats(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Present numbers of a tenant."""

    sessions: int
    connected: int
    subscriptions: int


class Subscribing(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Subscriptions to be."""

    subscriptions: list[NewSubscription]
    username: str | None = None
    """Name of a user."""


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A topic filter that a session holds."""

    client_id: str
    filter: str
    qos: int
    no_local: bool
    retain_as_published: bool
    retain_handling: int
    subscription_id: int | None
    since: str
    """RFC 3339, in UTC."""


class SubscriptionPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of subscriptions."""

    items: list[Subscription]
    next: str | None


class Switch(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """On or off."""

    active: bool


class Token(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A login: give the token as `Authorization: Bearer`."""

    token: str
    expires_in: int
    """Seconds."""
    name: str
    role: Literal["administrator", "connection_manager", "operator", "viewer"]
    tenant: str


class Unsubscribing(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Subscriptions to end."""

    filters: list[str]
    username: str | None = None
    """Name of a user."""


class User(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A user of the MQTT side. Its password is never told."""

    username: str
    superuser: bool
    """Access rules do not concern this user."""
    changed_at: str
    """RFC 3339, in UTC."""
    changed_by: str


class UserGiven(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A user to be."""

    password: str
    """Never returned."""
    superuser: bool = False


class UserPage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A page of users."""

    items: list[User]
    next: str | None


class UserProperty(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A name with a value; names may come more than once."""

    name: str
    value: str


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What would become of it."""

    allowed: bool
    by: Literal["default", "rule", "superuser", "wildcard"]
    """`wildcard`: nobody may publish to a filter."""
    rule: str | None
