"""The byte stream under MQTT: halves, joins, cuts, slow readers (MQTT 5.0, 4.2)."""

from __future__ import annotations

import time

import psutil
import pytest

from ingest.mqtt.codec import (
    ConnackPacket,
    ProtocolVersion,
    PubackPacket,
    PublishPacket,
    SubackPacket,
    SubscribePacket,
    Subscription,
    encode,
)
from tests.conformance.conftest import V5, V311, Connect, Open
from tests.mqttkit import Client, Link, connect_packet, eventually, quiet, raw, unique, will
from tests.mqttkit.proxy import Proxy
from tests.mqttkit.target import Target

MEGABYTE = 1_048_576


def _conversation(version: ProtocolVersion, topic: str) -> bytes:
    """CONNECT, SUBSCRIBE, three PUBLISH and PINGREQ in one piece."""
    packets = [
        encode(connect_packet(version, unique()), version),
        encode(SubscribePacket(1, (Subscription(topic, 1),)), version),
        raw.publish(version, topic, b"0"),
        raw.publish(version, topic, b"1" * 200, flags=2, packet_id=7),
        raw.publish(version, topic, b"2"),
        b"\xc0\x00",
    ]
    return b"".join(packets)


def _check_answers(link: Link, topic: str) -> None:
    link.take(ConnackPacket, reason_code=0)
    link.take(SubackPacket, packet_id=1, reason_codes=(1,))
    for payload in (b"0", b"1" * 200, b"2"):
        link.take(PublishPacket, topic=topic, payload=payload)
    link.take(PubackPacket, packet_id=7)


def test_everything_in_one_segment(open_link: Open, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.2.0-1], MQTT 5.0, 3.1.4: a client need not wait for CONNACK before it goes on."""
    link = open_link(version)
    link.send_bytes(_conversation(version, topic))
    assert isinstance(link.peek(), ConnackPacket)  # [MQTT-3.2.0-1]
    _check_answers(link, topic)


def test_byte_by_byte(open_link: Open, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.2.0-1]: the stream may be cut anywhere."""
    link = open_link(version)
    for byte in _conversation(version, topic):
        link.send_bytes(bytes([byte]))
    _check_answers(link, topic)


@pytest.mark.parametrize("step", [2, 3, 7, 50])
def test_odd_pieces(open_link: Open, topic: str, step: int) -> None:
    """[MQTT-4.2.0-1]: pieces that respect no packet."""
    link, data = open_link(V5), _conversation(V5, topic)
    for at in range(0, len(data), step):
        link.send_bytes(data[at : at + step])
    _check_answers(link, topic)


def test_large_packet_in_small_pieces(connect: Connect, topic: str) -> None:
    """[MQTT-4.2.0-1]: a packet over many segments, while another client is served."""
    reader, writer, other = connect(V5), connect(V5), connect(V5)
    reader.subscribed(topic)
    data = raw.publish(V5, topic, bytes(range(256)) * 400)
    for at in range(0, len(data), 10_000):
        writer.send_bytes(data[at : at + 10_000])
        other.ping()
    reader.expect_message(topic, bytes(range(256)) * 400)


def test_half_open_connections_cost_nobody_anything(open_link: Open, connect: Connect) -> None:
    """A hundred connections that say half a CONNECT don't keep others waiting."""
    for n in range(100):
        open_link(V5).send_bytes(raw.connect(V5, "half")[: n % 14])
    for _ in range(5):
        connect(V5).ping()


