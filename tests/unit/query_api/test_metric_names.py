"""Metrics of EMQ 2 and EMQX 4 are sums of counters that there are."""

from __future__ import annotations

import re

import pytest

from ingest.node.counters import Counters
from query_api.metric_names import EMQ2_METRICS, EMQ2_STATS, EMQX4_METRICS, Sources, total

LOGGED = {"connected", "disconnected", "refused", "sessions.created", "sessions.ended"}
"""Of the log (domain/models), with ``messages.retained``."""
LATER = {"errors.auth", "errors.authz"}
"""Counted from the first refusal on."""
COUNTED = {
    *Counters().named(),
    *(f"messages.received.qos{qos}" for qos in (0, 1, 2)),
    "retained.refused",
    "messages.retained",
    *LOGGED,
    *LATER,
}


@pytest.mark.parametrize("table", [EMQ2_METRICS, EMQX4_METRICS], ids=["emq2", "emqx4"])
def test_every_source_is_counted(table: dict[str, Sources]) -> None:
    for sources in table.values():
        for source in (source.removeprefix("-") for source in sources):
            assert source in COUNTED or (source.endswith(".") and any(name.startswith(source) for name in COUNTED)), (
                source
            )


def test_there_are_the_38_documented_ones_and_14_statistics() -> None:
    assert len(EMQ2_METRICS) == 38
    assert len(EMQ2_STATS) == 7
    assert all(re.fullmatch(r"[a-z0-9]+(/[a-z0-9]+){1,2}", name) for name in EMQ2_METRICS)


def test_total() -> None:
    counters = {"a.b": 1, "a.c": 2, "ab": 4}
    assert total(counters, ("a.",)) == 3
    assert total(counters, ("a.", "ab", "missing")) == 7
    assert total(counters, ("ab", "-a.c")) == 2
    assert total(counters, ()) == 0
