"""The fifteen MQTT control packets as frozen values.

Equal meaning is an equal value in every protocol version; what a version has no place for
(properties and most reason codes in MQTT 3) is left out when it is encoded for that version.
Rare packets check themselves; PUBLISH and its acknowledgements, of which there are millions, are
checked where they are decoded and encoded. Source: MQTT 5.0, chapter 3.
"""

import msgspec

from ingest.mqtt.codec.errors import InvalidPacket
from ingest.mqtt.codec.properties import (
    NO_ACK_PROPERTIES,
    NO_AUTH_PROPERTIES,
    NO_CONNACK_PROPERTIES,
    NO_CONNECT_PROPERTIES,
    NO_DISCONNECT_PROPERTIES,
    NO_SUBSCRIBE_PROPERTIES,
    NO_UNSUBSCRIBE_PROPERTIES,
    AckProperties,
    AuthProperties,
    ConnackProperties,
    ConnectProperties,
    DisconnectProperties,
    SubscribeProperties,
    UnsubscribeProperties,
)
from ingest.mqtt.codec.reason_codes import (
    ConnectReturnCode,
    ProtocolVersion,
    ReasonCode,
)
from ingest.mqtt.codec.text import valid_topic_name


def _check_packet_id(packet_id: int) -> None:
    if not 0 < packet_id <= 0xFFFF:
        raise InvalidPacket(f"{packet_id} is not a packet identifier [MQTT-2.2.1-3]")


class Will(msgspec.Struct, frozen=True, gc=False):
    """The message a server publishes when its client is lost (3.1.2.5, 3.1.3.2).

    `properties` is the raw block that its PUBLISH will carry; will_delay_interval is in seconds.
    """

    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    properties: bytes = b""
    will_delay_interval: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.qos <= 2:
            raise InvalidPacket(f"will QoS {self.qos} [MQTT-3.1.2-12]")
        if not valid_topic_name(self.topic):
            raise InvalidPacket("will topic is no topic name [MQTT-3.1.3-11]")


class ConnectPacket(msgspec.Struct, frozen=True, gc=False):
    """CONNECT (3.1). `clean_start` is MQTT 3's clean session; keep_alive in seconds, 0 is none.

    `bridge` is the bit 0x80 that other brokers' bridges set in the protocol level of MQTT 3.
    """

    version: ProtocolVersion
    client_id: str
    clean_start: bool = True
    keep_alive: int = 0
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: ConnectProperties = NO_CONNECT_PROPERTIES
    bridge: bool = False

    def __post_init__(self) -> None:
        if self.bridge and self.version == ProtocolVersion.V5:
            raise InvalidPacket("the bridge bit belongs to MQTT 3")
        if self.version != ProtocolVersion.V5 and self.password is not None and self.username is None:
            raise InvalidPacket("a password without a user name (MQTT 3.1.1, [MQTT-3.1.2-22])")


class ConnackPacket(msgspec.Struct, frozen=True, gc=False):
    """CONNACK (3.2). A decoded one of MQTT 3 has a ConnectReturnCode, one of MQTT 5 a ReasonCode.

    Encoding takes a ReasonCode for every version (see connect_return_code).
    """

    session_present: bool = False
    reason_code: ReasonCode | ConnectReturnCode = ReasonCode.SUCCESS
    properties: ConnackProperties = NO_CONNACK_PROPERTIES

    def __post_init__(self) -> None:
        if self.session_present and self.reason_code != 0:
            raise InvalidPacket("session present in a refusal [MQTT-3.2.2-6]")


class PublishPacket(msgspec.Struct, frozen=True, gc=False):
    """PUBLISH (3.3). `packet_id` is 0 with QoS 0, `topic_alias` 0 when there is none.

    `topic` is empty only in MQTT 5 with a topic alias, which the session resolves. `properties`
    is the raw, validated block without its length and without the topic alias.
    """

    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0
    topic_alias: int = 0
    properties: bytes = b""


class PubackPacket(msgspec.Struct, frozen=True, gc=False):
    """PUBACK (3.4): QoS 1 is done."""

    packet_id: int
    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: AckProperties = NO_ACK_PROPERTIES


class PubrecPacket(msgspec.Struct, frozen=True, gc=False):
    """PUBREC (3.5): QoS 2 is received."""

    packet_id: int
    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: AckProperties = NO_ACK_PROPERTIES


