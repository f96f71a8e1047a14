"""SUBSCRIBE and UNSUBSCRIBE: reasons, replacement, options (MQTT 5.0, 3.8 to 3.11)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import ProtocolVersion, ReasonCode, SubackPacket, Subscription, UnsubackPacket
from tests.conformance.conftest import V5, V31, V311, Connect
from tests.mqttkit import quiet, raw, unique
from tests.mqttkit.client import properties_of
from tests.mqttkit.target import Target

BAD_FILTERS = ["a#", "a/#/b", "+a", "a+/b", "#/a", "a/b+", "##", "++", "/#/", "a/+b/c"]
NO_LOCAL = 0x04
LENIENT = pytest.mark.mosquitto_differs("it lets that pass")


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_granted_qos(connect: Connect, version: ProtocolVersion, topic: str, qos: int) -> None:
    """[MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-3.8.4-7], [MQTT-2.2.1-6]: SUBACK with the same id and the QoS asked for."""
    client = connect(version)
    assert client.subscribe(topic, qos=qos).reason_codes == (qos,)


def test_several_filters_in_order(connect: Connect, version: ProtocolVersion) -> None:
    """[MQTT-3.8.4-5], [MQTT-3.8.4-6], [MQTT-3.9.3-1]: one SUBACK with a code for each filter in its order."""
    client, base = connect(version), unique()
    suback = client.subscribe(*(Subscription(f"{base}/{n}", n % 3) for n in range(40)))
    assert suback.reason_codes == tuple(n % 3 for n in range(40))


@pytest.mark.mosquitto_differs("it disconnects")
@pytest.mark.parametrize("bad", BAD_FILTERS)
def test_invalid_filters(connect: Connect, topic: str, bad: str) -> None:
    """[MQTT-4.7.1-1], [MQTT-4.7.1-2]: 0x8F (0x80 in MQTT 3.1.1) for that filter; its neighbours count."""
    five, three = connect(V5), connect(V311)
    assert five.subscribe(topic, bad, topic + "/b").reason_codes == (0, ReasonCode.TOPIC_FILTER_INVALID, 0)
    assert three.subscribe(topic, bad, topic + "/b").reason_codes == (0, 0x80, 0)
    five.publish(topic + "/b", b"x")
    five.expect_message(topic + "/b")
    three.expect_message(topic + "/b")


@pytest.mark.mosquitto_differs("it has shared subscriptions")
@pytest.mark.parametrize("shared", ["$share/group/a/b", "$share/g/#"])
def test_shared_subscriptions_are_refused(connect: Connect, shared: str) -> None:
    """MQTT 5.0, 3.9.3: 0x9E as announced in CONNACK; 0x80 for MQTT 3.1.1."""
    assert connect(V5).subscribe(shared).reason_codes == (ReasonCode.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,)
    assert connect(V311).subscribe(shared).reason_codes == (0x80,)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x82\x02\x00\x01", id="no-filter [MQTT-3.8.3-2]"),
        pytest.param(raw.subscribe(V311, 1, ("", 0)), id="empty-filter [MQTT-4.7.3-1]"),
        pytest.param(raw.subscribe(V311, 1, (b"a\xff", 0)), id="not-utf8 [MQTT-3.8.3-1]"),
        pytest.param(raw.subscribe(V311, 1, (b"a\x00", 0)), id="nul [MQTT-4.7.3-2]"),
        pytest.param(raw.subscribe(V311, 1, ("a", 3)), id="qos-3 3.1.1 [MQTT-3.8.3-4]"),
        pytest.param(raw.subscribe(V311, 1, ("a", 0x10)), id="reserved-bits [MQTT-3.8.3-5]"),
        pytest.param(raw.subscribe(V311, 0, ("a", 0)), id="packet-id-0 [MQTT-2.2.1-3]"),
        pytest.param(raw.subscribe(V311, 1, ("a", 0), first=0x80), id="flags-0 [MQTT-3.8.1-1]"),
        pytest.param(raw.subscribe(V311, 1, ("a", 0), first=0x83), id="flags-3 [MQTT-3.8.1-1]"),
        pytest.param(b"\x82\x05\x00\x01\x00\x01a", id="options-missing"),
        pytest.param(b"\xa2\x02\x00\x01", id="unsubscribe-nothing [MQTT-3.10.3-2]"),
        pytest.param(b"\xa2\x04\x00\x01\x00\x00", id="unsubscribe-empty [MQTT-4.7.3-1]"),
        pytest.param(b"\xa2\x05\x00\x01\x00\x01\xff", id="unsubscribe-not-utf8 [MQTT-3.10.3-1]"),
        pytest.param(b"\xa0\x05\x00\x01\x00\x01a", id="unsubscribe-flags [MQTT-3.10.1-1]"),
    ],
)
def test_malformed(connect: Connect, data: bytes) -> None:
    """3.1.1 [MQTT-4.8.0-1]: the connection ends."""
    client = connect(V311)
    client.send_bytes(data)
    client.expect_closed()


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        pytest.param(raw.subscribe(V5, 1, ("a", 0x03)), (0x81, 0x82), id="qos-3"),
        pytest.param(raw.subscribe(V5, 1, ("a", 0x30)), (0x81, 0x82), id="retain-handling-3"),
        pytest.param(raw.subscribe(V5, 1, ("a", 0x40)), (0x81, 0x82), id="reserved-bit [MQTT-3.8.3-5]"),
        pytest.param(
            raw.subscribe(V5, 1, ("$share/g/a", NO_LOCAL)), (0x82,), id="no-local-shared [MQTT-3.8.3-4]", marks=LENIENT
        ),
        pytest.param(raw.subscribe(V5, 1, ("a", 0), block=b"\x0b\x00"), (0x82,), id="identifier-0"),
        pytest.param(raw.subscribe(V5, 1, ("a", 0), block=b"\x0b\x01\x0b\x02"), (0x82,), id="identifier-twice"),
        pytest.param(raw.subscribe(V5, 1, ("a", 0), block=b"\x23\x00\x01"), (0x81, 0x82), id="foreign-property"),
        pytest.param(raw.subscribe(V5, 1), (0x81, 0x82), id="no-filter [MQTT-3.8.3-2]"),
        pytest.param(raw.frame(0xA2, b"\x00\x01\x00"), (0x81, 0x82), id="unsubscribe-nothing [MQTT-3.10.3-2]"),
    ],
)
def test_malformed_5(connect: Connect, broker: Target, data: bytes, reasons: tuple[int, ...]) -> None:
    """[MQTT-4.13.1-1]: DISCONNECT with 0x81 or 0x82, then the end."""
    client = connect(V5)
    client.send_bytes(data)
    client.expect_refusal(*reasons, promised=broker.promises.reasons)


def test_resubscribing_replaces(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.8.4-3], 3.1.1 [MQTT-3.8.4-3]: the same filter again changes the QoS; there is still one subscription."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    reader.subscribed(topic, qos=0)
    writer.publish(topic, b"once", qos=2)
    reader.expect_message(topic, b"once", qos=0)
    quiet(reader, writer)


@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_qos_is_the_lower_of_both(connect: Connect, version: ProtocolVersion, published: int, granted: int) -> None:
    """[MQTT-3.8.4-8], [MQTT-4.3.2-2], 3.1.1 [MQTT-3.8.4-6]: the lower of what was published and granted."""
    topic = unique()
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=granted)
    writer.publish(topic, b"m", qos=published)
    reader.expect_message(topic, b"m", qos=min(published, granted), dup=False)


def test_unsubscribe(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.10.4-1], [MQTT-3.10.4-2], [MQTT-3.10.4-4]: no message after UNSUBACK, other filters stay."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, topic + "/b", qos=1)
    reader.unsubscribe(topic)
    writer.publish(topic, b"no", qos=1)
    writer.publish(topic + "/b", b"yes", qos=1)
    reader.expect_message(topic + "/b", b"yes")
    quiet(reader, writer)


def test_unsubscribe_compares_characters(connect: Connect, topic: str) -> None:
    """[MQTT-3.10.4-1]: a filter that merely matches the same topics removes nothing."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic)
    assert reader.unsubscribe("#", "+/a", topic.upper(), topic + "/").reason_codes == (0x11,) * 4
    writer.publish(topic, b"still")
    reader.expect_message(topic, b"still")


