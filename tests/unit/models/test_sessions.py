"""Sessions: given events, when folded, then these rows."""

from __future__ import annotations

from schemas.events import NEVER, Counters, NodeLost, NodeStarted, Will
from tests.unit.models.log import START, Log, all_named, connected, disconnected, metric, named, total


def session(log: Log, client_id: str = "c") -> dict[str, object]:
    return named("sessions", log.fold().get("sessions", "t", client_id))


def endings(log: Log) -> list[str]:
    return [row["ended"] for row in all_named(log.fold(), "sessions_history")]


def test_a_connect_is_a_session() -> None:
    log = Log()
    epoch = log.connect(will=Will("w", b"gone", 1, False, b"", 0), zone="north", bridge=True)
    row = session(log)
    assert row["online"]
    assert row["epoch"] == row["created"] == row["valid_from"] == epoch
    assert row["created_at"] == row["connected_at"] == row["valid_from_time"] == START + 1000
    assert (row["has_will"], row["zone"], row["bridge"], row["node"]) == (True, "north", True, "n1")
    assert (row["disconnected_at"], row["subscription_count"]) == (0, 0)
    assert list(log.fold().rows("sessions_history")) == []
    assert total(log.fold(), "sessions") == total(log.fold(), "sessions.connected") == 1
    assert metric(log.fold(), "connected") == metric(log.fold(), "sessions.created") == 1


def test_a_disconnect_leaves_the_session_and_closes_the_interval() -> None:
    log = Log()
    epoch = log.connect()
    at = log.disconnect(epoch, reason_code=4, reason="with will", by="network", expiry=60)
    row = session(log)
    assert (row["online"], row["disconnected_at"], row["expiry"]) == (False, START + 2000, 60)
    assert (row["disconnect_code"], row["disconnect_reason"], row["valid_from"]) == (4, "with will", at)
    (past,) = all_named(log.fold(), "sessions_history")
    assert (past["online"], past["valid_from"], past["valid_to"], past["ended"]) == (True, epoch, at, "")
    assert past["valid_to_time"] == START + 2000
    assert total(log.fold(), "sessions") == 1
    assert total(log.fold(), "sessions.connected") == 0
    assert metric(log.fold(), "disconnected") == metric(log.fold(), "disconnected.network") == 1


def test_a_reconnect_continues_the_session() -> None:
    log = Log()
    first = log.connect()
    log.subscribe(first, "a")
    log.disconnect(first)
    second = log.connect(username="other")
    row = session(log)
    assert (row["created"], row["epoch"], row["username"]) == (first, second, "other")
    assert (row["online"], row["disconnected_at"], row["disconnect_reason"]) == (True, 0, "")
    assert row["subscription_count"] == 1
    assert metric(log.fold(), "sessions.created") == 1


def test_a_takeover_continues_and_is_counted() -> None:
    log = Log()
    log.connect()
    second = log.connect()
    assert session(log)["epoch"] == second
    assert metric(log.fold(), "taken_over") == 1
    assert total(log.fold(), "sessions.connected") == 1
    assert endings(log) == [""]


def test_a_takeover_of_a_session_without_expiry_begins_anew() -> None:
    log = Log()
    first = log.connect(expiry=0)
    log.subscribe(first, "a")
    second = log.connect(expiry=0)
    assert session(log)["created"] == second
    assert endings(log)[-1] == "taken_over"
    assert list(log.fold().rows("subscriptions")) == []


def test_a_clean_start_ends_the_old_session() -> None:
    log = Log()
    first = log.connect()
    log.subscribe(first, "a", "b")
    log.disconnect(first, counters=Counters(packets_in=1))
    second = log.connect(clean_start=True)
    tables = log.fold()
    row = session(log)
    assert (row["created"], row["subscription_count"], row["clean_start"]) == (second, 0, True)
    assert endings(log)[-1] == "clean_start"
    assert [row["valid_to"] for row in all_named(tables, "subscriptions_history")] == [second, second]
    assert list(tables.rows("session_counters")) == []
    assert (total(tables, "sessions"), total(tables, "subscriptions")) == (1, 0)
    assert (metric(tables, "sessions.created"), metric(tables, "sessions.ended")) == (2, 1)


def test_expiry_is_judged_in_partition_time() -> None:
    log = Log()
    first = log.connect()
    log.disconnect(first, expiry=10)
    in_time = log.connect(after=9.999)
    log.disconnect(in_time, expiry=10)
    late = log.connect(after=10)
    assert session(log)["created"] == late
    assert endings(log) == ["", "", "", "expired"]


