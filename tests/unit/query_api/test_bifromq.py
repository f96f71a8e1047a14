"""BifroMQ's words for what commands come to."""

from __future__ import annotations

import pytest

from query_api.bifromq.answers import WordError
from query_api.bifromq.headers import number
from query_api.bifromq.outcomes import settled
from query_api.bifromq.sessions import granted
from query_api.commands.outcome import Outcome


def refused(outcome: Outcome, *late: tuple[int, str]) -> tuple[int, str]:
    with pytest.raises(WordError) as raised:
        settled(outcome, *late)
    return raised.value.status, str(raised.value)


@pytest.mark.parametrize(
    "outcome", [Outcome("id", False, ""), Outcome("id", True, "late"), Outcome("id", True, "unknown")]
)
def test_what_is_not_known_in_time(outcome: Outcome) -> None:
    assert refused(outcome) == (400, "BACK_PRESSURE_REJECTED")
    assert refused(outcome, (429, "")) == (429, "")


@pytest.mark.parametrize("word", ["not_found", "not_connected", "wrong_user"])
def test_what_is_not_there(word: str) -> None:
    assert refused(Outcome("id", True, word)) == (404, "")


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (0x87, (401, "")),
        (0x97, (400, "EXCEED_LIMIT")),
        (0x8F, (400, "TOPIC_FILTER_INVALID")),
        (0x80, (400, "TOPIC_FILTER_INVALID")),
    ],
)
def test_what_is_refused(code: int, answer: tuple[int, str]) -> None:
    with pytest.raises(WordError) as raised:
        granted([code])
    assert (raised.value.status, str(raised.value)) == answer
    granted([0, 1, 2, 0x11])


def test_what_is_done() -> None:
    assert settled(Outcome("id", True, "done")) == "done"


@pytest.mark.parametrize("text", ["", "x", "1.0", "0x1", "1" * 20, "٣", "1\n"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(WordError, match="For input string: "):
        number(text)


def test_numbers() -> None:
    assert [number(text) for text in ("0", "-1", "+2", "007")] == [0, -1, 2, 7]
