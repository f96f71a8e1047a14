"""A strict sans-IO codec for MQTT 3.1, 3.1.1 and 5.0, complete in both directions.

Parser turns the bytes of a connection into packets, encode turns a packet into bytes; nothing
here has a socket, a clock or a task. Any bytes give packets or a ProtocolError, nothing else.

It refuses to resolve topic aliases, to match packet identifiers, to judge the wildcards of topic
filters (valid_topic_filter tells) or to compare a payload with its format indicator: those are
the session's rules.
"""

from ingest.mqtt.codec.encode import encode
from ingest.mqtt.codec.encode_publish import encode_publish_parts
from ingest.mqtt.codec.errors import (
    InvalidPacket,
    ProtocolError,
    UnsupportedProtocolVersion,
)
from ingest.mqtt.codec.packets import (
    AuthPacket,
    ConnackPacket,
    ConnectPacket,
    DisconnectPacket,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PubrecPacket,
    PubrelPacket,
    SubackPacket,
    SubscribePacket,
    Subscription,
    UnsubackPacket,
    UnsubscribePacket,
    Will,
)
from ingest.mqtt.codec.parser import DEFAULT_MAX_PACKET_SIZE, LARGEST_PACKET, Parser
from ingest.mqtt.codec.properties import (
    AckProperties,
    AuthProperties,
    ConnackProperties,
    ConnectProperties,
    DisconnectProperties,
    Properties,
    PublishProperties,
    SubscribeProperties,
    UnsubscribeProperties,
    UserProperties,
)
from ingest.mqtt.codec.publish_properties import (
    decode_publish_properties,
    encode_publish_properties,
    message_expiry,
    with_message_expiry,
    with_subscription_identifiers,
    without_subscription_identifiers,
)
from ingest.mqtt.codec.reason_codes import (
    ConnectReturnCode,
    ProtocolVersion,
    ReasonCode,
    connect_return_code,
)
from ingest.mqtt.codec.text import valid_topic_filter, valid_topic_name

__all__ = [
    "DEFAULT_MAX_PACKET_SIZE",
    "LARGEST_PACKET",
    "AckProperties",
    "AuthPacket",
    "AuthProperties",
    "ConnackPacket",
    "ConnackProperties",
    "ConnectPacket",
    "ConnectProperties",
    "ConnectReturnCode",
    "DisconnectPacket",
    "DisconnectProperties",
    "InvalidPacket",
    "Packet",
    "Parser",
    "PingReqPacket",
    "PingRespPacket",
    "Properties",
    "ProtocolError",
    "ProtocolVersion",
    "PubackPacket",
    "PubcompPacket",
    "PublishPacket",
    "PublishProperties",
    "PubrecPacket",
    "PubrelPacket",
    "ReasonCode",
    "SubackPacket",
    "SubscribePacket",
    "SubscribeProperties",
    "Subscription",
    "UnsubackPacket",
    "UnsubscribePacket",
    "UnsubscribeProperties",
    "UnsupportedProtocolVersion",
    "UserProperties",
    "Will",
    "connect_return_code",
    "decode_publish_properties",
    "encode",
    "encode_publish_parts",
    "encode_publish_properties",
    "message_expiry",
    "valid_topic_filter",
    "valid_topic_name",
    "with_message_expiry",
    "with_subscription_identifiers",
    "without_subscription_identifiers",
]
