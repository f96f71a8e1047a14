"""What a client may publish and subscribe: the rules of its tenant, and what they said about topics asked lately."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from domain.access import Action, Decision, Rules, Who
from schemas.admin import AclAdded

_LONGEST = 256
"""Characters of a topic that is remembered."""


class Rights:
    """The access rules of a tenant, shared by its connections. Only :mod:`ingest.access.access` changes it.

    Rules that come by the thousand are put in order when somebody asks, not for each.
    """

    __slots__ = ("_rules", "_stale", "judging", "version")

    def __init__(self) -> None:
        self.judging = False
        """Whether anything has to be asked at all. Read by the hot path."""
        self._rules = Rules([], True)
        self._stale: Callable[[], Rules] | None = None
        self.version = 0
        """Moves when what was remembered is to be forgotten."""

    @property
    def rules(self) -> Rules:
        """As they are now."""
        if self._stale is not None:
            self._rules, self._stale = self._stale(), None
        return self._rules

    def change(self, judging: bool, rules: Callable[[], Iterable[AclAdded]], default: bool) -> None:
        """Other rules from here on, in order, and another answer where none fits."""
        before = self._rules
        self._stale = lambda: Rules(rules(), default, before)
        self.judging = judging
        self.version += 1

    def forget(self) -> None:
        """Nothing of what was said is remembered any more."""
        self.version += 1


ALL = Rights()
"""Of those whom access rules do not concern."""


class Judge:
    """The rights of one connection. Invariant: it remembers at most ``most`` answers of each kind, all of them given by
    the rules of ``_version``."""

    __slots__ = (
        "_bound",
        "_known",
        "_most",
        "_rights",
        "_version",
        "_who",
        "latest",
        "publishable",
        "reported",
        "unreported",
    )

    def __init__(self, rights: Rights, who: Who, most: int) -> None:
        self._rights = rights
        self._who = who
        self._most = most
        self._bind()
        self.unreported = 0
        """Publishes of QoS 0 that were denied and that the log does not know of."""
        self.latest = ("", "")
        """Topic of the latest of them, and the rule that denied it."""
        self.reported = float("-inf")
        """When the log was last told of such."""

    def _bind(self) -> None:
        self._version = self._rights.version
        self._bound = self._rights.rules.bind(self._who)
        self._known: dict[tuple[Action, str], Decision] = {}
        self.publishable: dict[str, None] = {}
        """Topics that may be published to; there are more. Read by the hot path, after :meth:`fresh`."""

    def fresh(self) -> Judge:
        """This judge, with the rules as they are now."""
        if self._version != self._rights.version:
            self._bind()
        return self

    def check(self, action: Action, topic: str) -> Decision:
        """What becomes of a publish to a topic name or a subscription to a valid topic filter."""
        known = self._known.get((action, topic))
        if known is not None:
            return known
        decision = self._bound.check(action, topic)
        if len(topic) <= _LONGEST:
            self._remember(action, topic, decision)
        return decision

    def forget(self, topic: str = "") -> None:
        """Forget what was said of a topic; without one, all."""
        if not topic:
            self._bind()
            return
        for action in Action:
            self._known.pop((action, topic), None)
        self.publishable.pop(topic, None)

    def _remember(self, action: Action, topic: str, decision: Decision) -> None:
        if len(self._known) >= self._most:
            (oldest_action, oldest), _ = next(iter(self._known.items()))
            del self._known[oldest_action, oldest]
            if oldest_action is Action.PUBLISH:
                self.publishable.pop(oldest, None)
        self._known[action, topic] = decision
        if action is Action.PUBLISH and decision.allowed:
            self.publishable[topic] = None
