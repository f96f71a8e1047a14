"""What holds for every history: how it is cut into batches, and what is forgotten in between, changes nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.commands import WINDOW_MS
from domain.models import TABLES, MemoryTables, ModelFold, checksum, differences
from tests.unit.models.histories import history
from tests.unit.models.log import Log, all_named, total

SEEDS = st.integers(0, 1_000_000)


def fold_in_batches(log: Log, sizes: list[int], limit: int) -> MemoryTables:
    """The tables when folded in batches, holding so few sessions that most are supplied again and again."""
    fold, tables, rest = ModelFold(log.partition), MemoryTables(), list(log.records)
    while rest:
        size = sizes.pop(0) if sizes else 3
        batch, rest = rest[:size], rest[size:]
        missing = fold.missing(batch)
        supply(fold, tables, missing)
        for record in batch:
            fold.fold(record)
        changes = fold.changes()
        fold.forget(limit)  # while the batch is in flight
        tables.apply(changes)
    return tables


def supply(fold: ModelFold, tables: MemoryTables, missing: set[tuple[str, str]]) -> None:
    sessions = [row for row in tables.rows("sessions") if row[:2] in missing]
    fold.supply(missing, sessions, [row for row in tables.rows("subscriptions") if row[:2] in missing])


def remembered(tables: MemoryTables, partition_time: int) -> list[tuple[str, int]]:
    """What a fold that goes on must remember of commands, as `load_commands` finds it."""
    rows = [row for row in all_named(tables, "commands") if row["keyed"] and row["outcome"] != "late"]
    rows = [row for row in rows if row["time"] > partition_time - WINDOW_MS]
    return [(row["id"], row["time"]) for row in sorted(rows, key=lambda row: row["position"])]


def assert_same(expected: MemoryTables, found: MemoryTables) -> None:
    for name in TABLES:
        wrong = [difference.describe() for difference in differences(name, expected.rows(name), found.rows(name))]
        assert wrong == [], name
        assert checksum(expected.rows(name)) == checksum(found.rows(name))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(SEEDS, st.integers(1, 60), st.lists(st.integers(1, 20), max_size=20), st.sampled_from([0, 1, 3, 100]))
def test_batches_and_forgetting_change_nothing(seed: int, frames: int, sizes: list[int], limit: int) -> None:
    log = history(seed, frames)
    assert_same(log.fold(), fold_in_batches(log, sizes, limit))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(SEEDS, st.integers(1, 60))
def test_the_present_is_the_same_without_a_past(seed: int, frames: int) -> None:
    log = history(seed, frames)
    fold, found, expected = ModelFold(log.partition, history=False), MemoryTables(), log.fold()
    for record in log.records:
        fold.fold(record)
    found.apply(fold.changes())
    for name in TABLES:
        rows = [] if name.endswith("_history") else expected.rows(name)
        assert [one.describe() for one in differences(name, rows, found.rows(name))] == [], name


@settings(max_examples=100, derandomize=True, deadline=None)
@given(SEEDS, st.integers(1, 60), st.data())
def test_a_fold_goes_on_where_the_tables_stand(seed: int, frames: int, data: st.DataObject) -> None:
    log = history(seed, frames)
    cut = data.draw(st.integers(0, frames))
    tables, first = MemoryTables(), ModelFold(0)
    for record in log.records[:cut]:
        first.fold(record)
    tables.apply(first.changes())
    second = ModelFold(
        0,
        start=first.next,
        partition_time=first.partition_time,
        fences=first.fences,
        commands=remembered(tables, first.partition_time),
        complete=False,
    )
    supply(second, tables, second.missing(log.records[cut:]))
    for record in log.records[cut:]:
        second.fold(record)
    tables.apply(second.changes())
    assert_same(log.fold(), tables)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(SEEDS)
def test_totals_are_the_numbers_of_rows(seed: int) -> None:
    tables = history(seed, 60).fold()
    for tenant in ("t", "u"):
        sessions = [row for row in all_named(tables, "sessions") if row["tenant"] == tenant]
        subscriptions = [row for row in all_named(tables, "subscriptions") if row["tenant"] == tenant]
        assert total(tables, "sessions", tenant) == len(sessions)
        assert total(tables, "sessions.connected", tenant) == sum(row["online"] for row in sessions)
        assert total(tables, "subscriptions", tenant) == len(subscriptions)
        for row in sessions:
            held = [s for s in subscriptions if s["client_id"] == row["client_id"]]
            assert row["subscription_count"] == len(held)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(SEEDS)
def test_routes_are_the_sessions_that_hold_a_filter(seed: int) -> None:
    tables = history(seed, 60).fold()
    nodes = {(row["tenant"], row["client_id"]): row["node"] for row in all_named(tables, "sessions")}
    expected: dict[tuple[str, str, str], int] = {}
    for row in all_named(tables, "subscriptions"):
        key = (row["tenant"], row["filter"], nodes[row["tenant"], row["client_id"]])
        expected[key] = expected.get(key, 0) + 1
    found = {(row["tenant"], row["filter"], row["node"]): row["sessions"] for row in all_named(tables, "routes")}
    assert found == expected


@settings(max_examples=100, derandomize=True, deadline=None)
@given(SEEDS)
def test_intervals_follow_each_other_without_gap_or_overlap(seed: int) -> None:
    tables = history(seed, 60).fold()
    for present, past, name in (
        ("sessions", "sessions_history", ("tenant", "client_id")),
        ("subscriptions", "subscriptions_history", ("tenant", "client_id", "filter")),
    ):
        chains: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in [*all_named(tables, past), *all_named(tables, present)]:
            chains.setdefault(tuple(row[part] for part in name), []).append(row)
        for chain in chains.values():
            chain.sort(key=lambda row: row["valid_from"])
            assert_chain(chain)


def assert_chain(chain: list[dict[str, Any]]) -> None:
    for row, later in pairwise(chain):
        assert row["valid_from"] < row["valid_to"] <= later["valid_from"]
        assert row["valid_from_time"] <= row["valid_to_time"] <= later["valid_from_time"]
        origin = "created" if "created" in row else "since"
        if row[origin] == later[origin]:  # the same session or subscription goes on: no gap
            assert row["valid_to"] == later["valid_from"]
            assert row["valid_to_time"] == later["valid_from_time"]
            assert row.get("ended", "") == ""
        elif "ended" in row:
            assert row["ended"] != ""
