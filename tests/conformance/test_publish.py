"""PUBLISH with QoS 0, 1 and 2 in both directions, and its handshakes (MQTT 5.0, 3.3 to 3.7 and 4.3 to 4.6)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import (
    PingReqPacket,
    PingRespPacket,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PubrecPacket,
    PubrelPacket,
    ReasonCode,
)
from tests.conformance.conftest import V5, V311, Connect
from tests.conformance.test_sessions import keep
from tests.mqttkit import quiet, raw, unique
from tests.mqttkit.target import Target

LENIENT = pytest.mark.mosquitto_differs("it lets that pass")
NOT_FOUND = ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
PAYLOADS = [b"", b"\x00", b"text", bytes(range(256)), b"x" * 127, b"x" * 16_384, b"x" * 200_000]


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: f"{len(p)}B")
def test_payloads_arrive_unaltered(connect: Connect, version: ProtocolVersion, qos: int, payload: bytes) -> None:
    """[MQTT-4.3.1-1], [MQTT-4.3.2-4], [MQTT-4.3.3-8], [MQTT-3.3.4-1]: any bytes, at the QoS of the publisher."""
    topic = unique()
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    outcome = writer.publish(topic, payload, qos=qos)
    assert outcome.reason == 0
    reader.expect_message(topic, payload, qos=qos, dup=False, retain=False)


@pytest.mark.parametrize("qos", [1, 2])
def test_nobody_listens(connect: Connect, version: ProtocolVersion, qos: int) -> None:
    """[MQTT-3.4.2-1], [MQTT-3.5.2-1]: without a subscriber it is accepted all the same (0x10 may say so)."""
    assert connect(version).publish(unique(), b"x", qos=qos).reason in (0, ReasonCode.NO_MATCHING_SUBSCRIBERS)


@pytest.mark.parametrize("packet_id", [1, 255, 256, 65_535])
def test_packet_identifiers_come_back(connect: Connect, version: ProtocolVersion, packet_id: int) -> None:
    """[MQTT-2.2.1-5], 3.1.1 [MQTT-2.3.1-6]: the acknowledgement has the identifier of its PUBLISH."""
    writer = connect(version)
    for qos in (1, 2):
        assert writer.publish(unique(), b"x", qos=qos, packet_id=packet_id).packet_id == packet_id


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_order(connect: Connect, version: ProtocolVersion, topic: str, qos: int) -> None:
    """[MQTT-4.6.0-5], [MQTT-4.6.0-6]: hundreds of messages in flight as far as allowed, received in order."""
    count = 500 if qos < 2 else 100
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=qos)
    window = 10
    sent: list[int] = []
    for n in range(count):
        sent.append(writer.send_publish(topic, b"%d" % n, qos=qos))
        if len(sent) >= window:
            writer.finish_publish(sent.pop(0), qos)
    for packet_id in sent:
        writer.finish_publish(packet_id, qos)
    for n in range(count):
        reader.expect_message(topic, b"%d" % n, qos=qos)


def test_acknowledgements_come_in_order(connect: Connect, version: ProtocolVersion) -> None:
    """[MQTT-4.6.0-2]: PUBACKs in the order of the PUBLISH packets, also to topics of many kinds."""
    writer = connect(version)
    identifiers = [writer.send_publish(unique(), b"x", qos=1) for _ in range(15)]
    for packet_id in identifiers:
        writer.expect(PubackPacket, packet_id=packet_id)


def test_pubrecs_and_pubcomps_come_in_order(connect: Connect, version: ProtocolVersion) -> None:
    """[MQTT-4.6.0-3], 3.1.1 [MQTT-4.6.0-3]: in the order of the PUBLISH and PUBREL packets."""
    writer = connect(version)
    identifiers = [writer.send_publish(unique(), b"x", qos=2) for _ in range(15)]
    for packet_id in identifiers:
        writer.expect(PubrecPacket, packet_id=packet_id)
    writer.send(*(PubrelPacket(packet_id) for packet_id in identifiers))
    for packet_id in identifiers:
        writer.expect(PubcompPacket, packet_id=packet_id)


def test_pubrels_come_in_order(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.6.0-4], 3.1.1 [MQTT-4.6.0-4]: in the order of the PUBREC packets, whatever that is."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    for n in range(10):
        writer.publish(topic, b"%d" % n, qos=2)
    identifiers = [reader.expect_message(topic, b"%d" % n, ack=False).packet_id for n in range(10)]
    identifiers.reverse()
    reader.send(*(PubrecPacket(packet_id) for packet_id in identifiers))
    for packet_id in identifiers:
        reader.expect(PubrelPacket, packet_id=packet_id)


def test_mixed_qos_in_one_stream(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.6.0-5]: messages of equal QoS stay in order among themselves."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    for n in range(30):
        writer.publish(topic, b"%d" % n, qos=n % 3)
    got = reader.expect_messages(30, topic=topic)
    for qos in range(3):
        assert [int(m.payload) for m in got if m.qos == qos] == list(range(qos, 30, 3))


def test_server_packet_identifiers_differ(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-2.2.1-4], [MQTT-4.3.2-1], [MQTT-4.3.3-1]: what is unacknowledged has identifiers of its own, never 0."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    for n in range(10):
        writer.publish(topic, b"%d" % n, qos=1 + n % 2)
    got = [reader.expect_message(topic, ack=False) for _ in range(10)]
    identifiers = [message.packet_id for message in got]
    assert 0 not in identifiers
    assert len(set(identifiers)) == 10
    for message in got:
        reader.acknowledge(message)
    quiet(reader, writer)


def test_negative_acknowledgement_ends_a_delivery(connect: Connect, topic: str) -> None:
    """[MQTT-4.4.0-2], [MQTT-4.3.3-9]: PUBACK or PUBREC of 0x80 or more is the last word, also after coming back."""
    reader, writer = connect(V5, **keep(V5)), connect(V5)
    reader.subscribed(topic, qos=2)
    writer.publish(topic, b"one", qos=1)
    writer.publish(topic, b"two", qos=2)
    one, two = (reader.expect_message(topic, ack=False) for _ in range(2))
    reader.send(
        PubackPacket(one.packet_id, ReasonCode.UNSPECIFIED_ERROR),
        PubrecPacket(two.packet_id, ReasonCode.QUOTA_EXCEEDED),
    )
    reader.ping()
    reader.disconnect()
    again = connect(V5, reader.client_id, **keep(V5))
    assert again.session_present
    quiet(again, writer)


# -- QoS 2 from the client


def test_qos_2_step_by_step(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.3.3-8], [MQTT-4.3.3-11], [MQTT-3.6.1-1], [MQTT-4.3.3-4]: PUBREC, then PUBREL, then PUBCOMP, one id."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    packet_id = writer.send_publish(topic, b"m", qos=2)
    writer.expect(PubrecPacket, packet_id=packet_id)
    writer.send(PubrelPacket(packet_id))
    writer.expect(PubcompPacket, packet_id=packet_id, reason_code=0)
    reader.expect_message(topic, b"m", qos=2)
    quiet(reader, writer)


def test_qos_2_sent_again_before_pubrel(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.3.3-10], 3.1.1 [MQTT-4.3.3-2]: the same identifier before PUBREL is the same message."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    packet_id = writer.send_publish(topic, b"m", qos=2)
    writer.expect(PubrecPacket, packet_id=packet_id)
    writer.send_publish(topic, b"m", qos=2, dup=True, packet_id=packet_id)
    writer.expect(PubrecPacket, packet_id=packet_id)
    writer.send(PubrelPacket(packet_id))
    writer.expect(PubcompPacket, packet_id=packet_id)
    reader.expect_message(topic, b"m")
    quiet(reader, writer)


def test_qos_2_sent_again_after_a_reconnect(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.3.3-10], [MQTT-4.4.0-1], MQTT 5.0, 4.1: the broker remembers identifiers with the session."""
    reader = connect(version)
    reader.subscribed(topic, qos=2)
    writer = connect(version, **keep(version))
    packet_id = writer.send_publish(topic, b"m", qos=2)
    writer.expect(PubrecPacket, packet_id=packet_id)
    writer.reset()
    again = connect(version, writer.client_id, **keep(version))
    again.send_publish(topic, b"m", qos=2, dup=True, packet_id=packet_id)
    again.expect(PubrecPacket, packet_id=packet_id)
    again.send(PubrelPacket(packet_id))
    again.expect(PubcompPacket, packet_id=packet_id, reason_code=0)
    reader.expect_message(topic, b"m")
    quiet(reader, connect(version))


