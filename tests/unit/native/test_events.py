"""Which events of the log the native API gives, to whom, and what of them it shows."""

from __future__ import annotations

from contextlib import ExitStack
from typing import get_args

import msgspec
import pytest

from query_api.access.principal import ALL_TENANTS, Permission, Principal, Role
from query_api.errors import TooManyRequestsError
from query_api.native.kinds import (
    ABOUT,
    ADMINISTRATION,
    CONNECTION_STATUS,
    LIFECYCLE,
    OF_DEPLOYMENT,
    Kind,
    needs,
    readable,
)
from query_api.native.log import ADMIN, STATUSES, SharedStreams, Wanted, _partitions, client_of, shown
from query_api.native.operations import OPERATIONS
from query_api.native.queue_log import KEPT_SECONDS, REMEMBERED, Reading, Readings
from schemas.admin import ADMIN_TYPES, AclAdded, AclCacheCleared
from schemas.events import (
    LIFECYCLE_TYPES,
    MESSAGE_TYPES,
    Connected,
    ConnectionStatus,
    Expire,
    Heartbeat,
    Order,
    Published,
    Will,
)
from schemas.parts import Event
from schemas.positions import partition_of
from schemas.records import begins_with_kind
from schemas.registry import name_of
from schemas.secrets import SECRETS
from schemas.settings import KafkaSettings
from tests.golden.examples import EVENTS

ALL = frozenset(get_args(Kind))
KAFKA = KafkaSettings(partitions=3)
ORDER = Order("id", "ada", "10.0.0.9", "r", 1)
ALONE = [event for event in EVENTS if isinstance(event, (*ADMIN_TYPES, ConnectionStatus))]
"""An event of every kind that has a record of its own."""


def test_every_event_but_of_many_clients_and_of_the_running_of_nodes_may_be_asked_for() -> None:
    framed = {name_of(one.KIND) for one in (*LIFECYCLE_TYPES, *MESSAGE_TYPES)} - {"progress", "measured"}
    assert {name_of(one.KIND) for one in ADMIN_TYPES} == ADMINISTRATION
    assert framed | ADMINISTRATION | {CONNECTION_STATUS} == ALL
    assert framed > LIFECYCLE
    assert frozenset().union(*ABOUT.values()) < ALL


def test_changes_may_be_read_by_those_who_may_read_what_they_change() -> None:
    """Of a change at least as much is asked as of a list of what it changes, and as of that of commands."""
    lists = {one.name: one for one in OPERATIONS}
    read = {
        "list_users": {"user_set", "user_removed"},
        "list_rules": {"acl_added", "acl_removed"},
        "list_accounts": {"account_set", "account_removed"},
        "list_api_keys": {"api_key_set", "api_key_removed"},
        "list_connections": {CONNECTION_STATUS},
        "list_commands": {"banned", "unbanned", "plugin_set", "listener_set", "acl_cache_cleared"},
    }
    for operation, kinds in read.items():
        assert {needs(kind) for kind in kinds} == {lists[operation].permission}, operation
        assert lists[operation].everywhere == (operation in ("list_accounts", "list_api_keys"))
    assert {needs(kind) for kind in ("connection_set", "connection_removed")} == {Permission.CONNECTIONS}
    assert frozenset().union(*read.values(), ABOUT["connections"]) == ADMINISTRATION | {CONNECTION_STATUS}
    assert {needs(kind) for kind in LIFECYCLE} == {Permission.OPERATE}


def test_one_word_gives_what_the_role_may_read() -> None:
    def found(about: str, role: Role, tenant: str = "t") -> frozenset[str]:
        return readable(ABOUT[about], Principal("ada", role, tenant))  # type: ignore[index]

    assert found("administration", Role.ADMINISTRATOR, ALL_TENANTS) == ADMINISTRATION
    assert found("administration", Role.ADMINISTRATOR) == ADMINISTRATION - OF_DEPLOYMENT
    assert found("administration", Role.OPERATOR) == {"banned", "unbanned", "acl_cache_cleared"}
    assert found("administration", Role.VIEWER) == found("sessions", Role.VIEWER) == frozenset()
    assert found("connections", Role.VIEWER) == {CONNECTION_STATUS}
    assert found("connections", Role.CONNECTION_MANAGER) == ABOUT["connections"]


def test_what_belongs_to_no_tenant_is_named() -> None:
    """Whatever has no tenant, or names one that it is not of, must be kept from accounts of one."""
    without = {name_of(one.KIND) for one in ADMIN_TYPES if "tenant" not in one.__struct_fields__}
    assert without | {"account_set", "api_key_set"} == OF_DEPLOYMENT


def test_only_the_topics_are_read_that_hold_what_is_wanted() -> None:
    def read(*kinds: str, client_id: str = "") -> list[int]:
        return list(_partitions(KAFKA, Wanted("t", frozenset(kinds), client_id)))

    assert read() == read("connected") == read(*LIFECYCLE) == [0, 1, 2]
    assert read("user_set") == [ADMIN]
    assert read("connection_status") == [STATUSES]
    assert read("connection_status", "plugin_set") == [ADMIN, STATUSES]
    assert read(*ALL) == [0, 1, 2, ADMIN, STATUSES]
    assert read("connected", "user_set", client_id="c") == [partition_of("t", "c", 3)]


