"""Whatever dies, and whenever: the tables are what a fresh fold of the log gives.

Frames are written all the while; then the log is folded afresh and compared with the tables row by row.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from domain.models import TABLES
from schemas.settings import KafkaSettings, PostgresSettings
from stack.errors import StackError
from stack.topics import ensure_topics
from tests.conftest import RunService
from tests.integration.projector.kit import applied, ask, assert_same, connect, frames_of, until, until_applied, write
from tests.stackkit.services import Services
from tests.unit.models.histories import history

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PARTITIONS = range(4)
MOST_FRAMES = 5_000
PACE = 0.005
CUTS = 40


class BusyLog:
    """Random histories in all partitions, written at a pace until told to stop."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.written = 0
        """Frames in each partition."""
        self._kafka = kafka
        self._stop = asyncio.Event()
        self._frames = {p: frames_of(history(p, MOST_FRAMES, partition=p)) for p in PARTITIONS}

    @property
    def ends(self) -> dict[int, int]:
        """The end of every partition."""
        return dict.fromkeys(PARTITIONS, self.written)

    async def __aenter__(self) -> BusyLog:
        self._task = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task

    async def _write(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka.bootstrap, acks="all", enable_idempotence=True)
        await producer.start()
        try:
            while not self._stop.is_set() and self.written < MOST_FRAMES:
                for partition, frames in self._frames.items():
                    headers, value = frames[self.written]
                    await producer.send_and_wait(self._kafka.events_topic, value, partition=partition, headers=headers)
                self.written += 1
                await asyncio.sleep(PACE)
        finally:
            await producer.stop()


async def progress(postgres: PostgresSettings) -> int:
    return sum((await applied(postgres)).values())


async def until_progress(postgres: PostgresSettings, beyond: int) -> None:
    async def moved() -> bool:
        return await progress(postgres) > beyond

    await until(moved, 60, what="the projector does not go on")


async def test_kill_9_of_the_projector_at_random_moments(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    chance = random.Random(5)
    projector = run_service("projector", projector__held_sessions=3)
    async with BusyLog(kafka) as log:
        for _ in range(3):
            await until_progress(migrated_postgres, await progress(migrated_postgres))
            await asyncio.sleep(chance.random() * 0.2)  # the moment is the random part, not a condition
            projector.kill9()
            projector.start(wait=False)
    await until_applied(migrated_postgres, log.ends)
    await assert_same(kafka, migrated_postgres)


async def test_connections_that_break_between_any_two_statements(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    run_service("projector", projector__held_sessions=3, projector__batch_events=20)
    cut = 0
    async with BusyLog(kafka) as log:
        connection = await asyncpg.connect(migrated_postgres.dsn.reveal())
        try:
            while cut < CUTS and log.written < MOST_FRAMES:
                cut += await connection.fetchval(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                    "where application_name = 'mqledger-projector' and state <> 'idle' and random() < 0.5"
                )
        finally:
            await connection.close()
    assert cut >= CUTS
    await until_applied(migrated_postgres, log.ends)
    await assert_same(kafka, migrated_postgres)


async def test_two_workers_killed_in_turn(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    workers = [run_service("projector", projector__worker=name) for name in ("one", "two")]
    async with BusyLog(kafka) as log:
        for worker in workers:
            await until_progress(migrated_postgres, await progress(migrated_postgres))
            worker.kill9()
            worker.start(wait=False)
    await until_applied(migrated_postgres, log.ends)
    await assert_same(kafka, migrated_postgres)


async def test_positions_that_go_back_are_noticed_without_a_new_frame(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    """As after a crash of Postgres, which may lose its last transactions: here by a copy of an earlier state."""
    run_service("projector")
    frames = frames_of(history(1, 40))
    await write(kafka, 0, frames[:20])
    await until_applied(migrated_postgres, {0: 20})
    tables = ("applied", *TABLES)
    for table in tables:
        await ask(migrated_postgres, f"create table kept_{table} as table {table}")
    await write(kafka, 0, frames[20:])
    await until_applied(migrated_postgres, {0: 40})
    back = "".join(f"delete from {table}; insert into {table} table kept_{table};" for table in tables)
    connection = await connect(migrated_postgres)
    try:
        await connection.execute(f"begin; {back} commit;")
        assert (await applied(migrated_postgres))[0] == 20
    finally:
        await connection.close()
    await until_applied(migrated_postgres, {0: 40})
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

    async def back() -> bool:
        try:
            await ensure_topics(kafka)
            await applied(migrated_postgres)
        except (StackError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    await until(back, 60, what="it did not come back")
    for partition in PARTITIONS:
        await write(kafka, partition, frames_of(history(partition + 50, 200, partition=partition)))

    async def caught_up() -> bool:
        try:
            found = await applied(migrated_postgres)
        except (OSError, asyncpg.PostgresError):
            return False
        return found == dict.fromkeys(PARTITIONS, 400)

    await until(caught_up, 120, what=lambda: projector.words(8))
    await assert_same(kafka, migrated_postgres)
    assert projector.running
    assert projector.pid == pid
    projector.wait_ready()
