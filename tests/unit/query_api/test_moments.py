"""Moments of every dialect, also those that no calendar has."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from query_api.emq2.text import when as emq2_when
from query_api.emq_text import when as emqx4_when
from query_api.fluxmq.times import rfc3339
from query_api.moments import LATEST_SECONDS
from query_api.native.times import moment


@pytest.mark.parametrize("ms", [LATEST_SECONDS * 1000 + 1000, 999_999_999_999_000, 2**63 - 1])
def test_what_is_later_than_the_calendar_is_its_end(ms: int) -> None:
    assert moment(ms) == "9999-12-31T23:59:59.999Z"
    assert rfc3339(ms).startswith("9999-12-31T23:59:59")
    for zone in (UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")):
        assert emq2_when(ms, zone) == emqx4_when(ms, zone) == "9999-12-31 23:59:59"


def test_the_last_second_has_none_after_it_in_the_east() -> None:
    assert moment(LATEST_SECONDS * 1000) == "9999-12-31T23:59:59.000Z"
    assert emq2_when(LATEST_SECONDS * 1000, ZoneInfo("Asia/Shanghai")) == "9999-12-31 23:59:59"
