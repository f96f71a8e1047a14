"""Receive maximum in both directions (MQTT 5.0, 4.9) and packets that are too large (3.2.2.3.6)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import (
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PubrecPacket,
    PubrelPacket,
    ReasonCode,
)
from tests.conformance.conftest import V5, V311, Connect, Open
from tests.conformance.test_sessions import keep
from tests.mqttkit import Client, Ended, connect_packet, quiet, raw, unique
from tests.mqttkit.target import Target


def _nothing_more(reader: Client, writer: Client) -> None:
    """No message but a QoS 0 sentinel, which needs no place, reaches a reader that has acknowledged nothing."""
    sentinel = unique("barrier")
    reader.subscribed(sentinel, qos=0)
    writer.publish(sentinel, b"", qos=1)
    reader.expect_message(sentinel, qos=0)


BONUS = pytest.mark.mosquitto_differs("an acknowledgement frees two places")


@pytest.mark.parametrize("limit", [1, pytest.param(3, marks=BONUS), pytest.param(10, marks=BONUS)])
@pytest.mark.parametrize("qos", [1, 2])
def test_the_broker_respects_receive_maximum(connect: Connect, limit: int, qos: int) -> None:
    """[MQTT-3.3.4-9], [MQTT-4.9.0-1], [MQTT-4.9.0-2]: never more unacknowledged messages than the client allows."""
    topic = unique()
    reader, writer = connect(V5, receive_maximum=limit), connect(V5)
    reader.subscribed(topic, qos=qos)
    for n in range(3 * limit):
        writer.publish(topic, b"%d" % n, qos=qos)
    open_ones = [reader.expect_message(topic, b"%d" % n, qos=qos, ack=False) for n in range(limit)]
    _nothing_more(reader, writer)
    for n in range(limit, 3 * limit):
        reader.acknowledge(open_ones.pop(0))
        open_ones.append(reader.expect_message(topic, b"%d" % n, qos=qos, ack=False))
        _nothing_more(reader, writer)
    for message in open_ones:
        reader.acknowledge(message)
    quiet(reader, writer)


def test_qos_2_holds_its_place_until_pubcomp(connect: Connect, topic: str) -> None:
    """[MQTT-4.9.0-1]: PUBREC does not free a place, PUBCOMP does, and so does a PUBREC that refuses."""
    reader, writer = connect(V5, receive_maximum=1), connect(V5)
    reader.subscribed(topic, qos=2)
    for n in range(3):
        writer.publish(topic, b"%d" % n, qos=2)
    message = reader.expect_message(topic, b"0", ack=False)
    reader.send(PubrecPacket(message.packet_id))
    reader.expect(PubrelPacket, packet_id=message.packet_id)
    _nothing_more(reader, writer)
    reader.send(PubcompPacket(message.packet_id))
    message = reader.expect_message(topic, b"1", ack=False)
    reader.send(PubrecPacket(message.packet_id, ReasonCode.QUOTA_EXCEEDED))
    reader.expect_message(topic, b"2")


def test_other_packets_are_not_held_back(connect: Connect) -> None:
    """[MQTT-3.3.4-10], [MQTT-4.9.0-3]: with no place left everything but QoS 1 and 2 goes on."""
    full, live = unique(), unique()
    reader, writer = connect(V5, receive_maximum=1), connect(V5)
    reader.subscribed(full, qos=1)
    writer.publish(full, b"0", qos=1)
    writer.publish(full, b"1", qos=1)
    first = reader.expect_message(full, b"0", ack=False)
    reader.subscribed(live, qos=0)
    writer.publish(live, b"qos 0")
    reader.expect_message(live, b"qos 0", qos=0)
    reader.publish(unique(), b"own", qos=1)
    reader.ping()
    reader.acknowledge(first)
    reader.expect_message(full, b"1")


def test_receive_maximum_belongs_to_the_connection(connect: Connect, topic: str) -> None:
    """[MQTT-4.9.0-1]: each CONNECT says it anew."""
    reader, writer = connect(V5, **keep(V5)), connect(V5)
    reader.subscribed(topic, qos=1)
    reader.disconnect()
    for n in range(6):
        writer.publish(topic, b"%d" % n, qos=1)
    narrow = connect(V5, reader.client_id, receive_maximum=2, **keep(V5))
    got = [narrow.expect_message(topic, b"%d" % n, ack=False) for n in range(2)]
    _nothing_more(narrow, writer)
    narrow.reset()
    wide = connect(V5, reader.client_id, receive_maximum=20, **keep(V5))
    for n in range(6):
        wide.expect_message(topic, b"%d" % n, ack=False, dup=n < len(got))


@pytest.mark.mosquitto_differs("it acknowledges with 0x97")
@pytest.mark.parametrize("qos", [1, 2])
def test_receive_maximum_of_the_broker(connect: Connect, broker: Target, qos: int) -> None:
    """[MQTT-3.3.4-7]: as many QoS 2 as announced may be open; one more is refused with 0x93."""
    client = connect(V5)
    maximum = client.connack.properties.receive_maximum
    for _ in range(maximum):
        client.send_publish(unique(), b"x", qos=2)
    for _ in range(maximum):
        assert client.expect(PubrecPacket).reason_code < 0x80
    client.send_publish(unique(), b"one too many", qos=qos)
    client.expect_refusal(ReasonCode.RECEIVE_MAXIMUM_EXCEEDED, promised=broker.promises.reasons)


def test_qos_1_within_receive_maximum(connect: Connect) -> None:
    """[MQTT-3.3.4-7], [MQTT-3.3.4-8]: exactly as many at once as announced, again and again."""
    client = connect(V5)
    maximum = client.connack.properties.receive_maximum
    for _ in range(3):
        sent = [client.send_publish(unique(), b"x", qos=1) for _ in range(maximum)]
        for packet_id in sent:
            client.expect(PubackPacket, packet_id=packet_id)


# -- size


@pytest.mark.parametrize("qos", [0, 1])
def test_largest_packet(connect: Connect, broker: Target, qos: int) -> None:
    """[MQTT-3.2.2-15]: a packet of exactly the announced size is taken."""
    topic = unique()
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic, qos=1)
    overhead = 1 + 3 + 2 + len(topic) + (2 if qos else 0) + 1
    payload = b"x" * (broker.promises.max_packet_size - overhead)
    writer.publish(topic, payload, qos=qos)
    reader.expect_message(topic, payload)


@pytest.mark.parametrize(
    "size", [pytest.param(1, marks=pytest.mark.mosquitto_differs("it forgets to count one byte")), 1_000_000]
)
def test_too_large_a_packet(connect: Connect, broker: Target, size: int) -> None:
    """[MQTT-3.2.2-15], MQTT 5.0, 3.1.2.11.4: refused with 0x95, in MQTT 3 by closing; others go on."""
    topic = unique()
    excess = broker.promises.max_packet_size - 8 - len(topic) + 1 + size
    reader, five, three = connect(V5), connect(V5), connect(V311)
    reader.subscribed(topic, qos=1)
    five.try_send_bytes(raw.publish(V5, topic, b"x" * excess))
    five.expect_refusal(ReasonCode.PACKET_TOO_LARGE, promised=broker.promises.reasons)
    three.try_send_bytes(raw.publish(V311, topic, b"x" * (excess + 1)))  # it has no property length
    three.expect_closed()
    quiet(reader, connect(V5))


def test_too_large_is_refused_before_it_is_sent(connect: Connect, broker: Target) -> None:
    """MQTT 5.0, 4.13.1: the fixed header is enough; the broker does not wait for 256 MB."""
    client = connect(V5)
    client.send_bytes(b"\x30\xff\xff\xff\x7f\x00\x01a")
    client.expect_refusal(ReasonCode.PACKET_TOO_LARGE, promised=broker.promises.reasons)


def test_too_large_a_connect(open_link: Open) -> None:
    """[MQTT-3.1.4-1]: also before anyone is known."""
    link = open_link(V5)
    link.send_bytes(b"\x10\xff\xff\xff\x7f\x00\x04MQTT\x05")
    assert not link.read_to_end().startswith(b"\xe0")


def test_small_connect_with_large_promise_of_the_client(open_link: Open) -> None:
    """[MQTT-3.1.2-24]: a client that takes almost nothing still gets its CONNACK, or is let go."""
    link = open_link(V5)
    link.send(connect_packet(V5, unique(), maximum_packet_size=20))
    try:
        packet = link.receive()
    except Ended:
        return
    assert link.bytes_received <= 20, packet
    assert not isinstance(packet, PublishPacket)