def test_unsuback_codes(connect: Connect, topic: str) -> None:
    """[MQTT-3.10.4-5], [MQTT-3.10.4-6], [MQTT-3.11.3-1], [MQTT-3.11.3-2]: 0 removed, 0x11 there was none, in order."""
    client = connect(V5)
    client.subscribed(topic, topic + "/b")
    assert client.unsubscribe("other/" + topic, topic, topic, topic + "/b").reason_codes == (0x11, 0, 0x11, 0)


def test_unsubscribing_what_is_not_there(connect: Connect) -> None:
    """[MQTT-3.10.4-5], 3.1.1 [MQTT-3.10.4-5]: UNSUBACK all the same."""
    for version in (V31, V311):
        assert connect(version).unsubscribe(unique(), unique()).reason_codes == ()


def test_unsubscribe_leaves_what_is_in_flight(connect: Connect, topic: str) -> None:
    """[MQTT-3.10.4-3]: a handshake that has begun is finished."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic, qos=2)
    writer.publish(topic, b"m", qos=2)
    message = reader.expect_message(topic, b"m", ack=False)
    reader.unsubscribe(topic)
    reader.acknowledge(message)
    quiet(reader, writer)


def test_pipelined_subscriptions(connect: Connect) -> None:
    """[MQTT-3.8.4-1]: twenty requests in one segment, twenty answers in order."""
    client = connect(V311)
    wanted = [raw.subscribe(V311, n, (unique(), n % 3)) for n in range(1, 21)]
    gone = [raw.frame(0xA2, n.to_bytes(2, "big"), raw.field(unique())) for n in range(21, 41)]
    client.send_bytes(b"".join(wanted + gone))
    for n in range(1, 21):
        client.expect(SubackPacket, packet_id=n, reason_codes=(n % 3,))
    for n in range(21, 41):
        client.expect(UnsubackPacket, packet_id=n)


# -- options of MQTT 5


def test_no_local(connect: Connect, topic: str) -> None:
    """[MQTT-3.8.3-3]: what a client publishes itself does not come back, what others publish does."""
    client, other, echoing = connect(V5), connect(V5), connect(V5)
    client.subscribed(topic, no_local=True, qos=1)
    echoing.subscribed(topic, qos=1)
    for writer in (client, echoing, other):
        writer.publish(topic, writer.client_id.encode(), qos=1)
    client.expect_message(topic, echoing.client_id.encode())
    client.expect_message(topic, other.client_id.encode())
    for writer in (client, echoing, other):
        echoing.expect_message(topic, writer.client_id.encode())
    quiet(client, other)


def test_no_local_is_per_subscription(connect: Connect) -> None:
    """[MQTT-3.8.3-3]: another subscription of the same client that matches still gets it."""
    base = unique()
    client = connect(V5)
    client.subscribed(base + "/+", no_local=True)
    client.subscribed(base + "/#")
    client.publish(base + "/x", b"echo")
    client.expect_message(base + "/x", b"echo")
    client.ping()


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("retain", [False, True])
def test_retain_as_published(connect: Connect, topic: str, as_published: bool, retain: bool) -> None:
    """[MQTT-3.3.1-12], [MQTT-3.3.1-13]: the retain flag of a live message is cleared unless it was asked to stay."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic, retain_as_published=as_published)
    writer.publish(topic, b"m", qos=1, retain=retain)
    reader.expect_message(topic, b"m", retain=retain and as_published)


