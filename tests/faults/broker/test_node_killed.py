"""``kill -9`` of the node with persistent subscribers in every state."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import ProtocolVersion, PubackPacket
from tests.faults.broker.conftest import NewNode
from tests.faults.broker.storm import join
from tests.mqttkit import quiet, unique

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
V5 = ProtocolVersion.V5
SUBSCRIBERS = 20
MESSAGES = 300


def test_unacknowledged_messages_arrive(new_node: NewNode) -> None:
    """All that publishers were told is kept, and that subscribers had not acknowledged, arrives, in order.

    Subscribers have acknowledged different numbers of messages, some are away; after the restart each goes on: from
    its own place, or a little before it with DUP, never beyond it.
    """
    node, topic = new_node(), unique()
    readers = [join(node.address, unique("sub")) for _ in range(SUBSCRIBERS)]
    for number, reader in enumerate(readers):
        reader.subscribed(topic, qos=1)
        if number % 4 == 3:
            reader.disconnect()
    writer = join(node.address, unique("pub"))
    done = []
    window: list[int] = []
    for n in range(MESSAGES):
        window.append(writer.send_publish(topic, b"%d" % n, qos=1))
        if len(window) == 50:
            writer.finish_publish(window.pop(0), 1)
    for packet_id in window:
        writer.finish_publish(packet_id, 1)
    for number, reader in enumerate(readers):
        count = 0 if number % 4 == 3 else 10 * number
        for n in range(count):
            reader.expect_message(topic, b"%d" % n)
        if count:
            reader.ping_through()
        done.append(count)
    node.kill()
    node.start()
    fresh = join(node.address, unique("pub"))
    for number, reader in enumerate(readers):
        again = join(node.address, reader.client_id)
        assert again.session_present
        first = again.expect_message(topic)
        start = int(first.payload)
        assert start <= done[number], f"lost: it had acknowledged {done[number]}, the next one is {start}"
        for n in range(start + 1, MESSAGES):
            message = again.expect_message(topic, b"%d" % n)
            assert message.dup or n >= done[number]
        quiet(again, fresh)
        again.close()
    for client in (*readers, writer, fresh):
        client.close()


def test_killed_again_and_again(new_node: NewNode) -> None:
    """Five kills in a row, a message after each: nothing is lost, and nothing acknowledged long ago comes back."""
    node, topic = new_node(), unique()
    client_id = unique("sub")
    with join(node.address, client_id) as reader:
        reader.subscribed(topic, qos=1)
    for n in range(5):
        with join(node.address, unique("pub")) as writer:
            writer.publish(topic, b"%d" % n, qos=1)
        node.kill()
        node.start()
    with join(node.address, client_id) as reader:
        for n in range(5):
            message = reader.expect_message(topic, b"%d" % n, ack=False)
            reader.send(PubackPacket(message.packet_id))
        with join(node.address, unique("pub")) as writer:
            quiet(reader, writer)
