"""What waits for a client that is away, and what comes when it is back (MQTT 5.0, 4.1 and 4.4)."""

from __future__ import annotations

from ingest.mqtt.codec import ProtocolVersion, PubcompPacket, PubrecPacket, PubrelPacket
from tests.conformance.conftest import V5, V311, Connect
from tests.conformance.test_sessions import keep
from tests.mqttkit import Client, quiet, unique


def test_queue_in_order(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.1.2-5], [MQTT-4.5.0-1], [MQTT-4.6.0-5]: QoS 1 and 2 wait and come in order, each at its QoS."""
    reader, writer = connect(version, **keep(version)), connect(version)
    reader.subscribed(topic, qos=2)
    reader.disconnect()
    for n in range(100):
        writer.publish(topic, b"%d" % n, qos=1 + n % 2)
    again = connect(version, reader.client_id, **keep(version))
    got = again.expect_messages(100, topic=topic, dup=False)
    for qos in (1, 2):
        assert [int(m.payload) for m in got if m.qos == qos] == list(range(qos - 1, 100, 2))
    quiet(again, writer)


def test_one_order_for_all_qos(connect: Connect, topic: str) -> None:
    """[MQTT-4.6.0-6]: one topic, one publisher, one order, whatever the QoS of each message."""
    reader, writer = connect(V5, **keep(V5)), connect(V5)
    reader.subscribed(topic, qos=2)
    reader.disconnect()
    for n in range(60):
        writer.publish(topic, b"%d" % n, qos=1 + n % 2)
    again = connect(V5, reader.client_id, **keep(V5))
    assert [int(m.payload) for m in again.expect_messages(60)] == list(range(60))


def test_qos_0_does_not_wait(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """3.1.1, 3.1.2.4: neither messages of QoS 0 nor those of a subscription with QoS 0 are kept."""
    reader, writer = connect(version, **keep(version)), connect(version)
    reader.subscribed(topic, qos=1)
    reader.subscribed(topic + "/zero", qos=0)
    reader.disconnect()
    writer.publish(topic, b"zero")
    writer.publish(topic + "/zero", b"one", qos=1)
    writer.publish(topic, b"one", qos=1)
    again = connect(version, reader.client_id, **keep(version))
    again.expect_message(topic, b"one", qos=1)
    quiet(again, writer)


def test_inflight_comes_again(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.3.1-1], [MQTT-4.4.0-1], [MQTT-4.6.0-1], [MQTT-4.3.2-3]: in order, DUP, same identifiers."""
    reader, writer = connect(version, **keep(version)), connect(version)
    reader.subscribed(topic, qos=2)
    for n in range(6):
        writer.publish(topic, b"%d" % n, qos=1 + n % 2)
    open_ones = [reader.expect_message(topic, b"%d" % n, ack=False, dup=False) for n in range(6)]
    reader.acknowledge(open_ones[2])
    reader.ping()
    reader.reset()
    writer.publish(topic, b"6", qos=1)
    again = connect(version, reader.client_id, **keep(version))
    for message in open_ones[:2] + open_ones[3:]:
        again.expect_message(topic, message.payload, qos=message.qos, packet_id=message.packet_id, dup=True, ack=False)
    again.expect_message(topic, b"6", dup=False)


def test_nothing_comes_again_without_a_reconnect(connect: Connect, topic: str) -> None:
    """[MQTT-4.4.0-1], 3.1.1 [MQTT-4.4.0-1]: a slow acknowledgement is no reason to send again."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic, qos=1)
    writer.publish(topic, b"m", qos=1)
    message = reader.expect_message(topic, b"m", ack=False)
    quiet(reader, writer)
    reader.acknowledge(message)
    quiet(reader, writer)


def test_pubrel_comes_again(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.4.0-1], [MQTT-4.3.3-6]: after PUBREC it is PUBREL that comes again, not PUBLISH."""
    reader, writer = connect(version, **keep(version)), connect(version)
    reader.subscribed(topic, qos=2)
    writer.publish(topic, b"m", qos=2)
    message = reader.expect_message(topic, b"m", ack=False)
    reader.send(PubrecPacket(message.packet_id))
    reader.expect(PubrelPacket, packet_id=message.packet_id)
    reader.reset()
    again = connect(version, reader.client_id, **keep(version))
    again.expect(PubrelPacket, packet_id=message.packet_id)
    again.send(PubcompPacket(message.packet_id))
    quiet(again, writer)


