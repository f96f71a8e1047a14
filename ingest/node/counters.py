"""Counters of a node, since its incarnation began, and their names in heartbeats."""

from __future__ import annotations

from collections import Counter

_BOTH = ("publish", "puback", "pubrec", "pubrel", "pubcomp", "disconnect")
RECEIVED = (*_BOTH, "connect", "subscribe", "unsubscribe", "pingreq", "auth")
"""Types of packets that a client can send."""
SENT = (*_BOTH, "connack", "suback", "unsuback", "pingresp")
"""Types of packets that this node can send."""
DROPS = ("slow_consumer", "packet_too_large", "expired", "queue_full", "log_away")
"""Why messages are dropped by rule."""

_CODES = {"connack": 2, "publish": 3, "puback": 4, "pubrec": 5, "pubrel": 6, "pubcomp": 7, "suback": 9, "unsuback": 11,
          "pingresp": 13, "disconnect": 14}  # fmt: skip
_BEGIN_AT_0 = ("connections.accepted", "connections.refused.limit", "connections.closed", "errors.protocol",
               "errors.auth", "errors.authz", "access.denied.publish", "access.denied.subscribe",
               "missed.puback", "missed.pubrec", "missed.pubrel", "missed.pubcomp")  # fmt: skip


class Counters:
    """Totals for heartbeats and Prometheus. Packets are counted per type by the connections."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter(dict.fromkeys(_BEGIN_AT_0, 0))
        for reason in DROPS:
            self.dropped(reason, 0)
        self.packets_in: Counter[type] = Counter()
        self.packets_out = [0] * 16
        """By packet type, the upper half of a packet's first byte [MQTT-2.1.2]; PUBLISH is in ``messages_out``."""
        self.messages_out = [0, 0, 0]
        """PUBLISH packets sent, by QoS."""
        self.unmatched = 0
        """Messages of clients of this node that no subscription matched."""
        self.bytes_in = 0
        self.bytes_out = 0

    def dropped(self, reason: str, count: int = 1) -> None:
        """Messages were dropped by rule."""
        self.totals[f"messages.dropped.{reason}"] += count

    def missed(self, kind: str) -> None:
        """A packet of the acknowledgement of a publish named a packet identifier that is not in use."""
        self.totals[f"missed.{kind}"] += 1

    def denied(self, action: str) -> None:
        """A publish or subscribe was denied by access rules."""
        self.totals[f"access.denied.{action}"] += 1
        self.totals["errors.authz"] += 1

    def refused(self, reason: str, of_access: bool) -> None:
        """A CONNECT was refused; ``of_access``: for who asked."""
        self.totals[f"connects.refused.{reason}"] += 1
        self.totals["errors.auth"] += of_access

    def named(self) -> dict[str, int]:
        """All of them by the names that they have in heartbeats."""
        received = {kind.__name__.removesuffix("Packet").lower(): count for kind, count in self.packets_in.items()}
        sent = {name: self.packets_out[_CODES[name]] for name in SENT}
        sent["publish"] += sum(self.messages_out)
        return {
            **self.totals,
            "bytes.received": self.bytes_in,
            "bytes.sent": self.bytes_out,
            "messages.unmatched": self.unmatched,
            **{f"messages.sent.qos{qos}": count for qos, count in enumerate(self.messages_out)},
            **{f"packets.{name}.received": received.get(name, 0) for name in RECEIVED},
            **{f"packets.{name}.sent": count for name, count in sent.items()},
        }
