"""``mqledger replay --verify`` against what a real projector made of a real log."""

from __future__ import annotations

import json
from typing import Any

import aiomqtt
import asyncpg
from aiokafka.admin import NewTopic

from schemas.events import (
    ClientCounters,
    Counters,
    Kick,
    Measured,
    NodeStarted,
    Order,
    Publish,
    SessionEnded,
    Unsubscribed,
    Unsubscription,
)
from schemas.settings import KafkaSettings, PostgresSettings
from stack.topics import admin_client
from tests.conftest import RunService
from tests.integration.replay.cli import Cli
from tests.integration.replay.logwriter import LogWriter, connected, disconnected, published, subscribed
from tests.stackkit.eventually import eventually
from tests.stackkit.process import Stack


async def _write(kafka: KafkaSettings) -> None:
    """Something for every table, over all partitions, with a void frame."""
    async with LogWriter(kafka, "node-1", 3) as log, LogWriter(kafka, "node-1", 2) as older:
        for partition in range(kafka.partitions):
            await log.frame(partition, [NodeStarted("node-1", 3, -1, "v", [])])
            await older.frame(partition, [connected("void")])
        for i in range(40):
            client = f"c{i}"
            epoch = await log.connect(client, username=f"u{i % 3}")
            await log.of_client(client, subscribed(client, epoch, f"a/{i % 5}/#", "b"), published(client, epoch, "t"))
            if i % 4 == 0:
                await log.of_client(client, Unsubscribed("default", client, epoch, [], [Unsubscription("b", 0)]))
            if i % 3 == 0:
                await log.of_client(client, disconnected(client, epoch))
            if i % 6 == 0:
                await log.of_client(client, SessionEnded("default", client, epoch, "expired"))
            if i % 5 == 0:
                order = Order(f"one-{i}", "ada", "127.0.0.1", "", 0, 0, True)
                await log.of_client(client, Publish("default", client, order, "r", 0, True, True, False, b"", b"x"))
                await log.of_client(client, Kick("default", client, order, "why", True))
            if i % 3 == 1:
                measured = ClientCounters("default", client, epoch, Counters(packets_in=i, bytes_out=10 * i))
                await log.of_client(client, Measured([measured]))


async def _fetch(postgres: PostgresSettings, statement: str) -> Any:
    connection = await asyncpg.connect(postgres.dsn.reveal(), server_settings={"search_path": postgres.schema})
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


async def _projected(cli: Cli, postgres: PostgresSettings) -> None:
    """Wait until the live tables are at the end of the log."""
    await _at(postgres, json.loads(cli.run("replay", "--format", "json").out)["vector"])


async def _at(postgres: PostgresSettings, ends: dict[str, int]) -> None:
    """Wait until the live tables are at the vector."""

    async def there() -> bool:
        rows = await _fetch(postgres, "select partition, next from applied")
        return bool({str(row[0]): row[1] for row in rows} == ends)

    await eventually(there, timeout=60, what="the projector did not reach the end of the log")  # type: ignore[arg-type]


async def test_live_tables_are_what_the_log_says_and_every_difference_is_named(
    kafka: KafkaSettings, migrated_postgres: PostgresSettings, run_service: RunService
) -> None:
    cli = Cli(kafka, migrated_postgres)
    await _write(kafka)
    projector = run_service("projector")
    await _projected(cli, migrated_postgres)

    equal = cli.run("replay", "--verify")
    assert equal.code == 0, equal.out + equal.err
    assert "no difference" in equal.out
    assert "nodes (heartbeats)" in equal.out

    found = json.loads(cli.run("replay", "--verify", "--format", "json").out)
    assert found["equal"] is True
    assert found["differences"] == []
    for table in (
        "sessions",
        "sessions_history",
        "subscriptions",
        "subscriptions_history",
        "session_counters",
        "routes",
        "commands",
        "retained",
    ):
        assert found["tables"][table]["live"] == found["tables"][table]["folded"] > 0

    projector.stop()
    await _fetch(migrated_postgres, "update sessions set username = 'mallory' where client_id = 'c1'")
    await _fetch(migrated_postgres, "delete from subscriptions where client_id = 'c2' and filter = 'b'")
    await _fetch(
        migrated_postgres,
        "insert into routes (partition, tenant, filter, node, sessions) values (1, 'default', 'made/up', 'node-1', 4)",
    )
    await _fetch(migrated_postgres, "update metrics set value = value + 1 where partition = 0 and name = 'frames'")
    await _fetch(migrated_postgres, "update applied set partition_time = partition_time + 5 where partition = 2")

    different = cli.run("replay", "--verify")
    assert different.code == 1
    assert 'sessions tenant="default" client_id="c1": username is "mallory", the log says "u1"' in different.out
    assert (
        'subscriptions tenant="default" client_id="c2" filter="b": the row is missing; the log says tenant="default"'
        in different.out
    )
    assert (
        'filter="made/up" node="node-1" partition=1: the log knows no such row: partition=1 tenant="default"'
        in different.out
    )
    assert 'metrics partition=0 tenant="" node="node-1" name="frames": value is ' in different.out
    assert "applied partition=2: partition_time is " in different.out
    assert "5 differences" in different.out
    assert "sessions_history" in different.out

    found = json.loads(cli.run("replay", "--verify", "--format", "json", "--differences", "2").out)
    assert (found["equal"], found["differing"], len(found["differences"])) == (False, 5, 2)
    assert "and 3 more" in cli.run("replay", "--verify", "--differences", "2").out


