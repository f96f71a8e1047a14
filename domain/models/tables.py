"""The tables of the read models: names, columns in the order of their Postgres tables, keys."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

Row = tuple[Any, ...]
"""Values of a row, in the order of its table's columns."""


class Table:
    """A table of the read models."""

    def __init__(self, name: str, columns: tuple[str, ...], key: tuple[str, ...]) -> None:
        """Its name, its columns in order, and those of its primary key."""
        self.name = name
        self.columns = columns
        self.key = key
        self.key_of: Callable[[Row], Row] = itemgetter(*map(columns.index, key))
        """The primary key of a row."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SESSION_COLUMNS = _names(
    "tenant client_id partition created created_at epoch node incarnation online connected_at disconnected_at expiry"
    " username protocol version address port listener zone clean_start keep_alive receive_maximum max_packet_size"
    " topic_alias_max request_response request_problem has_will connection_name tls_identity bridge"
    " disconnect_code disconnect_reason subscription_count valid_from valid_from_time"
)
SUBSCRIPTION_COLUMNS = _names(
    "tenant client_id filter partition qos no_local retain_as_published retain_handling subscription_id"
    " since since_time valid_from valid_from_time"
)
COUNTER_COLUMNS = _names(
    "tenant client_id partition epoch at inflight queued awaiting_rel packets_in packets_out messages_in messages_out"
    " bytes_in bytes_out dropped reads writes"
)

SESSIONS = Table("sessions", SESSION_COLUMNS, _names("tenant client_id"))
SESSIONS_HISTORY = Table(
    "sessions_history",
    (*SESSION_COLUMNS, *_names("valid_to valid_to_time ended")),
    _names("tenant client_id valid_from"),
)
SUBSCRIPTIONS = Table("subscriptions", SUBSCRIPTION_COLUMNS, _names("tenant client_id filter"))
SUBSCRIPTIONS_HISTORY = Table(
    "subscriptions_history",
    (*SUBSCRIPTION_COLUMNS, *_names("valid_to valid_to_time")),
    _names("tenant client_id filter valid_from"),
)
SESSION_COUNTERS = Table("session_counters", COUNTER_COLUMNS, _names("tenant client_id"))
ROUTES = Table("routes", _names("partition tenant filter node sessions"), _names("tenant filter node partition"))
TOTALS = Table("totals", _names("partition tenant name value"), _names("partition tenant name"))
COMMANDS = Table(
    "commands",
    _names(
        "id partition tenant position time verb client_id target actor address correlation keyed fingerprint at"
        " not_after outcome codes count done_position done_at meta"
    ),
    _names("id partition"),
)
RETAINED = Table(
    "retained",
    _names("tenant key partition topic stamp position time qos client_id size properties"),
    _names("tenant key partition"),
)
METRICS = Table("metrics", _names("partition tenant node name value"), _names("partition tenant node name"))

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        SESSIONS,
        SESSIONS_HISTORY,
        SUBSCRIPTIONS,
        SUBSCRIPTIONS_HISTORY,
        SESSION_COUNTERS,
        ROUTES,
        TOTALS,
        METRICS,
        COMMANDS,
        RETAINED,
    )
}
"""Every table that the event log proves."""
