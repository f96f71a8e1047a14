"""Fences: a new incarnation of a node makes everything its older ones still write void."""

from __future__ import annotations

import msgspec

from schemas.events import AnyEvent, NodeLost, NodeStarted


class Fences(msgspec.Struct):
    """Which incarnations of which nodes may still speak in a partition."""

    lowest: dict[str, int] = {}

    def void(self, node: str, incarnation: int) -> bool:
        """Whether everything this incarnation still writes in the partition is void."""
        return incarnation < self.lowest.get(node, -1)

    def raise_to(self, node: str, incarnation: int) -> None:
        """Void everything of the node below the incarnation from here on."""
        if incarnation > self.lowest.get(node, -1):
            self.lowest[node] = incarnation

    def observe(self, event: AnyEvent) -> None:
        """Take note of ``node_started`` and ``node_lost``; any other event says nothing of fences."""
        if isinstance(event, NodeStarted):
            self.raise_to(event.node, event.incarnation)
        elif isinstance(event, NodeLost):
            self.raise_to(event.node, event.incarnation + 1)