async def test_the_live_tables_are_pinned_where_they_are(
    kafka: KafkaSettings, migrated_postgres: PostgresSettings, run_service: RunService
) -> None:
    """What is appended after the projector stopped is not in the comparison."""
    cli = Cli(kafka, migrated_postgres)
    await _write(kafka)
    projector = run_service("projector")
    await _projected(cli, migrated_postgres)
    projector.stop()
    await _write(kafka)
    result = cli.run("replay", "--verify")
    assert result.code == 0, result.out


async def test_while_the_projector_goes_on(
    kafka: KafkaSettings, migrated_postgres: PostgresSettings, run_service: RunService
) -> None:
    cli = Cli(kafka, migrated_postgres)
    run_service("projector")
    await _write(kafka)
    await _projected(cli, migrated_postgres)
    for _ in range(3):
        process = cli.start("replay", "--verify", "--format", "json")
        await _write(kafka)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out.decode() + err.decode()
        assert json.loads(out)["events"] > 0


async def test_what_cannot_be_compared_is_a_sentence(
    kafka: KafkaSettings, postgres: PostgresSettings, migrated_postgres: PostgresSettings
) -> None:
    missing = Cli(kafka, postgres).run("replay", "--verify")
    assert missing.code == 1
    assert "run `mqledger migrate`" in missing.err
    empty = Cli(kafka, migrated_postgres).run("replay", "--verify")
    assert empty.code == 1
    assert "have folded nothing yet" in empty.err
    await _fetch(
        migrated_postgres,
        "insert into applied (partition, next, cluster_id, topic_id) values (0, 7, 'another', 'another')",
    )
    beyond = Cli(kafka, migrated_postgres).run("replay", "--verify")
    assert "the log ends at 0: it is another log" in beyond.err
    await _fetch(migrated_postgres, "update applied set next = 0")
    another = Cli(kafka, migrated_postgres).run("replay", "--verify")
    assert "belong to topic another of cluster another" in another.err


async def _make_dead_letter_topic(kafka: KafkaSettings) -> None:
    """Where the projector puts what it steps over, unless the log has it already."""
    name = f"{kafka.events_topic}.dead"
    async with admin_client(kafka) as admin:
        if name not in await admin.list_topics():
            await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])


async def test_frames_put_aside_are_stepped_over_as_the_projector_did(
    kafka: KafkaSettings, migrated_postgres: PostgresSettings, run_service: RunService
) -> None:
    cli = Cli(kafka, migrated_postgres)
    await _make_dead_letter_topic(kafka)
    async with LogWriter(kafka) as log:
        epoch = await log.connect("a")
        await log.raw(log.partition("a"), [], b"poison")
        await log.of_client("a", subscribed("a", epoch, "x"))
        await log.raw(log.partition("a"), [], b"poison at the end")
    run_service("projector", projector__poison="dead_letter")
    ends = json.loads(cli.run("replay", "--skip-bad", "--format", "json").out)["vector"]
    await _at(migrated_postgres, ends)
    result = cli.run("replay", "--verify")
    assert result.code == 0, result.out + result.err
    assert "quarantined frames are taken as given" in " ".join(result.out.split())


async def test_the_whole_way_from_real_clients(full_stack: Stack) -> None:
    """What real clients did is in the events, and the read models are what these say."""
    cli = Cli(full_stack.kafka, full_stack.postgres)
    port = full_stack.ingest.mqtt_port
    async with aiomqtt.Client("127.0.0.1", port, identifier="watcher", protocol=aiomqtt.ProtocolVersion.V5) as watcher:
        await watcher.subscribe("plant/#", qos=1)
        async with aiomqtt.Client("127.0.0.1", port, identifier="device") as device:
            for i in range(20):
                await device.publish(f"plant/{i}", b"\xff%d" % i, qos=i % 3)
        published = cli.run("events", "--client", "device", "--kind", "published", "--format", "json").json_lines
        assert [line["data"]["topic"] for line in published] == [f"plant/{i}" for i in range(20)]
        (granted,) = cli.run("events", "--client", "watcher", "--kind", "subscribed", "--format", "json").json_lines
        assert granted["data"]["subscriptions"][0]["filter"] == "plant/#"
        state = json.loads(cli.run("replay", "--format", "json").out)
        assert {row["client_id"]: row["state"] for row in state["sessions"]} == {"watcher": "connected"}
        result = cli.run("replay", "--verify")
        assert result.code == 0, result.out + result.err
