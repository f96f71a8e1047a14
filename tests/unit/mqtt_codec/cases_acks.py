"""Cases of PUBACK, PUBREC, PUBREL and PUBCOMP."""

from ingest.mqtt.codec import (
    AckProperties,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PubrecPacket,
    PubrelPacket,
)

from .case import PAIR_BYTES, PAIRS, V31, V311, Case, R, body

_Ack = type[PubackPacket] | type[PubrecPacket] | type[PubrelPacket] | type[PubcompPacket]
_KINDS: list[tuple[_Ack, int, R, str, str]] = [
    (PubackPacket, 0x40, R.QUOTA_EXCEEDED, "MQTT-3.4.2-1", "MQTT-2.1.3-1"),
    (PubrecPacket, 0x50, R.QUOTA_EXCEEDED, "MQTT-3.5.2-1", "MQTT-2.1.3-1"),
    (PubrelPacket, 0x62, R.PACKET_IDENTIFIER_NOT_FOUND, "MQTT-3.6.2-1", "MQTT-3.6.1-1"),
    (PubcompPacket, 0x70, R.PACKET_IDENTIFIER_NOT_FOUND, "MQTT-3.7.2-1", "MQTT-2.1.3-1"),
]

ACKS = [
    case
    for kind, first, other, rule, flags in _KINDS
    for name in [kind.__name__]
    for case in [
        *(Case(f"{name} {v.name}", bytes((first, 2, 0, 7)), kind(7), version=v) for v in ProtocolVersion),
        *(
            Case(f"{name} {v.name} to a client", bytes((first, 2, 0, 7)), kind(7), role="client", version=v)
            for v in ProtocolVersion
        ),
        Case(f"{name} reason", bytes((first, 3, 0, 7, other)), kind(7, other)),
        Case(f"{name} needless reason", bytes((first, 3, 0, 7, 0)), kind(7), canonical=False),
        Case(f"{name} needless properties", bytes((first, 4, 0, 7, 0, 0)), kind(7), canonical=False),
        Case(
            f"{name} properties",
            body(first, b"\x00\x07", bytes((other,)), b"\x19\x1f\x00\x01w" + PAIR_BYTES),
            kind(7, other, AckProperties(reason_string="w", user_properties=PAIRS)),
        ),
        Case(
            f"{name} success with properties",
            body(first, b"\x00\x07\x00\x04\x1f\x00\x01w"),
            kind(7, R.SUCCESS, AckProperties(reason_string="w")),
        ),
        Case(f"{name} id 0", bytes((first, 2, 0, 0)), None, R.MALFORMED_PACKET, "MQTT-2.2.1-3", version=V311),
        Case(f"{name} id 0, long form", bytes((first, 3, 0, 0, 0)), None, R.MALFORMED_PACKET, "MQTT-2.2.1-3"),
        Case(f"{name} empty", bytes((first, 0)), None, R.MALFORMED_PACKET, "cut short"),
        Case(f"{name} cut short", bytes((first, 1, 0)), None, R.MALFORMED_PACKET, "cut short"),
        Case(f"{name} too long", bytes((first, 3, 0, 7, 0)), None, R.MALFORMED_PACKET, "follow", version=V311),
        Case(f"{name} flags", bytes((first ^ 1, 2, 0, 7)), None, R.MALFORMED_PACKET, flags),
        Case(f"{name} reason of another", bytes((first, 3, 0, 7, 0x8E)), None, R.PROTOCOL_ERROR, rule),
        Case(f"{name} properties cut", bytes((first, 5, 0, 7, 0, 3, 0x1F)), None, R.MALFORMED_PACKET, "exceeds"),
        Case(f"{name} surplus", bytes((first, 5, 0, 7, 0, 0, 0)), None, R.MALFORMED_PACKET, "follow"),
        Case(
            f"{name} reason string twice",
            body(first, b"\x00\x07\x00\x08" + b"\x1f\x00\x01w" * 2),
            None,
            R.PROTOCOL_ERROR,
            "twice",
        ),
    ]
] + [
    Case("pubrel 3.1 again", b"\x6a\x02\x00\x07", PubrelPacket(7), version=V31, canonical=False),
    Case("pubrel 3.1.1 dup", b"\x6a\x02\x00\x07", None, R.MALFORMED_PACKET, "MQTT-3.6.1-1", version=V311),
    Case("pubrel without flags", b"\x60\x02\x00\x07", None, R.MALFORMED_PACKET, "MQTT-3.6.1-1"),
]
