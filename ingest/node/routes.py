"""Which sessions a topic goes to, and how."""

from __future__ import annotations

from collections.abc import Iterable

from domain.retained import RetainedStore
from domain.topics import FilterTrie, TopicCache
from ingest.node.session import Session
from schemas.events import Subscription


class Target:
    """One session's share in a topic: overlapping subscriptions are one delivery, with the highest QoS [MQTT-3.3.4-2]
    and the identifiers of all of them [MQTT-3.3.4-4]."""

    __slots__ = ("from_others", "ids", "no_local", "qos", "retain_as_published", "session")

    def __init__(self, session: Session, subscriptions: list[Subscription]) -> None:
        self.session = session
        self.qos = max(s.qos for s in subscriptions)
        self.retain_as_published = any(s.retain_as_published for s in subscriptions)
        self.ids = tuple(s.subscription_id for s in subscriptions if s.subscription_id)
        self.no_local = any(s.no_local for s in subscriptions)
        self.from_others: Target | None = None
        """For a message of the session's own client when ``no_local``: what remains [MQTT-3.8.3-3]."""
        if self.no_local:
            rest = [s for s in subscriptions if not s.no_local]
            self.from_others = Target(session, rest) if rest else None


Targets = tuple[Target, ...]


class Taken:
    """What the subscriptions of all tenants take. Invariant: the sums of what their :class:`Routes` have."""

    __slots__ = ("levels", "subscriptions")

    def __init__(self) -> None:
        self.subscriptions = 0
        self.levels = 0


class Routes:
    """Subscriptions and retained messages of one tenant."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._trie: FilterTrie[Session, Subscription] = FilterTrie()
        self.cache: TopicCache[Targets] = TopicCache(self._find, weigh=len)
        self.retained = RetainedStore()
        self.subscriptions = 0
        self.sessions = 0
        """Sessions of the tenant, connected and away. The node counts them."""

    @property
    def filters(self) -> int:
        """Number of different topic filters."""
        return self._trie.filters

    @property
    def levels(self) -> int:
        """Number of levels of topic filters, those that filters share counted once."""
        return self._trie.levels

    def add(self, session: Session, subscription: Subscription) -> None:
        """Begin to match, or match with new options."""
        levels = self._trie.levels
        if self._trie.put(subscription.filter, session, subscription):
            self._count(1, self._trie.levels - levels)
        self.cache.changed(subscription.filter)

    def remove(self, session: Session, topic_filter: str) -> None:
        """Stop matching."""
        levels = self._trie.levels
        if self._trie.remove(topic_filter, session):
            self._count(-1, self._trie.levels - levels)
            self.cache.changed(topic_filter)

    def _count(self, subscriptions: int, levels: int) -> None:
        self.subscriptions += subscriptions
        self._taken.subscriptions += subscriptions
        self._taken.levels += levels

    def remove_all(self, session: Session, filters: Iterable[str]) -> None:
        """Stop matching anything for a session."""
        for topic_filter in filters:
            self.remove(session, topic_filter)

    def _find(self, topic: str) -> Targets:
        found: dict[Session, list[Subscription]] = {}
        for values in self._trie.match(topic):
            for session, subscription in values.items():
                found.setdefault(session, []).append(subscription)
        return tuple(Target(session, subscriptions) for session, subscriptions in found.items())
