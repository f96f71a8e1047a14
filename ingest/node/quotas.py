"""What clients may make a node remember: sessions, subscriptions, retained messages, each up to a setting, for the
node as a whole and for each tenant.

Judged when a packet comes, from what is applied by then: what is on its way through the log at that moment may go
beyond a limit, by ``log.max_pending_bytes`` at most. The fold of the log never refuses: it is the same on every node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from domain.retained import Retained, most_bytes
from ingest.node.routes import Routes, Taken
from ingest.settings import MqttSettings

if TYPE_CHECKING:
    from ingest.node.session import Session

_NO_LIMIT = 1 << 62


class _Store(NamedTuple):
    """Retained messages that there are, or may be."""

    messages: int
    bytes: int

    def has_room(self, taken: _Store, size: int) -> bool:
        """Whether these limits leave room for one more message that takes so many bytes."""
        return taken.messages < self.messages and taken.bytes + size <= self.bytes


class Quotas:
    """Invariants: while ``retaining`` is True, no single message can exceed what may be retained; ``_held`` is what
    the stores of the tenants hold, ``_all`` their sum, ``_full`` the tenants that not every message fits into."""

    def __init__(
        self,
        settings: MqttSettings,
        sessions: Mapping[tuple[str, str], Session],
        routes: Mapping[str, Routes],
        taken: Taken,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._routes = routes
        self._taken = taken
        self._largest = most_bytes("/" * settings.max_topic_levels, 2 * settings.max_packet_size)
        self._most = _Store(settings.max_retained_messages, settings.max_retained_bytes)
        self._most_of_one = _Store(
            settings.max_retained_messages_per_tenant or _NO_LIMIT, settings.max_retained_bytes_per_tenant or _NO_LIMIT
        )
        self._all = _Store(0, 0)
        self._held: dict[str, _Store] = {}
        self._full: set[str] = set()
        self.retainer = True
        """Whether messages are retained at all: the module of that name runs."""
        self.retaining = True
        """Whether any message may be retained, without a look at :meth:`may_retain`. Read by the hot path."""
        self._judge()

    def may_connect(self, tenant: str, client_id: str) -> bool:
        """Whether a client may have a session: it has one, or there is room for one more."""
        settings = self._settings
        most = settings.max_sessions_per_tenant
        room = len(self._sessions) < settings.max_sessions and (not most or self._sessions_of(tenant) < most)
        return room or (tenant, client_id) in self._sessions

    def _sessions_of(self, tenant: str) -> int:
        routes = self._routes.get(tenant)
        return routes.sessions if routes is not None else 0

    def subscriptions_left(self, tenant: str) -> int:
        """How many subscriptions there is still room for in a tenant."""
        routes = self._routes.get(tenant)
        left = self._settings.max_subscriptions - max(self._taken.subscriptions, self._taken.levels)
        most = self._settings.max_subscriptions_per_tenant
        if not most:
            return left
        return min(left, most - (max(routes.subscriptions, routes.levels) if routes is not None else 0))

    def may_retain(self, tenant: str, topic: str, size: int) -> bool:
        """Whether a message with so many bytes of payload and properties may be retained; one that takes the place of
        a larger one always may."""
        if self.retaining:
            return True
        routes = self._routes.get(tenant)
        held = routes.retained.get(topic) if routes is not None else None
        own = self._held.get(tenant, _Store(0, 0))
        return _fits(self._most, self._all, held, topic, size) and _fits(self._most_of_one, own, held, topic, size)

    def switch_retainer(self, active: bool) -> None:
        """Messages are retained from now on, or not; what is kept stays."""
        self.retainer = active
        self._judge()

    def retained_changed(self, tenant: str) -> None:
        """A retained message of a tenant was set or cleared."""
        store = self._routes[tenant].retained
        before, now = self._held.get(tenant, _Store(0, 0)), _Store(len(store), store.bytes)
        self._held[tenant] = now
        self._all = _Store(
            self._all.messages + now.messages - before.messages, self._all.bytes + now.bytes - before.bytes
        )
        if self._most_of_one.has_room(now, self._largest):
            self._full.discard(tenant)
        else:
            self._full.add(tenant)
        self._judge()

    def _judge(self) -> None:
        self.retaining = self.retainer and not self._full and self._most.has_room(self._all, self._largest)


def _fits(most: _Store, taken: _Store, held: Retained | None, topic: str, size: int) -> bool:
    """Whether a message fits, perhaps in the place of the one that is held for its topic."""
    if held is not None:
        more = size - len(held.payload) - len(held.properties)
        return more <= 0 or taken.bytes + more <= most.bytes
    return most.has_room(taken, most_bytes(topic, size))
