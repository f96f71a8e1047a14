"""What survives a restart of the broker, orderly or by ``kill -9`` (MQTT 5.0, 4.1: session state is not to be lost)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest.mqtt.codec import DisconnectPacket, PubcompPacket, PubrecPacket, PubrelPacket, ReasonCode
from tests.conformance.conftest import V5, V311, Connect
from tests.conformance.test_sessions import keep
from tests.mqttkit import Client, quiet, unique, will
from tests.mqttkit.client import properties_of
from tests.mqttkit.target import Target

Restart = Callable[[], None]
VOLATILE = pytest.mark.mosquitto_differs("it writes its sessions to disk only now and then")


@pytest.fixture(params=["graceful", pytest.param("kill", marks=VOLATILE)])
def restart(request: pytest.FixtureRequest, restartable: Target) -> Restart:
    """Stops or kills the broker and starts it again."""

    def again() -> None:
        if request.param == "kill":
            restartable.kill()
        else:
            restartable.stop()
        restartable.start()

    return again


@pytest.fixture
def join(connect: Connect, restartable: Target) -> Connect:
    """Makes clients of the broker that may be restarted."""

    def make(*args: object, **options: object) -> Client:
        return connect(*args, address=restartable.address, **options)

    return make


def _kept(join: Connect, client: Client) -> Client:
    again = join(client.version, client.client_id, **keep(client.version))
    assert again.session_present
    return again


def test_session_state_survives(join: Connect, restart: Restart) -> None:
    """[MQTT-3.1.2-23], [MQTT-4.1.0-1]: everything at once, so that one restart is enough.

    Subscriptions with their options, queues of clients that were away, what was in flight to a connected one with its
    identifiers, QoS 2 in every state in both directions, retained messages.
    """
    base = unique()
    writer = join(V5)

    options = join(V5, **keep(V5))
    options.subscribed(f"{base}/options", qos=2, identifier=9, no_local=True, retain_as_published=True)

    away = join(V311, **keep(V311))
    away.subscribed(f"{base}/away/#", qos=2)
    away.disconnect()
    for n in range(40):
        writer.publish(f"{base}/away/{n % 3}", b"%d" % n, qos=1 + n % 2)

    busy = join(V5, **keep(V5))
    busy.subscribed(f"{base}/busy", qos=2)
    for n in range(6):
        writer.publish(f"{base}/busy", b"%d" % n, qos=1 + n % 2)
    in_flight = [busy.expect_message(f"{base}/busy", b"%d" % n, ack=False) for n in range(6)]
    busy.send(PubrecPacket(in_flight[1].packet_id))
    busy.expect(PubrelPacket, packet_id=in_flight[1].packet_id)

    watcher = join(V5, **keep(V5))
    watcher.subscribed(f"{base}/half", qos=2)
    watcher.disconnect()
    half = join(V311, **keep(V311))
    half.send_publish(f"{base}/half", b"once", qos=2, packet_id=21)
    half.expect(PubrecPacket, packet_id=21)

    writer.publish(f"{base}/retained", b"old", qos=1, retain=True)
    writer.publish(f"{base}/retained", b"new", qos=1, retain=True, content_type="t")
    writer.publish(f"{base}/cleared", b"x", qos=1, retain=True)
    writer.publish(f"{base}/cleared", b"", qos=1, retain=True)
    temporary = join(V5)
    temporary.subscribed(f"{base}/away/0")

    restart()
    writer = join(V5)

    back = _kept(join, options)
    back.publish(f"{base}/options", b"own", qos=1)
    writer.publish(f"{base}/options", b"m", qos=2, retain=True)
    message = back.expect_message(f"{base}/options", b"m", qos=2, retain=True)
    assert properties_of(message).subscription_identifiers == (9,)

    back = _kept(join, away)
    queued = back.expect_messages(40)
    for level in range(3):
        assert [int(m.payload) for m in queued if m.topic.endswith(f"/{level}")] == list(range(level, 40, 3))
    assert [m.qos for m in sorted(queued, key=lambda m: int(m.payload))] == [1 + n % 2 for n in range(40)]

    back = _kept(join, busy)
    back.take(PubrelPacket, packet_id=in_flight[1].packet_id)
    back.send(PubcompPacket(in_flight[1].packet_id))
    for n in (0, 2, 3, 4, 5):
        old = in_flight[n]
        back.expect_message(f"{base}/busy", b"%d" % n, qos=old.qos, packet_id=old.packet_id, dup=True, ack=False)
    for n in (0, 2, 3, 4, 5):
        back.acknowledge(in_flight[n])
    quiet(back, writer)

    back = _kept(join, half)
    back.send_publish(f"{base}/half", b"once", qos=2, packet_id=21, dup=True)
    back.expect(PubrecPacket, packet_id=21)
    back.send(PubrelPacket(21))
    back.expect(PubcompPacket, packet_id=21)
    back = _kept(join, watcher)
    back.expect_message(f"{base}/half", b"once", qos=2)
    quiet(back, writer)

    late = join(V5)
    late.subscribed(f"{base}/retained", f"{base}/cleared")
    assert properties_of(late.expect_message(f"{base}/retained", b"new", retain=True)).content_type == "t"
    quiet(late, writer)

    assert not join(V5, temporary.client_id, clean=False).session_present


def test_acknowledged_before_the_restart_is_gone_after_it(join: Connect, restart: Restart) -> None:
    """[MQTT-4.4.0-1]: in an orderly restart nothing that was acknowledged comes again; after a kill only with DUP."""
    topic = unique()
    reader, writer = join(V5, **keep(V5)), join(V5)
    reader.subscribed(topic, qos=1)
    for n in range(20):
        writer.publish(topic, b"%d" % n, qos=1)
        reader.expect_message(topic, b"%d" % n)
    reader.ping()
    reader.disconnect()
    writer.publish(topic, b"20", qos=1)
    restart()
    back = _kept(join, reader)
    back.expect_message(topic, b"20", dup=False)
    quiet(back, join(V5))


def test_delayed_will_survives(join: Connect, restart: Restart) -> None:
    """MQTT 5.0, 3.1.3.2.2: a will that was due later is published after the restart."""
    topic = unique()
    reader = join(V5, **keep(V5))
    reader.subscribed(topic, qos=1)
    client = join(V5, will=will(topic, qos=1, delay=2), **keep(V5))
    client.reset()
    reader.ping()
    restart()
    _kept(join, reader).expect_message(topic, b"gone", timeout=15)


def test_will_of_a_client_that_the_restart_cut_off(join: Connect, restart: Restart) -> None:
    """[MQTT-3.1.2-8]: the broker closed the connection, not the client: the will is due."""
    topic = unique()
    reader = join(V5, **keep(V5))
    reader.subscribed(topic, qos=1)
    join(V5, will=will(topic, qos=1))
    restart()
    _kept(join, reader).expect_message(topic, b"gone", timeout=15)


def test_clients_are_told(join: Connect, restartable: Target) -> None:
    """MQTT 5.0, 4.13.2: in an orderly stop DISCONNECT says 0x8B; MQTT 3 clients see the connection close."""
    five, three = join(V5), join(V311)
    restartable.stop()
    try:
        if restartable.promises.reasons:
            five.expect(DisconnectPacket, reason_code=ReasonCode.SERVER_SHUTTING_DOWN)
        five.drain()
        three.expect_closed()
    finally:
        restartable.start()
