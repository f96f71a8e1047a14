"""The fold of ``mq.admin``: who may do what, and what runs. ``apply(event, offset, time) -> outcome``.

One partition, so that every reader comes to the same outcome: nodes (users, rules, bans, modules, listeners), the
connector (connections), projectors (all of it, into tables). What has an end in time is not removed by the fold; who
asks compares with the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.commands import DONE, LATE, CommandWindow, late
from schemas.admin import (
    AccountRemoved,
    AccountSet,
    AclAdded,
    AclCacheCleared,
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

EXISTS = "exists"
NOT_FOUND = "not_found"
LIMIT = "limit"
"""There are as many as there may be."""
LAST_ADMINISTRATOR = "last_administrator"
"""There would be no account left that can make another."""
REPEATED = "repeated"
ADMINISTRATOR = "administrator"


class AdminState:
    """What ``mq.admin`` says. Owned by its fold: changed by :meth:`apply` alone."""

    def __init__(self) -> None:
        self.next = 0
        """Offset of the next record to apply."""
        self.users: dict[tuple[str, str], UserSet] = {}
        """By tenant and name."""
        self.rules: dict[str, dict[str, AclAdded]] = {}
        """By tenant and id, in the order of the log."""
        self.bans: dict[tuple[str, str, str], Banned] = {}
        """By tenant, kind and who."""
        self.accounts: dict[str, AccountSet] = {}
        """By name; no name is also one of a key, for Basic authentication tells them by it."""
        self.keys: dict[str, ApiKeySet] = {}
        self.connections: dict[tuple[str, str], tuple[int, ConnectionSet]] = {}
        """By tenant and id, with the offset that set it."""
        self.plugins: dict[str, bool] = {}
        """Modules that were ever switched, and whether they run; the others are as configured."""
        self.listeners: dict[tuple[str, str], bool] = {}
        """By node, which may be empty for all, and name; likewise, what was said last at the end."""
        self._window = CommandWindow()
        self._time = 0
        """Partition time: the running maximum of append times."""

    def apply(self, event: AdminEvent, offset: int, time: int) -> str:
        """Apply the record at an offset, with its append time, and say what came of it. In the order of the log."""
        self.next = offset + 1
        self._time = max(self._time, time)
        if late(event.order, self._time):
            return LATE
        if self._window.repeated(event.order, self._time):
            return REPEATED
        return _HANDLERS[type(event)](self, event, offset)

    def rules_of(self, tenant: str) -> list[AclAdded]:
        """The access rules of a tenant in the order in which they are asked."""
        return sorted(self.rules.get(tenant, {}).values(), key=lambda rule: rule.place)

    def _user_set(self, event: UserSet, _: int) -> str:
        return _put(self.users, (event.tenant, event.username), event, event.mode)

    def _user_removed(self, event: UserRemoved, _: int) -> str:
        return _remove(self.users, (event.tenant, event.username))

    def _acl_added(self, event: AclAdded, _: int) -> str:
        self.rules.setdefault(event.tenant, {})[event.order.id] = event
        return DONE

    def _acl_removed(self, event: AclRemoved, _: int) -> str:
        return _remove(self.rules.get(event.tenant, {}), event.rule)

    def _banned(self, event: Banned, _: int) -> str:
        return _put(self.bans, (event.tenant, event.kind, event.who), event, event.mode)

    def _unbanned(self, event: Unbanned, _: int) -> str:
        return _remove(self.bans, (event.tenant, event.kind, event.who))

    def _account_set(self, event: AccountSet, _: int) -> str:
        old = self.accounts.get(event.name)
        if event.mode == "first" and self.accounts:
            return EXISTS
        if old is None and event.mode != "change" and event.name in self.keys:
            return EXISTS
        if old is not None and event.mode != "add":
            event = AccountSet(
                event.order,
                event.mode,
                event.name,
                event.password or old.password,
                event.role or old.role,
                event.tenant or old.tenant,
                event.tags or old.tags,
            )
            if self._is_last(event.name) and (event.role, event.tenant) != (ADMINISTRATOR, "*"):
                return LAST_ADMINISTRATOR
        return _put(self.accounts, event.name, event, event.mode)

    def _account_removed(self, event: AccountRemoved, _: int) -> str:
        if self._is_last(event.name):
            return LAST_ADMINISTRATOR
        return _remove(self.accounts, event.name)

    def _is_last(self, name: str) -> bool:
        administrators = [a.name for a in self.accounts.values() if a.role == ADMINISTRATOR and a.tenant == "*"]
        return administrators == [name]

    def _api_key_set(self, event: ApiKeySet, _: int) -> str:
        old = self.keys.get(event.app_id)
        if old is None and event.mode != "change" and event.app_id in self.accounts:
            return EXISTS
        if old is not None and not event.secret:
            event = ApiKeySet(
                event.order,
                event.mode,
                event.app_id,
                old.secret,
                event.name,
                event.role,
                event.tenant,
                event.enabled,
                event.expires,
            )
        return _put(self.keys, event.app_id, event, event.mode)

    def _api_key_removed(self, event: ApiKeyRemoved, _: int) -> str:
        return _remove(self.keys, event.app_id)

    def _connection_set(self, event: ConnectionSet, offset: int) -> str:
        key = (event.tenant, event.connection_id)
        others = [c for k, (_, c) in self.connections.items() if k[0] == event.tenant and k != key]
        if any(other.name == event.name for other in others):
            return EXISTS
        if key not in self.connections and event.mode != "change" and 0 < event.most <= len(others):
            return LIMIT
        return _put(self.connections, key, (offset, event), event.mode)

    def _connection_removed(self, event: ConnectionRemoved, _: int) -> str:
        return _remove(self.connections, (event.tenant, event.connection_id))

    def _plugin_set(self, event: PluginSet, _: int) -> str:
        self.plugins[event.name] = event.active
        return DONE

    def _listener_set(self, event: ListenerSet, _: int) -> str:
        self.listeners.pop((event.node, event.listener), None)
        self.listeners[event.node, event.listener] = event.active
        return DONE

    def _acl_cache_cleared(self, event: AclCacheCleared, _: int) -> str:
        return DONE


def _put(table: dict[Any, Any], key: Any, value: Any, mode: str) -> str:
    if mode == "add" and key in table:
        return EXISTS
    if mode == "change" and key not in table:
        return NOT_FOUND
    table[key] = value
    return DONE


def _remove(table: dict[Any, Any], key: Any) -> str:
    return NOT_FOUND if table.pop(key, None) is None else DONE


_HANDLERS: dict[type[Any], Callable[[AdminState, Any, int], str]] = {
    UserSet: AdminState._user_set,
    UserRemoved: AdminState._user_removed,
    AclAdded: AdminState._acl_added,
    AclRemoved: AdminState._acl_removed,
    Banned: AdminState._banned,
    Unbanned: AdminState._unbanned,
    AccountSet: AdminState._account_set,
    AccountRemoved: AdminState._account_removed,
    ApiKeySet: AdminState._api_key_set,
    ApiKeyRemoved: AdminState._api_key_removed,
    ConnectionSet: AdminState._connection_set,
    ConnectionRemoved: AdminState._connection_removed,
    PluginSet: AdminState._plugin_set,
    ListenerSet: AdminState._listener_set,
    AclCacheCleared: AdminState._acl_cache_cleared,
}
