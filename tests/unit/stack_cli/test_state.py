"""The state that a fold came to, as it is printed."""

from __future__ import annotations

import io
import json

import pytest

from domain.models import MemoryTables, ModelFold, read_record
from schemas.events import NEVER, AnyEvent, Published
from schemas.frames import encode_events, frame_headers
from stack.logreader.state import DEFAULT_WHAT, WRITERS, State, tables_of
from tests.integration.replay.logwriter import connected, disconnected, subscribed


@pytest.fixture
def state() -> State:
    """Three clients of partition 2 as of time 100,000: one connected, one away, one expired."""
    events: list[AnyEvent] = [
        connected("here", username="[bold]"),
        subscribed("here", 0, "a/#"),
        connected("away"),
        subscribed("away", 2, "a/#"),
        disconnected("away", 2, expiry=NEVER),
        connected("over"),
        disconnected("over", 5, expiry=99),
    ]
    fold, tables = ModelFold(2), MemoryTables()
    fold.fold(read_record(0, 1_000, frame_headers("n", 0, 0, 0, [], events), encode_events(events)))
    tables.apply(fold.changes())
    return State(tables, {2: 100_000}, {"vector": {"2": 1}})


def _written(state: State, form: str, *what: str) -> str:
    to = io.StringIO()
    WRITERS[form](state, what or DEFAULT_WHAT, to)
    return to.getvalue()


def test_sessions_are_connected_away_or_expired(state: State) -> None:
    assert [(row["client_id"], row["state"]) for row in state.rows("sessions")] == [
        ("away", "away"),
        ("here", "connected"),
        ("over", "expired"),
    ]


def test_tables_show_everything_as_text(state: State) -> None:
    text = _written(state, "table")
    assert "sessions: 3" in text
    assert "[bold]" in text
    assert "never" in text
    assert "1970-01-01T00:00:01.000Z" in text
    assert "routes: 1" in text


def test_json_is_one_document(state: State) -> None:
    found = json.loads(_written(state, "json"))
    assert found["vector"] == {"2": 1}
    assert [row["client_id"] for row in found["sessions"]] == ["away", "here", "over"]
    assert found["routes"] == [{"partition": 2, "tenant": "default", "filter": "a/#", "node": "n", "sessions": 2}]
    assert {row["name"] for row in found["totals"]} == {"sessions", "sessions.connected", "subscriptions"}
    assert "sessions_history" not in found


def test_bytes_are_written_in_hexadecimal(state: State) -> None:
    retained = Published("default", "new", 0, "a/b", 0, True, 0, b"\x01\xff", b"x")
    fold = ModelFold(3)
    events: list[AnyEvent] = [connected("new"), retained]
    fold.fold(read_record(0, 1_000, frame_headers("n", 0, 0, 0, [], events), encode_events(events)))
    state.tables.apply(fold.changes())
    assert json.loads(_written(state, "json", "retained"))["retained"][0]["properties"] == "01ff"
    assert '"properties":"01ff"' in _written(state, "jsonl", "retained")
    assert "a/b" in _written(state, "table", "retained")


def test_json_lines_name_their_table(state: State) -> None:
    lines = [json.loads(line) for line in _written(state, "jsonl", "subscriptions", "history").splitlines()]
    assert [line["table"] for line in lines[:3]] == ["summary", "subscriptions", "subscriptions"]
    assert {line["table"] for line in lines[3:]} == {"sessions_history"}


def test_sums_over_partitions_on_a_screen(state: State) -> None:
    fold = ModelFold(3)
    events: list[AnyEvent] = [connected("more"), subscribed("more", 0, "a/#")]
    fold.fold(read_record(0, 1_000, frame_headers("n", 0, 0, 0, [], events), encode_events(events)))
    state.tables.apply(fold.changes())
    row = next(line for line in _written(state, "table", "routes").splitlines() if "a/#" in line)
    assert row.split() == ["default", "a/#", "n", "3"]


def test_what_is_asked_for_is_what_is_written() -> None:
    assert tables_of(["metrics", "sessions"]) == ["sessions", "totals", "metrics"]
