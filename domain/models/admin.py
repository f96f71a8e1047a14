"""The tables of ``mq.admin`` as a fold: records in offset order in, row changes out. A position here is an offset.

The whole state is held (:class:`domain.admin.AdminState`), so a fold always begins with the log; what the tables hold
already is folded without taking its changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from domain.admin import REPEATED, AdminState
from domain.commands import DONE, LATE
from domain.models.commands import CommandBatch, meta_of, order_row
from domain.models.tables import Row, Table
from schemas.admin import (
    AccountRemoved,
    AccountSet,
    AclAdded,
    AclRemoved,
    AdminEvent,
    ApiKeyRemoved,
    ApiKeySet,
    Banned,
    ConnectionRemoved,
    ConnectionSet,
    ListenerSet,
    PluginSet,
    Unbanned,
    UserRemoved,
    UserSet,
)
from schemas.registry import name_of

ADMIN = -1
"""Stands for ``mq.admin`` where partitions are named."""

_SET_BY = "position changed_at changed_by"


def _table(name: str, columns: str, key: str) -> Table:
    return Table(name, tuple(columns.split()), tuple(key.split()))


ADMIN_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _table("mqtt_users", f"tenant username password superuser {_SET_BY}", "tenant username"),
        _table(
            "acl_rules",
            "tenant id place position allow action topic username client_id address changed_at changed_by",
            "tenant id",
        ),
        _table("bans", f"tenant kind who by reason at until {_SET_BY}", "tenant kind who"),
        _table("accounts", f"name password role tenant tags {_SET_BY}", "name"),
        _table("api_keys", f"app_id secret name role tenant enabled expires {_SET_BY}", "app_id"),
        _table(
            "connections",
            f"tenant connection_id name url username client_id reject_unauthorized parts sealed {_SET_BY}",
            "tenant connection_id",
        ),
        _table("plugins", f"name active {_SET_BY}", "name"),
        _table("listener_states", f"node listener active {_SET_BY}", "node listener"),
    )
}
"""The tables that ``mq.admin`` proves, besides its rows in ``commands``."""


class AdminChanges(msgspec.Struct):
    """What one batch of records changes; to be applied as a whole, with the position, or not at all."""

    first: int
    next: int
    partition_time: int
    events: int
    last_append: int
    rows: dict[str, list[Row]]
    """By table, rows that are new or other than they were."""
    gone: dict[str, list[Row]]
    """By table, keys of rows that are to go, if they are there."""
    commands: list[Row]
    commands_late: list[Row]

    @property
    def frames(self) -> int:
        """Records; one holds one event."""
        return self.events

    @property
    def void_frames(self) -> int:
        """No record is of a fenced incarnation."""
        return 0


class AdminFold:
    """Invariant: the tables are :attr:`state` up to the changes not yet taken."""

    def __init__(self) -> None:
        """A fold of nothing; the first record is the log's."""
        self.state = AdminState()
        self.partition_time = 0
        self._set_by: dict[tuple[str, Row], dict[str, Any]] = {}
        self._begin()

    def _begin(self) -> None:
        self.first = self.state.next
        self._events = self._last_append = 0
        self._touched: set[tuple[str, Row]] = set()
        self._commands = CommandBatch()

    @property
    def next(self) -> int:
        """Offset of the next record."""
        return self.state.next

    def apply(self, event: AdminEvent, offset: int, time: int) -> str:
        """Fold the record at an offset, with its append time; what came of it."""
        self._step(time)
        outcome = self.state.apply(event, offset, time)
        if outcome == DONE and type(event) in _PLACES:
            place = _PLACES[type(event)](event)
            self._set_by[place] = {"position": offset, "changed_at": time, "changed_by": event.order.actor}
            self._touched.add(place)
        if outcome != REPEATED:
            row = _command_row(event, offset, self.partition_time, outcome)
            self._commands.late(row) if outcome == LATE else self._commands.put(row)
        return outcome

    def skip(self, offset: int, time: int) -> None:
        """Step over a record that was put aside."""
        self._step(time)
        self.state.next = offset + 1

    def _step(self, time: int) -> None:
        self._events += 1
        self._last_append = time
        self.partition_time = max(self.partition_time, time)

    def changes(self) -> AdminChanges:
        """What was folded since the last call; a new batch begins."""
        changes = AdminChanges(
            self.first,
            self.next,
            self.partition_time,
            self._events,
            self._last_append,
            {},
            {},
            list(self._commands.puts.values()),
            list(self._commands.lates.values()),
        )
        for table, key in sorted(self._touched):
            held = _HELD[table](self.state, key)
            if held is None:
                self._set_by.pop((table, key), None)
                changes.gone.setdefault(table, []).append(key)
            else:
                values = _values(held) | self._set_by[table, key]
                changes.rows.setdefault(table, []).append(tuple(values[name] for name in ADMIN_TABLES[table].columns))
        self._begin()
        return changes


