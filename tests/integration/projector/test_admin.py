"""Administration: the live tables are what a fresh fold of its log gives, and a record that can't be read stops it."""

from __future__ import annotations

from typing import Any

from schemas.admin import ConnectionRemoved, ConnectionSet, UserSet
from schemas.events import ConnectionStatus, LinkError
from schemas.settings import KafkaSettings, PostgresSettings
from tests.conftest import RunService
from tests.integration.projector.admin import admin_rows, assert_admin_same, until_admin_applied
from tests.integration.projector.kit import ask, until
from tests.integration.projector.nodes import write_admin, write_node_event
from tests.integration.projector.test_poison import says
from tests.unit.models.test_admin import everything, order


async def test_live_tables_equal_a_fresh_fold_over_restarts(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    events = everything()
    await write_admin(kafka, *events[:11])
    projector = run_service("projector")
    await until_admin_applied(migrated_postgres, 11)
    await assert_admin_same(kafka, migrated_postgres)
    projector.kill9()
    await write_admin(kafka, *events[11:15])
    projector.start()
    await until_admin_applied(migrated_postgres, 15)
    await write_admin(kafka, *events[15:])  # one by one, while it runs
    await until_admin_applied(migrated_postgres, len(events))
    await assert_admin_same(kafka, migrated_postgres)


async def test_positions_that_go_back_are_noticed_and_rows_are_written_again(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    run_service("projector")
    await write_admin(kafka, *everything())
    await until_admin_applied(migrated_postgres, len(everything()))
    await ask(
        migrated_postgres,
        "with back as (update admin_applied set next = 0), gone as (delete from mqtt_users) delete from commands",
    )
    await until_admin_applied(migrated_postgres, len(everything()))
    await assert_admin_same(kafka, migrated_postgres)


async def test_a_record_that_cannot_be_read_stops_the_administration_until_it_is_named(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    before, after = UserSet(order("a"), "add", "t", "bob", "$"), UserSet(order("b"), "add", "t", "eve", "$")
    no_text_of_postgres = UserSet(order("c"), "add", "t", "nul\0", "$")
    await write_admin(kafka, before, b"\xc1", after, no_text_of_postgres)
    projector = run_service("projector", wait=False, projector__poison="dead_letter")
    await until(lambda: says(projector, 'projector.quarantine = "admin/1"'))
    assert [row[1] for row in await admin_rows(migrated_postgres, "mqtt_users")] == ["bob"]
    projector.stop()

    projector = run_service("projector", wait=False, projector__quarantine="admin/1")
    await until(lambda: says(projector, 'projector.quarantine = "admin/3"'))
    assert [row[1] for row in await admin_rows(migrated_postgres, "mqtt_users")] == ["bob", "eve"]
    projector.stop()

    projector = run_service("projector", projector__quarantine="admin/3")
    await until_admin_applied(migrated_postgres, 4)
    await assert_admin_same(kafka, migrated_postgres, frozenset({1, 3}))
    rows = await ask(migrated_postgres, 'select partition, "offset" from quarantined order by 2')
    assert [tuple(row) for row in rows] == [(-1, 1), (-1, 3)]


async def test_the_status_of_a_connection_is_the_latest_of_its_present_form(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    run_service("projector")
    one = ConnectionSet(order("1"), "set", "t", "1", "one", "mqtt://b", "", "", True, [], b"")
    await write_admin(kafka, one, one)
    refused = LinkError("ECONNREFUSED", -111, "connect", "10.0.0.1", 1883)
    for status in (
        ConnectionStatus("t", "1", 1, False, 2_000, refused),
        ConnectionStatus("t", "1", 0, True, 9_000),  # of what it was before
        ConnectionStatus("t", "1", 1, True, 1_000),  # read again
    ):
        await write_node_event(kafka, status)

    async def rows() -> list[Any]:
        sql = "select position, connected, at, error->>'code' as code from connection_status"
        return [tuple(row) for row in await ask(migrated_postgres, sql)]

    await write_node_event(kafka, ConnectionStatus("t", "other", 0, True, 1))
    await until(lambda: _is(rows, 2))
    assert (1, False, 2_000, "ECONNREFUSED") in await rows()
    await write_admin(kafka, ConnectionRemoved(order("2"), "t", "1"))
    await until(lambda: _is(rows, 1))


async def _is(rows: Any, count: int) -> bool:
    return len(await rows()) == count
