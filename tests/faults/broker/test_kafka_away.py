"""Kafka is away for a while: clients stay connected, nothing is acknowledged meanwhile, then everything goes on."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack

import pytest

from ingest.mqtt.codec import (
    ConnackPacket,
    DisconnectPacket,
    PingReqPacket,
    PingRespPacket,
    ProtocolVersion,
    PubackPacket,
    ReasonCode,
)
from schemas.admin import Banned
from schemas.events import Kick
from tests.faults.broker.breakable import BreakableKafka
from tests.faults.broker.conftest import NewNode
from tests.faults.broker.ledger import check_publisher, read_ledger
from tests.faults.broker.settings import AWAY
from tests.faults.broker.storm import PATIENCE, WINDOW, Storm, join
from tests.integration.ingest.asker import administer, ask, order
from tests.mqttkit import Client, Link, connect_packet, elapse, unique

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
V5 = ProtocolVersion.V5
MESSAGES = 2_000
APPEND_TIMEOUTS = [20.0, 3.0]
"""Longer than Kafka is away in the short form, and shorter, so that the producer has to be made anew."""


def _absence(kafka: BreakableKafka, how: str) -> AbstractContextManager[None]:
    return kafka.frozen() if how == "frozen" else kafka.dead()


def _stay_connected(clients: list[Client], seconds: float) -> None:
    """Ping every half second, as clients with a keep alive do; the answers come, and nothing else."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for client in clients:
            client.send(PingReqPacket())
            client.expect(PingRespPacket)
        elapse(0.5)


@pytest.mark.parametrize("timeout", APPEND_TIMEOUTS)
@pytest.mark.parametrize("how", ["frozen", "dead"])
def test_clients_ride_it_out(
    breakable: BreakableKafka, new_node: NewNode, closing: ExitStack, how: str, timeout: float
) -> None:
    """Publishers, subscribers and newcomers: all wait, none is cut, all is delivered once and in order; commands and
    changes of who may be here are heard again, too."""
    node, topic = new_node(log__request_timeout=timeout), unique()
    reader, writer = (closing.enter_context(Client(node.address, V5, keep_alive=60)) for _ in range(2))
    reader.subscribed(topic, qos=1)
    idle = closing.enter_context(Client(node.address, V5, keep_alive=2))
    writer.publish(topic, b"before", qos=1)
    reader.expect_message(topic, b"before")
    with _absence(breakable, how):
        sent = [writer.send_publish(topic, b"%d" % n, qos=1) for n in range(100)]
        newcomer = closing.enter_context(Link(node.address, V5))
        newcomer.send(connect_packet(V5, unique()))
        _stay_connected([reader, idle, writer], AWAY)
        # It may be told to come back later, never that it is welcome.
        refused = newcomer.pending() > 0
        if refused:
            newcomer.expect(ConnackPacket, reason_code=ReasonCode.SERVER_UNAVAILABLE)
    for packet_id in sent:
        writer.expect(PubackPacket, PATIENCE, packet_id=packet_id)
    for n in range(100):
        reader.expect_message(topic, b"%d" % n, qos=1, dup=False, timeout=PATIENCE)
    if not refused:
        newcomer.expect(ConnackPacket, PATIENCE, reason_code=0)
    join(node.address, unique()).close()
    writer.publish(topic, b"after", qos=1)
    reader.expect_message(topic, b"after")
    ask(node.kafka, Kick("default", reader.client_id, order(), "", True))
    reader.take(DisconnectPacket, PATIENCE, reason_code=ReasonCode.ADMINISTRATIVE_ACTION)
    administer(node.kafka, Banned(order(), "set", "default", "clientid", writer.client_id, "ann", "", 0, 0))
    writer.take(DisconnectPacket, PATIENCE, reason_code=ReasonCode.ADMINISTRATIVE_ACTION)


@pytest.mark.parametrize("how", ["frozen", "dead"])
def test_a_storm_rides_it_out(breakable: BreakableKafka, new_node: NewNode, how: str) -> None:
    """Under load nothing is lost, doubled or out of order, and nobody has to come back."""
    node = new_node(log__request_timeout=3.0)
    storm = Storm(node.address, MESSAGES, 10)
    with storm.blowing():
        storm.tally.wait_for(MESSAGES // 3)
        with _absence(breakable, how):
            before = storm.tally.acknowledged
            elapse(AWAY / 2)
            # What Kafka had already taken may still be acknowledged: at most what was in flight.
            assert storm.tally.acknowledged - before <= 10 * WINDOW, "acknowledged without Kafka"
    ledger = read_ledger(node.kafka)
    for publisher in storm.publishers:
        assert check_publisher(ledger, publisher) == 0
        assert publisher.connections == 1


def test_disconnects_meanwhile_are_not_forgotten(
    breakable: BreakableKafka, new_node: NewNode, closing: ExitStack
) -> None:
    """Who leaves while Kafka is away has left when it is back: sessions, wills and queues agree."""
    node, topic = new_node(), unique()
    reader = closing.enter_context(Client(node.address, V5, session_expiry_interval=300, clean=False))
    reader.subscribed(topic, qos=1)
    writer = closing.enter_context(Client(node.address, V5))
    with _absence(breakable, "frozen"):
        reader.reset()
        packet_id = writer.send_publish(topic, b"meanwhile", qos=1)
        _stay_connected([writer], 2)
    writer.expect(PubackPacket, PATIENCE, packet_id=packet_id)
    again = closing.enter_context(Client(node.address, V5, reader.client_id, session_expiry_interval=300, clean=False))
    assert again.session_present
    again.expect_message(topic, b"meanwhile", timeout=PATIENCE)
