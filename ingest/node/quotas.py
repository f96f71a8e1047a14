"""What clients may make a node remember: sessions, subscriptions, retained messages, each up to a setting.

Judged when a packet comes, from what is applied by then: what is on its way through the log at that moment may go
beyond a limit, by ``log.max_pending_bytes`` at most. The fold of the log never refuses: it is the same on every node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from domain.retained import most_bytes
from ingest.node.routes import Routes
from ingest.settings import MqttSettings

if TYPE_CHECKING:
    from ingest.node.session import Session


class Quotas:
    """Invariant: while ``retaining`` is True, no single message can exceed what may be retained."""

    def __init__(
        self, settings: MqttSettings, sessions: Mapping[tuple[str, str], Session], routes: Mapping[str, Routes]
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._routes = routes
        self._largest = most_bytes("/" * settings.max_topic_levels, 2 * settings.max_packet_size)
        self.retainer = True
        """Whether messages are retained at all: the module of that name runs."""
        self.retaining = True
        """Whether any message may be retained, without a look at :meth:`may_retain`. Read by the hot path."""
        self.retained_changed()

    def may_connect(self, tenant: str, client_id: str) -> bool:
        """Whether a client may have a session: it has one, or there is room for one more."""
        return len(self._sessions) < self._settings.max_sessions or (tenant, client_id) in self._sessions

    def subscriptions_left(self) -> int:
        """How many subscriptions there is still room for."""
        taken = max(
            sum(routes.subscriptions for routes in self._routes.values()),
            sum(routes.levels for routes in self._routes.values()),
        )
        return self._settings.max_subscriptions - taken

    def may_retain(self, tenant: str, topic: str, size: int) -> bool:
        """Whether a message with so many bytes of payload and properties may be retained; one that takes the place of
        a larger one always may."""
        if self.retaining:
            return True
        routes = self._routes.get(tenant)
        held = routes.retained.get(topic) if routes is not None else None
        count, taken = self._retained()
        settings = self._settings
        if held is not None:
            more = size - len(held.payload) - len(held.properties)
            return more <= 0 or taken + more <= settings.max_retained_bytes
        return count < settings.max_retained_messages and (
            taken + most_bytes(topic, size) <= settings.max_retained_bytes
        )

    def switch_retainer(self, active: bool) -> None:
        """Messages are retained from now on, or not; what is kept stays."""
        self.retainer = active
        self.retained_changed()

    def retained_changed(self) -> None:
        """A retained message was set or cleared."""
        count, taken = self._retained()
        settings = self._settings
        self.retaining = (
            self.retainer
            and count < settings.max_retained_messages
            and taken + self._largest <= settings.max_retained_bytes
        )

    def _retained(self) -> tuple[int, int]:
        """Number and bytes of all retained messages."""
        stores = [routes.retained for routes in self._routes.values()]
        return sum(map(len, stores)), sum(store.bytes for store in stores)