@pytest.mark.parametrize("event", ALONE, ids=lambda event: event.KIND)
def test_who_is_of_one_tenant_sees_its_administration_alone(event: Event) -> None:
    name, tenant = name_of(event.KIND), getattr(event, "tenant", None)
    whole = {"acl_cache_cleared"} if tenant == ALL_TENANTS else set()
    for_one = name not in OF_DEPLOYMENT | whole
    for kinds in (ALL, frozenset({name})):
        assert Wanted("default", kinds).event(event) is for_one
        assert Wanted("default", kinds, everywhere=True).event(event)
        assert not Wanted("other", kinds).event(event)
        assert Wanted("other", kinds, everywhere=True).event(event) is not for_one
    assert not Wanted("default", ALL - {name}, everywhere=True).event(event)
    assert not Wanted("default", ALL, "sensor-1", everywhere=True).event(event), "it is of no client"
    assert client_of(event) is None


def test_a_rule_for_a_client_is_no_event_of_the_client() -> None:
    rule = AclAdded(ORDER, "t", True, "all", "#", client_id="c")
    assert not Wanted("t", ALL, "c").event(rule)
    assert Wanted("t", ALL).event(rule)


def test_what_is_done_to_all_tenants_is_for_accounts_of_all() -> None:
    assert not Wanted("t", ALL).event(AclCacheCleared(ORDER, ALL_TENANTS))
    assert Wanted("t", ALL, everywhere=True).event(AclCacheCleared(ORDER, ALL_TENANTS))
    assert Wanted("t", ALL).event(AclCacheCleared(ORDER, "t"))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.KIND)
def test_heartbeats_are_known_by_their_first_bytes(event: Event) -> None:
    assert begins_with_kind(msgspec.msgpack.encode(event), ConnectionStatus) is isinstance(event, ConnectionStatus)
    assert any(isinstance(one, Heartbeat) for one in EVENTS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.KIND)
def test_events_show_no_secrets(event: Event) -> None:
    """A field that is a secret is there, so that the event is of its JSON Schema, and tells nothing."""
    plain = shown(event)
    for name in SECRETS.get(type(event), {}):
        assert plain[name] == "***"
        assert getattr(event, name) not in ("", b"", "***"), "the example has none"
    assert "$argon2" not in str(plain)


def test_events_show_no_payloads() -> None:
    published = Published("t", "c", 1, "a/b", 1, False, 7, b"properties", b"secret words")
    assert shown(published)["payload_bytes"] == 12
    assert "secret" not in str(shown(published))
    last = Will("a", b"secret words", 0, False, b"", 0)
    connected = Connected("t", "c", "u", "mqtt5", 5, "1.2.3.4", 1, "tcp", True, 0, 60, 10, 0, 0, False, True, last)
    assert shown(connected)["will"]["payload_bytes"] == 12
    assert "secret" not in str(shown(connected))


def test_events_of_another_tenant_are_not_wanted() -> None:
    kinds = frozenset({"published", "expire", "node_stopped"})
    published = Published("t", "c", 1, "a/b", 1, False, 7, b"", b"")
    assert Wanted("t", kinds).event(published)
    assert Wanted("t", kinds, "c").event(published)
    assert not Wanted("t", kinds, "d").event(published)
    assert not Wanted("u", kinds).event(published)
    assert not Wanted("t", frozenset({"connected"})).event(published)
    expire = Expire("t", Order("", "", "", "", 0), 0)
    assert Wanted("t", kinds).event(expire)
    assert not Wanted("u", kinds).event(expire)
    assert not Wanted("t", kinds, "c").event(expire)


def test_no_tenant_has_more_than_half_of_the_readings() -> None:
    streams = SharedStreams(4)
    for _ in range(2):
        with ExitStack() as stack:
            for tenant in ("t", "t", "u"):
                stack.enter_context(streams.of(tenant))
            with pytest.raises(TooManyRequestsError), streams.of("t"):
                pass
            with streams.of("u"), pytest.raises(TooManyRequestsError), streams.of("v"):
                pass
            with streams.of("v"):
                pass


def test_readings_are_remembered_for_a_while_and_the_latest_only() -> None:
    now = 0.0
    readings = Readings(lambda: now)
    some = [Reading("t", "c", {}, {}) for _ in range(REMEMBERED + 1)]
    for number, one in enumerate(some):
        readings.put(number, one)
    assert readings.take(0) is None
    assert readings.take(1) is some[1]
    assert readings.take(1) is None
    now = KEPT_SECONDS / 2
    readings.put(1, some[1])
    now = KEPT_SECONDS
    assert readings.take(2) is None
    assert len(readings) == 1
    assert readings.take(1) is some[1]
