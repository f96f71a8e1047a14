"""Keep alive (MQTT 5.0, 3.1.2.10): the broker closes a silent connection after one and a half times the interval."""

from __future__ import annotations

import time

import pytest

from ingest.mqtt.codec import PingReqPacket, PingRespPacket, ReasonCode
from tests.conformance.conftest import V5, V31, V311, Connect
from tests.mqttkit import Client, eventually, unique, will
from tests.mqttkit.link import Ended
from tests.mqttkit.target import Target

KEEP_ALIVE = 1
EARLIEST = 1.5 * KEEP_ALIVE


def test_silent_clients_are_closed(connect: Connect, broker: Target) -> None:
    """[MQTT-3.1.2-22], 3.1.1 [MQTT-3.1.2-24]: not before 1.5 times the interval, soon after it, with their wills."""
    topic = unique("will")
    witness = connect(V5)
    witness.subscribed(topic)
    latest = EARLIEST + broker.promises.keep_alive_slack
    since = time.monotonic()
    silent = [
        connect(version, keep_alive=KEEP_ALIVE, will=will(topic, str(version).encode())) for version in (V31, V311, V5)
    ]
    for client in silent:
        client.expect_refusal(ReasonCode.KEEP_ALIVE_TIMEOUT, timeout=latest, promised=broker.promises.reasons)
        assert EARLIEST - 0.1 < time.monotonic() - since < latest
    said = {message.payload for message in witness.expect_messages(3, topic=topic)}
    assert said == {b"3", b"4", b"5"}


def test_any_packet_keeps_a_client_alive(connect: Connect, broker: Target) -> None:
    """[MQTT-3.1.2-20], [MQTT-3.1.2-22]: pings, publishes and half a packet's rest count; nothing else is asked for."""
    pinging, publishing, idle = (connect(V5, keep_alive=keep) for keep in (KEEP_ALIVE, KEEP_ALIVE, 0))
    until = time.monotonic() + EARLIEST + broker.promises.keep_alive_slack
    while time.monotonic() < until:
        pinging.send(PingReqPacket())
        pinging.expect(PingRespPacket)
        publishing.publish(unique(), b"x", qos=1)
        _wait_idly(pinging, 0.4)
    for client in (pinging, publishing, idle):
        client.ping()


def _wait_idly(client: Client, seconds: float) -> None:
    """Pass the time between two signs of life by listening for what must not come."""
    until = time.monotonic() + seconds
    eventually(lambda: client.pending() or time.monotonic() > until, "time passes")
    assert not client.pending()


def test_receiving_does_not_keep_a_client_alive(connect: Connect, broker: Target) -> None:
    """[MQTT-3.1.2-22]: what the broker sends says nothing about the client."""
    topic = unique()
    reader, writer = connect(V311, keep_alive=KEEP_ALIVE), connect(V311)
    reader.subscribed(topic)
    since = time.monotonic()
    ended_at = 0.0
    while not ended_at and time.monotonic() < since + EARLIEST + broker.promises.keep_alive_slack:
        writer.publish(topic, b"tick")
        try:
            reader.expect_message(topic, b"tick")
        except Ended:
            ended_at = time.monotonic()
        _wait_idly(writer, 0.1)
    assert ended_at - since > EARLIEST - 0.2


def test_half_a_packet_is_no_packet(connect: Connect, broker: Target) -> None:
    """[MQTT-3.1.2-22]: bytes that never become a packet don't keep a connection open for ever."""
    client = connect(V311, keep_alive=KEEP_ALIVE)
    client.send_bytes(b"\x30\x7f\x00")
    client.expect_closed(EARLIEST + broker.promises.keep_alive_slack)


@pytest.mark.parametrize("keep_alive", [0, 65_535])
def test_extremes(connect: Connect, keep_alive: int) -> None:
    """MQTT 5.0, 3.1.2.10: 0 turns it off, 18 hours are allowed."""
    connect(V311, keep_alive=keep_alive).ping()
