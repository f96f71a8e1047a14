"""The raw property block of PUBLISH and its helpers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt.codec import (
    InvalidPacket,
    ProtocolError,
    PublishProperties,
    decode_publish_properties,
    encode_publish_properties,
    message_expiry,
    with_message_expiry,
    with_subscription_identifiers,
    without_subscription_identifiers,
)
from ingest.mqtt.codec.publish_properties import split_publish_properties, split_will_properties

from .strategies import server_publish_properties, subscription_ids, uint32

SETTINGS = settings(max_examples=100, derandomize=True, database=None, deadline=None)


def test_no_properties_are_no_bytes() -> None:
    assert encode_publish_properties(PublishProperties()) == b""
    assert decode_publish_properties(b"") == PublishProperties()
    assert message_expiry(b"") is None


@SETTINGS
@given(server_publish_properties)
def test_round_trip(properties: PublishProperties) -> None:
    raw = encode_publish_properties(properties)
    assert decode_publish_properties(raw) == properties
    assert message_expiry(raw) == properties.message_expiry_interval
    assert split_publish_properties(raw, 0, len(raw), False) == (0, raw)


@SETTINGS
@given(server_publish_properties, uint32)
def test_with_message_expiry_replaces_what_is_there(properties: PublishProperties, seconds: int) -> None:
    # [MQTT-3.3.2-6]
    raw = encode_publish_properties(properties)
    changed = with_message_expiry(raw, seconds)
    if properties.message_expiry_interval is None:
        assert changed == raw
    else:
        assert message_expiry(changed) == seconds
        assert with_message_expiry(changed, properties.message_expiry_interval) == raw


@SETTINGS
@given(server_publish_properties, st.lists(subscription_ids, max_size=4))
def test_with_subscription_identifiers(properties: PublishProperties, ids: list[int]) -> None:
    # [MQTT-3.3.4-3]
    raw = encode_publish_properties(properties)
    changed = decode_publish_properties(with_subscription_identifiers(raw, ids))
    assert changed.subscription_identifiers == (*properties.subscription_identifiers, *ids)
    bare = without_subscription_identifiers(with_subscription_identifiers(raw, ids))
    assert decode_publish_properties(bare).subscription_identifiers == ()
    assert decode_publish_properties(bare).user_properties == properties.user_properties


@SETTINGS
@given(st.binary(max_size=30))
def test_any_bytes_are_properties_or_a_protocol_error(raw: bytes) -> None:
    for check in (
        decode_publish_properties,
        split_will_properties,
        lambda data: split_publish_properties(data, 0, len(data), True),
        lambda data: split_publish_properties(data, 0, len(data), False),
    ):
        try:
            check(raw)
        except ProtocolError:
            continue


@SETTINGS
@given(server_publish_properties, st.integers(0, 200), st.integers(0, 255))
def test_both_readers_accept_the_same(properties: PublishProperties, at: int, byte: int) -> None:
    raw = bytearray(encode_publish_properties(properties))
    if raw:
        raw[at % len(raw)] = byte
    data = bytes(raw)
    assert _accepts(data) is _splits(data)


def _accepts(data: bytes) -> bool:
    try:
        decode_publish_properties(data)
    except ProtocolError:
        return False
    return True


def _splits(data: bytes) -> bool:
    """Whether the fast check accepts `data`; a topic alias in it is not a raw block."""
    try:
        return split_publish_properties(data, 0, len(data), False)[0] == 0
    except ProtocolError:
        return False


@pytest.mark.parametrize(
    "properties",
    [
        PublishProperties(payload_format_indicator=2),
        PublishProperties(message_expiry_interval=-1),
        PublishProperties(message_expiry_interval=1 << 32),
        PublishProperties(response_topic="a/#"),
        PublishProperties(content_type="\0"),
        PublishProperties(content_type="\ud800"),
        PublishProperties(correlation_data=bytes(65_536)),
        PublishProperties(subscription_identifiers=(0,)),
        PublishProperties(subscription_identifiers=(268_435_456,)),
        PublishProperties(user_properties=(("a", "x" * 65_536),)),
    ],
)
def test_values_that_publish_cannot_carry(properties: PublishProperties) -> None:
    with pytest.raises(InvalidPacket):
        encode_publish_properties(properties)


@pytest.mark.parametrize("bad", [0, -1, 268_435_456])
def test_subscription_identifiers_in_range(bad: int) -> None:
    with pytest.raises(InvalidPacket):
        with_subscription_identifiers(b"", [bad])
