"""What a reading of ``applied`` says, and positions that can be waited for."""

from __future__ import annotations

import msgspec
import pytest

from query_api.freshness import UNCONFIRMED_SECONDS, Applied, Position, freshness, open_position
from query_api.tokens import BadTokenError, Tokens

TOKENS = Tokens([b"k" * 32])


def row(partition: int, next_offset: int, log_end: int = 0, time: int = 1_000, age: float = 0.5) -> Applied:
    """A row of ``applied``."""
    return Applied(partition, next_offset, time, log_end, "topic", age)


def test_nothing_is_known_without_rows() -> None:
    assert freshness([], TOKENS, 0.0) is None


def test_a_model_that_holds_all_of_the_log_has_no_lag() -> None:
    reading = freshness([row(0, 7, 7), row(1, 3, 3)], TOKENS, 100.0)
    assert reading is not None
    assert reading.headers(9_999_999, 101.0) == {
        "mqledger-position": reading.token,
        "mqledger-applied": "0:7,1:3",
        "mqledger-lag-ms": "0",
        "mqledger-lag-frames": "0",
    }


def test_lag_is_the_age_of_what_was_folded_last_where_there_is_more() -> None:
    reading = freshness([row(0, 7, 9, time=5_000), row(1, 3, 4, time=4_000), row(2, 1, 1, time=1)], TOKENS, 0.0)
    assert reading is not None
    assert reading.lag_frames == 3
    assert reading.lag_ms(10_000, 0.0) == 6_000
    assert reading.lag_ms(3_000, 0.0) == 0


def test_a_silent_projector_is_lag() -> None:
    reading = freshness([row(0, 7, 7, age=2.0)], TOKENS, 100.0)
    assert reading is not None
    assert reading.lag_ms(0, 101.0) == 0
    assert reading.lag_ms(0, 100.0 + UNCONFIRMED_SECONDS) == int((UNCONFIRMED_SECONDS + 2.0) * 1000)


def test_positions_are_covered_partition_by_partition() -> None:
    reading = freshness([row(0, 7), row(1, 3)], TOKENS, 0.0)
    assert reading is not None
    assert reading.covers(Position("topic", {}))
    assert reading.covers(Position("topic", {0: 7, 1: 2}))
    assert not reading.covers(Position("topic", {1: 4}))
    assert not reading.covers(Position("topic", {2: 1}))


def test_the_token_of_a_reading_is_its_position() -> None:
    reading = freshness([row(0, 7), row(1, 3)], TOKENS, 0.0)
    assert reading is not None
    assert open_position(TOKENS, reading.token) == Position("topic", {0: 7, 1: 3})


def test_a_page_token_is_no_position() -> None:
    with pytest.raises(BadTokenError):
        open_position(TOKENS, TOKENS.seal("page", (), b"x"))
    with pytest.raises(BadTokenError):
        open_position(TOKENS, TOKENS.seal("position", (), msgspec.msgpack.encode("nonsense")))
