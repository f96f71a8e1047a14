"""What a reading of ``applied`` says, and positions that can be waited for."""

from __future__ import annotations

import msgspec
import pytest

from projector.lanes import CONFIRM_SECONDS
from query_api.freshness import UNCONFIRMED_SECONDS, Applied, Freshness, Position, Whole, last_whole, open_position
from query_api.freshness import freshness as read
from query_api.tokens import BadTokenError, Tokens
from query_api.watch import CHECK_SECONDS

TOKENS = Tokens([b"k" * 32])


def row(partition: int, next_offset: int, log_end: int = 0, time: int = 1_000, age: float = 0.5) -> Applied:
    """A row of ``applied``."""
    return Applied(partition, next_offset, time, log_end, "topic", age)


def freshness(rows: list[Applied], monotonic: float, whole: dict[int, Whole] | None = None) -> Freshness:
    """What rows say, of which there are some."""
    reading = read(rows, whole or {}, TOKENS, monotonic)
    assert reading is not None
    return reading


def test_nothing_is_known_without_rows() -> None:
    assert read([], {}, TOKENS, 0.0) is None


def test_a_model_that_holds_all_of_the_log_has_no_lag() -> None:
    reading = freshness([row(0, 7, 7), row(1, 3, 3)], 100.0)
    assert reading.headers(9_999_999, 101.0) == {
        "mqledger-position": reading.token,
        "mqledger-applied": "0:7,1:3",
        "mqledger-confirmed-ms": "1500",
        "mqledger-lag-ms": "0",
        "mqledger-lag-frames": "0",
    }


def test_lag_is_the_age_of_what_was_folded_last_where_there_is_more() -> None:
    reading = freshness([row(0, 7, 9, time=5_000), row(1, 3, 4, time=4_000), row(2, 1, 1, time=1)], 0.0)
    assert reading.lag_frames == 3
    assert reading.lag_ms(10_000, 0.0) == 6_000
    assert reading.lag_ms(3_000, 0.0) == 0


def test_a_silent_projector_is_lag() -> None:
    reading = freshness([row(0, 7, 7, age=2.0), row(1, 7, 7, age=0.0)], 100.0)
    assert (reading.lag_ms(0, 101.0), reading.frames_behind(101.0)) == (0, 0)
    later = 100.0 + UNCONFIRMED_SECONDS
    assert (reading.lag_ms(0, later), reading.frames_behind(later)) == (int((UNCONFIRMED_SECONDS + 2.0) * 1000), None)
    headers = reading.headers(0, later)
    assert headers["mqledger-confirmed-ms"] == headers["mqledger-lag-ms"]
    assert "mqledger-lag-frames" not in headers


def test_silence_counts_when_two_confirmations_are_missing_and_not_before() -> None:
    """The latest confirmation is CONFIRM_SECONDS old just before the next, and a reading CHECK_SECONDS."""
    assert UNCONFIRMED_SECONDS == 2 * CONFIRM_SECONDS + CHECK_SECONDS


def test_a_silent_projector_that_was_behind_is_at_least_as_old_as_its_silence() -> None:
    reading = freshness([row(0, 7, 9, time=9_000, age=20.0)], 0.0)
    assert reading.lag_ms(10_000, 0.0) == 20_000


def test_a_partition_that_was_quiet_for_long_is_not_old_when_a_frame_comes() -> None:
    quiet, day = row(0, 7, 7, time=1_000, age=1.0), 86_400_000
    whole = last_whole([quiet], day, {})
    behind = row(0, 7, 8, time=1_000, age=0.0)
    assert freshness([behind], 0.0).lag_ms(day, 0.0) == day - 1_000
    assert freshness([behind], 0.0, last_whole([behind], day + 500, whole)).lag_ms(day + 500, 0.0) == 1_500


def test_the_age_of_a_partition_of_which_nothing_is_folded_is_not_known() -> None:
    reading = freshness([row(0, 0, 5, time=0), row(1, 7, 7)], 0.0)
    assert reading.lag_ms(1_795_260_857_250, 0.0) is None
    assert reading.frames_behind(0.0) == 5
    assert "mqledger-lag-ms" not in reading.headers(1_795_260_857_250, 0.0)


def test_a_model_folded_anew_does_not_live_on_its_predecessor() -> None:
    whole = last_whole([row(0, 7, 7)], 5_000, {})
    assert last_whole([row(0, 8, 9)], 6_000, whole) == whole
    assert last_whole([row(0, 3, 9)], 6_000, whole) == {}
    other = Applied(0, 8, 1_000, 9, "another topic", 0.0)
    assert last_whole([other], 6_000, whole) == {}


def test_positions_are_covered_partition_by_partition() -> None:
    reading = freshness([row(0, 7), row(1, 3)], 0.0)
    assert reading.covers(Position("topic", {}))
    assert reading.covers(Position("topic", {0: 7, 1: 2}))
    assert not reading.covers(Position("topic", {1: 4}))
    assert not reading.covers(Position("topic", {2: 1}))


def test_the_token_of_a_reading_is_its_position() -> None:
    reading = freshness([row(0, 7), row(1, 3)], 0.0)
    assert open_position(TOKENS, reading.token) == Position("topic", {0: 7, 1: 3})


def test_a_page_token_is_no_position() -> None:
    with pytest.raises(BadTokenError):
        open_position(TOKENS, TOKENS.seal("page", (), b"x"))
    with pytest.raises(BadTokenError):
        open_position(TOKENS, TOKENS.seal("position", (), msgspec.msgpack.encode("nonsense")))
