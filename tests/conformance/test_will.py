"""Wills: when they are published, when not, and as what (MQTT 5.0, 3.1.2.5, 3.1.3.2 and 3.14.4)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import ProtocolVersion, ReasonCode
from tests.conformance.conftest import V5, V311, Connect
from tests.mqttkit import elapse, quiet, unique, will
from tests.mqttkit.client import properties_of

DELAY = 1
MARGIN = 1.0


def test_will_of_a_lost_client(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.1.2-8], [MQTT-3.1.2-7]: published when the connection ends without DISCONNECT, however that happens."""
    reader = connect(version)
    reader.subscribed(topic)
    for number, end in enumerate(("close", "reset", "half_close")):
        client = connect(version, will=will(topic, f"{number}".encode()))
        getattr(client, end)()
        reader.expect_message(topic, f"{number}".encode(), qos=0, retain=False)


def test_will_after_a_protocol_error(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.1.2-8]: also when the broker had to close."""
    reader, client = connect(version), connect(version, will=will(topic))
    reader.subscribed(topic)
    client.send_bytes(b"\x36\x00")
    reader.expect_message(topic, b"gone")


def test_no_will_where_none_was_given(connect: Connect, version: ProtocolVersion) -> None:
    """3.1.1 [MQTT-3.1.2-11], [MQTT-3.1.2-12]: a client without a will leaves nothing behind."""
    reader, writer = connect(version), connect(version)
    reader.subscribed("#")
    client = connect(version)
    client.reset()
    sentinel = unique()
    writer.publish(sentinel, b"sentinel", qos=1)
    while (message := reader.expect_message()).topic != sentinel:
        assert client.client_id not in message.topic
        assert client.client_id.encode() not in message.payload


def test_no_will_after_disconnect(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.1.2-10], [MQTT-3.14.4-3], 3.1.1 [MQTT-3.1.2-10], [MQTT-3.14.4-3]: DISCONNECT discards it."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=1)
    connect(version, will=will(topic, qos=1)).disconnect()
    quiet(reader, writer)


def test_will_only_once(connect: Connect, topic: str) -> None:
    """[MQTT-3.1.2-10]: published, it is gone: coming back and leaving in order publishes nothing more."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic)
    client = connect(V5, will=will(topic), session_expiry_interval=60)
    client.reset()
    reader.expect_message(topic, b"gone")
    connect(V5, client.client_id, clean=False).disconnect()
    quiet(reader, writer)


def test_disconnect_with_will(connect: Connect, topic: str) -> None:
    """MQTT 5.0, 3.14.2.1: reason 0x04 asks for the will."""
    reader = connect(V5)
    reader.subscribed(topic)
    connect(V5, will=will(topic)).disconnect(ReasonCode.DISCONNECT_WITH_WILL_MESSAGE)
    reader.expect_message(topic, b"gone")


@pytest.mark.mosquitto_differs("it discards the will")
def test_disconnect_with_an_error(connect: Connect, topic: str) -> None:
    """[MQTT-3.14.4-3], [MQTT-3.1.2-8], [MQTT-3.14.2-1]: only reason 0 discards the will."""
    reader = connect(V5)
    reader.subscribed(topic)
    for reason in (0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99):
        connect(V5, will=will(topic, b"%d" % reason)).disconnect(ReasonCode(reason))
        reader.expect_message(topic, b"%d" % reason)


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("retain", [False, True])
def test_will_qos_and_retain(connect: Connect, version: ProtocolVersion, topic: str, qos: int, retain: bool) -> None:
    """[MQTT-3.1.2-14], [MQTT-3.1.2-15], 3.1.1 [MQTT-3.1.2-16], [MQTT-3.1.2-17]: as the client asked for."""
    reader = connect(version)
    reader.subscribed(topic, qos=2)
    connect(version, will=will(topic, b"w", qos=qos, retain=retain)).reset()
    reader.expect_message(topic, b"w", qos=qos, retain=False)
    late, writer = connect(version), connect(version)
    late.subscribed(topic, qos=2)
    if retain:
        late.expect_message(topic, b"w", qos=qos, retain=True)
    quiet(late, writer)


