"""The parser beyond single packets: order, errors in the middle, limits, what it holds."""

import gc

import pytest

from ingest.mqtt.codec import (
    ConnectPacket,
    ConnectProperties,
    Packet,
    Parser,
    PingReqPacket,
    ProtocolError,
    ProtocolVersion,
    PubackPacket,
    PublishPacket,
    PubrelPacket,
    ReasonCode,
    SubscribePacket,
    Subscription,
    encode,
    valid_topic_filter,
)
from ingest.mqtt.codec import parser as parser_module

V31, V311, V5 = ProtocolVersion


def bytes_of(*packets: Packet, version: ProtocolVersion = V5) -> bytes:
    """The packets as one stream."""
    return b"".join(encode(packet, version) for packet in packets)


def test_nothing_gives_nothing() -> None:
    parser = Parser()
    assert parser.feed(b"") == []
    assert parser.error is None


def test_packets_behind_connect_in_one_feed() -> None:
    for version in ProtocolVersion:
        packets: list[Packet] = [
            ConnectPacket(version, "c"),
            PublishPacket("a", b"x", 1, packet_id=1),
            PubrelPacket(2),
            PingReqPacket(),
        ]
        parser = Parser()
        assert parser.feed(bytes_of(*packets, version=version)) == packets


def test_packets_before_an_error_are_not_lost() -> None:
    parser = Parser(version=V5)
    good: list[Packet] = [PublishPacket("a", b"x"), PubackPacket(1)]
    assert parser.feed(bytes_of(*good) + b"\x36\x00" + bytes_of(*good)) == good
    assert parser.error is not None
    with pytest.raises(ProtocolError, match=r"MQTT-3\.3\.1-4"):
        parser.feed(b"")


def test_a_wrong_type_is_refused_before_its_body_is_there() -> None:
    for data, reason in [
        (b"\x20\x7f", ReasonCode.PROTOCOL_ERROR),
        (b"\x36\x7f", ReasonCode.MALFORMED_PACKET),
        (b"\xf1\x7f", ReasonCode.MALFORMED_PACKET),
    ]:
        parser = Parser(version=V5)
        assert parser.feed(data) == []
        assert parser.error is not None
        assert parser.error.reason is reason
        assert parser.buffered == 0


def test_a_client_that_sends_no_connect_is_refused_at_once() -> None:
    parser = Parser()
    parser.feed(b"GET /")
    assert parser.error is not None
    assert parser.error.reason is ReasonCode.PROTOCOL_ERROR


def test_the_size_limit_counts_the_whole_packet() -> None:
    packet = PublishPacket("a", bytes(200))
    data = bytes_of(packet)
    assert Parser(version=V5, max_packet_size=len(data)).feed(data) == [packet]
    parser = Parser(version=V5, max_packet_size=len(data) - 1)
    assert parser.feed(data) == []
    assert parser.error is not None
    assert parser.error.reason is ReasonCode.PACKET_TOO_LARGE


def test_a_packet_too_large_is_refused_before_it_is_buffered() -> None:
    parser = Parser(version=V5, max_packet_size=1_000)
    assert parser.feed(b"\x30") == []
    assert parser.error is None
    assert parser.feed(b"\xff\xff\x7f" + bytes(100)) == []
    assert parser.error is not None
    assert parser.buffered == 0


def test_the_limit_before_connect_is_its_own() -> None:
    connect = ConnectPacket(V5, "c" * 200)
    publish = PublishPacket("a", bytes(500))
    parser = Parser(max_packet_size=1_000, connect_max_size=100)
    assert parser.feed(encode(connect, V5)) == []
    assert parser.error is not None
    parser = Parser(max_packet_size=1_000, connect_max_size=300)
    assert parser.feed(bytes_of(connect, publish)) == [connect, publish]
    parser = Parser(max_packet_size=300, connect_max_size=1_000)
    assert parser.feed(bytes_of(connect, publish)) == [connect]
    assert parser.error is not None


def test_what_is_held_is_bounded_by_the_limit() -> None:
    parser = Parser(version=V5, max_packet_size=10_000)
    data = bytes_of(PublishPacket("a", bytes(9_000)))
    for at in range(0, len(data), 7):
        parser.feed(data[at : at + 7])
        assert parser.buffered <= 10_000
    assert parser.buffered == 0


