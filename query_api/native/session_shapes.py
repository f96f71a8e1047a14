"""The shapes of sessions and subscriptions, and how rows become them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from query_api.native.shapes import Shape
from query_api.native.text import Count, Protocol, Qos, Seconds, Time
from query_api.native.times import moment, moment_or_none


class Session(Shape, frozen=True):
    """A session of a client, connected or away."""

    client_id: str
    username: str | None
    connected: bool
    node: str
    """Where it is, or was last, connected."""
    created_at: Time
    connected_at: Time
    """Of its latest connection."""
    disconnected_at: Time | None
    expiry_interval: Seconds
    protocol: Protocol
    version: Annotated[int, Meta(ge=0, le=5, description="Protocol level on the wire: 3, 4 or 5; 0 for AMQP.")]
    address: str
    port: Count
    listener: str
    zone: str
    clean_start: bool
    keep_alive: Annotated[int, Meta(ge=0, description="Seconds.")]
    receive_maximum: Count
    max_packet_size: Annotated[int, Meta(ge=0, description="Bytes; 0 is no limit.")]
    topic_alias_max: Count
    request_response: bool
    request_problem: bool
    has_will: bool
    connection_name: str
    tls_identity: str
    bridge: bool
    disconnect_code: Count
    disconnect_reason: str
    subscriptions: Count
    """How many it has."""
    since: Time
    """Since when it reads like this; numbers that change constantly left aside."""


class Counters(Shape, frozen=True):
    """Measurements of the present connection of a session, and of its queue."""

    at: Time
    """When they were measured."""
    inflight: Count
    queued: Count
    """Messages that wait for the client."""
    awaiting_rel: Count
    packets_in: Count
    packets_out: Count
    messages_in: Count
    messages_out: Count
    bytes_in: Count
    bytes_out: Count
    dropped: Count
    reads: Count
    """Times that bytes came from its socket."""
    writes: Count
    """Times that bytes were written to it."""


class Subscription(Shape, frozen=True):
    """A topic filter that a session holds."""

    client_id: str
    filter: str
    qos: Qos
    no_local: bool
    retain_as_published: bool
    retain_handling: Annotated[int, Meta(ge=0, le=2)]
    subscription_id: Annotated[int, Meta(ge=1)] | None
    since: Time


class SessionDetail(Shape, frozen=True):
    """A session with its measurements and the first of its subscriptions."""

    session: Session
    counters: Counters | None
    """None: nothing was measured yet, or it is as of a moment of the past."""
    subscriptions: list[Subscription]
    """The first 1,000; the others by `list_session_subscriptions`."""


class SubscriptionPage(Shape, frozen=True):
    """A page of subscriptions."""

    items: list[Subscription]
    next: str | None


SessionItem: Final = msgspec.defstruct(
    "SessionItem",
    [
        (field.name, field.type) if field.name == "client_id" else (field.name, field.type | UnsetType, UNSET)
        for field in msgspec.structs.fields(Session)
    ],
    bases=(Shape,),
    namespace={"__doc__": "A session, or some of its fields: with `fields`, of these alone."},
    frozen=True,
)
SessionPage: Final = msgspec.defstruct(
    "SessionPage",
    [("items", list[SessionItem]), ("next", str | None)],  # type: ignore[valid-type]
    bases=(Shape,),
    namespace={"__doc__": "A page of sessions."},
    frozen=True,
)
if TYPE_CHECKING:
    Field: TypeAlias = str
else:
    Field = Literal[tuple(Session.__struct_fields__)]
    """The fields of a session."""


def session(row: Any) -> Session:
    """The session in the columns ``session_columns`` of a row."""
    connected = bool(row["online"])
    return Session(
        row["client_id"],
        row["username"] or None,
        connected,
        row["node"],
        moment(row["created_at"]),
        moment(row["connected_at"]),
        # A connected session shows no time of an earlier connection's end.
        None if connected else moment_or_none(row["disconnected_at"]),
        row["expiry"],
        row["protocol"],
        row["version"],
        row["address"],
        row["port"],
        row["listener"],
        row["zone"],
        row["clean_start"],
        row["keep_alive"],
        row["receive_maximum"],
        row["max_packet_size"],
        row["topic_alias_max"],
        row["request_response"],
        row["request_problem"],
        row["has_will"],
        row["connection_name"],
        row["tls_identity"],
        row["bridge"],
        row["disconnect_code"],
        row["disconnect_reason"],
        row["subscription_count"],
        moment(row["valid_from_time"]),
    )


def counters(row: Any) -> Counters | None:
    """The measurements in a row of ``whole_session``."""
    if row["at"] is None:
        return None
    names = [name for name in Counters.__struct_fields__ if name != "at"]
    return Counters(moment(row["at"]), *(row[name] for name in names))


def subscription(row: Any) -> Subscription:
    """The subscription in a row."""
    client_id, topic_filter, qos, no_local, as_published, handling, identifier, since = row
    return Subscription(
        client_id, topic_filter, qos, no_local, as_published, handling, identifier or None, moment(since)
    )
