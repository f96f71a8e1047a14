"""MQTT 5 beside the package mqtt5, a codec in Rust."""

from typing import Any

import mqtt5
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt.codec import (
    ConnectPacket,
    Packet,
    ProtocolVersion,
    PublishPacket,
    SubscribePacket,
    Will,
    decode_publish_properties,
    encode,
)

from .differential import Oracle, disagreements, explained, mutations, parse_one
from .strategies import connects, packets
from .test_round_trip import SETTINGS

# mqtt5 panics on ill-formed UTF-8 and leaves the exception behind.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

V5 = ProtocolVersion.V5
MUTATIONS = 8_000


def parse_theirs(data: bytes) -> Any:
    """Their packet if `data` is one as a whole, else why not."""
    try:
        packet, size = mqtt5.read(memoryview(data))
    except (ValueError, IndexError) as error:
        return f"{type(error).__name__}: {error}"
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how it takes ill-formed UTF-8
            raise
        return "panic"
    return packet if size == len(data) else "not one packet"


def view(packet: Packet) -> dict[str, Any]:
    """Our packet in their words."""
    return {"kind": type(packet).__name__.lower(), **_VIEWS.get(type(packet), _fields)(packet)}


_RENAMED = {
    "reason_string": "reason_str",
    "receive_maximum": "receive_max",
    "topic_alias_maximum": "topic_alias_max",
    "maximum_packet_size": "max_packet_size",
    "maximum_qos": "max_qos",
    "assigned_client_identifier": "assigned_client_id",
    "response_information": "response_info",
    "request_problem_information": "request_problem_info",
    "request_response_information": "request_response_info",
    "subscription_identifiers_available": "subscription_id_available",
    "subscription_identifier": "subscription_id",
    "subscription_identifiers": "subscription_ids",
    "dup": "duplicate",
    "subscriptions": "topic_filters",
    "topic_filters": "patterns",
}


def _fields(packet: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in packet.__struct_fields__:
        value = getattr(packet, name)
        if name == "properties":
            fields |= _fields(value)
        else:
            fields[_RENAMED.get(name, name)] = list(value) if isinstance(value, tuple) else value
    return fields


def _message(fields: dict[str, Any], raw: bytes) -> dict[str, Any]:
    fields |= _fields(decode_publish_properties(raw))
    fields["payload_format_indicator"] = fields["payload_format_indicator"] or 0
    return fields


def _publish(packet: PublishPacket) -> dict[str, Any]:
    fields = _fields_of_raw(packet)
    fields["packet_id"] = packet.packet_id or None
    fields["topic_alias"] = packet.topic_alias or None
    return fields


def _fields_of_raw(packet: PublishPacket | Will) -> dict[str, Any]:
    plain = {_RENAMED.get(f, f): getattr(packet, f) for f in packet.__struct_fields__ if f != "properties"}
    return _message(plain, packet.properties)


def _connect(packet: ConnectPacket) -> dict[str, Any]:
    fields = _fields(packet)
    del fields["version"], fields["bridge"]
    fields["session_expiry_interval"] = fields["session_expiry_interval"] or 0
    if packet.will is not None:
        fields["will"] = _fields_of_raw(packet.will)
        del fields["will"]["subscription_ids"]
    return fields


def _subscribe(packet: Any) -> dict[str, Any]:
    fields = _fields(packet)
    fields["topic_filters"] = [_fields(item) for item in packet.subscriptions]
    return fields


_VIEWS: dict[type, Any] = {PublishPacket: _publish, ConnectPacket: _connect, SubscribePacket: _subscribe}


def view_theirs(packet: Any) -> dict[str, Any]:
    return {"kind": type(packet).__name__.lower(), **_their_fields(packet)}


def _their_fields(packet: Any) -> dict[str, Any]:
    names = [name for name in dir(packet) if not name.startswith("_") and name != "write"]
    return {name: _their_value(getattr(packet, name)) for name in names}


def _their_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_their_value(item) for item in value]
    if isinstance(value, mqtt5.Will):
        fields = _their_fields(value)
        fields["payload"] = fields["payload"] or b""
        return fields
    if isinstance(value, mqtt5.TopicFilter):
        fields = _their_fields(value)
        return {
            "topic_filter": fields["pattern"],
            "qos": fields["max_qos"],
            "no_local": fields["no_local"],
            "retain_as_published": fields["retain_as_published"],
            "retain_handling": fields["retain_handling"],
        }
    return value if value is None or isinstance(value, str | bytes | bool | tuple) else int(value)


