"""Prometheus metrics of an ingest node, read from its counters when asked for.

A heartbeat names its numbers with dots (``packets.publish.sent``); here each is a sample of a metric with labels. Of
one metric every sample is the same kind of thing, so that sums mean something. docs/operations.md lists them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.log.appends import Histogram

if TYPE_CHECKING:
    from ingest.service import IngestService
    from schemas.events import Heartbeat


@dataclass(frozen=True, slots=True)
class _Named:
    """A metric, and which numbers of a heartbeat are its samples: groups of the pattern are labels."""

    name: str
    text: str
    pattern: re.Pattern[str]

    @property
    def labels(self) -> list[str]:
        """In the order of the pattern."""
        return sorted(self.pattern.groupindex, key=self.pattern.groupindex.__getitem__)

    def samples(self, numbers: Mapping[str, int]) -> Iterator[tuple[list[str], int]]:
        """Label values and value of each number that is a sample of this metric."""
        for name, value in sorted(numbers.items()):
            if (found := self.pattern.fullmatch(name)) is not None:
                yield [found[label] for label in self.labels], value


def _named(name: str, text: str, pattern: str) -> _Named:
    return _Named(name, text, re.compile(pattern))


COUNTERS: Final = (
    _named(
        "mqledger_packets",
        "MQTT packets by type and direction.",
        r"packets\.(?P<type>\w+)\.(?P<direction>received|sent)",
    ),
    _named("mqledger_bytes", "Bytes on the sockets of clients.", r"bytes\.(?P<direction>received|sent)"),
    _named(
        "mqledger_messages",
        "Messages published by clients and in the log (received), PUBLISH packets to clients (sent), by QoS.",
        r"messages\.(?P<direction>received|sent)\.qos(?P<qos>\d)",
    ),
    _named("mqledger_dropped", "Messages dropped by rule.", r"messages\.dropped\.(?P<reason>\w+)"),
    _named("mqledger_errors", "Connections closed for an error of the client.", r"errors\.protocol\.(?P<reason>\w+)"),
    _named("mqledger_missed", "Acknowledgements that name no publish in flight.", r"missed\.(?P<type>\w+)"),
    _named("mqledger_connections_accepted", "Sockets accepted.", r"connections\.accepted"),
    _named("mqledger_connections_closed", "Sockets closed.", r"connections\.closed"),
    _named("mqledger_connections_refused", "Sockets closed at once.", r"connections\.refused\.(?P<reason>\w+)"),
    _named("mqledger_connects_refused", "CONNECT packets refused.", r"connects\.refused\.(?P<reason>\w+)"),
    _named("mqledger_access_denied", "Denied by access rules.", r"access\.denied\.(?P<action>\w+)"),
    _named("mqledger_retained_refused", "Retained messages that were not kept.", r"retained\.refused"),
    _named("mqledger_commands", "Commands decided by this node.", r"commands\.(?P<verb>\w+)\.(?P<outcome>\w+)"),
    _named("mqledger_events_void", "Events without effect: of a connection that was not the latest.", r"events\.void"),
    _named("mqledger_frames", "Frames of this node that were applied.", r"log\.frames"),
    _named("mqledger_frames_void", "Frames of fenced incarnations.", r"log\.frames\.void"),
    _named(
        "mqledger_ingest_other",
        "Counters without a metric of their own.",
        # errors.protocol is the sum of its parts.
        r"(?!(packets|bytes|messages|errors|missed|connections|connects|commands|access|log)\.|retained\.refused|events\.void)(?P<name>.+)",
    ),
)
GAUGES: Final = (
    _named("mqledger_connections", "Open sockets.", r"connections"),
    _named("mqledger_subscriptions", "Subscriptions of all sessions.", r"subscriptions"),
    _named("mqledger_topic_filters", "Different topic filters of them.", r"topics"),
    _named("mqledger_retained_messages", "Retained messages.", r"retained"),
    _named("mqledger_ingest_pending_bytes", "Bytes of events that await the log.", r"log\.pending_bytes"),
    _named("mqledger_ingest_ring_bytes", "Bytes of decoded frames kept for late readers.", r"ring\.bytes"),
)


class _NodeCollector(Collector):
    def __init__(self, service: IngestService) -> None:
        self._service = service

    def describe(self) -> Iterable[Metric]:
        """None in advance: registering must not ask the node."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Everything, as of now."""
        beat = self._service.duties.heartbeat()
        for named in COUNTERS:
            yield _family(CounterMetricFamily(named.name, named.text, labels=named.labels), named, beat.counters)
        for named in GAUGES:
            yield _family(GaugeMetricFamily(named.name, named.text, labels=named.labels), named, beat.gauges)
        yield _sessions(beat)
        yield _applied(beat)
        appends = self._service.journal.appends
        yield _histogram("mqledger_append_seconds", "From sealing a frame to applying it.", appends.seconds)
        yield _histogram("mqledger_frame_bytes", "Sizes of the frames appended, without headers.", appends.bytes)
        yield _histogram("mqledger_frame_events", "Events in the frames appended.", appends.events)
        yield from self._of_the_process(beat)

    def _of_the_process(self, beat: Heartbeat) -> Iterator[Metric]:
        service = self._service
        stalled = beat.gauges["log.stalled_ms"] / 1000
        yield GaugeMetricFamily(
            "mqledger_ingest_stalled_seconds", "How long the log has taken nothing though something waits.", stalled
        )
        yield CounterMetricFamily(
            "mqledger_ingest_producer_rebuilds", "Producers replaced after a failed append.", value=service.recoveries
        )
        yield CounterMetricFamily(
            "mqledger_ingest_records_put_aside",
            "Records of the log that could not be read and that the node has gone on without.",
            value=len(service.poison.put_aside),
        )
        yield GaugeMetricFamily("mqledger_ingest_ready", "1 when the node serves.", value=int(service.ready.ok))
        yield GaugeMetricFamily(
            "mqledger_ingest_admin_offset", "Next record of the administration topic to apply.", value=beat.admin
        )
        info = GaugeMetricFamily("mqledger_ingest_info", "Always 1.", labels=["node", "version", "incarnation"])
        info.add_metric([beat.node, beat.version, str(beat.incarnation)], 1)
        yield info


def _family(
    family: CounterMetricFamily | GaugeMetricFamily, named: _Named, numbers: Mapping[str, int]
) -> CounterMetricFamily | GaugeMetricFamily:
    for labels, value in named.samples(numbers):
        family.add_metric(labels, value)
    return family


def _sessions(beat: Heartbeat) -> Metric:
    connected = beat.gauges["sessions.connected"]
    sessions = GaugeMetricFamily("mqledger_sessions", "Sessions by state.", labels=["state"])
    sessions.add_metric(["connected"], connected)
    sessions.add_metric(["disconnected"], beat.gauges["sessions"] - connected)
    return sessions


def _applied(beat: Heartbeat) -> Metric:
    applied = GaugeMetricFamily("mqledger_ingest_applied_offset", "Next offset to apply.", labels=["partition"])
    for partition, offset in enumerate(beat.applied):
        applied.add_metric([str(partition)], offset)
    return applied


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    buckets, below = [], 0
    for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        below += count
        buckets.append((bound, below))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=histogram.total)


def build_registry(service: IngestService) -> CollectorRegistry:
    """A registry with the node's metrics and nothing else."""
    registry = CollectorRegistry()
    registry.register(_NodeCollector(service))
    return registry
