"""Commands: what somebody asks of a session, as events in the partition of their target, and what came of them.

A command is an event like any other: it is in the log before anything is done. Its target's home decides what it
comes to (:mod:`ingest.node.commands`), appends that as ordinary events, and ends with ``command_done``; a ``publish``
is different, it is a message at its own position and needs nobody to act; to have one retained is asked of the home,
which knows its limits. Whether a command counts at all, because it
came too late or is a repetition, is a fold of the partition that every reader does alike (:mod:`domain.commands`).
"""

from __future__ import annotations

from typing import ClassVar

from schemas.parts import Event, Part, Subscription


class Order(Part, frozen=True):
    """Who asks for what is in a command or an ``mq.admin`` event, and until when it counts."""

    id: str
    """Names the command. Repetitions of it, by the same idempotency key, have the same."""
    actor: str
    """Name of the account or key that asks; ``loopback`` for a caller without one."""
    address: str
    """Where it was asked from."""
    correlation: str
    """Names the request, in answers and logs."""
    at: int
    """When it was asked, by the writer's clock."""
    not_after: int = 0
    """Append time from which on the command is void; 0 is never."""
    keyed: bool = False
    """The id comes of an idempotency key: a repetition within the window is void."""
    fingerprint: str = ""
    """Of what was asked, to tell a repetition from another command under the same key."""
    meta: dict[str, str] = {}
    """What the caller told of the client in whose name it asks (``client_meta_*`` of BifroMQ)."""


class Kick(Event, frozen=True, tag="kick.1"):
    """A client is to be disconnected, with its session or without."""

    KIND: ClassVar[str] = "kick.1"
    tenant: str
    client_id: str
    order: Order
    reason: str
    """What the client is told."""
    end_session: bool
    username: str | None = None
    """Only if the session is this user's."""


class Publish(Event, frozen=True, tag="publish.1"):
    """A message published by command: it is matched and retained at this position, unless the command is void."""

    KIND: ClassVar[str] = "publish.1"
    tenant: str
    client_id: str
    """In whose name; such a client need not exist."""
    order: Order
    topic: str
    qos: int
    retain: bool
    """It is retained: the home has said that it may be, see ``retain``."""
    deliver: bool
    """False: it is only retained, subscribers do not get it."""
    report: bool
    """The home tells in ``command_done`` how many sessions it matched."""
    properties: bytes
    """Property block in the encoding of MQTT 5 section 2.2.2, without its length."""
    payload: bytes


class Retain(Event, frozen=True, tag="retain.1"):
    """A message is to be published by command and retained, if its home says that it may be: by ``publish``, then."""

    KIND: ClassVar[str] = "retain.1"
    tenant: str
    client_id: str
    """In whose name; such a client need not exist."""
    order: Order
    topic: str
    qos: int
    deliver: bool
    """False: it is only retained, subscribers do not get it."""
    properties: bytes
    """Property block in the encoding of MQTT 5 section 2.2.2, without its length."""
    payload: bytes
    """Empty: what is retained is cleared."""


class Subscribe(Event, frozen=True, tag="subscribe.1"):
    """A session, connected or away, is to get subscriptions."""

    KIND: ClassVar[str] = "subscribe.1"
    tenant: str
    client_id: str
    order: Order
    subscriptions: list[Subscription]
    """Asked for; their reason codes say nothing."""
    username: str | None = None


class Unsubscribe(Event, frozen=True, tag="unsubscribe.1"):
    """A session, connected or away, is to lose subscriptions."""

    KIND: ClassVar[str] = "unsubscribe.1"
    tenant: str
    client_id: str
    order: Order
    filters: list[str]
    username: str | None = None


class Expire(Event, frozen=True, tag="expire.1"):
    """Sessions of a tenant that have been away so long are to end. Copied into every partition, with one id."""

    KIND: ClassVar[str] = "expire.1"
    tenant: str
    order: Order
    expiry: int
    """Seconds since the disconnect; 0 ends every session of the tenant, connected ones too."""


class ClearAcl(Event, frozen=True, tag="clear_acl.1"):
    """What is remembered of access checks of a connected client is to be forgotten."""

    KIND: ClassVar[str] = "clear_acl.1"
    tenant: str
    client_id: str
    order: Order
    topic: str = ""
    """Only of this topic; empty: everything."""


class CommandDone(Event, frozen=True, tag="command_done.1"):
    """What a command came to. The first one for an id counts."""

    KIND: ClassVar[str] = "command_done.1"
    tenant: str
    client_id: str
    """Of the command; empty for one that concerns a tenant."""
    id: str
    outcome: str
    """``done``; ``not_found`` (no such session), ``not_connected``, ``wrong_user``; ``unknown`` (the home ended in
    between); of ``retain`` also ``limit`` (there is no room), ``stopped`` (the module retainer does not run), and
    ``not_found`` (nothing is retained that could be cleared)."""
    codes: list[int] = []
    """Of ``subscribe`` and ``unsubscribe``, by filter: SUBACK and UNSUBACK codes of MQTT 5."""
    count: int = 0
    """Sessions that were matched, ended or disconnected; filters that were new or are gone."""
