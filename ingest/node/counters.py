"""Counters of a node, since its incarnation began."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Totals for heartbeats and Prometheus. Packets are counted per type by the connections."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self.packets_in: Counter[type] = Counter()
        self.packets_out = [0] * 16
        """By packet type, the upper half of a packet's first byte [MQTT-2.1.2]."""
        self.bytes_in = 0
        self.bytes_out = 0

    def dropped(self, reason: str, count: int = 1) -> None:
        """Messages were dropped by rule."""
        self.totals[f"messages.dropped.{reason}"] += count
