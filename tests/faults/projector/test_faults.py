"""Whatever dies, and whenever: the tables are what a fresh fold of the log gives.

Frames are written all the while; then the log is folded afresh and compared with the tables row by row.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from schemas.settings import KafkaSettings, PostgresSettings
from tests.conftest import RunService
from tests.integration.projector.kit import applied, assert_same, frames_of, until, until_applied, write
from tests.stackkit.services import Services
from tests.unit.models.histories import history

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PARTITIONS = range(4)


@asynccontextmanager
async def a_busy_log(kafka: KafkaSettings, frames: int) -> AsyncIterator[None]:
    """Random histories, written at a pace meanwhile; on leaving all is written."""
    histories = {partition: frames_of(history(partition, frames, partition=partition)) for partition in PARTITIONS}

    async def write_all() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True, request_timeout_ms=90_000
        )
        await producer.start()
        try:
            for number in range(frames):
                sent = [
                    await producer.send(
                        kafka.events_topic, written[number][1], partition=partition, headers=written[number][0]
                    )
                    for partition, written in histories.items()
                ]
                await asyncio.gather(*sent)
        finally:
            await producer.stop()

    writing = asyncio.create_task(write_all())
    try:
        yield
    finally:
        await writing


async def progress(postgres: PostgresSettings) -> int:
    return sum((await applied(postgres)).values())


async def until_progress(postgres: PostgresSettings, beyond: int) -> None:
    async def moved() -> bool:
        return await progress(postgres) > beyond

    await until(moved, 60, what="the projector does not go on")


async def test_kill_9_of_the_projector_at_random_moments(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    chance, frames = random.Random(5), 1_500
    projector = run_service("projector", projector__held_sessions=3)
    async with a_busy_log(kafka, frames):
        for _ in range(6):
            await until_progress(migrated_postgres, await progress(migrated_postgres))
            await asyncio.sleep(chance.random() * 0.2)  # the moment is the random part, not a condition
            projector.kill9()
            projector.start(wait=False)
    await until_applied(migrated_postgres, dict.fromkeys(PARTITIONS, frames), 120)
    await assert_same(kafka, migrated_postgres)


async def test_connections_that_break_between_any_two_statements(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    chance, frames = random.Random(6), 1_500
    run_service("projector", projector__held_sessions=3, projector__batch_events=20)
    async with a_busy_log(kafka, frames):
        connection = await asyncpg.connect(migrated_postgres.dsn.reveal())
        try:
            cut = 0
            while await progress(migrated_postgres) < 3 * frames:
                cut += await connection.fetchval(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() "
                    "and application_name = 'mqledger-projector' and state <> 'idle' and random() < 0.5"
                )
                await asyncio.sleep(chance.random() * 0.05)  # as above
        finally:
            await connection.close()
    await until_applied(migrated_postgres, dict.fromkeys(PARTITIONS, frames), 120)
    await assert_same(kafka, migrated_postgres)
    assert cut > 0


async def test_two_workers_killed_in_turn(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    frames = 1_500
    workers = [run_service("projector", projector__worker=name) for name in ("one", "two")]
    async with a_busy_log(kafka, frames):
        for worker in workers:
            await until_progress(migrated_postgres, await progress(migrated_postgres))
            worker.kill9()
            worker.start(wait=False)
    await until_applied(migrated_postgres, dict.fromkeys(PARTITIONS, frames), 120)
    await assert_same(kafka, migrated_postgres)


@pytest.mark.parametrize("what", ["kafka", "postgres"])
async def test_kill_9_of_what_it_depends_on(
    what: str,
    services: Services,
    run_service: RunService,
    kafka: KafkaSettings,
    migrated_postgres: PostgresSettings,
) -> None:
    """The supervisor of the local stack starts it again; the projector goes on by itself, in the same process."""
    if services.kind != "local":
        pytest.skip("needs the local stack, whose processes are ours to kill")
    projector = run_service("projector")
    first = [frames_of(history(partition, 200, partition=partition)) for partition in PARTITIONS]
    for partition in PARTITIONS:
        await write(kafka, partition, first[partition])
    await until_applied(migrated_postgres, dict.fromkeys(PARTITIONS, 200))
    pid = projector.pid
    os.kill(services.pid(what), signal.SIGKILL)

    async def written() -> bool:
        await write(kafka, 0, frames_of(history(99, 1)))
        return True

    async with asyncio.timeout(90):
        await written()
    for partition in PARTITIONS:
        await write(kafka, partition, frames_of(history(partition + 50, 200, partition=partition)))

    async def caught_up() -> bool:
        try:
            found = await applied(migrated_postgres)
        except (OSError, asyncpg.PostgresError):
            return False
        return found == {partition: 401 if partition == 0 else 400 for partition in PARTITIONS}

    await until(caught_up, 120, what=lambda: projector.words(8))
    await assert_same(kafka, migrated_postgres)
    assert projector.running
    assert projector.pid == pid
    projector.wait_ready()
