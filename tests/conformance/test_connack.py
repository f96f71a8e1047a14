"""CONNACK: what the broker says of itself and of the session (MQTT 5.0, 3.2)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import ConnackPacket, ConnectReturnCode, ProtocolVersion, PublishPacket, ReasonCode
from tests.conformance.conftest import V5, V311, Connect, Open
from tests.mqttkit import connect_packet, unique
from tests.mqttkit.target import Target


def test_limits_are_announced(connect: Connect, broker: Target) -> None:
    """MQTT 5.0, 3.2.2.3: what a client may rely on."""
    said = connect(V5).connack.properties
    assert said.maximum_packet_size == broker.promises.max_packet_size
    assert said.receive_maximum > 0
    assert said.maximum_qos == 2
    assert said.retain_available
    assert said.wildcard_subscription_available
    assert said.subscription_identifiers_available
    assert said.topic_alias_maximum > 0
    assert said.assigned_client_identifier is None
    assert said.authentication_method is None  # [MQTT-4.12.0-6]
    assert said.response_information is None  # [MQTT-3.1.2-28]


@pytest.mark.mosquitto_differs("it wants some keep alive of everyone")
def test_keep_alive_of_the_client_holds(connect: Connect) -> None:
    """[MQTT-3.2.2-22], [MQTT-3.1.2-21]: without a server keep alive that of the client holds, also none."""
    for keep_alive in (0, 1, 65_535):
        assert connect(V5, keep_alive=keep_alive).connack.properties.server_keep_alive is None


@pytest.mark.mosquitto_differs("it has shared subscriptions")
def test_shared_subscriptions_are_not_available(connect: Connect) -> None:
    """MQTT 5.0, 3.2.2.3.13: they come in a later version of ours; until then we say so."""
    assert not connect(V5).connack.properties.shared_subscription_available


def test_flags_of_connack(open_link: Open) -> None:
    """[MQTT-3.2.2-1]: bits 7 to 1 of the flags are 0, in MQTT 3.1.1 it is exactly four bytes."""
    link = open_link(V311)
    link.send(connect_packet(V311, unique()))
    link.half_close()
    assert link.read_to_end()[:4] == b"\x20\x02\x00\x00"


def test_empty_client_id_with_clean_session(open_link: Open) -> None:
    """3.1.1 [MQTT-3.1.3-6], [MQTT-3.1.3-7]: accepted, twice at once."""
    one, two = open_link(V311), open_link(V311)
    for link in (one, two):
        link.send(connect_packet(V311, ""))
        link.expect(ConnackPacket, reason_code=0, session_present=False)
    one.ping()
    two.ping()


def test_empty_client_id_without_clean_session(open_link: Open) -> None:
    """3.1.1 [MQTT-3.1.3-8], [MQTT-3.1.3-9], [MQTT-3.2.2-4]: refused with 2, no session, and closed."""
    link = open_link(V311)
    link.send(connect_packet(V311, "", clean=False))
    link.expect(ConnackPacket, reason_code=ConnectReturnCode.IDENTIFIER_REJECTED, session_present=False)
    link.expect_closed()


@pytest.mark.parametrize("clean", [True, False])
def test_assigned_client_id(connect: Connect, clean: bool) -> None:
    """[MQTT-3.1.3-6], [MQTT-3.1.3-7], [MQTT-3.2.2-16]: an id that nobody else has, good for coming back."""
    first = connect(V5, "", clean=clean, session_expiry_interval=60)
    second = connect(V5, "", clean=clean, session_expiry_interval=60)
    one = first.connack.properties.assigned_client_identifier
    two = second.connack.properties.assigned_client_identifier
    assert one
    assert two
    assert one != two
    first.ping()
    first.close()
    again = connect(V5, one, clean=False)
    assert again.session_present
    assert again.connack.properties.assigned_client_identifier is None


@pytest.mark.parametrize(
    "client_id",
    [
        "a",
        "0123456789abcdefghijklm",
        "ABCDEFGHIJKLMNOPQRSTUVW",
        "ümläut/☃/😀",
        "with space",
        "a" * 200,
        "$SYS/x",
        "+/#",
    ],
)
def test_client_ids(connect: Connect, client_id: str) -> None:
    """[MQTT-3.1.3-5], [MQTT-3.1.3-4], [MQTT-3.1.3-2]: any text is an id."""
    for version in (V311, V5):
        connect(version, client_id).ping()


def test_client_ids_are_told_apart_exactly(connect: Connect) -> None:
    """[MQTT-3.1.3-2], [MQTT-1.5.4-3]: neither case nor a byte order mark nor composition is dropped."""
    base = unique("Id")
    clients = [connect(V5, base + end) for end in ("e", "E", "\ufeffe", "\u00e9", "e\u0301", "e ")]
    for client in clients:
        client.ping()


def test_maximum_packet_size_of_the_client(connect: Connect, topic: str) -> None:
    """[MQTT-3.1.2-24], [MQTT-3.1.2-25]: what is too large for a client is left out, and the rest still comes."""
    reader = connect(V5, maximum_packet_size=200)
    writer = connect(V5)
    reader.subscribed(topic, qos=1)
    writer.publish(topic, b"x" * 300, qos=1)
    writer.publish(topic, b"fits", qos=1)
    writer.publish(topic, b"y" * 300, qos=0)
    writer.publish(topic, b"fits too", qos=1)
    reader.expect_message(topic, b"fits")
    reader.expect_message(topic, b"fits too")


@pytest.mark.mosquitto_differs("it forgets to count one byte")
def test_maximum_packet_size_to_the_byte(connect: Connect) -> None:
    """[MQTT-3.1.2-24]: the size counts the whole packet, fixed header included."""
    topic, limit = unique(), 100
    reader, writer = connect(V5, maximum_packet_size=limit), connect(V5)
    reader.subscribed(topic)
    overhead = 2 + 2 + len(topic) + 1
    writer.publish(topic, b"a" * (limit - overhead + 1))
    writer.publish(topic, b"b" * (limit - overhead))
    reader.expect_message(topic, b"b" * (limit - overhead))


@pytest.mark.mosquitto_differs("it disconnects for an invalid filter")
@pytest.mark.parametrize("wanted", [True, False])
def test_problem_information(connect: Connect, wanted: bool) -> None:
    """[MQTT-3.1.2-29]: without it, no reason string and no user property but on PUBLISH, CONNACK and DISCONNECT."""
    client = connect(V5, request_problem_information=wanted)
    suback = client.subscribe("bad#filter", "good/filter/" + unique())
    unsuback = client.unsubscribe("never/subscribed/" + unique())
    outcome = client.publish(unique(), b"x", qos=1)
    if not wanted:
        for properties in (suback.properties, unsuback.properties, outcome.properties):
            assert properties.reason_string is None
            assert properties.user_properties == ()


@pytest.mark.mosquitto_differs("it disconnects for an invalid filter")
def test_explanations_fit_into_the_packet_size_of_the_client(connect: Connect) -> None:
    """What doesn't fit is left unsaid, in every acknowledgement and in DISCONNECT.

    [MQTT-3.4.2-2], [MQTT-3.4.2-3], [MQTT-3.5.2-2], [MQTT-3.5.2-3], [MQTT-3.6.2-2], [MQTT-3.6.2-3], [MQTT-3.7.2-2],
    [MQTT-3.7.2-3], [MQTT-3.9.2-1], [MQTT-3.9.2-2], [MQTT-3.11.2-1], [MQTT-3.11.2-2], [MQTT-3.14.2-3], [MQTT-3.14.2-4]
    """
    limit = 60  # CONNACK with the limits of the broker fits, a sentence of explanation behind a code need not
    client = connect(V5, maximum_packet_size=limit)
    before = client.bytes_received
    assert before <= limit
    for act in (
        lambda: client.subscribe("a#"),
        lambda: client.unsubscribe(unique()),
        lambda: client.publish(unique(), b"x", qos=1),
        lambda: client.publish(unique(), b"x", qos=2, packet_id=9),
        lambda: client.send_bytes(b"\x62\x02\x00\x63"),
        client.ping_through,
        lambda: client.send_bytes(b"\x36\x00"),
        client.drain,
    ):
        act()
        # The largest that one act may bring are two answers, as of QoS 2.
        assert client.bytes_received - before <= 2 * limit
        before = client.bytes_received


def test_problem_information_leaves_publishes_alone(connect: Connect, topic: str) -> None:
    """[MQTT-3.1.2-29]: user properties of messages still come."""
    reader, writer = connect(V5, request_problem_information=False), connect(V5)
    reader.subscribed(topic)
    writer.publish(topic, b"x", user_properties=(("k", "v"),))
    assert b"\x26\x00\x01k\x00\x01v" in reader.expect_message(topic, b"x").properties


def test_response_information_may_be_asked_for(connect: Connect) -> None:
    """[MQTT-3.1.2-28]: the broker may give it or not; it goes on either way."""
    connect(V5, request_response_information=True).ping()


def test_no_second_connack(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.2.0-2]: one CONNACK, whatever follows."""
    client = connect(version)
    client.subscribed(topic)
    client.publish(topic, b"echo")
    client.expect(PublishPacket, topic=topic)
    client.ping()


def test_properties_of_a_client_are_taken(connect: Connect) -> None:
    """MQTT 5.0, 3.1.2.11: every property at once, user properties twice."""
    connect(
        V5,
        session_expiry_interval=1,
        receive_maximum=65_535,
        maximum_packet_size=0xFFFF_FFFF,
        topic_alias_maximum=65_535,
        request_response_information=True,
        request_problem_information=True,
        user_properties=(("a", "1"), ("a", "1"), ("", "")),
    ).ping()


def test_normal_reason(connect: Connect) -> None:
    """[MQTT-3.2.2-3], [MQTT-3.2.2-8]: success is 0."""
    assert connect(V5).connack.reason_code is ReasonCode.SUCCESS
