"""Prometheus metrics of a process, or of all workers of one when METRICS_FOLDER_ENV is set (see main.py)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from query_api.settings import METRICS_FOLDER_ENV

if TYPE_CHECKING:
    from query_api.watch import Watch

BUCKETS: Final = (0.001, 0.002, 0.004, 0.006, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts answers, and shows what the watch knows at the moment of a scrape."""

    def __init__(self, watch: Callable[[], Watch]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each counter and histogram
        own = CollectorRegistry()
        self._answers = Counter(
            "mqledger_api_answers",
            "Answers by dialect, route and status.",
            ("dialect", "route", "status"),
            registry=own,
        )
        self._seconds = Histogram(
            "mqledger_api_answer_seconds",
            "Time to an answer, or to the first part of a streamed one.",
            ("dialect", "route"),
            buckets=BUCKETS,
            registry=own,
        )
        self._shown = own
        if METRICS_FOLDER_ENV in os.environ:
            self._shown = CollectorRegistry()
            MultiProcessCollector(self._shown)  # type: ignore[no-untyped-call]
        self._shown.register(_Freshness(watch))
        self._routes: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, dialect: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. ``route`` is the pattern, never the path: paths are unbounded."""
        children = self._routes.get((dialect, route, status))
        if children is None:
            children = self._answers.labels(dialect, route, str(status)), self._seconds.labels(dialect, route)
            self._routes[dialect, route, status] = children
        children[0].inc()
        children[1].observe(seconds)

    def render(self) -> bytes:
        """All of them in the text format of Prometheus."""
        return generate_latest(self._shown)


class _Freshness(Collector):
    def __init__(self, watch: Callable[[], Watch]) -> None:
        self._watch = watch

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """None in advance: registering must not ask the watch."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Gauges of the watch."""
        watch = self._watch()
        yield _gauge("mqledger_api_postgres_up", "Postgres answers.", watch.alive)
        reading = watch.freshness
        if reading is None:
            return
        monotonic = time.monotonic()
        lag, frames = reading.lag_ms(int(time.time() * 1000), monotonic), reading.frames_behind(monotonic)
        yield _gauge(
            "mqledger_api_confirmed_seconds",
            "Time since a projector last confirmed how far it is and where the log ends.",
            reading.unconfirmed(monotonic),
        )
        if lag is not None:
            yield _gauge("mqledger_api_lag_seconds", "How old the read models are.", lag / 1000)
        if frames is not None:
            yield _gauge("mqledger_api_lag_frames", "Frames of the log not folded yet.", frames)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
