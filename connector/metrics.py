"""Prometheus metrics of a connector, read when asked for. docs/operations.md lists them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connector.follower import Follower
from connector.links import Links
from connector.reports import Reports

STATES = ("connecting", "connected", "failed")


class _Numbers(Collector):
    def __init__(self, follower: Follower, links: Links, reports: Reports) -> None:
        self._follower, self._links, self._reports = follower, links, reports

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""
        p = "mqledger_connector_"
        by_state = GaugeMetricFamily(p + "connections", "Connections to other brokers.", labels=["state"])
        states = self._links.states()
        for state in STATES:
            by_state.add_metric([state], states[state])
        yield by_state
        yield GaugeMetricFamily(p + "acting", "1 when this connector acts.", value=int(self._follower.leading))
        yield GaugeMetricFamily(p + "admin_offset", "Next record of mq.admin to fold.", value=self._follower.next)
        yield CounterMetricFamily(p + "attempts", "Attempts to connect.", value=self._links.attempts)
        yield CounterMetricFamily(p + "statuses", "Statuses written to the log.", value=self._reports.written)
        yield CounterMetricFamily(p + "status_failures", "Appends of a status that failed.", value=self._reports.failed)


def build_registry(follower: Follower, links: Links, reports: Reports) -> CollectorRegistry:
    """A registry with the metrics of these parts."""
    registry = CollectorRegistry()
    registry.register(_Numbers(follower, links, reports))
    return registry