def _command_row(event: AdminEvent, offset: int, time: int, outcome: str) -> Row:
    place = _PLACES[type(event)](event)[1] if type(event) in _PLACES else ()
    tenant = getattr(event, "tenant", "") if type(event) not in _OF_NO_TENANT else ""
    head = order_row(
        event.order,
        partition=ADMIN,
        tenant=tenant,
        position=offset,
        time=time,
        verb=name_of(event.KIND),
        client_id="",
        target=place[-1] if place else "",
    )
    return (*head, outcome, [], 0, offset, time, meta_of(event.order))


_OF_NO_TENANT = (AccountSet, ApiKeySet)
"""Their tenant is what they may see, not where they belong."""

_PLACES: dict[type[Any], Callable[[Any], tuple[str, Row]]] = {
    UserSet: lambda e: ("mqtt_users", (e.tenant, e.username)),
    UserRemoved: lambda e: ("mqtt_users", (e.tenant, e.username)),
    AclAdded: lambda e: ("acl_rules", (e.tenant, e.order.id)),
    AclRemoved: lambda e: ("acl_rules", (e.tenant, e.rule)),
    Banned: lambda e: ("bans", (e.tenant, e.kind, e.who)),
    Unbanned: lambda e: ("bans", (e.tenant, e.kind, e.who)),
    AccountSet: lambda e: ("accounts", (e.name,)),
    AccountRemoved: lambda e: ("accounts", (e.name,)),
    ApiKeySet: lambda e: ("api_keys", (e.app_id,)),
    ApiKeyRemoved: lambda e: ("api_keys", (e.app_id,)),
    ConnectionSet: lambda e: ("connections", (e.tenant, e.connection_id)),
    ConnectionRemoved: lambda e: ("connections", (e.tenant, e.connection_id)),
    PluginSet: lambda e: ("plugins", (e.name,)),
    ListenerSet: lambda e: ("listener_states", (e.node, e.listener)),
}
"""Which row an event is about: table and key. An event that is not here changes no table."""


_HELD: dict[str, Callable[[AdminState, Any], Any]] = {
    "mqtt_users": lambda state, key: state.users.get(key),
    "acl_rules": lambda state, key: state.rules.get(key[0], {}).get(key[1]),
    "bans": lambda state, key: state.bans.get(key),
    "accounts": lambda state, key: state.accounts.get(key[0]),
    "api_keys": lambda state, key: state.keys.get(key[0]),
    "connections": lambda state, key: state.connections.get(key, (0, None))[1],
    "plugins": lambda state, key: {"name": key[0], "active": state.plugins[key[0]]},
    "listener_states": lambda state, key: {"node": key[0], "listener": key[1], "active": state.listeners[key]},
}
"""What the state holds under a key: the event that set it, or the values of a row; None when there is nothing."""


def _values(held: Any) -> dict[str, Any]:
    if isinstance(held, dict):
        return held
    values = msgspec.structs.asdict(held)
    return values | {"id": held.order.id} if isinstance(held, AclAdded) else values