def test_reset_in_the_middle_of_a_packet(connect: Connect, topic: str) -> None:
    """[MQTT-3.1.2-8]: half a PUBLISH and an RST: the half is nothing, the will is due."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic, topic + "/will")
    client = connect(V5, will=will(topic + "/will"))
    client.send_bytes(raw.publish(V5, topic, b"x" * 500)[:300])
    client.reset()
    reader.expect_message(topic + "/will", b"gone")
    quiet(reader, writer)


def test_client_that_stops_sending_but_reads(connect: Connect, topic: str) -> None:
    """A FIN after PUBLISH: the message counts, whatever happens to the answer."""
    reader, writer = connect(V311), connect(V311)
    reader.subscribed(topic, qos=1)
    writer.send_publish(topic, b"last words", qos=1)
    writer.half_close()
    reader.expect_message(topic, b"last words")


def test_messages_sent_right_before_a_disconnect_count(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.6.0-5], 3.1.1 [MQTT-3.14.4-1]: PUBLISH and DISCONNECT in one segment."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=1)
    writer.send_bytes(b"".join(raw.publish(version, topic, b"%d" % n) for n in range(50)) + b"\xe0\x00")
    for n in range(50):
        reader.expect_message(topic, b"%d" % n)


def test_vanished_client(connect: Connect, address: tuple[str, int], topic: str, broker: Target) -> None:
    """[MQTT-3.1.2-22]: only silence: the keep alive finds it, its will is published, its session kept."""
    reader = connect(V5)
    reader.subscribed(topic)
    with Proxy(address) as proxy:
        client = connect(V5, address=proxy.address, keep_alive=1, session_expiry_interval=60, will=will(topic))
        client.subscribed(topic + "/x", qos=1)
        proxy.freeze()
        reader.expect_message(topic, b"gone", timeout=1.5 + broker.promises.keep_alive_slack + 1)
        connect(V5).publish(topic + "/x", b"waits", qos=1)
        again = connect(V5, client.client_id, clean=False, session_expiry_interval=60)
        assert again.session_present
        again.expect_message(topic + "/x", b"waits")


def test_takeover_of_a_vanished_client(connect: Connect, address: tuple[str, int], topic: str) -> None:
    """[MQTT-3.1.4-3]: a client that comes back need not wait for its ghost."""
    with Proxy(address) as proxy:
        ghost = connect(V5, address=proxy.address, session_expiry_interval=60)
        ghost.subscribed(topic, qos=1)
        proxy.freeze()
        again = connect(V5, ghost.client_id, clean=False, session_expiry_interval=60)
        assert again.session_present
        connect(V5).publish(topic, b"m", qos=1)
        again.expect_message(topic, b"m")


def test_slow_reader(connect: Connect, broker: Target, topic: str) -> None:
    """A client that does not read: the broker's memory stays bounded, and others are not delayed."""
    process = psutil.Process(broker.pid)
    slow = connect(V5, buffer=8_192)
    slow.subscribed(topic, qos=0)
    fast, writer = connect(V5), connect(V5)
    fast.subscribed(topic, qos=0)
    before = process.memory_info().rss
    payload, latencies, peak = b"x" * 50_000, [], 0
    for n in range(800):  # 40 MB, of which the slow one reads nothing
        since = time.monotonic()
        writer.publish(topic, payload, qos=1)
        fast.expect_message(topic)
        latencies.append(time.monotonic() - since)
        if n % 50 == 0:
            peak = max(peak, process.memory_info().rss)
    assert peak - before < 150 * MEGABYTE, f"{(peak - before) // MEGABYTE} MB more"
    latencies.sort()
    assert latencies[len(latencies) // 2] < 0.25, latencies[len(latencies) // 2]
    assert latencies[-1] < 5
    fast.ping()


def test_slow_reader_catches_up(connect: Connect, topic: str) -> None:
    """[MQTT-4.6.0-5]: what was kept for a client that paused comes in order when it reads again."""
    slow, writer = connect(V5, buffer=8_192), connect(V5)
    slow.subscribed(topic, qos=1)
    payload = b"x" * 20_000
    for n in range(200):
        writer.publish(topic, b"%06d" % n + payload, qos=1)
    for n in range(200):
        assert int(slow.expect_message(topic, qos=1).payload[:6]) == n
    quiet(slow, writer)


def test_many_connections_come_and_go(connect: Connect, address: tuple[str, int], broker: Target) -> None:
    """Descriptors are given back: three hundred short connections of every kind leave none behind."""
    process = psutil.Process(broker.pid)
    connect(V5).ping()
    before = process.num_fds()
    for n in range(300):
        client = Client(address, V5)
        (client.close, client.reset, client.disconnect)[n % 3]()
    eventually(lambda: process.num_fds() <= before + 5, "descriptors are closed")
