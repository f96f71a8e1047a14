"""How many sessions there are, at which node: those that were connected there last."""

from __future__ import annotations

from collections import Counter

from domain.session import SessionState


class Census:
    """Sessions, those that are online, and their subscriptions, by node; every change leaves and enters."""

    def __init__(self) -> None:
        self._sessions: Counter[str] = Counter()
        self._connected: Counter[str] = Counter()
        self._subscriptions: Counter[str] = Counter()

    def enter(self, state: SessionState | None) -> None:
        """Count a session as it is now."""
        self._count(state, 1)

    def leave(self, state: SessionState | None) -> None:
        """No more count a session as it was: before an event changes it."""
        self._count(state, -1)

    @property
    def connected(self) -> int:
        """Sessions that are online, at all nodes."""
        return self._connected.total()

    def gauges(self, node: str) -> dict[str, int]:
        """Those of one node, by the names that they have in heartbeats."""
        return {
            "node.sessions": self._sessions[node],
            "node.sessions.connected": self._connected[node],
            "node.subscriptions": self._subscriptions[node],
        }

    def _count(self, state: SessionState | None, sign: int) -> None:
        if state is None:
            return
        self._sessions[state.node] += sign
        if state.online:
            self._connected[state.node] += sign
        if state.subscriptions:
            self._subscriptions[state.node] += sign * len(state.subscriptions)
