"""Many QoS 1 publishers while Kafka and the node are killed at random moments.

The promise: every acknowledged message is in the log, once per publish, in order per publisher; and what a persistent
subscriber has not acknowledged arrives.
"""

from __future__ import annotations

import pytest

from tests.faults.broker.breakable import BreakableKafka
from tests.faults.broker.conftest import NewNode
from tests.faults.broker.ledger import check_publisher, check_received, read_ledger
from tests.faults.broker.settings import MESSAGES, PUBLISHERS, moments
from tests.faults.broker.storm import Reader, Storm
from tests.mqttkit.node import Node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + MESSAGES // 100)]


def _judge(storm: Storm, node: Node) -> None:
    ledger = read_ledger(node.kafka)
    again = [check_publisher(ledger, publisher) for publisher in storm.publishers]
    connections = sum(publisher.connections for publisher in storm.publishers)
    print(
        f"{storm.messages} messages, {connections} connections, {sum(again)} in the log more than once, "
        f"{ledger.void} void, {ledger.frames} frames"
    )


def test_kafka_is_killed(breakable: BreakableKafka, new_node: NewNode) -> None:
    """The node rides it out: no client loses its connection, no message is in the log twice."""
    node = new_node()
    storm = Storm(node.address, MESSAGES, PUBLISHERS)
    strikes = moments("kafka", 2, storm.messages)
    with storm.blowing():
        for moment in strikes:
            storm.tally.wait_for(moment)
            breakable.kill()
            breakable.wait_until_back()
    _judge(storm, node)
    assert [publisher.connections for publisher in storm.publishers] == [1] * PUBLISHERS
    assert all(set(publisher.transmissions) == {1} for publisher in storm.publishers)


def test_node_is_killed(new_node: NewNode) -> None:
    """Publishers send again what was not acknowledged; a persistent subscriber misses nothing."""
    node = new_node()
    storm = Storm(node.address, MESSAGES, PUBLISHERS)
    reader = Reader(node.address, f"{storm.topic}/#", storm.tally)
    reader.start()
    strikes = moments("node", 3, storm.messages)
    with storm.blowing():
        for moment in strikes:
            storm.tally.wait_for(moment)
            node.kill()
            node.start()
    reader.finish()
    _judge(storm, node)
    for publisher in storm.publishers:
        check_received(reader.received, publisher)
    print(f"the subscriber got {len(reader.received)} messages over {reader.connections} connections")


def test_both_are_killed(breakable: BreakableKafka, new_node: NewNode) -> None:
    """Kafka and node in turns, the node also while Kafka is not back yet."""
    node = new_node()
    storm = Storm(node.address, MESSAGES, PUBLISHERS)
    reader = Reader(node.address, f"{storm.topic}/#", storm.tally)
    reader.start()
    strikes = moments("both", 4, storm.messages)
    with storm.blowing():
        for turn, moment in enumerate(strikes):
            storm.tally.wait_for(moment)
            if turn % 2 == 0:
                breakable.kill()
            if turn != 0:
                node.kill()
                breakable.wait_until_back()
                node.start()
    reader.finish()
    _judge(storm, node)
    for publisher in storm.publishers:
        check_received(reader.received, publisher)


def test_node_is_stopped_in_good_order(new_node: NewNode) -> None:
    """A graceful restart under load: the same promises, and what was acknowledged is not sent again to subscribers."""
    node = new_node()
    storm = Storm(node.address, MESSAGES, PUBLISHERS)
    reader = Reader(node.address, f"{storm.topic}/#", storm.tally)
    reader.start()
    with storm.blowing():
        for moment in moments("graceful", 2, storm.messages):
            storm.tally.wait_for(moment)
            node.stop()
            node.start()
    reader.finish()
    _judge(storm, node)
    for publisher in storm.publishers:
        check_received(reader.received, publisher)
