"""What paho-mqtt writes on its socket, and its MQTT 5 properties, beside ours."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.mqtt.codec import (
    AckProperties,
    AuthProperties,
    ConnackPacket,
    ConnackProperties,
    ConnectPacket,
    ConnectProperties,
    DisconnectPacket,
    DisconnectProperties,
    Packet,
    Parser,
    PingReqPacket,
    Properties,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PublishProperties,
    PubrecPacket,
    PubrelPacket,
    ReasonCode,
    SubscribePacket,
    SubscribeProperties,
    Subscription,
    UnsubscribePacket,
    Will,
    decode_publish_properties,
    encode,
    encode_publish_properties,
)
from ingest.mqtt.codec.properties import read_properties, write_properties
from ingest.mqtt.codec.reader import Reader

from . import strategies as ours
from .test_round_trip import SETTINGS

V31, V311, V5 = ProtocolVersion


class Session:
    """A paho client whose socket ends in our parser."""

    def __init__(self, version: ProtocolVersion, **settings: Any) -> None:
        self.version = version
        self.client = Client(CallbackAPIVersion.VERSION2, "c", protocol=MQTTProtocolVersion(int(version)), **settings)
        theirs, self.socket = socket.socketpair()
        theirs.setblocking(False)
        self.client._create_socket = lambda: theirs  # type: ignore[method-assign]
        self.parser = Parser()

    def sent(self) -> list[Packet]:
        """The packets paho has written since."""
        while self.client.want_write():
            self.client.loop_write()
        packets = self.parser.feed(self.socket.recv(1 << 16))
        assert self.parser.error is None
        return packets

    def receive(self, packet: Packet) -> None:
        """Lets paho read a packet of ours."""
        self.socket.sendall(encode(packet, self.version))
        self.client.loop_read()

    def close(self) -> None:
        self.client._sock_close()
        self.socket.close()


@pytest.fixture
def session() -> Iterator[Callable[..., Session]]:
    """Makes sessions and closes them."""
    made: list[Session] = []

    def make(version: ProtocolVersion, **settings: Any) -> Session:
        made.append(Session(version, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("version", [V31, V311])
def test_connect_of_mqtt_3(session: Callable[..., Session], version: ProtocolVersion) -> None:
    each = session(version, clean_session=False)
    each.client.username_pw_set("user", "pass")
    each.client.will_set("w", b"bye", 2, True)
    each.client.connect("host", keepalive=30)
    will = Will("w", b"bye", 2, True)
    assert each.sent() == [ConnectPacket(version, "c", False, 30, "user", b"pass", will)]


def _paho(kind: int, **values: Any) -> PahoProperties:
    properties = PahoProperties(kind)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def test_connect_of_mqtt_5(session: Callable[..., Session]) -> None:
    each = session(V5)
    pairs = [("a", "1"), ("a", "2")]
    will = _paho(PacketTypes.WILLMESSAGE, WillDelayInterval=9, ContentType="t", UserProperty=pairs)
    each.client.will_set("w", b"bye", 1, False, will)
    properties = _paho(
        PacketTypes.CONNECT, SessionExpiryInterval=10, ReceiveMaximum=5, MaximumPacketSize=1000, UserProperty=pairs
    )
    each.client.connect("host", keepalive=30, clean_start=True, properties=properties)
    (packet,) = each.sent()
    assert isinstance(packet, ConnectPacket)
    assert packet.properties == ConnectProperties(
        session_expiry_interval=10, receive_maximum=5, maximum_packet_size=1000, user_properties=tuple(pairs)
    )
    assert packet.will is not None
    assert packet.will.will_delay_interval == 9
    expected = PublishProperties(content_type="t", user_properties=tuple(pairs))
    assert decode_publish_properties(packet.will.properties) == expected


@pytest.mark.parametrize("version", ProtocolVersion)
def test_a_conversation(session: Callable[..., Session], version: ProtocolVersion) -> None:
    each = session(version)
    got: list[tuple[str, bytes, int, bool]] = []
    each.client.on_message = lambda client, data, m: got.append((m.topic, bytes(m.payload), m.qos, m.retain))
    each.client.connect("host")
    each.sent()
    each.receive(ConnackPacket())
    assert each.client.is_connected()

    each.client.subscribe(
        [("a/#", 1), ("b", 2)] if version != V5 else [("a/#", SubscribeOptions(1)), ("b", SubscribeOptions(2))]
    )
    (subscribe,) = each.sent()
    assert isinstance(subscribe, SubscribePacket)
    assert subscribe.subscriptions == (Subscription("a/#", 1), Subscription("b", 2))
    each.client.unsubscribe(["a/#", "b"])
    (unsubscribe,) = each.sent()
    assert isinstance(unsubscribe, UnsubscribePacket)
    assert unsubscribe.topic_filters == ("a/#", "b")

    each.client.publish("a/0", b"0")
    each.client.publish("a/1", b"1", 1, True)
    each.client.publish("a/2", b"2", 2)
    sent = each.sent()
    ids = [packet.packet_id for packet in sent if isinstance(packet, PublishPacket)]
    assert sent == [
        PublishPacket("a/0", b"0"),
        PublishPacket("a/1", b"1", 1, True, packet_id=ids[1]),
        PublishPacket("a/2", b"2", 2, packet_id=ids[2]),
    ]
    each.receive(PubackPacket(ids[1]))
    each.receive(PubrecPacket(ids[2]))
    assert each.sent() == [PubrelPacket(ids[2])]
    each.receive(PubcompPacket(ids[2]))

    each.receive(PublishPacket("in/0", b"x"))
    each.receive(PublishPacket("in/1", b"y", 1, packet_id=7))
    each.receive(PublishPacket("in/2", b"z", 2, True, packet_id=8))
    assert each.sent() == [PubackPacket(7), PubrecPacket(8)]
    each.receive(PubrelPacket(8))
    assert each.sent() == [PubcompPacket(8)]
    assert got == [("in/0", b"x", 0, False), ("in/1", b"y", 1, False), ("in/2", b"z", 2, True)]

    each.client._send_pingreq()
    assert each.sent() == [PingReqPacket()]
    each.client.disconnect()
    assert each.sent() == [DisconnectPacket()]


def test_options_and_properties_of_mqtt_5(session: Callable[..., Session]) -> None:
    each = session(V5)
    each.client.connect("host")
    each.sent()
    each.receive(ConnackPacket())
    options = SubscribeOptions(2, noLocal=True, retainAsPublished=True, retainHandling=2)
    each.client.subscribe("a", options=options, properties=_paho(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=300))
    (subscribe,) = each.sent()
    assert isinstance(subscribe, SubscribePacket)
    assert subscribe.subscriptions == (Subscription("a", 2, True, True, 2),)
    assert subscribe.properties == SubscribeProperties(subscription_identifier=300)
    properties = _paho(PacketTypes.PUBLISH, TopicAlias=5, ResponseTopic="r", CorrelationData=b"\x00\xff")
    each.client.publish("a", b"x", 0, False, properties)
    raw = encode_publish_properties(PublishProperties(response_topic="r", correlation_data=b"\x00\xff"))
    assert each.sent() == [PublishPacket("a", b"x", topic_alias=5, properties=raw)]
    gone = _paho(PacketTypes.DISCONNECT, SessionExpiryInterval=10)
    each.client.disconnect(properties=gone)
    assert each.sent() == [DisconnectPacket(ReasonCode.SUCCESS, DisconnectProperties(session_expiry_interval=10))]


# Our field names in paho's words, where they are not the same words in camel case.
_PAHO_NAMES = {
    "user_properties": "UserProperty",
    "subscription_identifiers": "SubscriptionIdentifier",
    "subscription_identifiers_available": "SubscriptionIdentifierAvailable",
    "maximum_qos": "MaximumQoS",
}


def _paho_name(field: str) -> str:
    return _PAHO_NAMES.get(field, "".join(word.capitalize() for word in field.split("_")))


KINDS: list[tuple[int, type[Properties], st.SearchStrategy[Any]]] = [
    (PacketTypes.CONNECT, ConnectProperties, ours.connect_properties),
    (PacketTypes.CONNACK, ConnackProperties, ours.connack_properties),
    (PacketTypes.PUBLISH, PublishProperties, ours.server_publish_properties),
    (PacketTypes.PUBACK, AckProperties, ours.ack_properties),
    (PacketTypes.AUTH, AuthProperties, ours.auth_properties),
]


@pytest.mark.parametrize(("number", "kind", "strategy"), KINDS, ids=[kind.__name__ for _, kind, _ in KINDS])
def test_properties(number: int, kind: type[Properties], strategy: st.SearchStrategy[Any]) -> None:
    absent = kind()

    @SETTINGS
    @given(strategy)
    def holds(properties: Properties) -> None:
        written = write_properties(properties)
        theirs = PahoProperties(number)
        theirs.unpack(written)
        for field in properties.__struct_fields__:
            value = getattr(properties, field)
            if value == getattr(absent, field):
                assert not hasattr(theirs, _paho_name(field))
                continue
            said = getattr(theirs, _paho_name(field))
            if isinstance(value, tuple):
                said = tuple(said) if isinstance(said, list) else (said,)
            assert said == value
        reader = Reader(theirs.pack())
        assert read_properties(reader, kind) == properties
        reader.finish()

    holds()
