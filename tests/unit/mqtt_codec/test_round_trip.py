"""Whatever can be encoded is decoded to the same value, in every version and both roles."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.mqtt.codec import (
    Parser,
    ProtocolVersion,
    PublishPacket,
    encode,
    encode_publish_parts,
)

from .strategies import connects, packets, publishes

KINDS = [
    (role, version, name)
    for role in ("server", "client")
    for version in ProtocolVersion
    for name in packets(role, version)
]
SETTINGS = settings(
    max_examples=80,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(("role", "version", "name"), KINDS)
def test_round_trip(role: str, version: ProtocolVersion, name: str) -> None:
    @SETTINGS
    @given(packets(role, version)[name])
    def holds(packet) -> None:  # type: ignore[no-untyped-def]
        data = encode(packet, version)
        parser = Parser(role, version)  # type: ignore[arg-type]
        assert parser.feed(data) == [packet]
        assert encode(packet, version) == data

    holds()


@pytest.mark.parametrize("version", ProtocolVersion)
def test_round_trip_connect(version: ProtocolVersion) -> None:
    @SETTINGS
    @given(connects(version))
    def holds(packet) -> None:  # type: ignore[no-untyped-def]
        parser = Parser()
        assert parser.feed(encode(packet, version)) == [packet]
        assert parser.version == version

    holds()


@pytest.mark.parametrize("version", ProtocolVersion)
def test_any_chunking_gives_the_same_packets(version: ProtocolVersion) -> None:
    @SETTINGS
    @given(
        connects(version),
        st.lists(st.one_of(*packets("server", version).values()), max_size=12),
        st.lists(st.integers(1, 90), min_size=1, max_size=8),
        st.sampled_from([bytes, bytearray, memoryview]),
    )
    def holds(first, rest, sizes, kind) -> None:  # type: ignore[no-untyped-def]
        stream = b"".join(encode(packet, version) for packet in [first, *rest])
        parser = Parser()
        seen, at, turn = [], 0, 0
        while at < len(stream):
            size = sizes[turn % len(sizes)]
            seen += parser.feed(kind(stream[at : at + size]))
            at, turn = at + size, turn + 1
        assert seen == [first, *rest]
        assert parser.buffered == 0

    holds()


@pytest.mark.parametrize("version", ProtocolVersion)
def test_the_parts_of_a_publish_are_the_publish(version: ProtocolVersion) -> None:
    @SETTINGS
    @given(publishes(version, False))
    def holds(packet: PublishPacket) -> None:
        head, tail = encode_publish_parts(
            packet.topic,
            packet.payload,
            packet.qos,
            packet.retain,
            packet.properties,
            version,
            packet.dup,
            packet.topic_alias,
        )
        packet_id = packet.packet_id.to_bytes(2, "big") if packet.qos else b""
        assert b"".join((head, packet_id, tail)) == encode(packet, version)

    holds()
