"""EMQ 2's words: times, sizes, what commands come to, and what a body must hold."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from query_api.commands.outcome import Outcome
from query_api.emq2.answers import BAD_RPC, CodedError
from query_api.emq2.outcomes import settled
from query_api.emq2.text import when
from query_api.emq_text import load, size, uptime


def test_times() -> None:
    assert when(1_492_145_415_999, UTC) == "2017-04-14 04:50:15"
    assert when(1_492_145_415_999, ZoneInfo("Asia/Shanghai")) == "2017-04-14 12:50:15"
    assert when(0, UTC) == "undefined"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 seconds"),
        (61_000, "1 minutes, 1 seconds"),
        (4_621_999, "1 hours, 17 minutes, 1 seconds"),
        (3_600_000, "1 hours, 0 minutes, 0 seconds"),
        (86_400_000, "1 days, 0 hours, 0 minutes, 0 seconds"),
    ],
)
def test_uptime(milliseconds: int, text: str) -> None:
    assert uptime(milliseconds) == text


def test_sizes_and_loads() -> None:
    assert [size(n) for n in (0, 1023, 1024, 72_551_000, 3 << 30)] == ["0", "1023", "1.00K", "69.19M", "3.00G"]
    assert [load(n) for n in (0, 5, 193, 1200)] == ["0.00", "0.05", "1.93", "12.00"]


@pytest.mark.parametrize(
    "outcome", [Outcome("id", False, ""), Outcome("id", True, "late"), Outcome("id", True, "unknown")]
)
def test_what_is_not_known_in_time_is_101(outcome: Outcome) -> None:
    with pytest.raises(CodedError) as raised:
        settled(outcome)
    assert raised.value.code == BAD_RPC


def test_what_is_known() -> None:
    assert settled(Outcome("id", True, "done")) == "done"
    assert settled(Outcome("id", True, "not_found")) == "not_found"
