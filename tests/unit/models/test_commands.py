"""Commands as rows: pending until their outcome, once for a key, void when late; publishes by command are counted."""

from __future__ import annotations

from typing import Any

from domain.commands import WINDOW_MS
from domain.models import MemoryTables
from schemas.events import CommandDone, Expire, Kick, Order, Publish
from schemas.positions import position
from tests.unit.models.log import START, Log, metric, named


def order(name: str = "one", **fields: Any) -> Order:
    values: dict[str, Any] = {"keyed": False, "at": 7} | fields
    return Order(name, "ada", "10.0.0.9", "req-1", **values)


def kick(asked: Order) -> Kick:
    return Kick("t", "c", asked, "because", True)


def publish(asked: Order, *, report: bool = False, retain: bool = False, qos: int = 1) -> Publish:
    return Publish("t", "c", asked, "a/b", qos, retain, True, report, b"", b"four")


def done(name: str = "one", outcome: str = "done") -> CommandDone:
    return CommandDone("t", "c", name, outcome, [0, 0x11], 2)


def command(tables: MemoryTables, name: str = "one", partition: int = 0) -> dict[str, Any]:
    return named("commands", tables.get("commands", name, partition))


def test_a_command_is_pending_until_its_outcome() -> None:
    log = Log()
    at = log.frame(kick(order(fingerprint="f", not_after=START + 9_000, meta={"role": "x"})))
    row = command(log.fold())
    assert row == {
        "id": "one",
        "partition": 0,
        "tenant": "t",
        "position": at,
        "time": log.now,
        "verb": "kick",
        "client_id": "c",
        "target": "",
        "actor": "ada",
        "address": "10.0.0.9",
        "correlation": "req-1",
        "keyed": False,
        "fingerprint": "f",
        "at": 7,
        "not_after": START + 9_000,
        "outcome": "",
        "codes": [],
        "count": 0,
        "done_position": 0,
        "done_at": 0,
        "meta": '{"role":"x"}',
    }
    log.frame(done(), node="n2", after=3.0)
    outcome = {"outcome": "done", "codes": [0, 0x11], "count": 2, "done_position": position(1, 0), "done_at": log.now}
    assert command(log.fold()) == row | outcome


def test_the_first_outcome_counts() -> None:
    log = Log()
    log.frame(kick(order()))
    log.frame(done(outcome="not_found"))
    log.frame(done())
    assert command(log.fold())["outcome"] == "not_found"


def test_an_outcome_of_a_command_that_nobody_gave_is_nothing() -> None:
    log = Log()
    log.frame(done())
    assert list(log.fold().rows("commands")) == []


def test_a_late_command_is_void_and_says_so() -> None:
    log = Log()
    at = log.frame(publish(order(not_after=START)))
    tables = log.fold()
    row = command(tables)
    assert (row["outcome"], row["done_position"], row["done_at"]) == ("late", at, log.now)
    assert (metric(tables, "events.void"), metric(tables, "messages.published.qos1")) == (1, 0)


def test_a_late_command_says_nothing_of_one_that_counted() -> None:
    log = Log()
    log.frame(kick(order(keyed=True)))
    log.frame(kick(order(keyed=True, not_after=START)))
    log.frame(done())
    row = command(log.fold())
    assert (row["outcome"], row["position"]) == ("done", 0)


def test_a_repetition_by_the_same_key_changes_nothing() -> None:
    log = Log()
    log.frame(publish(order(keyed=True)))
    log.frame(publish(order(keyed=True)), after=60.0)
    tables = log.fold()
    assert (command(tables)["position"], metric(tables, "messages.published.qos1")) == (0, 1)
    assert metric(tables, "events.void") == 1


def test_behind_its_window_a_key_is_another_command() -> None:
    log = Log()
    log.frame(kick(order(keyed=True)))
    log.frame(done())
    at = log.frame(kick(order(keyed=True)), after=WINDOW_MS / 1000)
    row = command(log.fold())
    assert (row["position"], row["outcome"], row["codes"]) == (at, "", [])


def test_a_publish_is_counted_as_those_of_clients_and_done_where_it_is() -> None:
    log = Log()
    log.frame(publish(order("silent"), retain=True), publish(order("kept", keyed=True)), node="api")
    tables = log.fold()
    assert metric(tables, "messages.published.qos1", node="api") == 2
    assert metric(tables, "bytes.published", node="api") == 8
    assert metric(tables, "messages.retained", node="api") == 1
    assert tables.get("commands", "silent", 0) is None
    row = command(tables, "kept")
    assert (row["outcome"], row["done_position"], row["target"]) == ("done", position(0, 1), "a/b")


def test_a_publish_that_is_to_be_reported_waits_for_that() -> None:
    log = Log()
    log.frame(publish(order(), report=True))
    assert command(log.fold())["outcome"] == ""
    log.frame(done())
    assert command(log.fold())["count"] == 2


def test_each_partition_has_its_own_row_of_a_command_that_goes_to_all() -> None:
    for partition in (0, 1):
        log = Log(partition)
        log.frame(Expire("t", order(), 60))
        row = command(log.fold(), partition=partition)
        assert (row["verb"], row["client_id"]) == ("expire", "")
