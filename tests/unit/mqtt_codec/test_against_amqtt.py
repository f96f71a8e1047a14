"""MQTT 3.1.1 beside amqtt's codec."""

import logging
from collections.abc import Coroutine
from typing import Any

import pytest
from amqtt.adapters import BufferReader
from amqtt.errors import AMQTTError, CodecError, MQTTError, NoDataError
from amqtt.mqtt import packet_class
from amqtt.mqtt.packet import MQTTFixedHeader
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt.codec import (
    ConnackPacket,
    ConnectPacket,
    DisconnectPacket,
    Packet,
    PingReqPacket,
    PingRespPacket,
    ProtocolVersion,
    PublishPacket,
    SubackPacket,
    SubscribePacket,
    UnsubscribePacket,
    encode,
)

from .differential import Oracle, disagreements
from .strategies import connects, packets
from .test_round_trip import SETTINGS

V311 = ProtocolVersion.V311
MUTATIONS = 5_000


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("amqtt waits for more than a buffer holds")


def parse_theirs(data: bytes) -> Any:
    """Their packet if `data` is one as a whole, else why not."""
    reader = BufferReader(data)
    try:
        header = run(MQTTFixedHeader.from_stream(reader))
        if header is None:
            return "no fixed header"
        packet = run(packet_class(header).from_stream(reader, fixed_header=header))
    except (AMQTTError, MQTTError, CodecError, NoDataError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return "bytes left over" if run(reader.read()) else packet


def _connect(packet: ConnectPacket) -> dict[str, Any]:
    will = packet.will
    return {
        "level": int(packet.version) | packet.bridge << 7,
        "client_id": packet.client_id,
        "clean": packet.clean_start,
        "keep_alive": packet.keep_alive,
        "username": packet.username,
        "password": packet.password,
        "will": will and (will.topic, will.payload, will.qos, will.retain),
    }


_OURS: dict[type, Any] = {
    ConnectPacket: _connect,
    ConnackPacket: lambda p: {"present": p.session_present, "code": int(p.reason_code)},
    PublishPacket: lambda p: {
        "topic": p.topic,
        "payload": p.payload,
        "flags": (p.qos, p.retain, p.dup),
        "packet_id": p.packet_id or None,
    },
    SubscribePacket: lambda p: {"id": p.packet_id, "topics": [(s.topic_filter, s.qos) for s in p.subscriptions]},
    SubackPacket: lambda p: {"id": p.packet_id, "codes": [int(code) for code in p.reason_codes]},
    UnsubscribePacket: lambda p: {"id": p.packet_id, "topics": list(p.topic_filters)},
    PingReqPacket: lambda p: {},
    PingRespPacket: lambda p: {},
    DisconnectPacket: lambda p: {},
}


def view(packet: Packet) -> dict[str, Any]:
    """Our packet, said plainly."""
    fields = _OURS.get(type(packet), lambda p: {"id": p.packet_id})(packet)
    return {"kind": type(packet).__name__, **fields}


def _their_connect(packet: Any) -> dict[str, Any]:
    will = (packet.will_topic, packet.will_message, packet.will_qos, packet.will_retain_flag)
    return {
        "level": packet.proto_level,
        "client_id": "" if packet.client_id_is_random else packet.client_id,
        "clean": packet.clean_session_flag,
        "keep_alive": packet.keep_alive,
        "username": packet.username,
        "password": None if packet.password is None else packet.password.encode(),
        "will": will if packet.will_flag else None,
    }


_THEIRS: dict[str, Any] = {
    "ConnectPacket": _their_connect,
    "ConnackPacket": lambda p: {"present": bool(p.session_parent), "code": p.return_code},
    "PublishPacket": lambda p: {
        "topic": p.topic_name,
        "payload": bytes(p.data),
        "flags": (p.qos, p.retain_flag, p.dup_flag),
        "packet_id": p.packet_id,
    },
    "SubscribePacket": lambda p: {"id": p.variable_header.packet_id, "topics": p.payload.topics},
    "SubackPacket": lambda p: {"id": p.variable_header.packet_id, "codes": p.payload.return_codes},
    "UnsubscribePacket": lambda p: {"id": p.variable_header.packet_id, "topics": p.payload.topics},
    "PingReqPacket": lambda p: {},
    "PingRespPacket": lambda p: {},
    "DisconnectPacket": lambda p: {},
}


def view_theirs(packet: Any) -> dict[str, Any]:
    name = type(packet).__name__
    return {"kind": name, **_THEIRS.get(name, lambda p: {"id": p.variable_header.packet_id})(packet)}


# What we refuse and they accept, by our words: amqtt leaves these rules out.
WE_REFUSE = {
    r"is cut short": "they let fields run past the packet or be missing, and keep what was there",
    r"not one packet": "they end a list where the data end, even before the packet does",
    r"protocol .* is not supported": "their broker checks name and level later, [MQTT-3.1.2-2]",
    r"is not well-formed UTF-8": "they read the repr of the bytes, [MQTT-1.5.4-1]",
    r"contains U\+0000": "[MQTT-1.5.4-2]",
    r"(topic name|topic filter|will topic) is empty": "[MQTT-4.7.3-1]",
    r"will topic contains a wildcard": "[MQTT-3.1.3-11]",
    r"packet identifier is 0": "[MQTT-2.2.1-3]",
    r"fixed header flags": "[MQTT-2.1.3-1]",
    r"QoS 3 \[MQTT-3.3.1-4\]|DUP with QoS 0": "[MQTT-3.3.1-4], [MQTT-3.3.1-2]",
    r"reserved connect flag": "[MQTT-3.1.2-3]",
    r"will (QoS|retain) without a will|will QoS is 3": "[MQTT-3.1.2-11], [MQTT-3.1.2-12], [MQTT-3.1.2-13]",
    r"password without a user name": "MQTT 3.1.1, [MQTT-3.1.2-22]",
    r"reserved subscription option|subscription QoS is 3": "[MQTT-3.8.3-5]",
    r"reserved connack flag": "[MQTT-3.2.2-1]",
    r"no connect reason code": "[MQTT-3.2.2-8]",
    r"session present in a refusal": "[MQTT-3.2.2-6]",
    r"reason code .* is not allowed here \[MQTT-3.9.3-2\]": "[MQTT-3.9.3-2]",
    r"is not sent to a": "they don't know who sent the packet",
    r"not in the fewest bytes": "[MQTT-1.5.5-1]",
    r"property length|properties": "they read CONNECT of level 5 as if it were level 4",
}
THEY_REFUSE: dict[str, str] = {}
READ_OTHERWISE = {
    r"'password': \(b.*\\x": "a password is binary data, 3.1.3.5; they read the repr of what is not UTF-8",
    r"'level': \(5, 5\)|'client_id'.*'level'": "they read CONNECT of level 5 as if it were level 4",
}
ORACLE = Oracle(parse_theirs, view, view_theirs, WE_REFUSE, THEY_REFUSE, READ_OTHERWISE)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.mark.parametrize("role", ["server", "client"])
def test_mutations(role: str) -> None:
    seen, unexplained = disagreements(ORACLE, role, V311, MUTATIONS)
    assert not unexplained, "\n".join(unexplained[:20])
    assert seen["equal"] > 1_000


def _as_they_can(packet: Packet) -> bool:
    """Whether amqtt can say `packet`: passwords as text."""
    try:
        return not isinstance(packet, ConnectPacket) or (packet.password or b"").decode() is not None
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("role", ["server", "client"])
def test_what_we_write_they_read_and_write_back(role: str) -> None:
    kinds = packets(role, V311)
    strategies = [*kinds.values(), connects(V311)] if role == "server" else list(kinds.values())

    @settings(SETTINGS, max_examples=300)
    @given(st.one_of(*strategies).filter(_as_they_can))
    def holds(packet: Packet) -> None:
        data = encode(packet, V311)
        theirs = parse_theirs(data)
        assert not isinstance(theirs, str), theirs
        assert view(packet) == view_theirs(theirs)
        if not (isinstance(packet, ConnectPacket) and not packet.client_id):  # they make one up
            assert bytes(theirs.to_bytes()) == data

    holds()
