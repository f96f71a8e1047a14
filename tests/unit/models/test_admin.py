"""The tables of administration: rows as the fold has them, whoever set them, and a command for every record."""

from __future__ import annotations

from typing import Any

import pytest

from domain.models.admin import ADMIN, ADMIN_TABLES, AdminChanges, AdminFold
from schemas.admin import (
    ADMIN_TYPES,
    AccountRemoved,
    AccountSet,
    AclAdded,
    AclCacheCleared,
    AclRemoved,
    AdminEvent,
    ApiKeyRemoved,
    ApiKeySet,
    Banned,
    ConnectionRemoved,
    ConnectionSet,
    ListenerSet,
    PluginSet,
    Unbanned,
    UserRemoved,
    UserSet,
)
from schemas.commands import Order


def order(name: str, **fields: Any) -> Order:
    return Order(name, "ada", "10.0.0.9", "req", 7, **fields)


def everything() -> list[AdminEvent]:
    """Every kind of event, each with an effect: things that stay, and things that go."""
    return [
        UserSet(order("1"), "add", "t", "bob", "$hash"),
        UserSet(order("2"), "add", "t", "eve", "$hash", True),
        UserRemoved(order("3"), "t", "eve"),
        AclAdded(order("4"), "t", False, "publish", "a/#", "bob", "c", "10.0.0.0/8", 5),
        AclAdded(order("5"), "t", True, "all", "#"),
        AclRemoved(order("6"), "t", "5"),
        Banned(order("7"), "add", "t", "clientid", "c", "ada", "why", 1, 2),
        Banned(order("8"), "add", "t", "username", "u", "ada", "why", 1, 2),
        Unbanned(order("9"), "t", "username", "u"),
        AccountSet(order("10"), "first", "admin", "$hash", "administrator", "*"),
        AccountSet(order("11"), "add", "viewer", "$hash", "viewer", "t"),
        AccountRemoved(order("12"), "viewer"),
        ApiKeySet(order("13"), "add", "app", "$hash", "dashboards", "viewer", "t"),
        ApiKeySet(order("14"), "add", "other", "$hash", "", "viewer", "t"),
        ApiKeyRemoved(order("15"), "other"),
        ConnectionSet(order("16"), "add", "t", "1", "one", "mqtt://b", "u", "c", True, ["password"], b"sealed"),
        ConnectionSet(order("17"), "add", "t", "2", "two", "mqtt://b", "u", "c", True, [], b""),
        ConnectionRemoved(order("18"), "t", "2"),
        PluginSet(order("19"), "retainer", False),
        ListenerSet(order("20"), "", "tcp", False),
        AclCacheCleared(order("21"), "*"),
    ]


def fold(*events: AdminEvent, time: int = 1_000) -> AdminChanges:
    folded = AdminFold()
    for offset, event in enumerate(events):
        folded.apply(event, offset, time + offset)
    return folded.changes()


def test_every_event_is_tried() -> None:
    assert {type(event) for event in everything()} == set(ADMIN_TYPES)


def test_what_stays_is_a_row_and_what_goes_is_none() -> None:
    changes = fold(*everything())
    assert changes.rows == {
        "mqtt_users": [("t", "bob", "$hash", False, 0, 1_000, "ada")],
        "acl_rules": [("t", "4", 5, 3, False, "publish", "a/#", "bob", "c", "10.0.0.0/8", 1_003, "ada")],
        "bans": [("t", "clientid", "c", "ada", "why", 1, 2, 6, 1_006, "ada")],
        "accounts": [("admin", "$hash", "administrator", "*", "", 9, 1_009, "ada")],
        "api_keys": [("app", "$hash", "dashboards", "viewer", "t", True, 0, 12, 1_012, "ada")],
        "connections": [
            ("t", "1", "one", "mqtt://b", "u", "c", True, ["password"], b"sealed", 15, 1_015, "ada"),
        ],
        "plugins": [("retainer", False, 18, 1_018, "ada")],
        "listener_states": [("", "tcp", False, 19, 1_019, "ada")],
    }
    assert changes.gone["mqtt_users"] == [("t", "eve")]
    assert {key for keys in changes.gone.values() for key in keys} == {
        ("t", "eve"),
        ("t", "5"),
        ("t", "username", "u"),
        ("viewer",),
        ("other",),
        ("t", "2"),
    }


def test_batches_change_nothing() -> None:
    whole = fold(*everything())
    folded = AdminFold()
    rows: dict[str, dict[Any, Any]] = {name: {} for name in ADMIN_TABLES}
    for offset, event in enumerate(everything()):
        folded.apply(event, offset, 1_000 + offset)
        changes = folded.changes()
        assert (changes.first, changes.next) == (offset, offset + 1)
        for name, table in ADMIN_TABLES.items():
            rows[name].update((table.key_of(row), row) for row in changes.rows.get(name, ()))
            for key in changes.gone.get(name, ()):
                rows[name].pop(key if len(key) > 1 else key[0])
    assert {name: list(held.values()) for name, held in rows.items()} == whole.rows


def test_every_record_is_a_command_with_its_outcome() -> None:
    events = (
        UserSet(order("a", keyed=True), "add", "t", "bob", "$hash"),
        UserSet(order("a", keyed=True), "add", "t", "bob", "$hash"),
        UserSet(order("b"), "add", "t", "bob", "$other"),
        UserSet(order("c", not_after=1), "set", "t", "bob", "$late"),
        AccountSet(order("d"), "add", "ada", "$hash", "viewer", "t"),
    )
    changes = fold(*events)
    assert [(row[0], row[1], row[3], row[5], row[15]) for row in changes.commands] == [
        ("a", ADMIN, 0, "user_set", "done"),
        ("b", ADMIN, 2, "user_set", "exists"),
        ("d", ADMIN, 4, "account_set", "done"),
    ]
    assert [(row[0], row[15]) for row in changes.commands_late] == [("c", "late")]
    assert [(row[2], row[7]) for row in changes.commands] == [("t", "bob"), ("t", "bob"), ("", "ada")]
    assert changes.rows["mqtt_users"][0][2] == "$hash"


@pytest.mark.parametrize("event", everything(), ids=lambda event: type(event).__name__)
def test_no_command_holds_a_secret(event: AdminEvent) -> None:
    (row,) = fold(event).commands
    assert "$hash" not in row
    assert b"sealed" not in row


def test_a_record_that_was_put_aside_moves_the_position_alone() -> None:
    folded = AdminFold()
    folded.skip(0, 5_000)
    changes = folded.changes()
    assert (changes.next, changes.partition_time, changes.frames, changes.commands) == (1, 5_000, 1, [])
