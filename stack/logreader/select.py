"""Which frames and events are wanted. Pure: a frame is judged by its headers first, then its events one by one.

Different criteria must all hold; of several values of one criterion, any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from domain.topics import matches
from schemas.admin import ADMIN_TYPES
from schemas.events import LIFECYCLE_TYPES, MESSAGE_TYPES, AnyEvent, ConnectionStatus
from schemas.filters import client_marks, may_contain, topic_marks
from schemas.frames import Frame
from schemas.registry import name_of

DEFAULT_TENANT = "default"
KIND_NAMES: tuple[str, ...] = tuple(sorted(name_of(cls.KIND) for cls in (*LIFECYCLE_TYPES, *MESSAGE_TYPES)))
"""Names of the events that may be in a frame."""
ADMIN_NAMES: tuple[str, ...] = tuple(sorted(name_of(cls.KIND) for cls in ADMIN_TYPES))
"""Names of the events of the administration."""
STATUS_NAME: str = name_of(ConnectionStatus.KIND)
"""The event that lies among the heartbeats of nodes: how a connection to another broker is."""

_MESSAGE_NAMES = frozenset(name_of(cls.KIND) for cls in MESSAGE_TYPES)
_TOPIC_NAMES = frozenset(
    name_of(cls.KIND) for cls in (*LIFECYCLE_TYPES, *MESSAGE_TYPES) if "topic" in cls.__struct_fields__
)
_NODE_NAMES = frozenset({"node_started", "node_stopped", "node_lost"})
_MANY_CLIENTS = frozenset({"progress", "measured"})


@dataclass(frozen=True)
class Wanted:
    """What to look for; empty sets ask for nothing in particular."""

    kinds: frozenset[str] = frozenset()
    """Event names without versions."""
    clients: frozenset[str] = frozenset()
    tenant: str | None = None
    """With clients and none given, :data:`DEFAULT_TENANT`: a frame's filter knows clients by tenant."""
    topics: frozenset[str] = frozenset()
    """Topic filters; only events with a topic match."""
    users: frozenset[str] = frozenset()
    """Judged outside: an event names its connection, not its user."""

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the events that can satisfy everything asked for."""
        names = self.kinds or frozenset(KIND_NAMES)
        if self.topics:
            names &= _TOPIC_NAMES
        if self.clients or self.tenant is not None:
            names -= _NODE_NAMES
        if self.users:
            names -= _NODE_NAMES | _MANY_CLIENTS
        return names

    @cached_property
    def in_tenant(self) -> str | None:
        """The tenant to look into, or None for all."""
        return self.tenant if self.tenant is not None or not self.clients else DEFAULT_TENANT

    @cached_property
    def _client_marks(self) -> tuple[tuple[bytes, ...], ...]:
        return tuple(client_marks(self.in_tenant or DEFAULT_TENANT, client) for client in self.clients)

    @cached_property
    def _topic_marks(self) -> tuple[tuple[bytes, ...], ...]:
        return tuple(map(topic_marks, self.topics))

    def frame(self, frame: Frame) -> bool:
        """Whether the frame can hold anything wanted; judged by its headers alone, so it may be wrong with True."""
        if not any(name_of(tag) in self.names for tag in frame.header.counts):
            return False
        return _any_in(frame.clients, self._client_marks) and _any_in(frame.topics, self._topic_marks)

    def events(self, frame: Frame) -> Iterator[tuple[int, AnyEvent]]:
        """The wanted events of a frame with their indexes; payloads are left alone when no message can be meant.

        Raises :class:`schemas.frames.FrameError`.
        """
        found: Iterable[tuple[int, AnyEvent]] = (
            frame.lifecycle() if self.names.isdisjoint(_MESSAGE_NAMES) else frame.events()
        )
        return ((index, event) for index, event in found if self.event(event))

    def event(self, event: AnyEvent) -> bool:
        """Whether the event is wanted; users are not looked at."""
        if name_of(event.KIND) not in self.names:
            return False
        if self.topics and not any(matches(wanted, event.topic) for wanted in self.topics):  # type: ignore[union-attr]
            return False
        if self.in_tenant is None and not self.clients:
            return True
        return any(
            (self.in_tenant is None or tenant == self.in_tenant) and (not self.clients or client in self.clients)
            for tenant, client in clients_of(event)
        )


def clients_of(event: AnyEvent) -> list[tuple[str, str]]:
    """(tenant, client id) of everyone the event is about; the client id is empty when it concerns a tenant."""
    tenant = getattr(event, "tenant", None)
    if tenant is not None:
        return [(tenant, getattr(event, "client_id", ""))]
    named = getattr(event, "sessions", None) or getattr(event, "clients", None) or ()
    return [(one.tenant, one.client_id) for one in named]


def _any_in(marks: bytes, wanted: tuple[tuple[bytes, ...], ...]) -> bool:
    return not wanted or any(may_contain(marks, one) for one in wanted)
