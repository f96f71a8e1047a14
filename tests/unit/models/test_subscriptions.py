"""Subscriptions and routes: given events, when folded, then these rows."""

from __future__ import annotations

from schemas.events import Subscribed, Subscription, Unsubscribed, Unsubscription
from tests.unit.models.log import START, Log, all_named, metric, named, total


def test_a_subscribe_makes_rows_and_a_new_version_of_the_session() -> None:
    log = Log()
    epoch = log.connect()
    at = log.subscribe(epoch, Subscription("a/+", 2, True, True, 1, 9))
    tables = log.fold()
    row = named("subscriptions", tables.get("subscriptions", "t", "c", "a/+"))
    assert (row["qos"], row["no_local"], row["retain_as_published"], row["retain_handling"]) == (2, True, True, 1)
    assert (row["subscription_id"], row["since"], row["valid_from"], row["since_time"]) == (9, at, at, START + 2000)
    session = named("sessions", tables.get("sessions", "t", "c"))
    assert (session["subscription_count"], session["valid_from"]) == (1, at)
    assert total(tables, "subscriptions") == 1
    assert metric(tables, "subscribed") == 1


def test_other_options_close_the_interval_and_keep_since() -> None:
    log = Log()
    epoch = log.connect()
    first = log.subscribe(epoch, Subscription("a", 0))
    second = log.subscribe(epoch, Subscription("a", 2))
    tables = log.fold()
    row = named("subscriptions", tables.get("subscriptions", "t", "c", "a"))
    assert (row["qos"], row["since"], row["valid_from"]) == (2, first, second)
    (past,) = all_named(tables, "subscriptions_history")
    assert (past["qos"], past["valid_from"], past["valid_to"]) == (0, first, second)
    assert named("sessions", tables.get("sessions", "t", "c"))["valid_from"] == first
    assert total(tables, "subscriptions") == 1


def test_the_same_options_begin_no_interval() -> None:
    log = Log()
    epoch = log.connect()
    first = log.subscribe(epoch, "a")
    log.subscribe(epoch, "a")
    tables = log.fold()
    assert named("subscriptions", tables.get("subscriptions", "t", "c", "a"))["valid_from"] == first
    assert list(tables.rows("subscriptions_history")) == []


def test_of_a_filter_named_twice_the_last_counts() -> None:
    log = Log()
    epoch = log.connect()
    log.subscribe(epoch, Subscription("a", 0), Subscription("a", 2))
    tables = log.fold()
    assert named("subscriptions", tables.get("subscriptions", "t", "c", "a"))["qos"] == 2
    assert total(tables, "subscriptions") == 1
    assert list(tables.rows("subscriptions_history")) == []


def test_refused_filters_are_none() -> None:
    log = Log()
    epoch = log.connect()
    log.frame(Subscribed("t", "c", epoch, [], [Subscription("a", 0, reason_code=0x87), Subscription("b", 1)]))
    assert [row["filter"] for row in all_named(log.fold(), "subscriptions")] == ["b"]
    assert metric(log.fold(), "subscribed") == 1


def test_an_unsubscribe_takes_rows_and_routes_away() -> None:
    log = Log()
    epoch = log.connect()
    log.subscribe(epoch, "a", "b")
    at = log.unsubscribe(epoch, "a", "nothing")
    tables = log.fold()
    assert [row["filter"] for row in all_named(tables, "subscriptions")] == ["b"]
    assert [row["filter"] for row in all_named(tables, "routes")] == ["b"]
    assert [(row["filter"], row["valid_to"]) for row in all_named(tables, "subscriptions_history")] == [("a", at)]
    assert named("sessions", tables.get("sessions", "t", "c"))["subscription_count"] == 1
    assert metric(tables, "unsubscribed") == 1


def test_an_unsubscribe_that_was_refused_changes_nothing() -> None:
    log = Log()
    epoch = log.connect()
    log.subscribe(epoch, "a")
    log.frame(Unsubscribed("t", "c", epoch, [], [Unsubscription("a", 17)]))
    assert [row["filter"] for row in all_named(log.fold(), "subscriptions")] == ["a"]


def test_routes_count_sessions() -> None:
    log = Log()
    for client_id in ("c", "d"):
        log.subscribe(log.connect(client_id), "a", client_id=client_id)
    assert [row["sessions"] for row in all_named(log.fold(), "routes")] == [2]


def test_subscriptions_outlive_a_connection_and_come_back_with_their_since() -> None:
    log = Log()
    first = log.connect()
    made = log.subscribe(first, "a")
    log.disconnect(first)
    second = log.connect()
    log.subscribe(second, Subscription("a", 2))
    row = named("subscriptions", log.fold().get("subscriptions", "t", "c", "a"))
    assert (row["since"], row["qos"]) == (made, 2)


def test_one_event_may_make_and_another_of_the_same_frame_take() -> None:
    log = Log()
    epoch = log.connect()
    log.frame(
        Subscribed("t", "c", epoch, [], [Subscription("a", 1)]),
        Unsubscribed("t", "c", epoch, [], [Unsubscription("a", 0)]),
    )
    changes = log.changes()
    assert (changes.subscriptions_new, changes.subscriptions_gone, changes.routes) == ([], [], {})
    assert len(changes.subscriptions_history) == 1
    assert changes.totals["t", "subscriptions"] == 0