def test_empty_retained_will_clears(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.1-6], [MQTT-3.1.2-15]: a retained will without payload removes what was retained."""
    writer = connect(V311)
    writer.publish(topic, b"old", qos=1, retain=True)
    witness = connect(V311)
    witness.subscribed(topic)
    witness.expect_message(topic, b"old", retain=True)
    connect(V311, will=will(topic, b"", retain=True)).reset()
    witness.expect_message(topic, b"")
    late = connect(V311)
    late.subscribed(topic)
    quiet(late, writer)


def test_will_properties(connect: Connect, topic: str) -> None:
    """[MQTT-3.1.3-10] and MQTT 5.0, 3.1.3.2: the will carries its properties, user properties in their order."""
    users = (("b", "1"), ("a", "2"), ("b", "1"))
    reader = connect(V5)
    reader.subscribed(topic)
    connect(
        V5,
        will=will(
            topic,
            b"text",
            payload_format_indicator=1,
            content_type="text/plain",
            response_topic="answers",
            correlation_data=b"\x00\xff",
            user_properties=users,
        ),
    ).reset()
    got = properties_of(reader.expect_message(topic, b"text"))
    assert got.user_properties == users
    assert (got.payload_format_indicator, got.content_type) == (1, "text/plain")
    assert (got.response_topic, got.correlation_data) == ("answers", b"\x00\xff")


def test_will_on_takeover(connect: Connect, topic: str) -> None:
    """[MQTT-3.1.2-8], [MQTT-3.1.4-3]: a connection taken over ends without DISCONNECT, so its will is due."""
    reader = connect(V311)
    reader.subscribed(topic)
    old = connect(V311, will=will(topic))
    connect(V311, old.client_id)
    reader.expect_message(topic, b"gone")


# -- delay (MQTT 5)


def test_will_delay(connect: Connect) -> None:
    """MQTT 5.0, 3.1.3.2.2: the will comes after its delay, not before."""
    prompt, delayed = unique("w"), unique("w")
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(prompt, delayed)
    late = connect(V5, will=will(delayed, delay=DELAY), session_expiry_interval=60)
    late.reset()
    connect(V5, will=will(prompt)).reset()
    reader.expect_message(prompt, b"gone")
    quiet(reader, writer)
    reader.expect_message(delayed, b"gone", timeout=DELAY + 5)


def test_will_delay_is_cancelled(connect: Connect, topic: str) -> None:
    """[MQTT-3.1.3-9]: coming back within the delay discards the will, with the session or without it."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic)
    back = connect(V5, will=will(topic, delay=DELAY), session_expiry_interval=60)
    back.reset()
    again = connect(V5, back.client_id, clean=False, session_expiry_interval=60)
    assert again.session_present
    elapse(DELAY + MARGIN)
    quiet(reader, writer)


@pytest.mark.mosquitto_differs("it waits for the whole delay")
def test_will_delay_ends_with_the_session(connect: Connect) -> None:
    """MQTT 5.0, 3.1.3.2.2: the end of the session makes the will due: expiry, or a clean start."""
    expired, cleaned, no_session = unique("w"), unique("w"), unique("w")
    reader = connect(V5)
    reader.subscribed(expired, cleaned, no_session)
    connect(V5, will=will(no_session, delay=60)).reset()
    reader.expect_message(no_session, b"gone")
    client = connect(V5, will=will(cleaned, delay=60), session_expiry_interval=60)
    client.reset()
    connect(V5, client.client_id, clean=True)
    reader.expect_message(cleaned, b"gone")
    connect(V5, will=will(expired, delay=60), session_expiry_interval=1).reset()
    reader.expect_message(expired, b"gone")


def test_will_delay_on_takeover(connect: Connect, topic: str) -> None:
    """[MQTT-3.1.3-9]: a takeover that goes on with the session cancels a delayed will."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic)
    old = connect(V5, will=will(topic, delay=DELAY), session_expiry_interval=60)
    connect(V5, old.client_id, clean=False, session_expiry_interval=60)
    elapse(DELAY + MARGIN)
    quiet(reader, writer)


def test_will_expiry_counts_from_its_publication(connect: Connect, topic: str) -> None:
    """MQTT 5.0, 3.1.3.2.4: the message expiry interval of a will begins when it is published."""
    reader = connect(V5)
    reader.subscribed(topic)
    client = connect(V5, will=will(topic, delay=DELAY, message_expiry_interval=60), session_expiry_interval=60)
    client.reset()
    message = reader.expect_message(topic, b"gone", timeout=DELAY + 5)
    assert properties_of(message).message_expiry_interval in (59, 60)