def test_the_limit_may_change_between_feeds() -> None:
    parser = Parser(version=V5, max_packet_size=1_000)
    data = bytes_of(PublishPacket("a", bytes(500)))
    assert len(parser.feed(data)) == 1
    parser.max_packet_size = 100
    parser.feed(data)
    assert parser.error is not None


def test_a_caller_may_reuse_its_buffer() -> None:
    parser = Parser(version=V5)
    buffer = bytearray(bytes_of(PublishPacket("a", b"payload", 1, packet_id=1)) + b"\x30")
    (packet,) = parser.feed(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    assert packet == PublishPacket("a", b"payload", 1, packet_id=1)
    assert parser.feed(b"\x04\x00\x01a\x00") == [PublishPacket("a")]


def test_a_client_needs_a_version() -> None:
    with pytest.raises(ValueError, match="version"):
        Parser("client")


def test_one_topic_is_one_string_and_the_cache_is_bounded() -> None:
    first, second = Parser(version=V5), Parser(version=V311)
    (one,) = first.feed(bytes_of(PublishPacket("some/topic")))
    (two,) = second.feed(bytes_of(PublishPacket("some/topic"), version=V311))
    assert isinstance(one, PublishPacket)
    assert isinstance(two, PublishPacket)
    assert one.topic is two.topic
    for number in range(parser_module._TOPICS_MAX + 10):
        first.feed(bytes_of(PublishPacket(f"t/{number}")))
    first.feed(bytes_of(PublishPacket("x" * 1_000)))
    assert len(parser_module._TOPICS) <= parser_module._TOPICS_MAX
    assert max(map(len, parser_module._TOPICS)) <= parser_module._CACHED_MAX


def test_the_cache_of_properties_is_bounded_and_not_for_what_servers_send() -> None:
    parser = Parser(version=V5)
    for number in range(parser_module._BLOCKS_MAX + 10):
        raw = b"\x02" + number.to_bytes(4, "big")
        packet = PublishPacket("a", properties=raw, topic_alias=number + 1)
        assert parser.feed(bytes_of(packet)) == [packet]
        assert parser.feed(bytes_of(packet)) == [packet]
    assert 0 < len(parser_module._BLOCKS) <= parser_module._BLOCKS_MAX
    of_server = bytes_of(PublishPacket("a", properties=b"\x0b\x01"))
    assert len(Parser("client", V5).feed(of_server)) == 1
    parser.feed(of_server)
    assert parser.error is not None


def test_a_topic_cut_short_never_enters_the_cache() -> None:
    parser = Parser(version=V311)
    parser.feed(b"\x30\x04\x00\x0anot" + b"cached!" + b"\xc0\x00")
    assert parser.error is not None
    assert b"notcached!"[:10] not in parser_module._TOPICS


def test_the_largest_length_is_framed() -> None:
    parser = Parser(version=V311, max_packet_size=parser_module.LARGEST_PACKET)
    assert parser.feed(b"\x30\xff\xff\xff\x7f") == []
    assert parser.error is None


@pytest.mark.timeout(20)
def test_many_small_fields_cost_no_more_than_their_bytes() -> None:
    pairs = tuple((str(number), "") for number in range(60_000))
    connect = ConnectPacket(V5, "c", properties=ConnectProperties(user_properties=pairs))
    assert Parser().feed(bytes_of(connect)) == [connect]
    subscribe = SubscribePacket(1, tuple(Subscription(str(number)) for number in range(60_000)))
    assert Parser(version=V5).feed(bytes_of(subscribe)) == [subscribe]
    raw = b"\x26\x00\x00\x00\x00" * 100_000
    publish = PublishPacket("a", properties=raw)
    assert Parser(version=V5).feed(bytes_of(publish)) == [publish]
    assert not valid_topic_filter("a/" * 32_000 + "#x")
    assert valid_topic_filter("+/" * 32_000 + "#")


def test_an_error_leaves_no_circle_in_memory() -> None:
    """Parsers of strangers go when their connections do, not when the collector comes round to the oldest objects."""
    gc.collect()
    gc.disable()
    try:
        for data in (b"\x00\x00", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01\xff"):
            parser = Parser()
            parser.feed(data)
            assert parser.error is not None
            assert parser.error.__traceback__ is None
            assert parser.error.__context__ is None
            del parser
        assert gc.collect() == 0
    finally:
        gc.enable()
