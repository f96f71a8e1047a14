"""What MQTT 5 adds to messages: properties, expiry, topic aliases (3.3.2.3)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import PublishProperties, ReasonCode
from tests.conformance.conftest import V5, V311, Connect
from tests.conformance.test_sessions import keep
from tests.mqttkit import elapse, quiet, raw, unique
from tests.mqttkit.client import properties_of
from tests.mqttkit.target import Target

FULL = PublishProperties(
    payload_format_indicator=1,
    content_type="application/ünicode",
    response_topic="answers/☃",
    correlation_data=bytes(range(256)),
    user_properties=(("z", "1"), ("a", "2"), ("z", "1"), ("", ""), ("z", "3")),
)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_properties_arrive_unaltered(connect: Connect, topic: str, qos: int) -> None:
    """[MQTT-3.3.2-4], [MQTT-3.3.2-15], [MQTT-3.3.2-16], [MQTT-3.3.2-17], [MQTT-3.3.2-18], [MQTT-3.3.2-20]."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic, qos=2)
    writer.publish(
        topic,
        b"m",
        qos=qos,
        payload_format_indicator=1,
        content_type=FULL.content_type,
        response_topic=FULL.response_topic,
        correlation_data=FULL.correlation_data,
        user_properties=FULL.user_properties,
    )
    assert properties_of(reader.expect_message(topic, b"m", qos=qos)) == FULL


def test_empty_values_are_values(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.2-20], [MQTT-3.3.2-16]: an empty content type or correlation is not the same as none."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic)
    writer.publish(topic, b"m", content_type="", correlation_data=b"")
    got = properties_of(reader.expect_message(topic, b"m"))
    assert (got.content_type, got.correlation_data) == ("", b"")


def test_request_and_response(connect: Connect) -> None:
    """MQTT 5.0, 4.10: a request says where the answer goes, and the answer which request it is for."""
    requests, answers = unique(), unique()
    asking, answering = connect(V5), connect(V5)
    asking.subscribed(answers, qos=1)
    answering.subscribed(requests, qos=1)
    asking.publish(requests, b"?", qos=1, response_topic=answers, correlation_data=b"42")
    question = properties_of(answering.expect_message(requests, b"?"))
    assert question.response_topic == answers
    answering.publish(question.response_topic, b"!", qos=1, correlation_data=question.correlation_data)
    assert properties_of(asking.expect_message(answers, b"!")).correlation_data == b"42"


# -- expiry


def test_expiry_is_decremented(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.2-6]: the interval is sent on less the seconds that the message waited."""
    reader, writer = connect(V5, **keep(V5)), connect(V5)
    reader.subscribed(topic, qos=1)
    writer.publish(topic, b"now", qos=1, message_expiry_interval=100)
    assert properties_of(reader.expect_message(topic, b"now")).message_expiry_interval in (99, 100)
    reader.disconnect()
    writer.publish(topic, b"later", qos=1, message_expiry_interval=100)
    elapse(2.1)
    again = connect(V5, reader.client_id, **keep(V5))
    left = properties_of(again.expect_message(topic, b"later")).message_expiry_interval
    assert left is not None
    assert 95 <= left <= 98


def test_expired_messages_are_dropped(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.2-5]: an expired message is not sent, its neighbours are, in order."""
    reader, writer = connect(V5, **keep(V5)), connect(V5)
    reader.subscribed(topic, qos=2)
    reader.disconnect()
    for payload, expiry in ((b"a", None), (b"b", 1), (b"c", 60), (b"d", 1), (b"e", None)):
        writer.publish(topic, payload, qos=1, message_expiry_interval=expiry)
    elapse(2.1)
    again = connect(V5, reader.client_id, **keep(V5))
    assert [message.payload for message in again.expect_messages(3)] == [b"a", b"c", b"e"]
    quiet(again, writer)


def test_expiry_reaches_mqtt_3_readers_too(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.2-5]: the message expires whoever it waits for."""
    reader, writer = connect(V311, clean=False), connect(V5)
    reader.subscribed(topic, qos=1)
    reader.disconnect()
    writer.publish(topic, b"gone", qos=1, message_expiry_interval=1)
    writer.publish(topic, b"kept", qos=1)
    elapse(2.1)
    again = connect(V311, reader.client_id, clean=False)
    again.expect_message(topic, b"kept")


def test_a_delivery_that_began_is_finished(connect: Connect, topic: str) -> None:
    """[MQTT-4.3.3-7], [MQTT-4.3.3-13]: expiry does not stop a QoS 2 handshake."""
    reader, writer = connect(V5, **keep(V5)), connect(V5)
    reader.subscribed(topic, qos=2)
    writer.publish(topic, b"m", qos=2, message_expiry_interval=1)
    message = reader.expect_message(topic, b"m", qos=2, ack=False)
    elapse(1.5)
    reader.acknowledge(message)
    quiet(reader, writer)


@pytest.mark.mosquitto_differs("it delivers it, without an expiry")
def test_expiry_zero(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.2-5]: an interval of 0 reaches those who are there, and waits for nobody."""
    away, writer = connect(V5, **keep(V5)), connect(V5)
    away.subscribed(topic, qos=1)
    away.disconnect()
    writer.publish(topic, b"m", qos=1, message_expiry_interval=0)
    elapse(1.1)
    again = connect(V5, away.client_id, **keep(V5))
    quiet(again, writer)


