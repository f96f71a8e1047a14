"""Kafka and Postgres together, in one data folder: what ``mqledger up`` and the tests start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError
from stack.local import jars
from stack.local.kafka import LocalKafka, find_java
from stack.local.ports import LOOPBACK, free_port, require_free
from stack.local.postgres import LocalPostgres, find_programs, leave_root
from stack.supervise import Supervisor

LEAST_FREE_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """Where to run the two, and on which ports (0 takes a free one)."""

    data: Path
    kafka_port: int = 9092
    postgres_port: int = 5432
    database: str = "mqledger"
    java: str = ""
    cache: Path | None = None
    maven_repository: str = ""
    heap_megabytes: int = 512
    light: bool = False
    """See LocalKafka."""


@dataclass(frozen=True, slots=True)
class Local:
    """The two servers, prepared."""

    kafka: LocalKafka
    postgres: LocalPostgres


def prepare(plan: LocalPlan, show: jars.ShowDownload) -> Local:
    """Check the machine, fetch what is missing and lay out empty folders. Raises StackError."""
    free = jars.free_bytes(plan.data)
    if free < LEAST_FREE_BYTES:
        raise StackError(
            f"Only {free // 1024**2} MB are free at {plan.data} and the local stack needs at least "
            f"{LEAST_FREE_BYTES // 1024**2}; free some or choose another folder with --data."
        )
    kafka_port = plan.kafka_port or free_port()
    postgres_port = plan.postgres_port or free_port()
    require_free(LOOPBACK, kafka_port, "Kafka", "MQLEDGER_KAFKA__BOOTSTRAP=127.0.0.1:PORT")
    require_free(LOOPBACK, postgres_port, "Postgres", "--postgres-port PORT")
    java = find_java(plan.java)
    programs = find_programs()
    files = jars.ensure(jars.read_lock(), plan.cache or jars.default_cache(), show, plan.maven_repository)
    logs = plan.data / "log"
    local = Local(
        LocalKafka(
            plan.data / "kafka", kafka_port, tuple(files), java, logs / "kafka.log", plan.heap_megabytes, plan.light
        ),
        LocalPostgres(
            plan.data / "postgres", postgres_port, programs, logs / "postgres.log", plan.database, leave_root()
        ),
    )
    try:
        local.kafka.prepare()
        local.postgres.prepare()
    except OSError as error:
        raise StackError(
            f"The data folder {plan.data} can't be written ({error.strerror}); "
            "free space, mend its rights or choose another with --data."
        ) from error
    return local


async def start(local: Local, supervisor: Supervisor) -> None:
    """Start both at once; the slower one counts."""
    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.start(local.postgres.unit()))
        group.create_task(supervisor.start(local.kafka.unit()))