def test_partition_time_never_runs_backwards() -> None:
    log = Log()
    first = log.connect(after=100)
    log.frame(connected("other"), after=50)
    log.frame(disconnected(first, expiry=10), after=-60)  # the broker's clock was set back
    log.connect(after=9)
    assert session(log)["created"] == first
    assert session(log)["connected_at"] == START + 150_000


def test_a_session_that_never_expires() -> None:
    log = Log()
    first = log.connect(expiry=NEVER)
    log.disconnect(first, expiry=NEVER)
    log.connect(after=10**9)
    assert session(log)["created"] == first


def test_a_disconnect_without_expiry_ends_the_session() -> None:
    log = Log()
    epoch = log.connect(expiry=0)
    log.subscribe(epoch, "a")
    log.disconnect(epoch, expiry=0, counters=Counters(bytes_in=5))
    tables = log.fold()
    for table in ("sessions", "subscriptions", "session_counters", "routes"):
        assert list(tables.rows(table)) == []
    assert endings(log) == ["", "disconnected"]
    assert (total(tables, "sessions"), total(tables, "sessions.connected"), total(tables, "subscriptions")) == (0, 0, 0)


def test_session_ended_says_why() -> None:
    log = Log()
    epoch = log.connect()
    log.disconnect(epoch)
    log.end(epoch, "kicked")
    assert list(log.fold().rows("sessions")) == []
    assert endings(log)[-1] == "kicked"
    assert metric(log.fold(), "sessions.ended") == 1


def test_events_of_another_epoch_are_void_and_counted() -> None:
    log = Log()
    first = log.connect()
    log.connect()
    before = session(log)
    log.disconnect(first)
    log.subscribe(first, "a")
    log.unsubscribe(first, "a")
    log.end(first)
    assert session(log) == before
    assert metric(log.fold(), "events.void") == 4


def test_a_second_disconnect_is_void() -> None:
    log = Log()
    epoch = log.connect()
    log.disconnect(epoch, reason="first")
    log.disconnect(epoch, reason="second")
    assert session(log)["disconnect_reason"] == "first"
    assert metric(log.fold(), "disconnected") == 1


def test_a_session_may_end_while_connected() -> None:
    log = Log()
    epoch = log.connect()
    log.end(epoch, "kicked")
    assert (total(log.fold(), "sessions"), total(log.fold(), "sessions.connected")) == (0, 0)


def test_void_incarnations_change_nothing_but_their_count() -> None:
    log = Log()
    log.frame(NodeStarted("n1", 7, -1, "1", []), incarnation=7)
    log.connect(incarnation=6)
    log.connect("d", incarnation=7)
    tables = log.fold()
    assert tables.get("sessions", "t", "c") is None
    assert tables.get("sessions", "t", "d") is not None
    assert metric(tables, "frames.void", "") == 1
    assert metric(tables, "frames", "") == 2
    assert metric(tables, "connected") == 1


def test_a_lost_incarnation_is_void_from_there_on() -> None:
    log = Log()
    log.connect(incarnation=3)
    log.frame(NodeLost("n1", 3), node="n2")
    log.connect("d", incarnation=3)
    log.connect("e", incarnation=4)
    tables = log.fold()
    assert tables.get("sessions", "t", "d") is None
    assert tables.get("sessions", "t", "e") is not None
    assert log.changes().lost == {"n1": 3}


def test_a_void_node_started_raises_no_fence() -> None:
    log = Log()
    log.frame(NodeStarted("n1", 5, -1, "1", []), incarnation=5)
    log.frame(NodeStarted("n1", 9, -1, "1", []), incarnation=4)
    log.connect(incarnation=5)
    assert log.fold().get("sessions", "t", "c") is not None


def test_tenants_are_apart() -> None:
    log = Log()
    log.connect(tenant="t")
    log.connect(tenant="u")
    tables = log.fold()
    assert tables.get("sessions", "t", "c") != tables.get("sessions", "u", "c")
    assert (total(tables, "sessions", "t"), total(tables, "sessions", "u")) == (1, 1)


def test_a_session_that_moves_takes_its_routes_along() -> None:
    log = Log()
    first = log.connect()
    log.subscribe(first, "a")
    log.connect(node="n2")
    rows = all_named(log.fold(), "routes")
    assert [(row["filter"], row["node"], row["sessions"]) for row in rows] == [("a", "n2", 1)]


def test_the_disconnect_is_counted_at_the_node_that_held_the_connection() -> None:
    log = Log()
    epoch = log.connect(node="n1")
    log.frame(disconnected(epoch, by="home"), node="n2")
    assert metric(log.fold(), "disconnected.home", node="n1") == 1