def test_inflight_comes_again_and_again(connect: Connect, topic: str) -> None:
    """[MQTT-4.4.0-1]: until it is acknowledged, over many connections, always with the same identifier."""
    reader, writer = connect(V5, **keep(V5)), connect(V5)
    reader.subscribed(topic, qos=1)
    writer.publish(topic, b"m", qos=1)
    first = reader.expect_message(topic, b"m", ack=False)
    client = reader
    for _ in range(5):
        client.reset()
        client = connect(V5, reader.client_id, **keep(V5))
        message = client.expect_message(topic, b"m", ack=False, dup=True, packet_id=first.packet_id)
    client.acknowledge(message)
    client.ping()
    client.disconnect()
    quiet(connect(V5, reader.client_id, **keep(V5)), writer)


def test_more_than_a_window(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.9.0-2]: a thousand waiting messages all come, in order, as acknowledgements make room."""
    reader, writer = connect(version, **keep(version)), connect(version)
    reader.subscribed(topic, qos=1)
    reader.disconnect()
    _publish_many(writer, topic, 1_000)
    again = connect(version, reader.client_id, **keep(version))
    for n in range(1_000):
        again.expect_message(topic, b"%d" % n, qos=1, dup=False)
    quiet(again, writer)


def _publish_many(writer: Client, topic: str, count: int) -> None:
    window: list[int] = []
    for n in range(count):
        window.append(writer.send_publish(topic, b"%d" % n, qos=1))
        if len(window) == 20:
            writer.finish_publish(window.pop(0), 1)
    for packet_id in window:
        writer.finish_publish(packet_id, 1)


def test_leaving_in_the_middle_of_a_queue(connect: Connect, topic: str) -> None:
    """[MQTT-4.4.0-1]: what was acknowledged does not come again, what wasn't does, nothing is lost."""
    reader, writer = connect(V311, clean=False), connect(V311)
    reader.subscribed(topic, qos=1)
    reader.disconnect()
    _publish_many(writer, topic, 200)
    seen = 0
    while seen < 200:
        client = connect(V311, reader.client_id, clean=False)
        for _ in range(min(37, 200 - seen)):
            client.expect_message(topic, b"%d" % seen)
            seen += 1
        client.ping_through()  # the acknowledgements have been read
        client.reset()
    last = connect(V311, reader.client_id, clean=False)
    quiet(last, writer)


def test_several_filters_and_readers_away(connect: Connect) -> None:
    """[MQTT-4.5.0-1]: every session keeps its own queue."""
    base = unique()
    writer = connect(V5)
    readers = [connect(V5, **keep(V5)) for _ in range(5)]
    for n, reader in enumerate(readers):
        reader.subscribed(f"{base}/{n}", f"{base}/all", qos=1)
        reader.disconnect()
    for n in range(5):
        writer.publish(f"{base}/{n}", b"own %d" % n, qos=1)
        writer.publish(f"{base}/all", b"all %d" % n, qos=1)
    for n, reader in enumerate(readers):
        again = connect(V5, reader.client_id, **keep(V5))
        assert {m.payload for m in again.expect_messages(6)} == {b"own %d" % n, *(b"all %d" % i for i in range(5))}
        quiet(again, writer)


def test_unsubscribing_keeps_what_already_waits(connect: Connect, topic: str) -> None:
    """[MQTT-3.10.4-2], [MQTT-3.10.4-3]: no new messages; those of the queue may still come."""
    reader, writer = connect(V311, clean=False), connect(V311)
    reader.subscribed(topic, qos=1)
    reader.disconnect()
    writer.publish(topic, b"waiting", qos=1)
    again = connect(V311, reader.client_id, clean=False)
    again.expect_message(topic, b"waiting")
    again.unsubscribe(topic)
    again.disconnect()
    writer.publish(topic, b"late", qos=1)
    quiet(connect(V311, reader.client_id, clean=False), writer)
