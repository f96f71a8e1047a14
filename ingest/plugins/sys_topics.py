"""The module ``sys``: what a node tells about itself under ``$SYS/brokers/<node>``, named as in EMQX 4.

Through the log, like any message, as ``publish`` of nobody's command: subscribers that are away find it in their
queues, and every node delivers it. Only what somebody listens to is published, so that nobody pays for what nobody
reads; a new listener gets everything at the next turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from schemas.events import Heartbeat, Order, Publish
from schemas.positions import partition_of

if TYPE_CHECKING:
    from ingest.node.node import Node

ROOT = "$SYS/brokers"
TURN = 1.0
"""Seconds between two looks at who listens."""
_STATS = {
    "connections": "connections",
    "sessions": "sessions",
    "subscriptions": "subscriptions",
    "topics": "topics",
    "retained": "retained",
}
"""Gauges of a heartbeat by their names in EMQX 4, with ``/count`` and ``/max`` behind them."""
_SUMS = {
    "messages/received": "messages.received.",
    "messages/sent": "messages.sent.",
    "messages/dropped": "messages.dropped.",
}
"""Metrics that are sums of what begins so."""


class SysTopics:
    """Invariant: ``_told`` says when each topic was published last by this process, on the monotonic clock."""

    def __init__(self, node: Node, tenant: str, interval: float) -> None:
        """``interval``: seconds between two messages of a topic. ``tenant``: who may hear of the whole broker."""
        self._node = node
        self._tenant = tenant
        self._interval = interval
        self._told: dict[str, float] = {}
        self._looked = -TURN

    def tick(self, now: float, heartbeat: Callable[[], Heartbeat], retaining: bool) -> None:
        """Publish what is due; ``now`` is the monotonic clock."""
        routes = self._node.routes.get(self._tenant)
        if now - self._looked < TURN or routes is None or not routes.subscriptions:
            return
        self._looked = now
        for topic, payload, retain in told(heartbeat()):
            if now - self._told.get(topic, -self._interval) >= self._interval and routes.cache.find(topic):
                self._told[topic] = now
                self._publish(topic, payload.encode(), retain and retaining)

    def _publish(self, topic: str, payload: bytes, retain: bool) -> None:
        node = self._node
        now = node.now()
        client_id = f"$SYS/{node.name}"
        order = Order("", node.name, "", "", now, now + int(self._interval * 1000))
        event = Publish(self._tenant, client_id, order, topic, 0, retain, True, False, b"", payload)
        partition = partition_of(self._tenant, client_id, len(node.homes))
        node.append(partition, event, None, 256 + len(topic) + len(payload))


def told(heartbeat: Heartbeat) -> Iterator[tuple[str, str, bool]]:
    """Topics, payloads and retain flags of what a node says of itself."""
    here = f"{ROOT}/{heartbeat.node}"
    yield ROOT, heartbeat.node, True
    yield f"{here}/version", heartbeat.version, True
    yield f"{here}/sysdescr", "mqledger", True
    yield f"{here}/uptime", _uptime((heartbeat.at - heartbeat.started_at) // 1000), False
    yield f"{here}/datetime", _moment(heartbeat.at), False
    for name, gauge in _STATS.items():
        yield f"{here}/stats/{name}/count", str(heartbeat.gauges.get(gauge, 0)), False
        yield f"{here}/stats/{name}/max", str(heartbeat.maxima.get(gauge, 0)), False
    for name, value in _metrics(heartbeat.counters).items():
        yield f"{here}/metrics/{name}", str(value), False


def _metrics(counters: Mapping[str, int]) -> dict[str, int]:
    found = {}
    for name, value in counters.items():
        if name.startswith(("bytes.", "packets.")):
            found[name.replace(".", "/")] = value
        elif name.startswith(("messages.received.qos", "messages.sent.qos")):
            _, direction, qos = name.split(".")
            found[f"messages/{qos}/{direction}"] = value
    for name, prefix in _SUMS.items():
        found[name] = sum(value for key, value in counters.items() if key.startswith(prefix))
    for direction in ("received", "sent"):
        packets = [v for key, v in counters.items() if key.startswith("packets.") and key.endswith(f".{direction}")]
        found[f"packets/{direction}"] = sum(packets)
    return found


def _uptime(seconds: int) -> str:
    """As EMQX 4 writes it: ``1 days, 2 hours, 3 minutes, 4 seconds``, from the largest unit that is not 0."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    parts = [(day, "days"), (hour, "hours"), (minute, "minutes"), (second, "seconds")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return ", ".join(f"{number} {unit}" for number, unit in parts)


def _moment(at: int) -> str:
    """Milliseconds since 1970 as date and time of UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
