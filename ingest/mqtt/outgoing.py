"""Bytes of the packets that a server sends by the million."""

from __future__ import annotations

from ingest.mqtt.codec import (
    ProtocolVersion,
    encode_publish_parts,
    message_expiry,
    with_message_expiry,
    with_subscription_identifiers,
)
from schemas.events import Message

PACKET_ID = [n.to_bytes(2, "big") for n in range(65_536)]
"""Every packet identifier as it is on the wire."""
PUBACK = [b"\x40\x02" + n for n in PACKET_ID]
"""Every successful PUBACK: the same bytes in all versions [MQTT-3.4.2]."""


def pubrec(packet_id: int) -> bytes:
    """A successful PUBREC, in any version."""
    return b"\x50\x02" + PACKET_ID[packet_id]


def pubrel(packet_id: int) -> bytes:
    """A successful PUBREL, in any version."""
    return b"\x62\x02" + PACKET_ID[packet_id]


def pubcomp(packet_id: int) -> bytes:
    """A successful PUBCOMP, in any version."""
    return b"\x70\x02" + PACKET_ID[packet_id]


def whole_parts(
    message: Message,
    version: ProtocolVersion,
    qos: int,
    retain: bool,
    ids: tuple[int, ...],
    waited: int,
    dup: bool = False,
) -> tuple[bytes, bytes]:
    """A PUBLISH before and behind its packet identifier, with the subscription identifiers and, after waiting whole
    seconds, the rest of its expiry interval [MQTT-3.3.2-6]."""
    properties = message.properties
    if version == 5:
        if waited and properties and (expiry := message_expiry(properties)) is not None:
            properties = with_message_expiry(properties, max(1, expiry - waited))
        if ids:
            properties = with_subscription_identifiers(properties, ids)
    return encode_publish_parts(message.topic, message.payload, qos, retain, properties, version, dup)