def test_packet_identifier_is_new_after_pubcomp(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.3.3-12], [MQTT-4.3.2-5]: after the handshake the same identifier is another message, DUP or not."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    for n in range(3):
        writer.publish(topic, b"%d" % n, qos=2, packet_id=7)
        reader.expect_message(topic, b"%d" % n)
    for n in range(3):
        writer.publish(topic, b"%d" % n, qos=1, packet_id=7)
        reader.expect_message(topic, b"%d" % n, dup=False)


def test_dup_is_not_passed_on(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.3.1-3], 3.1.1 [MQTT-3.3.1-3]: DUP of a publisher says nothing to a subscriber."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    for qos in (1, 2):
        writer.publish(topic, b"m", qos=qos, dup=True)
        reader.expect_message(topic, b"m", dup=False)


def test_clean_start_frees_packet_identifiers(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-3.1.2-4]: a half-done QoS 2 publish is forgotten with the session."""
    reader, writer = connect(version), connect(version, **keep(version))
    reader.subscribed(topic, qos=2)
    packet_id = writer.send_publish(topic, b"one", qos=2)
    writer.expect(PubrecPacket, packet_id=packet_id)
    writer.reset()
    again = connect(version, writer.client_id, clean=True)
    again.publish(topic, b"two", qos=2, packet_id=packet_id)
    first = reader.expect_message(topic)
    assert first.payload == b"two" or reader.expect_message(topic, b"two")  # "one" may have been delivered before


def test_pubrel_for_an_unknown_identifier(connect: Connect, version: ProtocolVersion) -> None:
    """[MQTT-4.3.3-11]: PUBCOMP all the same."""
    writer = connect(version)
    writer.send(PubrelPacket(4_711))
    writer.expect(PubcompPacket, packet_id=4_711)
    writer.ping()


@pytest.mark.mosquitto_differs("it says 0")
def test_unknown_identifiers_have_a_reason(connect: Connect) -> None:
    """MQTT 5.0, 3.6.2.1 and 3.7.2.1: 0x92 when there is no such packet identifier."""
    client = connect(V5)
    client.send(PubrelPacket(4_711))
    client.expect(PubcompPacket, packet_id=4_711, reason_code=NOT_FOUND)
    client.send(PubrecPacket(4_711))
    client.expect(PubrelPacket, packet_id=4_711, reason_code=NOT_FOUND)


@pytest.mark.parametrize("packet", [PubackPacket(4_711), PubcompPacket(4_711)], ids=["puback", "pubcomp"])
def test_acknowledging_what_was_not_sent(
    connect: Connect, version: ProtocolVersion, packet: PubackPacket | PubcompPacket
) -> None:
    """MQTT 5.0, 4.13.1: it disturbs nobody."""
    client, other = connect(version), connect(version)
    client.send(packet)
    client.ping()
    other.ping()


# -- QoS 2 to the client


def test_qos_2_to_a_client_step_by_step(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.3.3-2], [MQTT-4.3.3-3], [MQTT-4.3.3-5]: PUBLISH, PUBREL after PUBREC, and the identifier stays."""
    reader, writer = connect(version), connect(version)
    reader.subscribed(topic, qos=2)
    writer.publish(topic, b"m", qos=2)
    message = reader.expect_message(topic, b"m", qos=2, dup=False, ack=False)
    reader.send(PubrecPacket(message.packet_id))
    reader.expect(PubrelPacket, packet_id=message.packet_id, reason_code=0)
    reader.send(PubcompPacket(message.packet_id))
    quiet(reader, writer)