# -- topic aliases


def test_topic_alias_of_a_client(connect: Connect) -> None:
    """[MQTT-3.3.2-12]: set with a topic, used without, changed; subscribers see the topic."""
    one, two = unique(), unique()
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(one, two)
    writer.publish(one, b"set", alias=1)
    writer.publish("", b"use", alias=1)
    writer.publish("", b"use again", qos=1, alias=1)
    writer.publish(two, b"change", alias=1)
    writer.publish("", b"use", alias=1)
    for topic, payload in ((one, b"set"), (one, b"use"), (one, b"use again"), (two, b"change"), (two, b"use")):
        message = reader.expect_message(topic, payload)
        assert message.topic_alias == 0  # [MQTT-3.1.2-27]: the reader allows none


def test_every_announced_alias_works(connect: Connect) -> None:
    """[MQTT-3.2.2-17], [MQTT-3.3.2-12]: from 1 to the maximum of CONNACK, each its own topic."""
    base = unique()
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(base + "/+")
    maximum = writer.connack.properties.topic_alias_maximum
    for alias in range(1, maximum + 1):
        writer.publish(f"{base}/{alias}", b"set", alias=alias)
    for alias in range(1, maximum + 1):
        writer.publish("", b"%d" % alias, alias=alias)
    for alias in range(1, maximum + 1):
        reader.expect_message(f"{base}/{alias}", b"set")
    for alias in range(1, maximum + 1):
        reader.expect_message(f"{base}/{alias}", b"%d" % alias)


def test_aliases_end_with_the_connection(connect: Connect, broker: Target) -> None:
    """[MQTT-3.3.2-7]: a new connection knows none of the old one's, session or not."""
    writer = connect(V5, **keep(V5))
    writer.publish(unique(), b"set", qos=1, alias=1)
    writer.disconnect()
    again = connect(V5, writer.client_id, **keep(V5))
    again.send_publish("", b"use", alias=1)
    again.expect_refusal(ReasonCode.PROTOCOL_ERROR, ReasonCode.TOPIC_ALIAS_INVALID, promised=broker.promises.reasons)


def test_alias_zero(connect: Connect, broker: Target) -> None:
    """[MQTT-3.3.2-8]: 0 is no alias."""
    writer = connect(V5)
    writer.send_bytes(raw.publish(V5, "a", block=b"\x23\x00\x00"))
    writer.expect_refusal(ReasonCode.TOPIC_ALIAS_INVALID, ReasonCode.PROTOCOL_ERROR, promised=broker.promises.reasons)


def test_alias_above_the_maximum(connect: Connect, broker: Target) -> None:
    """[MQTT-3.3.2-9], [MQTT-3.2.2-17]: 0x94."""
    writer = connect(V5)
    writer.send_publish(unique(), b"x", alias=writer.connack.properties.topic_alias_maximum + 1)
    writer.expect_refusal(ReasonCode.TOPIC_ALIAS_INVALID, promised=broker.promises.reasons)


def test_unknown_alias(connect: Connect, broker: Target) -> None:
    """MQTT 5.0, 3.3.2.3.4: an alias that was never set is a protocol error."""
    writer = connect(V5)
    writer.send_publish("", b"x", alias=1)
    writer.expect_refusal(ReasonCode.PROTOCOL_ERROR, ReasonCode.TOPIC_ALIAS_INVALID, promised=broker.promises.reasons)


def test_aliases_of_the_server_stay_in_bounds(connect: Connect) -> None:
    """[MQTT-3.1.2-26], [MQTT-3.3.2-11]: the broker uses at most what the client allows, and resolves to the topic."""
    base = unique()
    reader, writer = connect(V5, topic_alias_maximum=2), connect(V5)
    reader.subscribed(base + "/+")
    known: dict[int, str] = {}
    for n in range(12):
        topic = f"{base}/{n % 4}"
        writer.publish(topic, b"%d" % n)
        message = reader.expect_message(payload=b"%d" % n)
        assert message.topic_alias <= 2
        if message.topic_alias and message.topic:
            known[message.topic_alias] = message.topic
        assert (message.topic or known[message.topic_alias]) == topic


def test_aliases_belong_to_one_connection(connect: Connect, broker: Target) -> None:
    """[MQTT-3.3.2-7]: the aliases of two clients have nothing to do with each other."""
    one, two = connect(V5), connect(V5)
    one.publish(unique(), b"set", qos=1, alias=1)
    two.send_publish("", b"use", alias=1)
    two.expect_refusal(ReasonCode.PROTOCOL_ERROR, ReasonCode.TOPIC_ALIAS_INVALID, promised=broker.promises.reasons)
    one.publish("", b"use", qos=1, alias=1)
