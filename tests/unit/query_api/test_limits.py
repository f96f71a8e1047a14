"""What nodes take of a PUBLISH holds for messages by command; and the size of a packet is that of our own encoder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt.codec import ProtocolVersion, PublishPacket, encode
from query_api.commands.limits import PublishLimits, packet_size, strictest
from query_api.errors import TopicError
from query_api.store import Store
from schemas.settings import PostgresSettings


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0#+"), min_size=1, max_size=200),
    st.integers(0, 2),
    st.sampled_from([0, 1, 100, 121, 122, 127, 128, 16_200, 16_300, 16_384]),
)
def test_the_size_of_a_packet(topic: str, qos: int, payload: int) -> None:
    packet = PublishPacket(topic, b"x" * payload, qos, packet_id=1 if qos else 0)
    assert packet_size(topic, qos, b"", b"x" * payload) == len(encode(packet, ProtocolVersion.V5))


def test_the_strictest_of_several() -> None:
    assert strictest([{"a": 3, "b": 1}, {"a": 2, "c": 5}]) == {"a": 2, "b": 1, "c": 5}
    assert strictest([]) == {}


async def test_while_postgres_is_away_nothing_is_refused_that_was_not_before() -> None:
    limits = PublishLimits(Store(PostgresSettings(), 1))
    await limits.check("a/b", 0, b"", b"x")
    limits._known, limits._until = {"max_topic_levels": 1}, 0.0
    with pytest.raises(TopicError, match="2 levels"):
        await limits.check("a/b", 0, b"", b"x")
