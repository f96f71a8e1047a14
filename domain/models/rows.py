"""Rows of sessions and subscriptions from their states, and back.

The present row of a session is kept beside its :class:`SessionState`; what a later event leaves alone is taken from
it. The ``connected`` itself, with its will, is therefore not kept: the state holds :data:`NOT_KEPT` in its place.
"""

from __future__ import annotations

from domain.models.tables import COUNTER_COLUMNS, SESSION_COLUMNS, Row
from domain.session import At, HeldSubscription, SessionState
from schemas.events import Connected, Counters, Subscription

NOT_KEPT = Connected("", "", "", "", 0, "", 0, "", False, 0, 0, 0, 0, 0, False, False)
"""Stands for the ``connected`` of a session, whose fields are in its row."""

_AT = {name: place for place, name in enumerate(SESSION_COLUMNS)}
_ONLINE, _CONNECTED_AT, _EXPIRY = _AT["online"], _AT["connected_at"], _AT["expiry"]
_DISCONNECT_CODE = _AT["disconnect_code"]
SUBSCRIPTION_COUNT = _AT["subscription_count"]
_EPOCH, _GROWING = COUNTER_COLUMNS.index("epoch"), COUNTER_COLUMNS.index("packets_in")
OPTIONS = slice(4, 9)
"""Where the options of a subscription stand in its row."""


def session_row(state: SessionState, event: Connected, at: At) -> Row:
    """The row of a session just connected."""
    return (
        state.tenant,
        state.client_id,
        state.partition,
        state.created,
        state.created_at,
        state.epoch,
        state.node,
        state.incarnation,
        True,
        state.connected_at,
        0,
        state.expiry,
        event.username,
        event.protocol,
        event.version,
        event.address,
        event.port,
        event.listener,
        event.zone,
        event.clean_start,
        event.keep_alive,
        event.receive_maximum,
        event.max_packet_size,
        event.topic_alias_max,
        event.request_response,
        event.request_problem,
        event.will is not None,
        event.connection_name,
        event.tls_identity,
        event.bridge,
        0,
        "",
        len(state.subscriptions),
        at.position,
        at.time,
    )


def with_count(row: Row, count: int, at: At) -> Row:
    """The row with another number of subscriptions."""
    return (*row[:SUBSCRIPTION_COUNT], count, at.position, at.time)


def with_disconnect(row: Row, state: SessionState, at: At) -> Row:
    """The row of a session whose connection has ended."""
    return (
        *row[:_ONLINE],
        False,
        row[_CONNECTED_AT],
        state.disconnected_at,
        state.expiry,
        *row[_EXPIRY + 1 : _DISCONNECT_CODE],
        state.disconnect_code,
        state.disconnect_reason,
        row[SUBSCRIPTION_COUNT],
        at.position,
        at.time,
    )


def subscription_row(state: SessionState, held: HeldSubscription, at: At) -> Row:
    """The row of a subscription that was just made or changed."""
    options = held.options
    return (
        state.tenant,
        state.client_id,
        options.filter,
        state.partition,
        options.qos,
        options.no_local,
        options.retain_as_published,
        options.retain_handling,
        options.subscription_id,
        held.since,
        held.since_time,
        at.position,
        at.time,
    )


def counter_row(state: SessionState, counters: Counters, time: int) -> Row:
    """The row of a session's counters."""
    return (
        state.tenant,
        state.client_id,
        state.partition,
        state.epoch,
        time,
        counters.inflight,
        counters.queued,
        counters.awaiting_rel,
        counters.packets_in,
        counters.packets_out,
        counters.messages_in,
        counters.messages_out,
        counters.bytes_in,
        counters.bytes_out,
        counters.dropped,
        counters.reads,
        counters.writes,
    )


def counted(row: Row, before: Row | None) -> Row:
    """What the table of counters has after a row: within a connection its counters only grow, also when the session is
    away and none but its gauges are known."""
    if before is None or before[_EPOCH] != row[_EPOCH]:
        return row
    return (*row[:_GROWING], *map(max, row[_GROWING:], before[_GROWING:]))


def session_state(row: Row, subscriptions: dict[str, HeldSubscription]) -> SessionState:
    """The state of a session from its row."""
    return SessionState(
        tenant=row[0],
        client_id=row[1],
        partition=row[2],
        created=row[3],
        created_at=row[4],
        epoch=row[5],
        connection=NOT_KEPT,
        node=row[6],
        incarnation=row[7],
        online=row[_ONLINE],
        connected_at=row[_CONNECTED_AT],
        expiry=row[_EXPIRY],
        disconnected_at=row[_CONNECTED_AT + 1],
        disconnect_code=row[_DISCONNECT_CODE],
        disconnect_reason=row[_DISCONNECT_CODE + 1],
        subscriptions=subscriptions,
    )


def held_subscription(row: Row) -> HeldSubscription:
    """The state of a subscription from its row."""
    options = Subscription(row[2], row[4], row[5], row[6], row[7], row[8])
    return HeldSubscription(options, since=row[9], since_time=row[10], changed=row[11])
