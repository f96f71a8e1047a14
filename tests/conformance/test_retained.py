"""Retained messages (MQTT 5.0, 3.3.1.3)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import ProtocolVersion
from tests.conformance.conftest import V5, V311, Connect
from tests.mqttkit import elapse, quiet, unique
from tests.mqttkit.client import properties_of


def test_set_replace_clear(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.3.1-5], [MQTT-3.3.1-6], [MQTT-3.3.1-7], 3.1.1 [MQTT-3.3.1-5], [MQTT-3.3.1-10], [MQTT-3.3.1-11]."""
    writer = connect(version)
    for payload in (b"one", b"two"):
        writer.publish(topic, payload, qos=1, retain=True)
        reader = connect(version)
        reader.subscribed(topic, qos=1)
        reader.expect_message(topic, payload, retain=True, qos=1)
        quiet(reader, writer)
    live = connect(version)
    live.subscribed(topic, qos=1)
    live.expect_message(topic, b"two", retain=True)
    writer.publish(topic, b"", qos=1, retain=True)
    live.expect_message(topic, b"", retain=False)
    late = connect(version)
    late.subscribed(topic, qos=1)
    quiet(late, writer)


def test_clearing_what_is_not_there(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.3.1-7]: an empty retained message is an ordinary message and leaves nothing."""
    writer, reader = connect(version), connect(version)
    reader.subscribed(topic)
    writer.publish(topic, b"", qos=1, retain=True)
    reader.expect_message(topic, b"", retain=False)
    late = connect(version)
    late.subscribed(topic)
    quiet(late, writer)


def test_messages_without_the_flag_change_nothing(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.1-8], 3.1.1 [MQTT-3.3.1-12]: what was retained stays, also when an empty message passes by."""
    writer = connect(V311)
    writer.publish(topic, b"kept", qos=1, retain=True)
    writer.publish(topic, b"passing", qos=1)
    writer.publish(topic, b"", qos=1)
    reader = connect(V311)
    reader.subscribed(topic)
    reader.expect_message(topic, b"kept", retain=True)
    quiet(reader, writer)


def test_retained_with_qos_0(connect: Connect, topic: str) -> None:
    """3.1.1 [MQTT-3.3.1-7]: with QoS 0 it may be forgotten, but the older one is gone in any case."""
    writer = connect(V311)
    writer.publish(topic, b"old", qos=1, retain=True)
    writer.publish(topic, b"new", qos=0, retain=True)
    writer.publish(topic, b"", qos=1)
    reader = connect(V311)
    reader.subscribed(topic)
    writer.publish(topic, b"live", qos=1)
    first = reader.expect_message(topic)
    if first.payload == b"new":
        assert first.retain
        first = reader.expect_message(topic)
    assert first.payload == b"live"


@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_qos_of_retained_messages(connect: Connect, published: int, granted: int) -> None:
    """[MQTT-3.8.4-8]: the lower of both, as for any message."""
    topic = unique()
    writer = connect(V5)
    writer.publish(topic, b"r", qos=published, retain=True)
    writer.publish(unique(), b"", qos=1)
    reader = connect(V5)
    reader.subscribed(topic, qos=granted)
    reader.expect_message(topic, b"r", qos=min(published, granted), retain=True, dup=False)


def test_wildcards_find_retained_messages(connect: Connect, version: ProtocolVersion) -> None:
    """[MQTT-3.3.1-9], 3.1.1 [MQTT-3.3.1-6]: the last message of every topic that matches, once."""
    base = unique()
    writer = connect(version)
    topics = [f"{base}/{n}/x" for n in range(20)]
    for topic in (*topics, f"{base}/1/y", f"{base}", f"{base}/1/x/z"):
        writer.publish(topic, b"old", qos=1, retain=True)
        writer.publish(topic, topic.encode(), qos=1, retain=True)
    reader = connect(version)
    reader.subscribed(f"{base}/+/x", qos=1)
    got = reader.expect_messages(20, retain=True)
    assert {message.topic for message in got} == set(topics)
    assert all(message.payload == message.topic.encode() for message in got)
    quiet(reader, writer)


def test_several_filters_each_get_them(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.1-9]: each subscription of one SUBSCRIBE brings its retained messages."""
    writer, reader = connect(V5), connect(V5)
    writer.publish(topic, b"r", qos=1, retain=True)
    reader.subscribed(topic, topic + "/#", qos=1)
    assert {m.payload for m in reader.expect_messages(2, retain=True)} == {b"r"}
    quiet(reader, writer)


def test_retained_dollar_topics_hide_from_wildcards(connect: Connect) -> None:
    """[MQTT-4.7.2-1]: also for retained messages."""
    name = unique()
    writer = connect(V5)
    writer.publish(f"$own/{name}", b"hidden", qos=1, retain=True)
    reader = connect(V5)
    reader.subscribed(f"+/{name}")
    quiet(reader, writer)
    reader.subscribed(f"$own/{name}")
    reader.expect_message(f"$own/{name}", b"hidden", retain=True)
    writer.publish(f"$own/{name}", b"", qos=1, retain=True)


def test_properties_are_retained(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.2-4], [MQTT-3.3.2-17]: a retained message has all that it was published with."""
    writer = connect(V5)
    users = (("z", "1"), ("a", "2"), ("z", "1"))
    writer.publish(topic, b"r", qos=1, retain=True, content_type="t", user_properties=users, payload_format_indicator=1)
    reader = connect(V5)
    reader.subscribed(topic)
    got = properties_of(reader.expect_message(topic, b"r", retain=True))
    assert (got.content_type, got.user_properties, got.payload_format_indicator) == ("t", users, 1)


def test_retained_messages_expire(connect: Connect) -> None:
    """[MQTT-3.3.2-5], [MQTT-3.3.2-6]: gone after their interval, and shorter by the time that they waited."""
    brief, long = unique(), unique()
    writer = connect(V5)
    writer.publish(brief, b"r", qos=1, retain=True, message_expiry_interval=1)
    writer.publish(long, b"r", qos=1, retain=True, message_expiry_interval=60)
    elapse(2.1)
    reader = connect(V5)
    reader.subscribed(brief)
    quiet(reader, writer)
    reader.subscribed(long)
    left = properties_of(reader.expect_message(long, b"r", retain=True)).message_expiry_interval
    assert left is not None
    assert 55 <= left <= 58


def test_retained_message_of_a_client_that_left(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """3.1.1 [MQTT-3.1.2-7] and MQTT 5.0, 4.1: retained messages belong to no session."""
    writer = connect(version)
    writer.publish(topic, b"r", qos=1, retain=True)
    writer.disconnect()
    reader = connect(version)
    reader.subscribed(topic)
    reader.expect_message(topic, b"r", retain=True)


def test_retained_messages_go_to_kept_sessions_as_live_ones(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.1-12]: queued while away, they come without the flag, once."""
    reader, writer = connect(V311, clean=False), connect(V311)
    reader.subscribed(topic, qos=1)
    reader.disconnect()
    writer.publish(topic, b"r", qos=1, retain=True)
    again = connect(V311, reader.client_id, clean=False)
    again.expect_message(topic, b"r", retain=False)
    quiet(again, writer)