def test_qos_2_to_a_client_that_says_pubrec_twice(connect: Connect, topic: str) -> None:
    """[MQTT-4.3.3-6]: PUBREL may be repeated, the PUBLISH is not."""
    reader, writer = connect(V311), connect(V311)
    reader.subscribed(topic, qos=2)
    writer.publish(topic, b"m", qos=2)
    message = reader.expect_message(topic, b"m", ack=False)
    reader.send(PubrecPacket(message.packet_id), PubrecPacket(message.packet_id))
    reader.take(PubrelPacket, packet_id=message.packet_id)
    reader.send(PubcompPacket(message.packet_id))
    reader.send(PingReqPacket())
    while not isinstance(packet := reader.receive(), PingRespPacket):
        assert isinstance(packet, PubrelPacket), packet


# -- what a PUBLISH may not be


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        pytest.param(raw.publish(V5, "a", flags=6, packet_id=1), (0x81, 0x82, 0x9B), id="qos-3 [MQTT-3.3.1-4]"),
        pytest.param(raw.publish(V5, "a", flags=8), (0x81, 0x82), id="dup-qos-0 [MQTT-3.3.1-2]", marks=LENIENT),
        pytest.param(raw.publish(V5, "a", flags=2, packet_id=0), (0x81, 0x82), id="packet-id-0 [MQTT-2.2.1-3]"),
        pytest.param(raw.publish(V5, "a/+"), (0x90, 0x81), id="plus [MQTT-3.3.2-2]"),
        pytest.param(raw.publish(V5, "a/#"), (0x90, 0x81), id="hash [MQTT-4.7.0-1]"),
        pytest.param(raw.publish(V5, ""), (0x82, 0x90), id="no-topic-no-alias [MQTT-4.7.3-1]"),
        pytest.param(raw.publish(V5, b"a\x00b"), (0x81, 0x90), id="nul [MQTT-4.7.3-2]"),
        pytest.param(raw.publish(V5, b"a\xff"), (0x81, 0x90), id="not-utf8 [MQTT-3.3.2-1]"),
        pytest.param(raw.publish(V5, b"\xed\xa0\x80"), (0x81, 0x90), id="surrogate [MQTT-1.5.4-1]"),
        pytest.param(raw.publish(V5, "a", block=b"\x01\x02"), (0x81, 0x82), id="payload-format-2", marks=LENIENT),
        pytest.param(raw.publish(V5, "a", block=b"\x01\x00\x01\x00"), (0x82,), id="payload-format-twice"),
        pytest.param(
            raw.publish(V5, "a", block=b"\x0b\x01"), (0x82,), id="subscription-id [MQTT-3.3.4-6]", marks=LENIENT
        ),
        pytest.param(
            raw.publish(V5, "a", block=b"\x08\x00\x01#"),
            (0x81, 0x82, 0x90),
            id="response [MQTT-3.3.2-14]",
            marks=LENIENT,
        ),
        pytest.param(raw.publish(V5, "a", block=b"\x08\x00\x01\xff"), (0x81,), id="response-utf8 [MQTT-3.3.2-13]"),
        pytest.param(raw.publish(V5, "a", block=b"\x03\x00\x01\xff"), (0x81,), id="content-type [MQTT-3.3.2-19]"),
        pytest.param(raw.publish(V5, "a", block=b"\x11\x00\x00\x00\x01"), (0x81, 0x82), id="foreign-property"),
        pytest.param(b"\x30\x05\x00\x01a\x09\x01", (0x81,), id="properties-cut-short"),
        pytest.param(b"\x30\x03\x00\x05a", (0x81,), id="topic-cut-short"),
        pytest.param(b"\x30\x00", (0x81,), id="empty"),
        pytest.param(b"\x30\xff\xff\xff\xff\x01", (0x81,), id="five-byte-length [MQTT-1.5.5-1]"),
        pytest.param(b"\x32\x80\x00", (0x81,), id="long-zero-length [MQTT-1.5.5-1]"),
        pytest.param(b"\x60\x02\x00\x01", (0x81,), id="pubrel-flags [MQTT-3.6.1-1]"),
        pytest.param(b"\x42\x02\x00\x01", (0x81,), id="puback-flags [MQTT-2.1.3-1]", marks=LENIENT),
        pytest.param(b"\x40\x02\x00\x00", (0x81, 0x82), id="puback-id-0"),
        pytest.param(b"\x40\x03\x00\x01\x01", (0x81, 0x82), id="puback-reason [MQTT-3.4.2-1]", marks=LENIENT),
        pytest.param(b"\x50\x03\x00\x01\x01", (0x81, 0x82), id="pubrec-reason [MQTT-3.5.2-1]", marks=LENIENT),
        pytest.param(b"\x62\x03\x00\x01\x80", (0x81, 0x82), id="pubrel-reason [MQTT-3.6.2-1]", marks=LENIENT),
        pytest.param(b"\x70\x03\x00\x01\x80", (0x81, 0x82), id="pubcomp-reason [MQTT-3.7.2-1]", marks=LENIENT),
        pytest.param(b"\xc1\x00", (0x81,), id="pingreq-flags [MQTT-2.1.3-1]", marks=LENIENT),
        pytest.param(b"\xc0\x01\x00", (0x81,), id="pingreq-body", marks=LENIENT),
        pytest.param(b"\xe1\x00", (0x81,), id="disconnect-flags [MQTT-3.14.1-1]"),
        pytest.param(b"\xe0\x01\x03", (0x81, 0x82), id="disconnect-reason [MQTT-3.14.2-1]"),
        pytest.param(b"\xf1\x00", (0x81, 0x82), id="auth-flags [MQTT-3.15.1-1]"),
        pytest.param(b"\xf0\x01\x99", (0x81, 0x82), id="auth-reason [MQTT-3.15.2-1]"),
        pytest.param(b"\x20\x03\x00\x00\x00", (0x81, 0x82), id="connack-from-client"),
        pytest.param(b"\x90\x04\x00\x01\x00\x00", (0x81, 0x82), id="suback-from-client", marks=LENIENT),
        pytest.param(b"\xb0\x04\x00\x01\x00\x00", (0x81, 0x82), id="unsuback-from-client", marks=LENIENT),
        pytest.param(b"\xd0\x00", (0x81, 0x82), id="pingresp-from-client", marks=LENIENT),
        pytest.param(b"\x00\x00", (0x81, 0x82), id="type-0"),
    ],
)
def test_forbidden_packets(connect: Connect, broker: Target, data: bytes, reasons: tuple[int, ...]) -> None:
    """[MQTT-4.13.1-1], [MQTT-4.13.2-1], [MQTT-3.14.4-2]: DISCONNECT says why, the connection ends, others live on."""
    client, other = connect(V5), connect(V5)
    client.send_bytes(data)
    client.expect_refusal(*reasons, promised=broker.promises.reasons)
    other.ping()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(raw.publish(V311, "a", flags=6, packet_id=1), id="qos-3 3.1.1 [MQTT-3.3.1-4]"),
        pytest.param(raw.publish(V311, "a", flags=2, packet_id=0), id="packet-id-0 3.1.1 [MQTT-2.3.1-1]"),
        pytest.param(raw.publish(V311, "a/+"), id="plus 3.1.1 [MQTT-3.3.2-2]"),
        pytest.param(raw.publish(V311, ""), id="empty 3.1.1 [MQTT-4.7.3-1]"),
        pytest.param(raw.publish(V311, b"a\x00b"), id="nul 3.1.1 [MQTT-1.5.3-2]"),
        pytest.param(raw.publish(V311, b"\xff"), id="not-utf8 3.1.1 [MQTT-1.5.3-1]"),
        pytest.param(b"\x30\x01\x00", id="cut-short"),
        pytest.param(b"\xf0\x00", id="auth-in-3.1.1 3.1.1 [MQTT-2.2.2-2]"),
        pytest.param(b"\x62\x03\x00\x01\x00", id="pubrel-too-long", marks=LENIENT),
    ],
)
def test_forbidden_packets_of_mqtt_3(connect: Connect, data: bytes) -> None:
    """3.1.1 [MQTT-4.8.0-1], [MQTT-4.8.0-2]: the connection ends without a word."""
    client = connect(V311)
    client.send_bytes(data)
    client.expect_closed()


def test_nothing_counts_after_an_error(connect: Connect, topic: str) -> None:
    """[MQTT-4.13.1-1]: a packet behind a malformed one in the same segment is not processed."""
    reader, client, writer = connect(V311), connect(V311), connect(V311)
    reader.subscribed(topic)
    client.send_bytes(raw.publish(V311, topic, b"before") + b"\x36\x00" + raw.publish(V311, topic, b"after"))
    client.expect_closed()
    reader.expect_message(topic, b"before")
    quiet(reader, writer)


def test_nothing_counts_after_disconnect(connect: Connect, topic: str) -> None:
    """[MQTT-3.14.4-1], 3.1.1 [MQTT-3.14.4-1]: what follows DISCONNECT is ignored."""
    reader, client, writer = connect(V311), connect(V311), connect(V311)
    reader.subscribed(topic)
    client.send_bytes(b"\xe0\x00" + raw.publish(V311, topic, b"after"))
    client.expect_closed()
    quiet(reader, writer)
