"""Sessions: clean and kept, taken over, expired (MQTT 5.0, 3.1.2.4, 3.1.2.11.2, 3.1.4 and 4.1)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import DisconnectPacket, DisconnectProperties, ProtocolVersion, ReasonCode
from tests.conformance.conftest import V5, V31, V311, Connect
from tests.mqttkit import elapse, quiet, unique
from tests.mqttkit.client import Client
from tests.mqttkit.target import Target

NEVER = 0xFFFFFFFF
MARGIN = 1.0


def keep(version: ProtocolVersion) -> dict[str, object]:
    """Options of a CONNECT that keep the session of a client when it goes."""
    options: dict[str, object] = {"clean": False}
    if version == V5:
        options["session_expiry_interval"] = 300
    return options


def test_session_present(connect: Connect, version: ProtocolVersion) -> None:
    """[MQTT-3.1.2-5], [MQTT-3.1.2-6], [MQTT-3.2.2-2], [MQTT-3.2.2-3], 3.1.1 [MQTT-3.2.2-2], [MQTT-3.2.2-3]."""
    first = connect(version, **keep(version))
    assert not first.session_present
    first.disconnect()
    second = connect(version, first.client_id, **keep(version))
    assert second.session_present is (version != V31)  # MQTT 3.1 has no such flag
    second.disconnect()


def test_clean_start_discards(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.1.2-4], [MQTT-3.1.4-4], 3.1.1 [MQTT-3.1.2-6]: a clean start forgets the subscriptions and the queue."""
    first = connect(version, **keep(version))
    first.subscribed(topic, qos=1)
    first.disconnect()
    writer = connect(version)
    writer.publish(topic, b"queued", qos=1)
    second = connect(version, first.client_id, clean=True)
    assert not second.session_present
    writer.publish(topic, b"live", qos=1)
    quiet(second, writer)


def test_clean_session_of_mqtt_3_is_forgotten(connect: Connect, topic: str) -> None:
    """3.1.1 [MQTT-3.1.2-6]: the state of a clean session is not used by any later one."""
    first = connect(V311, clean=True)
    first.subscribed(topic, qos=1)
    first.disconnect()
    second = connect(V311, first.client_id, clean=False)
    assert not second.session_present
    writer = connect(V311)
    writer.publish(topic, b"x", qos=1)
    quiet(second, writer)


def test_session_survives_a_lost_connection(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.1.2-23], [MQTT-4.1.0-1]: a cut is no end of a session."""
    first = connect(version, **keep(version))
    first.subscribed(topic, qos=1)
    first.reset()
    second = connect(version, first.client_id, **keep(version))
    connect(version).publish(topic, b"x", qos=1)
    second.expect_message(topic, b"x")


def test_sessions_move_between_versions(connect: Connect, topic: str) -> None:
    """A client that learns MQTT 5 keeps the session that it had with MQTT 3.1.1."""
    old = connect(V311, clean=False)
    old.subscribed(topic, qos=1)
    old.disconnect()
    new = connect(V5, old.client_id, clean=False, session_expiry_interval=300)
    assert new.session_present
    connect(V311).publish(topic, b"x", qos=1)
    new.expect_message(topic, b"x")


# -- taking over


def test_takeover(connect: Connect, version: ProtocolVersion, broker: Target) -> None:
    """[MQTT-3.1.4-3], [MQTT-3.14.2-2], 3.1.1 [MQTT-3.1.4-2]: the old connection ends (0x8E), the new one serves."""
    old = connect(version)
    new = connect(version, old.client_id)
    old.expect_refusal(ReasonCode.SESSION_TAKEN_OVER, promised=broker.promises.reasons)
    new.ping()


def test_takeover_across_versions(connect: Connect, broker: Target) -> None:
    """[MQTT-3.1.4-3]: each side is told in its own version."""
    old = connect(V5)
    middle = connect(V311, old.client_id)
    old.expect_refusal(ReasonCode.SESSION_TAKEN_OVER, promised=broker.promises.reasons)
    newest = connect(V5, old.client_id)
    middle.expect_closed()
    newest.ping()


def test_takeover_goes_on_with_the_session(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.1.2-5], [MQTT-4.4.0-1]: subscriptions and what was not acknowledged go over."""
    old = connect(version, **keep(version))
    old.subscribed(topic, qos=1)
    writer = connect(version)
    writer.publish(topic, b"one", qos=1)
    lost = old.expect_message(topic, b"one", ack=False)
    new = connect(version, old.client_id, **keep(version))
    assert new.session_present is (version != V31)
    new.expect_message(topic, b"one", dup=True, packet_id=lost.packet_id)
    writer.publish(topic, b"two", qos=1)
    new.expect_message(topic, b"two")


