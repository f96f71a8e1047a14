"""Dispatch by the first byte of a packet: tables for each role and version."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from ingest.mqtt.codec import decode as d
from ingest.mqtt.codec.decode_connect import read_connack
from ingest.mqtt.codec.errors import ProtocolError, malformed, violation
from ingest.mqtt.codec.packets import (
    Packet,
    PubackPacket,
    PubcompPacket,
    PubrecPacket,
    PubrelPacket,
)
from ingest.mqtt.codec.reader import Reader
from ingest.mqtt.codec.reason_codes import ProtocolVersion

Role = Literal["server", "client"]
_V31 = ProtocolVersion.V31
_V5 = ProtocolVersion.V5

Decoder = Callable[[Reader, ProtocolVersion], Packet]
# QoS, retain, dup, least bytes behind the topic
PublishFlags = tuple[int, bool, bool, int]
ShortAck = Callable[[int], Packet]


class Tables(NamedTuple):
    """What the loop looks up by the first byte of a packet."""

    publish: tuple[PublishFlags | None, ...]
    acks: tuple[ShortAck | None, ...]
    decoders: dict[int, Decoder]


PACKET_NAMES = (
    "reserved type 0",
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
)


def _publish_table(version: ProtocolVersion) -> tuple[PublishFlags | None, ...]:
    """Flags of PUBLISH by first byte: no QoS 3 [MQTT-3.3.1-4], no DUP with QoS 0
    [MQTT-3.3.1-2]."""
    table: list[PublishFlags | None] = [None] * 256
    for flags in range(16):
        qos = flags >> 1 & 3
        dup = flags >= 8
        if qos < 3 and (qos or not dup):
            least = (2 if qos else 0) + (1 if version == _V5 else 0)
            table[0x30 | flags] = (qos, bool(flags & 1), dup, least)
    return tuple(table)


def _first_bytes(packet_type: int, version: ProtocolVersion) -> tuple[int, ...]:
    """The first bytes a packet type may have [MQTT-2.1.3-1], [MQTT-3.6.1-1], [MQTT-3.8.1-1],
    [MQTT-3.10.1-1]; MQTT 3.1 sends these three again with DUP."""
    if packet_type not in (6, 8, 10):
        return (packet_type << 4,)
    first = packet_type << 4 | 2
    return (first, first | 8) if version == _V31 else (first,)


_ACKS: dict[int, ShortAck] = {
    4: PubackPacket,
    5: PubrecPacket,
    6: PubrelPacket,
    7: PubcompPacket,
}
_FULL_ACKS: dict[int, Decoder] = {
    4: d.read_puback,
    5: d.read_pubrec,
    6: d.read_pubrel,
    7: d.read_pubcomp,
}
_FROM_CLIENT: dict[int, Decoder] = {
    8: d.read_subscribe,
    10: d.read_unsubscribe,
    12: d.read_pingreq,
    14: d.read_client_disconnect,
}
_FROM_SERVER: dict[int, Decoder] = {
    2: read_connack,
    9: d.read_suback,
    11: d.read_unsuback,
    13: d.read_pingresp,
}


def _tables(role: Role, version: ProtocolVersion) -> Tables:
    decoders = _FULL_ACKS | (_FROM_CLIENT if role == "server" else _FROM_SERVER)
    if version == _V5 and role == "server":
        decoders[15] = d.read_client_auth
    elif version == _V5:
        decoders |= {14: d.read_server_disconnect, 15: d.read_server_auth}
    acks: list[ShortAck | None] = [None] * 256
    by_first: dict[int, Decoder] = {}
    for packet_type, decoder in decoders.items():
        for first in _first_bytes(packet_type, version):
            by_first[first] = decoder
            acks[first] = _ACKS.get(packet_type)
    return Tables(_publish_table(version), tuple(acks), by_first)


TABLES = {(role, version): _tables(role, version) for role in ("server", "client") for version in ProtocolVersion}
BEFORE_CONNECT = Tables((None,) * 256, (None,) * 256, {})


# Statements about the flags of single packet types; [MQTT-2.1.3-1] holds for all.
_FLAG_RULES = {
    6: "[MQTT-3.6.1-1]",
    8: "[MQTT-3.8.1-1]",
    10: "[MQTT-3.10.1-1]",
    14: "[MQTT-3.14.1-1]",
    15: "[MQTT-3.15.1-1]",
}


def unexpected_packet(first: int, role: Role, version: ProtocolVersion) -> ProtocolError:
    """Why a packet with this first byte may not come."""
    packet_type = first >> 4
    name = PACKET_NAMES[packet_type]
    if packet_type == 0 or (packet_type == 15 and version != _V5):
        return malformed(f"packet type {packet_type} is reserved (MQTT 5.0, 2.1.2)")
    if packet_type == 3:
        rule = "QoS 3 [MQTT-3.3.1-4]" if first & 6 == 6 else "DUP with QoS 0 [MQTT-3.3.1-2]"
        return malformed(f"PUBLISH has {rule}")
    if packet_type == 1 and role == "server":
        return violation("a second CONNECT [MQTT-3.1.0-2]")
    decoders = TABLES[role, version].decoders
    if any(known >> 4 == packet_type for known in decoders):
        return malformed(f"fixed header flags of {name} are wrong {_FLAG_RULES.get(packet_type, '[MQTT-2.1.3-1]')}")
    return violation(f"{name} is not sent to a {role} (MQTT 5.0, 2.1.2)")