# What we refuse and they accept, by our words: mqtt5 leaves these rules out.
WE_REFUSE = {
    r"is cut short": "they let a field run past its property block into what follows, and SUBACK have no codes",
    r"packet identifier is 0": "[MQTT-2.2.1-3]",
    r"contains U\+0000": "[MQTT-1.5.4-2]",
    r"contains a wildcard": "[MQTT-3.3.2-2], [MQTT-3.3.2-14]",
    r"(will|response) topic is empty": "[MQTT-4.7.3-1]",
    r"topic filter is empty": "[MQTT-4.7.3-1]",
    r"payload format indicator is neither": "section 3.3.2.3.2; they read any byte as 1",
    r"authentication data without a method": "section 3.1.2.11.10",
    r"AUTH without an authentication method": "section 3.15.2.2.2",
    r"reserved connect flag": "[MQTT-3.1.2-3]",
    r"will (QoS|retain) without a will": "[MQTT-3.1.2-11], [MQTT-3.1.2-13]",
    r"reserved subscription option": "[MQTT-3.8.3-5]",
    r"subscription identifier \[MQTT-3.3.4-6\]": "they don't know who sent the packet",
    r"no local on a shared subscription": "[MQTT-3.8.3-4]",
    r"session present in a refusal": "[MQTT-3.2.2-6]",
    r"maximum_qos is": "section 3.2.2.3.4",
    r"is not sent to a": "they don't know who sent the packet",
    r"is not allowed here \[MQTT-3.1[45].2-1\]": "they don't know who sent the packet",
    r"has a session expiry": "they don't know who sent the packet",
}
# What they refuse and we accept, by their words.
THEY_REFUSE = {
    r"Missing property length": "AUTH of length 0 says success, section 3.15.2.1",
}


ORACLE = Oracle(parse_theirs, view, view_theirs, WE_REFUSE, THEY_REFUSE)


@pytest.mark.parametrize("role", ["server", "client"])
def test_mutations(role: str) -> None:
    seen, unexplained = disagreements(ORACLE, role, V5, MUTATIONS)
    assert not unexplained, "\n".join(unexplained[:20])
    assert seen["equal"] > 1_000


@pytest.mark.parametrize("role", ["server", "client"])
def test_what_we_write_they_read(role: str) -> None:
    kinds = packets(role, V5)
    strategies = [*kinds.values(), connects(V5)] if role == "server" else list(kinds.values())

    @settings(SETTINGS, max_examples=400)
    @given(st.one_of(*strategies))
    def holds(packet: Packet) -> None:
        data = encode(packet, V5)
        theirs = parse_theirs(data)
        assert not isinstance(theirs, str) or data == b"\xf0\x00", theirs
        if not isinstance(theirs, str):
            assert view(packet) == view_theirs(theirs)

    holds()


@pytest.mark.parametrize("role", ["server", "client"])
def test_what_they_write_we_read(role: str) -> None:
    for data in mutations(role, V5, 3_000):
        theirs = parse_theirs(data)
        if isinstance(theirs, str):
            continue
        try:
            written = theirs.write()
        except (ValueError, TypeError):
            continue  # they read what they refuse to write
        ours = parse_one(written, role, V5)
        if isinstance(ours, str):
            assert explained(ours, WE_REFUSE), (ours, written.hex())
        else:
            assert view(ours) == view_theirs(theirs)
