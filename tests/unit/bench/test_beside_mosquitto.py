"""All loads, short, against a real broker: Mosquitto, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import peers
from bench.load import connecting, holding, paced, publishers, subscribers
from bench.load.meter import BROKER
from bench.load.packets import QoS, UnexpectedPacketError, Version
from bench.target import Target

pytestmark = pytest.mark.skipif(peers.mosquitto_path() is None, reason="mosquitto is not installed")
VERSIONS = pytest.mark.parametrize("version", [4, 5])


@pytest.fixture(scope="module")
def broker() -> Iterator[Target]:
    """A Mosquitto of our own."""
    with peers.mosquitto() as found:
        assert found is not None
        yield found


@VERSIONS
def test_ingest(broker: Target, version: Version) -> None:
    """Every message is acknowledged and the broker's CPU is counted."""
    shape = publishers.Shape(5, 20)
    plan = publishers.Plan(broker.address, broker.groups, shape, seconds=0.3, warm_up=0.1, version=version)
    outcome = publishers.run(plan)
    assert outcome.messages > 0
    assert outcome.usage.cpu[BROKER] > 0


@VERSIONS
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("count", [1, 20])
def test_delivery(broker: Target, version: Version, qos: QoS, count: int) -> None:
    """Each subscriber gets each message once, in order."""
    plan = subscribers.Plan(
        broker.address, broker.groups, count, qos, window=50, seconds=0.2, warm_up=0.1, version=version
    )
    outcome = subscribers.run(plan)
    assert 0 < outcome.deliveries <= outcome.total
    assert outcome.total % count == 0


@VERSIONS
def test_latency(broker: Target, version: Version) -> None:
    """Every message of the measured time has both of its times."""
    plan = paced.Plan(broker.address, broker.groups, rate=500, seconds=0.4, warm_up=0.1, version=version)
    outcome = paced.run(plan)
    assert outcome.messages == outcome.end_to_end.count == outcome.puback.count == outcome.late.count == 200
    assert 0 < outcome.end_to_end.p50 <= outcome.end_to_end.max


@VERSIONS
def test_connects(broker: Target, version: Version) -> None:
    """Sessions that were kept are resumed, others are not there; a plan that expects otherwise fails."""

    def plan(*, clean: bool, present: bool) -> connecting.Plan:
        prefix = f"test-connects-{version}"
        return connecting.Plan(
            broker.address, broker.groups, range(50), prefix, clean, present, at_once=8, version=version
        )

    for clean, present in ((True, False), (False, False), (False, True), (True, False)):
        outcome = connecting.run(plan(clean=clean, present=present))
        assert outcome.connections == outcome.connack.count == 50
    with pytest.raises(UnexpectedPacketError, match="session present"):
        connecting.run(plan(clean=False, present=True))


def test_idle(broker: Target) -> None:
    """Connections are held and answer; the broker's memory is told."""
    outcome = holding.run(holding.Plan(broker.address, broker.groups, connections=300, seconds=0.1))
    assert outcome.connections == 300
    assert outcome.before > 0
    assert outcome.bytes_each < 100_000
