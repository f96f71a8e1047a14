"""Prometheus metrics of an ingest node, read from its counters when asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from ingest.service import IngestService


class _NodeCollector(Collector):
    def __init__(self, service: IngestService) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        service = self._service
        beat = service.duties.heartbeat()
        totals = CounterMetricFamily("mqledger_ingest", "Totals of this incarnation, by name.", labels=["name"])
        for name, value in sorted(beat.counters.items()):
            totals.add_metric([name], value)
        yield totals
        gauges = GaugeMetricFamily("mqledger_ingest_now", "Present values, by name.", labels=["name"])
        for name, value in sorted(beat.gauges.items()):
            gauges.add_metric([name], value)
        yield gauges
        applied = GaugeMetricFamily("mqledger_ingest_applied_offset", "Next offset to apply.", labels=["partition"])
        for partition, offset in enumerate(beat.applied):
            applied.add_metric([str(partition)], offset)
        yield applied
        yield CounterMetricFamily(
            "mqledger_ingest_producer_rebuilds", "Producers replaced after a failed append.", value=service.recoveries
        )
        yield CounterMetricFamily(
            "mqledger_ingest_records_put_aside",
            "Records of the log that could not be read and that the node has gone on without.",
            value=len(service.poison.put_aside),
        )
        yield GaugeMetricFamily("mqledger_ingest_ready", "1 when the node serves.", value=int(service.ready.ok))


def build_registry(service: IngestService) -> CollectorRegistry:
    """A registry with the node's metrics and nothing else."""
    registry = CollectorRegistry()
    registry.register(_NodeCollector(service))
    return registry