class PubrelPacket(msgspec.Struct, frozen=True, gc=False):
    """PUBREL (3.6): QoS 2 is released."""

    packet_id: int
    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: AckProperties = NO_ACK_PROPERTIES


class PubcompPacket(msgspec.Struct, frozen=True, gc=False):
    """PUBCOMP (3.7): QoS 2 is done."""

    packet_id: int
    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: AckProperties = NO_ACK_PROPERTIES


class Subscription(msgspec.Struct, frozen=True, gc=False):
    """A topic filter and its options (3.8.3.1). The filter's wildcards may be misplaced: the
    server answers that in SUBACK (see valid_topic_filter)."""

    topic_filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0

    def __post_init__(self) -> None:
        if not self.topic_filter:
            raise InvalidPacket("topic filter is empty [MQTT-4.7.3-1]")
        if not 0 <= self.qos <= 2:
            raise InvalidPacket(f"subscription QoS {self.qos} (MQTT 5.0, 3.8.3.1)")
        if not 0 <= self.retain_handling <= 2:
            raise InvalidPacket(f"retain handling {self.retain_handling} (MQTT 5.0, 3.8.3.1)")


class SubscribePacket(msgspec.Struct, frozen=True, gc=False):
    """SUBSCRIBE (3.8)."""

    packet_id: int
    subscriptions: tuple[Subscription, ...]
    properties: SubscribeProperties = NO_SUBSCRIBE_PROPERTIES

    def __post_init__(self) -> None:
        _check_packet_id(self.packet_id)
        if not self.subscriptions:
            raise InvalidPacket("SUBSCRIBE without a topic filter [MQTT-3.8.3-2]")


class SubackPacket(msgspec.Struct, frozen=True, gc=False):
    """SUBACK (3.9), one reason code for each subscription in its order [MQTT-3.9.3-1]."""

    packet_id: int
    reason_codes: tuple[ReasonCode, ...]
    properties: AckProperties = NO_ACK_PROPERTIES

    def __post_init__(self) -> None:
        _check_packet_id(self.packet_id)
        if not self.reason_codes:
            raise InvalidPacket("SUBACK without a reason code [MQTT-3.9.3-1]")


class UnsubscribePacket(msgspec.Struct, frozen=True, gc=False):
    """UNSUBSCRIBE (3.10)."""

    packet_id: int
    topic_filters: tuple[str, ...]
    properties: UnsubscribeProperties = NO_UNSUBSCRIBE_PROPERTIES

    def __post_init__(self) -> None:
        _check_packet_id(self.packet_id)
        if not self.topic_filters or not all(self.topic_filters):
            raise InvalidPacket("UNSUBSCRIBE without a topic filter [MQTT-3.10.3-2]")


class UnsubackPacket(msgspec.Struct, frozen=True, gc=False):
    """UNSUBACK (3.11); MQTT 3 has no reason codes here."""

    packet_id: int
    reason_codes: tuple[ReasonCode, ...] = ()
    properties: AckProperties = NO_ACK_PROPERTIES

    def __post_init__(self) -> None:
        _check_packet_id(self.packet_id)


class PingReqPacket(msgspec.Struct, frozen=True, gc=False):
    """PINGREQ (3.12)."""


class PingRespPacket(msgspec.Struct, frozen=True, gc=False):
    """PINGRESP (3.13)."""


class DisconnectPacket(msgspec.Struct, frozen=True, gc=False):
    """DISCONNECT (3.14); in MQTT 3 only clients send it and it says nothing more."""

    reason_code: ReasonCode = ReasonCode.NORMAL_DISCONNECTION
    properties: DisconnectProperties = NO_DISCONNECT_PROPERTIES


class AuthPacket(msgspec.Struct, frozen=True, gc=False):
    """AUTH (3.15), MQTT 5 only."""

    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: AuthProperties = NO_AUTH_PROPERTIES


Packet = (
    ConnectPacket
    | ConnackPacket
    | PublishPacket
    | PubackPacket
    | PubrecPacket
    | PubrelPacket
    | PubcompPacket
    | SubscribePacket
    | SubackPacket
    | UnsubscribePacket
    | UnsubackPacket
    | PingReqPacket
    | PingRespPacket
    | DisconnectPacket
    | AuthPacket
)
