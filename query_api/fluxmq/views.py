"""The shapes of the dialect's answers. Fields stand in the order in which they are written.

UNSET fields are left out. Rows of the queries become these, and msgspec writes them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from query_api import reload
from query_api.fluxmq.times import rfc3339

Count = Annotated[int, Meta(ge=0)]
Qos = Annotated[int, Meta(ge=0, le=2)]
Time = Annotated[
    str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z$", extra_json_schema={"format": "date-time"})
]
Protocol = Literal["mqtt3.1", "mqtt3.1.1", "mqtt5", "amqp0.9.1"]


class View(msgspec.Struct, frozen=True, gc=False):
    """Base of all shapes."""


class Error(View, frozen=True):
    """Why there is no better answer."""

    error: str


class SessionSubscription(View, frozen=True):
    """A subscription of a session."""

    filter: str
    qos: Qos
    no_local: bool
    retain_as_published: bool
    retain_handling: Annotated[int, Meta(ge=0, le=2)]
    consumer_group: str
    subscription_id: Annotated[int, Meta(ge=1)] | UnsetType


class Session(View, frozen=True):
    """A session; `subscriptions` is part of the detail only, and only when there are any."""

    client_id: str
    connection_name: Annotated[str, Meta(min_length=1)] | UnsetType
    state: Literal["connected", "disconnected"]
    connected: bool
    protocol: Protocol
    version: Annotated[int, Meta(ge=0, le=5)]
    clean_start: bool
    expiry_interval: Annotated[int, Meta(ge=0, le=4294967295, description="Seconds; 4294967295 never ends.")]
    connected_at: Time | UnsetType
    disconnected_at: Time | UnsetType
    receive_maximum: Count
    max_packet_size: Annotated[int, Meta(ge=0, description="Bytes; 0 is no limit.")]
    topic_alias_max: Count
    request_response: bool
    request_problem: bool
    has_will: bool
    subscription_count: Count
    inflight_count: Count
    offline_queue_depth: Count
    subscriptions: list[SessionSubscription] | UnsetType


class SessionList(View, frozen=True):
    """A page of sessions."""

    sessions: list[Session]
    next_page_token: str | UnsetType


class FilterSummary(View, frozen=True):
    """A topic filter and who holds it."""

    filter: str
    subscriber_count: Annotated[int, Meta(ge=1)]
    max_qos: Qos


class FilterList(View, frozen=True):
    """A page of topic filters."""

    subscriptions: list[FilterSummary]
    next_page_token: str | UnsetType


class FilterClient(View, frozen=True):
    """A client that holds a filter."""

    client_id: str
    qos: Qos


class FilterClientList(View, frozen=True):
    """A page of the clients of one filter."""

    filter: str
    clients: list[FilterClient]
    next_page_token: str | UnsetType


class Change(View, frozen=True):
    """A setting that differs from the one in force; `class` 1 takes effect at once, 0 with a restart."""

    path: str
    old_value: str | int | float | bool
    new_value: str | int | float | bool
    change_class: Annotated[Literal[0, 1], Meta()] = msgspec.field(name="class")


class Reloaded(View, frozen=True):
    """What reading the configuration again has found."""

    version: Annotated[int, Meta(ge=1, description="Of the configuration in force; 1 when the process began.")]
    applied: list[Change] | UnsetType
    restart_required: list[Change] | UnsetType
    duration: Annotated[int, Meta(ge=0, description="Nanoseconds.")]


class Status(View, frozen=True):
    """A sign of life."""

    status: Literal["ok"]


def session(row: Any) -> Session:
    """The session in a row of the query `sessions`."""
    # By position, in the order of the query: half the time of asking for each column by name.
    (
        client_id,
        connection_name,
        online,
        protocol,
        version,
        clean_start,
        expiry,
        connected_at,
        disconnected_at,
        receive_maximum,
        max_packet_size,
        topic_alias_max,
        request_response,
        request_problem,
        has_will,
        subscription_count,
        inflight,
        queued,
    ) = row
    return Session(
        client_id,
        connection_name or UNSET,
        "connected" if online else "disconnected",
        online,
        protocol,
        version,
        clean_start,
        expiry,
        rfc3339(connected_at) if connected_at else UNSET,
        # A connected session shows no time of an earlier connection's end.
        rfc3339(disconnected_at) if disconnected_at and not online else UNSET,
        receive_maximum,
        max_packet_size,
        topic_alias_max,
        request_response,
        request_problem,
        has_will,
        subscription_count,
        inflight or 0,
        queued or 0,
        UNSET,
    )


def session_detail(row: Any) -> Session:
    """The session in a row of the query `session`, with its subscriptions."""
    *columns, subscriptions = row
    whole = session(columns)
    held = [
        SessionSubscription(
            filter=topic_filter,
            qos=qos,
            no_local=no_local,
            retain_as_published=retain_as_published,
            retain_handling=retain_handling,
            consumer_group=whole.client_id,
            subscription_id=subscription_id or UNSET,
        )
        for topic_filter, qos, no_local, retain_as_published, retain_handling, subscription_id in subscriptions
    ]
    return msgspec.structs.replace(whole, subscriptions=held or UNSET)


def reloaded(found: reload.Reloaded) -> Reloaded:
    """What a reload has found, in the words of the dialect."""
    applied, waiting = ([_change(one) for one in part] for part in (found.applied, found.restart_required))
    return Reloaded(found.version, applied or UNSET, waiting or UNSET, int(found.seconds * 1e9))


def _change(one: reload.Change) -> Change:
    return Change(one.path, one.old, one.new, 1 if one.runtime else 0)


def filter_summary(row: Any) -> FilterSummary:
    """The filter in a row of the query `filters`."""
    return FilterSummary(row["filter"], row["subscribers"], row["max_qos"])


def filter_client(row: Any) -> FilterClient:
    """The client in a row of the query `filter_clients`."""
    return FilterClient(row["client_id"], row["qos"])
