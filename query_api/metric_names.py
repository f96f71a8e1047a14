"""Which counters of ours make the metrics and statistics of EMQ 2 and EMQX 4: one table for both.

A source is the name of a counter in heartbeats or of the log (see docs/events.md and :mod:`query_api.cluster`), or a
prefix that ends in a period, for the sum of all that begin with it; with a minus in front it is taken away. Several
are added up. A metric without a source counts what cannot happen here, and is 0; docs/api says why for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Sources = tuple[str, ...]

_RECEIVED: Final = (
    "auth", "connect", "disconnect", "pingreq", "puback", "pubcomp", "publish", "pubrec", "pubrel", "subscribe",
    "unsubscribe",
)  # fmt: skip
_SENT: Final = (
    "connack", "disconnect", "pingresp", "puback", "pubcomp", "publish", "pubrec", "pubrel", "suback", "unsuback",
)  # fmt: skip


def total(counters: Mapping[str, int], sources: Sources) -> int:
    """What the sources come to; what nobody has counted yet is 0."""
    return sum(_value(counters, source) for source in sources)


def _value(counters: Mapping[str, int], source: str) -> int:
    if source.startswith("-"):
        return -_value(counters, source[1:])
    if source.endswith("."):
        return sum(value for name, value in counters.items() if name.startswith(source))
    return counters.get(source, 0)


PACKETS_RECEIVED: Final[Sources] = tuple(f"packets.{kind}.received" for kind in _RECEIVED)
PACKETS_SENT: Final[Sources] = tuple(f"packets.{kind}.sent" for kind in _SENT)
MESSAGES_RECEIVED: Final[Sources] = tuple(f"messages.received.qos{qos}" for qos in (0, 1, 2))
MESSAGES_SENT: Final[Sources] = tuple(f"messages.sent.qos{qos}" for qos in (0, 1, 2))
DELIVERIES_DROPPED: Final[Sources] = ("messages.dropped.",)
MESSAGES_DROPPED: Final[Sources] = (*DELIVERIES_DROPPED, "messages.unmatched")
"""The originals count what nobody has subscribed to as well."""

EMQ2_METRICS: Final[Mapping[str, Sources]] = {
    "bytes/received": ("bytes.received",),
    "bytes/sent": ("bytes.sent",),
    "packets/received": PACKETS_RECEIVED,
    "packets/sent": PACKETS_SENT,
    "packets/connect": ("packets.connect.received",),
    "packets/connack": ("packets.connack.sent",),
    "packets/publish/received": ("packets.publish.received",),
    "packets/publish/sent": ("packets.publish.sent",),
    **{
        f"packets/{kind}/{way}": (f"packets.{kind}.{way}",)
        for kind in ("puback", "pubrec", "pubrel", "pubcomp")
        for way in ("received", "sent")
    },
    **{f"packets/{kind}/missed": (f"missed.{kind}",) for kind in ("puback", "pubrec", "pubrel", "pubcomp")},
    "packets/subscribe": ("packets.subscribe.received",),
    "packets/suback": ("packets.suback.sent",),
    "packets/unsubscribe": ("packets.unsubscribe.received",),
    "packets/unsuback": ("packets.unsuback.sent",),
    "packets/pingreq": ("packets.pingreq.received",),
    "packets/pingresp": ("packets.pingresp.sent",),
    "packets/disconnect": ("packets.disconnect.received",),
    "messages/received": MESSAGES_RECEIVED,
    "messages/sent": MESSAGES_SENT,
    **{f"messages/qos{qos}/{way}": (f"messages.{way}.qos{qos}",) for qos in (0, 1, 2) for way in ("received", "sent")},
    "messages/qos2/dropped": (),
    "messages/retained": ("messages.retained",),
    "messages/dropped": MESSAGES_DROPPED,
}
"""Those of the document."""

EMQ2_STATS: Final[Mapping[str, str]] = {
    "clients": "node.sessions.connected",
    "retained": "retained",
    "routes": "topics",
    "sessions": "node.sessions",
    "subscribers": "node.subscriptions",
    "subscriptions": "node.subscriptions",
    "topics": "topics",
}
"""Gauges of ours, each of which has a ``count`` and a ``max``: of the node, but topics and retained messages, which
every node has all of, as in the original. A subscriber is a topic with one who holds it there,
a subscription one who holds with a topic: there are as many of both."""

_ACKNOWLEDGEMENTS: Final = ("puback", "pubrec", "pubrel", "pubcomp")
EMQX4_METRICS: Final[Mapping[str, Sources]] = {
    "bytes.received": ("bytes.received",),
    "bytes.sent": ("bytes.sent",),
    "packets.received": PACKETS_RECEIVED,
    "packets.sent": PACKETS_SENT,
    **{f"packets.{kind}.received": (f"packets.{kind}.received",) for kind in _RECEIVED},
    **{f"packets.{kind}.sent": (f"packets.{kind}.sent",) for kind in _SENT},
    **{f"packets.{kind}.missed": (f"missed.{kind}",) for kind in _ACKNOWLEDGEMENTS},
    **{f"packets.{kind}.inuse": () for kind in ("publish", "puback", "pubrec", "pubcomp")},
    "packets.auth.sent": (),
    "packets.connack.error": ("refused",),
    "packets.connack.auth_error": ("errors.auth",),
    "packets.publish.error": ("retained.refused",),
    "packets.publish.auth_error": ("errors.authz",),
    "packets.publish.dropped": (),
    "packets.subscribe.error": (),
    "packets.subscribe.auth_error": (),
    "packets.unsubscribe.error": (),
    "messages.received": MESSAGES_RECEIVED,
    "messages.sent": MESSAGES_SENT,
    **{f"messages.qos{qos}.{way}": (f"messages.{way}.qos{qos}",) for qos in (0, 1, 2) for way in ("received", "sent")},
    "messages.publish": MESSAGES_RECEIVED,
    "messages.dropped": MESSAGES_DROPPED,
    "messages.dropped.expired": ("messages.dropped.expired",),
    "messages.dropped.no_subscribers": ("messages.unmatched",),
    "messages.forward": (),
    "messages.retained": ("messages.retained",),
    "messages.delayed": (),
    "messages.delivered": MESSAGES_SENT,
    "messages.acked": ("packets.puback.received", "packets.pubcomp.received", "-missed.puback", "-missed.pubcomp"),
    "delivery.dropped": DELIVERIES_DROPPED,
    "delivery.dropped.no_local": (),
    "delivery.dropped.too_large": ("messages.dropped.packet_too_large",),
    "delivery.dropped.qos0_msg": ("messages.dropped.slow_consumer", "messages.dropped.log_away"),
    "delivery.dropped.queue_full": ("messages.dropped.queue_full",),
    "delivery.dropped.expired": ("messages.dropped.expired",),
    "client.connect": ("packets.connect.received",),
    "client.connack": ("packets.connack.sent",),
    "client.connected": ("connected",),
    "client.authenticate": ("packets.connect.received",),
    "client.auth.anonymous": (),
    "client.check_acl": (),
    "client.subscribe": ("packets.subscribe.received",),
    "client.unsubscribe": ("packets.unsubscribe.received",),
    "client.disconnected": ("disconnected",),
    "session.created": ("sessions.created",),
    "session.resumed": ("connected", "-sessions.created"),
    "session.takeovered": (),
    "session.discarded": (),
    "session.terminated": ("sessions.ended",),
}
"""Those of EMQX 4.3 and 4.4."""
EMQX4_STATS: Final[Mapping[str, str]] = {
    "connections": "node.sessions.connected",
    "channels": "node.sessions.connected",
    "sessions": "node.sessions",
    "topics": "topics",
    "suboptions": "node.subscriptions",
    "subscribers": "node.subscriptions",
    "subscriptions": "node.subscriptions",
    "subscriptions.shared": "subscriptions.shared",
    "routes": "topics",
    "retained": "retained",
}
"""Gauges of ours, each of which has a ``count`` and a ``max``: of the node, but what every node has all of."""