def test_retain_handling(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11], [MQTT-3.8.4-4]: always, if new, never."""
    reader, writer = connect(V5), connect(V5)
    writer.publish(topic, b"kept", qos=1, retain=True)
    reader.subscribed(topic, retain_handling=2)
    quiet(reader, writer)
    reader.subscribed(topic, retain_handling=1)
    quiet(reader, writer)
    reader.subscribed(topic, retain_handling=0)
    reader.expect_message(topic, b"kept", retain=True)
    reader.subscribed(topic, retain_handling=0)
    reader.expect_message(topic, b"kept", retain=True)
    reader.unsubscribe(topic)
    reader.subscribed(topic, retain_handling=1)
    reader.expect_message(topic, b"kept", retain=True)


def test_retain_handling_of_a_kept_session(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.1-10]: a subscription that a session brought along is not new."""
    reader, writer = connect(V5, session_expiry_interval=60), connect(V5)
    reader.subscribed(topic, retain_handling=2)
    writer.publish(topic, b"kept", qos=1, retain=True)
    reader.expect_message(topic, b"kept", retain=False)
    reader.disconnect()
    again = connect(V5, reader.client_id, clean=False)
    again.subscribed(topic, retain_handling=1)
    quiet(again, writer)


@pytest.mark.parametrize("identifier", [1, 127, 128, 16_384, 268_435_455])
def test_subscription_identifiers(connect: Connect, topic: str, identifier: int) -> None:
    """[MQTT-3.3.4-3]: the message names the subscription that it matched, also a retained one."""
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(topic, identifier=identifier, qos=1)
    writer.publish(topic, b"m", qos=1, retain=True)
    assert properties_of(reader.expect_message(topic, b"m")).subscription_identifiers == (identifier,)
    reader.subscribed(topic, identifier=identifier, qos=1)
    retained = reader.expect_message(topic, b"m", retain=True)
    assert properties_of(retained).subscription_identifiers == (identifier,)


def test_subscription_identifier_is_replaced(connect: Connect, topic: str) -> None:
    """[MQTT-3.8.4-3]: a new subscription to the same filter has its own identifier, or none."""
    reader, writer = connect(V5), connect(V5)
    for identifier in (7, 8, None):
        reader.subscribed(topic, identifier=identifier)
        writer.publish(topic, b"m")
        got = properties_of(reader.expect_message(topic, b"m")).subscription_identifiers
        assert got == (() if identifier is None else (identifier,))


def test_subscription_identifiers_are_kept_with_the_session(connect: Connect, topic: str) -> None:
    """[MQTT-3.3.4-3], MQTT 5.0, 4.1: they are part of the session."""
    reader, writer = connect(V5, session_expiry_interval=60), connect(V5)
    reader.subscribed(topic, identifier=77, qos=1)
    reader.disconnect()
    writer.publish(topic, b"away", qos=1)
    again = connect(V5, reader.client_id, clean=False)
    assert properties_of(again.expect_message(topic, b"away")).subscription_identifiers == (77,)


def test_identifiers_do_not_reach_mqtt_3(connect: Connect, topic: str) -> None:
    """A reader of MQTT 3.1.1 gets the message without any property."""
    reader, writer = connect(V311), connect(V5)
    reader.subscribed(topic)
    writer.publish(topic, b"m", user_properties=(("a", "b"),), content_type="x")
    reader.expect_message(topic, b"m")