def test_takeover_of_a_clean_session(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.1.2-4]: with a clean start nothing of the old connection is left."""
    old = connect(version, **keep(version))
    old.subscribed(topic, qos=1)
    new = connect(version, old.client_id, clean=True)
    assert not new.session_present
    writer = connect(version)
    writer.publish(topic, b"x", qos=1)
    quiet(new, writer)


def test_many_takeovers_in_a_row(connect: Connect) -> None:
    """[MQTT-3.1.4-3]: one client id, twenty connections: the last one stays, all others end."""
    first = connect(V5, **keep(V5))
    clients: list[Client] = [first]
    clients += [connect(V5, first.client_id, **keep(V5)) for _ in range(19)]
    for old in clients[:-1]:
        assert all(isinstance(packet, DisconnectPacket) for packet in old.drain())
    clients[-1].ping()


# -- expiry (MQTT 5)


def test_session_expiry_zero(connect: Connect) -> None:
    """MQTT 5.0, 3.1.2.11.2: without an interval, or with 0, the session ends with the connection."""
    for options in ({}, {"session_expiry_interval": 0}):
        client = connect(V5, clean=False, **options)
        client.disconnect()
        assert not connect(V5, client.client_id, clean=False, session_expiry_interval=0).session_present


def test_session_expiry_runs(connect: Connect) -> None:
    """[MQTT-3.1.2-23], [MQTT-4.1.0-2]: kept as long as was asked for, gone after that, whatever the end."""
    orderly, cut, long = (connect(V5, session_expiry_interval=seconds) for seconds in (1, 1, 60))
    orderly.disconnect()
    cut.reset()
    long.disconnect()
    elapse(1 + MARGIN)
    assert not connect(V5, orderly.client_id, clean=False).session_present
    assert not connect(V5, cut.client_id, clean=False).session_present
    assert connect(V5, long.client_id, clean=False).session_present


def test_session_does_not_expire_while_connected(connect: Connect) -> None:
    """[MQTT-4.1.0-1]: the interval starts when the connection ends, and coming back stops it."""
    client = connect(V5, session_expiry_interval=1)
    elapse(1 + MARGIN)
    client.disconnect()
    again = connect(V5, client.client_id, clean=False, session_expiry_interval=1)
    assert again.session_present
    elapse(1 + MARGIN)
    again.disconnect()
    assert connect(V5, client.client_id, clean=False).session_present


def test_session_never_expires(connect: Connect) -> None:
    """MQTT 5.0, 3.1.2.11.2: 0xFFFFFFFF is for ever."""
    client = connect(V5, session_expiry_interval=NEVER)
    said = client.connack.properties.session_expiry_interval
    assert said is None or said == NEVER
    client.disconnect()
    assert connect(V5, client.client_id, clean=False).session_present


@pytest.mark.parametrize(("at_connect", "at_disconnect", "kept"), [(60, 0, False), (1, 60, True), (60, None, True)])
def test_expiry_changed_at_disconnect(connect: Connect, at_connect: int, at_disconnect: int | None, kept: bool) -> None:
    """MQTT 5.0, 3.14.2.2.2: the last word on the interval is in DISCONNECT."""
    client = connect(V5, session_expiry_interval=at_connect)
    client.disconnect(expiry=at_disconnect)
    if at_connect == 1:
        elapse(1 + MARGIN)
    assert connect(V5, client.client_id, clean=False).session_present is kept


def test_expiry_can_not_be_raised_from_zero(connect: Connect, broker: Target) -> None:
    """MQTT 5.0, 3.14.2.2.2: a session that was to end with its connection can't be kept by DISCONNECT."""
    client = connect(V5)
    client.send(DisconnectPacket(properties=DisconnectProperties(session_expiry_interval=60)))
    client.expect_refusal(ReasonCode.PROTOCOL_ERROR, promised=broker.promises.reasons)
    assert not connect(V5, client.client_id, clean=False).session_present


def test_expired_session_gets_nothing(connect: Connect, topic: str) -> None:
    """[MQTT-4.1.0-2]: subscriptions end with the session."""
    client = connect(V5, session_expiry_interval=1)
    client.subscribed(topic, qos=1)
    client.disconnect()
    elapse(1 + MARGIN)
    writer = connect(V5)
    writer.publish(topic, b"late", qos=1)
    again = connect(V5, client.client_id, clean=False)
    assert not again.session_present
    quiet(again, writer)


def test_unknown_client_has_no_session(connect: Connect, version: ProtocolVersion) -> None:
    """[MQTT-3.1.2-6]: a first connection without clean start makes a session."""
    assert not connect(version, unique(), clean=False).session_present
