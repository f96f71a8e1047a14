"""Records that can't be read: a node stops there and says where, or goes on as it was told to."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from ingest.log.poison import DamagedRecordError, Poison
from ingest.log.reader import Read
from ingest.log.record import Applied
from ingest.settings import IngestSettings, LogSettings
from schemas.events import NodeStopped
from tests.unit.ingest.sim.journal import Journal
from tests.unit.ingest.sim.log import Log, Reader

PARTITIONS = 2
SKIP = LogSettings(poison="skip")


def damaged_log() -> Log:
    """Three frames in each partition; 0/1 has no header that can be read, 1/1 no events, and 1/2 had seen 0/1."""
    log = Log(PARTITIONS)
    for partition in range(PARTITIONS):
        for sequence in range(3):
            log.append(partition, "other", 1, sequence, 1, [2, 0], [NodeStopped("other", sequence)])
    log.records[0][1] = replace(log.records[0][1], headers=[("frame", b"\x98\x01")])
    log.records[1][1] = replace(log.records[1][1], value=log.records[1][1].value[:-3])
    return log


def folded(log: Log, settings: LogSettings) -> list[Applied]:
    """What a journal applies of the whole log under these settings."""
    log.poison = Poison("mq.events", settings)
    applied: list[Applied] = []
    journal = Journal(log, IngestSettings(), applied.append)

    async def run() -> None:
        async for read in Reader(log, 2).merged([0] * PARTITIONS, log.ends):
            journal.apply_read(read)

    asyncio.run(run())
    assert journal.vector[:PARTITIONS] == log.ends
    return applied


def places(applied: list[Applied]) -> set[tuple[int, int]]:
    """Where something was applied that has events."""
    return {(frame.partition, frame.offset) for frame in applied if frame.events}


@pytest.mark.parametrize("quarantine", ["", "1/1", "0/2,1/0"])
def test_a_node_stops_at_a_header_that_cannot_be_read(quarantine: str) -> None:
    """Given a damaged header that no setting names, when the log is folded, then that says where and what helps."""
    with pytest.raises(DamagedRecordError, match=r"record 0/1 .* of mq\.events .*log\.quarantine = \"0/1\""):
        folded(damaged_log(), LogSettings(quarantine=quarantine))


def test_a_node_stops_at_events_that_cannot_be_read() -> None:
    """Given damaged events behind a sound header, when the log is folded, then that says where and what helps."""
    with pytest.raises(DamagedRecordError, match=r"record 1/1 .*MQLEDGER_LOG__QUARANTINE=1/1"):
        folded(damaged_log(), LogSettings(quarantine="0/1"))


@pytest.mark.parametrize("settings", [SKIP, LogSettings(quarantine=" 0/1, 1/1")])
def test_a_node_goes_on_as_it_was_told_to(settings: LogSettings, caplog: pytest.LogCaptureFixture) -> None:
    """Given damaged records and leave to go on, when the log is folded, then all others are applied, and what was put
    aside is logged and counted once."""
    log = damaged_log()
    with caplog.at_level(logging.ERROR, "ingest.log.poison"):
        applied = folded(log, settings)
    assert places(applied) == {(0, 0), (0, 2), (1, 0), (1, 2)}
    assert log.poison.put_aside == {(0, 1), (1, 1)}
    for record in (log.records[0][1], log.records[1][1]):
        assert Read(record, log.poison).events() == []
    assert len(caplog.records) == 2
    assert "mq.events/0/1" in caplog.text


def test_a_quarantine_of_sound_records_changes_nothing() -> None:
    """Given leave to go on without a record that can be read, when the log is folded, then it is applied."""
    log = Log(PARTITIONS)
    log.append(0, "other", 1, 0, 1, [0, 0], [NodeStopped("other", 1)])
    assert places(folded(log, LogSettings(poison="skip", quarantine="0/0"))) == {(0, 0)}
    assert not log.poison.put_aside
