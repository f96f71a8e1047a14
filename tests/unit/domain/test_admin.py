"""The fold of mq.admin: outcomes, and what is there afterwards."""

from __future__ import annotations

from itertools import count

import pytest

from domain.admin import EXISTS, LAST_ADMINISTRATOR, LIMIT, NOT_FOUND, REPEATED, AdminState
from domain.commands import DONE, LATE
from schemas.admin import (
    AccountRemoved,
    AccountSet,
    AclAdded,
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
from schemas.events import Order

_names = count()


def order(**fields: object) -> Order:
    given = {"id": f"order-{next(_names)}", "actor": "ada", "address": "127.0.0.1", "correlation": "", "at": 0}
    return Order(**{**given, **fields})  # type: ignore[arg-type]


def user(name: str, mode: str = "set", tenant: str = "t", password: str = "$hash") -> UserSet:
    return UserSet(order(), mode, tenant, name, password)


def account(name: str, mode: str = "set", role: str = "administrator", tenant: str = "*") -> AccountSet:
    return AccountSet(order(), mode, name, "$hash", role, tenant)


def key(app_id: str, mode: str = "set") -> ApiKeySet:
    return ApiKeySet(order(), mode, app_id, "$hash", "a name", "viewer", "t")


def connection(name: str, mode: str = "add", most: int = 0, title: str = "", tenant: str = "t") -> ConnectionSet:
    return ConnectionSet(
        order(), mode, tenant, name, title or name, "mqtt://broker.example", "", "", True, [], b"", most
    )


def outcomes(state: AdminState, *events: AdminEvent) -> list[str]:
    return [state.apply(event, state.next, 1_000) for event in events]


def test_accounts_and_keys_share_their_names() -> None:
    state = AdminState()
    made = account("root"), key("a", "add"), account("b", "add")
    assert outcomes(state, *made) == [DONE, DONE, DONE]
    others = account("a", "add"), account("a", "set"), account("a", "change")
    assert outcomes(state, *others) == [EXISTS, EXISTS, NOT_FOUND]
    assert outcomes(state, key("b", "add"), key("b", "set"), key("b", "change")) == [EXISTS, EXISTS, NOT_FOUND]
    assert outcomes(state, key("a", "set"), account("b", "set")) == [DONE, DONE]
    assert outcomes(state, ApiKeyRemoved(order(), "a"), account("a", "add")) == [DONE, DONE]
    assert list(state.keys) == []


def test_what_is_added_is_there_until_it_is_removed() -> None:
    state = AdminState()
    assert outcomes(state, user("ada", "add"), user("ada", "add"), user("ada", "set")) == [DONE, EXISTS, DONE]
    assert outcomes(state, UserRemoved(order(), "t", "ada"), UserRemoved(order(), "t", "ada")) == [DONE, NOT_FOUND]
    assert state.users == {}
    assert state.next == 5


def test_only_what_exists_is_changed() -> None:
    assert outcomes(AdminState(), user("ada", "change")) == [NOT_FOUND]


def test_tenants_have_their_own_users_rules_bans_and_connections() -> None:
    state = AdminState()
    for tenant in ("a", "b"):
        rule = AclAdded(order(id=f"rule-{tenant}"), tenant, True, "all", "#")
        ban = Banned(order(), "add", tenant, "clientid", "x", "ada", "", 0, 0)
        done = outcomes(state, user("ada", "add", tenant), rule, ban, connection("c", tenant=tenant))
        assert done == [DONE] * 4
    gone: tuple[AdminEvent, ...] = (
        UserRemoved(order(), "a", "ada"),
        AclRemoved(order(), "a", "rule-b"),
        AclRemoved(order(), "a", "rule-a"),
        Unbanned(order(), "a", "clientid", "x"),
        ConnectionRemoved(order(), "a", "c"),
    )
    assert outcomes(state, *gone) == [DONE, NOT_FOUND, DONE, DONE, DONE]
    assert list(state.users) == [("b", "ada")]
    assert [rule.order.id for rule in state.rules_of("b")] == ["rule-b"]
    assert state.rules_of("a") == []
    assert list(state.bans) == [("b", "clientid", "x")]
    assert list(state.connections) == [("b", "c")]


def test_rules_are_asked_by_place_then_by_age() -> None:
    state = AdminState()
    for name, place in (("late", 100), ("first", 1), ("later", 100)):
        outcomes(state, AclAdded(order(id=name), "t", True, "all", "#", place=place))
    assert [rule.order.id for rule in state.rules_of("t")] == ["first", "late", "later"]


def test_the_first_account_counts_while_there_is_none() -> None:
    state = AdminState()
    assert outcomes(state, account("admin", "first"), account("other", "first")) == [DONE, EXISTS]
    assert list(state.accounts) == ["admin"]


@pytest.mark.parametrize(
    "event",
    [AccountRemoved(order(), "admin"), account("admin", role="viewer"), account("admin", tenant="t", mode="change")],
    ids=["removed", "demoted", "narrowed"],
)
def test_the_last_administrator_of_all_stays(event: AdminEvent) -> None:
    state = AdminState()
    outcomes(state, account("admin"), account("viewer", role="viewer"), account("local", tenant="t"))
    assert outcomes(state, event) == [LAST_ADMINISTRATOR]
    outcomes(state, account("second"))
    assert outcomes(state, event) == [DONE]


def test_what_an_account_change_leaves_empty_stays() -> None:
    state = AdminState()
    outcomes(state, account("root"), AccountSet(order(), "add", "ada", "$old", "operator", "t", "tag"))
    outcomes(state, AccountSet(order(), "change", "ada", "$new", "", "", ""))
    changed = state.accounts["ada"]
    assert (changed.password, changed.role, changed.tenant, changed.tags) == ("$new", "operator", "t", "tag")


def test_an_api_key_keeps_its_secret_when_none_is_given() -> None:
    state = AdminState()
    outcomes(state, ApiKeySet(order(), "add", "app", "$secret", "a", "viewer", "t"))
    outcomes(state, ApiKeySet(order(), "change", "app", "", "b", "operator", "t", False))
    key = state.keys["app"]
    assert (key.secret, key.name, key.enabled) == ("$secret", "b", False)
    assert outcomes(state, ApiKeyRemoved(order(), "app"), ApiKeyRemoved(order(), "app")) == [DONE, NOT_FOUND]


def test_names_of_connections_are_unique_and_their_number_is_limited() -> None:
    state = AdminState()
    done = outcomes(
        state,
        connection("a", most=2),
        connection("b", title="a", most=2),
        connection("a", title="other", most=2),
        connection("b", most=2),
        connection("c", most=2),
        connection("c", tenant="u", most=2),
        connection("b", mode="change", most=2, title="new"),
    )
    assert done == [DONE, EXISTS, EXISTS, DONE, LIMIT, DONE, DONE]
    assert state.connections["t", "b"][0] == 6


def test_switches_keep_the_latest_word() -> None:
    state = AdminState()
    outcomes(
        state,
        PluginSet(order(), "retainer", False),
        ListenerSet(order(), "", "mqtt:tcp", True),
        ListenerSet(order(), "n", "mqtt:tcp", False),
    )
    assert state.plugins == {"retainer": False}
    assert state.listeners == {("", "mqtt:tcp"): True, ("n", "mqtt:tcp"): False}


def test_late_and_repeated_events_change_nothing() -> None:
    state = AdminState()
    keyed = order(id="k", keyed=True)
    assert state.apply(UserSet(keyed, "add", "t", "ada", "$1"), 0, 1_000) == DONE
    assert state.apply(UserSet(keyed, "set", "t", "ada", "$2"), 1, 2_000) == REPEATED
    assert state.apply(UserSet(order(not_after=2_000), "set", "t", "ada", "$3"), 2, 2_001) == LATE
    assert state.users["t", "ada"].password == "$1"
    assert state.next == 3


def test_time_does_not_go_back() -> None:
    """Given an append time below an earlier one, when an event is late by the earlier, then it is late."""
    state = AdminState()
    assert state.apply(user("ada"), 0, 9_000) == DONE
    assert state.apply(UserSet(order(not_after=5_000), "set", "t", "bob", "$hash"), 1, 1_000) == LATE
