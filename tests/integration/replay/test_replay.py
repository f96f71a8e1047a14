"""``mqledger replay`` against a real log: the state as of moments, and its forms."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from schemas.events import SessionEnded
from schemas.positions import index_of, offset_of, position
from schemas.settings import KafkaSettings
from stack.logreader.bounds import time_text
from tests.integration.replay.cli import Cli
from tests.integration.replay.conftest import Past
from tests.integration.replay.logwriter import LogWriter, connected, disconnected, published, subscribed


def _state(cli: Cli, *arguments: str) -> dict[str, Any]:
    result = cli.run("replay", "--format", "json", *arguments)
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads(result.out)
    return found


def _sessions(state: dict[str, Any]) -> dict[str, tuple[str, int]]:
    return {row["client_id"]: (row["state"], row["subscription_count"]) for row in state["sessions"]}


def _metric(state: dict[str, Any], name: str) -> int:
    return sum(row["value"] for row in state["metrics"] if row["name"] == name)


def test_the_end(past: Past) -> None:
    state = _state(past.cli)
    assert _sessions(state) == {f"sensor-{i}": ("away" if i % 2 else "connected", 2) for i in range(6)}
    assert len(state["subscriptions"]) == 12
    assert _metric(state, "messages.published.qos1") == _metric(state, "messages.published.qos2") == 6
    assert sum(row["sessions"] for row in state["routes"] if row["filter"] == "cmd/+") == 6
    assert sum(row["value"] for row in state["totals"] if row["name"] == "sessions.connected") == 3


def test_a_time(past: Past) -> None:
    state = _state(past.cli, "--until", time_text(past.before))
    assert _sessions(state) == {f"sensor-{i}": ("connected", 0) for i in range(6)}
    assert state["subscriptions"] == state["routes"] == []
    assert _metric(state, "connected") == 6


def test_a_position_cuts_inside_a_frame_and_names_its_partition(past: Past) -> None:
    at = past.epochs["sensor-3"]
    partition = past.partition["sensor-3"]
    before = _state(past.cli, "--until", f"{partition}/{offset_of(at)}.{index_of(at)}")
    after = _state(past.cli, "--until", f"{partition}/{offset_of(at)}.{index_of(at) + 1}")
    assert "sensor-3" not in _sessions(before)
    assert _sessions(after)["sensor-3"] == ("connected", 0)
    assert set(after["vector"]) == {str(partition)}


def test_a_vector(past: Past) -> None:
    nothing = _state(past.cli, "--until", ",".join(["1"] * past.kafka.partitions))
    assert nothing["sessions"] == []
    assert nothing["vector"] == {str(p): 1 for p in range(past.kafka.partitions)}


def test_one_partition(past: Past) -> None:
    partition = past.partition["sensor-0"]
    expected = {client for client, p in past.partition.items() if p == partition}
    assert set(_sessions(_state(past.cli, "--partition", str(partition)))) == expected


def test_tables_and_lines(past: Past) -> None:
    shown = past.cli.run("replay")
    assert "sessions: 6" in shown.out
    assert "sensor-5" in shown.out
    assert "events/s" in shown.err
    lines = past.cli.run("replay", "--format", "jsonl", "--what", "sessions", "--what", "history").json_lines
    assert lines[0]["table"] == "summary"
    assert {line["table"] for line in lines} == {"summary", "sessions", "sessions_history"}


def test_a_file_is_whole_or_not_there(past: Past, tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    result = past.cli.run("replay", "--format", "json", "--output", str(target))
    assert (result.code, result.out) == (0, "")
    assert len(json.loads(target.read_text())["sessions"]) == 6
    assert list(tmp_path.iterdir()) == [target]
    failed = past.cli.run("replay", "--output", str(tmp_path / "missing" / "state.json"))
    assert failed.code == 1
    assert "can't be written" in failed.err


async def test_expired_sessions_are_shown_as_such(cli: Cli, kafka: KafkaSettings) -> None:
    async with LogWriter(kafka) as log:
        epoch = await log.connect("short", expiry=1)
        await log.of_client("short", disconnected("short", epoch, expiry=1))
        away_since = log.appended_at
        await log.connect("ended")
    assert _sessions(_state(cli))["short"][0] == "away"
    assert _sessions(_state(cli, "--until", time_text(away_since + 999)))["short"][0] == "away"
    assert _sessions(_state(cli, "--until", time_text(away_since + 1_000)))["short"][0] == "expired"


async def test_a_frame_that_cannot_be_folded(cli: Cli, kafka: KafkaSettings) -> None:
    async with LogWriter(kafka) as log:
        epoch = await log.connect("a")
        partition = log.partition("a")
        await log.raw(partition, [], b"poison")
        await log.of_client("a", subscribed("a", epoch, "x"), published("a", epoch, "t"))
    stopped = cli.run("replay")
    assert stopped.code == 1
    assert f"Frame {partition}/1 of {kafka.events_topic} cannot be folded" in stopped.err
    went_on = cli.run("replay", "--skip-bad", "--format", "json")
    assert _sessions(json.loads(went_on.out)) == {"a": ("connected", 1)}
    assert "stepped over" in went_on.err


async def test_what_a_fence_shuts_out_changes_nothing(cli: Cli, kafka: KafkaSettings) -> None:
    from schemas.events import NodeStarted

    async with LogWriter(kafka, "n", 1) as old, LogWriter(kafka, "n", 2) as new:
        await old.frame(0, [connected("before")])
        await new.frame(0, [NodeStarted("n", 2, -1, "v", [])])
        await old.frame(0, [connected("void"), SessionEnded("default", "before", position(0, 0), "expired")])
    assert set(_sessions(_state(cli))) == {"before"}


def test_an_empty_log(cli: Cli) -> None:
    state = _state(cli)
    assert state["sessions"] == state["metrics"] == []


@pytest.mark.parametrize("arguments", [("--until", "9/1.0"), ("--partition", "9")])
def test_partitions_that_there_are_not(past: Past, arguments: tuple[str, str]) -> None:
    result = past.cli.run("replay", *arguments)
    assert result.code == 1
    assert result.err == f"mqledger: {past.kafka.events_topic} has no partition 9; it has 0 to 3.\n"


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2/99999.0", r"--until 2/99999\.0 is behind the end of \S+, which is 2/\d+\.0"),
        ("2099-01-01", r"--until 2099-01-01T\S+ is yet to come; \S+ ends, as of now, at \d+,\d+,\d+,\d+"),
    ],
)
def test_an_end_behind_that_of_the_log_is_said(past: Past, until: str, words: str) -> None:
    result = past.cli.run("replay", "--until", until)
    assert result.code == 0
    assert re.match(f"mqledger: {words}\n", result.err)
