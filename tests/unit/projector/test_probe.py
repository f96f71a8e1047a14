"""What a lane shows of how far behind it is."""

from __future__ import annotations

import math
import time

import pytest
from prometheus_client import CollectorRegistry

from projector.probe import LaneProbe, Metrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def probe(registry: CollectorRegistry) -> LaneProbe:
    return LaneProbe(3, Metrics(registry))


def shown(registry: CollectorRegistry) -> float:
    """The lag in milliseconds as Prometheus gets it."""
    value = registry.get_sample_value("mqledger_projector_lag_milliseconds", {"partition": "3"})
    assert value is not None
    return value


def test_a_lane_that_has_it_all_is_not_behind(probe: LaneProbe, registry: CollectorRegistry) -> None:
    probe.following(5, 5)
    assert (probe.lag, probe.lag_ms, shown(registry)) == (0, 0, 0)


def test_how_old_a_backlog_is_is_not_known_before_a_frame_of_it_is_seen(
    probe: LaneProbe, registry: CollectorRegistry
) -> None:
    probe.following(5, 9)
    probe.show(9)
    assert (probe.lag, probe.lag_ms) == (4, None)
    assert math.isnan(shown(registry))
    probe.show(9, round(time.time() * 1000) - 7_000)
    assert probe.lag_ms is not None
    assert 7_000 <= probe.lag_ms < 60_000


def test_what_comes_after_a_lane_had_it_all_is_as_old_as_the_look(probe: LaneProbe) -> None:
    probe.following(5, 5)
    probe.show(6)
    assert probe.lag_ms is not None
    assert probe.lag_ms < 60_000
