"""Ten thousand clients at once, each with a password: how soon they are in, and who feels it.

A broker that was stopped comes back, and everybody who was connected to it wants in. Passwords cost argon2 some 20 ms
each, so not all can be verified at once: some are told to come back (0x89 in MQTT 5, 3 in MQTT 3), and do. Cases: a
password of its own for each, from one address and from many, and one name and password for all.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from functools import partial

import click
import msgspec
from aiokafka import AIOKafkaProducer
from argon2 import PasswordHasher

from bench import children, compare, compared
from bench.compare import OURS, Choice, Field, Results
from bench.load import apart, crowd
from bench.load.crowd import Outcome, Plan
from bench.report import Cell, publish
from bench.target import mqledger
from query_api.access.passwords import MEMORY_KIB, PASSES
from schemas.admin import UserSet
from schemas.commands import Order
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings

CLIENTS = 10_000
SHORT_CLIENTS = 1_000
HASHES = 100
"""Hashes that the users share, since making one costs what verifying it does: to the broker each user is another."""
HOSTS = 1_000
ONE, MANY, SHARED = "own passwords, one address", f"own passwords, {HOSTS:,} addresses", "one shared password"
CASES = (ONE, MANY, SHARED)
COLUMNS = (
    "case",
    "broker",
    "clients",
    "let in p50 s",
    "all in s",
    "came back",
    "told 0x89",
    "told 0x88",
    "told 3",
    "cut or refused",
    "most attempts",
    "beside: PUBACK p50 ms",
    "p99 ms",
    "max ms",
    "before p99 ms",
    "sent late p99 ms",
    "MiB before",
    "MiB at most",
    "MiB with them",
    *compare.SHARES,
)
NOTES = (
    "Let in: from the moment at which all connect, with all the coming back. Half of the clients speak MQTT 5.",
    f"argon2id with {PASSES} passes, verified by two threads of lower priority.",
    "0x89, or 3 in MQTT 3: too many passwords wait. 0x88, or 3: the log did not take it within mqtt.connect_timeout.",
    "Refused by the system: from one address, ports come round again whose last connection is still remembered.",
    "Beside: one client that was connected before, which publishes QoS 1, a message after the other.",
)


def login(number: int) -> tuple[str, str]:
    """User and password of a client with its own."""
    return f"crowd-{number}", f"password {number % HASHES}"


def shared(_number: int) -> tuple[str, str]:
    """Those of every client, in the last case."""
    return "crowd-0", "password 0"


def add_users(count: int, memory: int, kafka: KafkaSettings) -> None:
    """Put the users into the log, as the API would; ``memory`` in KiB."""
    hasher = PasswordHasher(time_cost=PASSES, memory_cost=memory, parallelism=1)
    hashes = [hasher.hash(f"password {number}") for number in range(HASHES)]
    asyncio.run(_append(kafka, [(login(number)[0], hashes[number % HASHES]) for number in range(count)]))


async def _append(kafka: KafkaSettings, users: Sequence[tuple[str, str]]) -> None:
    producer = AIOKafkaProducer(**kafka_client_options(kafka), acks="all", linger_ms=20)
    await producer.start()
    try:
        for name, hashed in users:
            event = UserSet(Order(secrets.token_hex(8), "bench", "", "", 0), "set", "default", name, hashed)
            sent = await producer.send(kafka.admin_topic, msgspec.msgpack.encode(event), partition=0)
        await sent
    finally:
        await producer.stop()


def row(results: Results[Outcome], case: str, broker: str, clients: int) -> list[Cell]:
    """The table's row, of the first round."""
    one = results.of(case, broker)[0]
    told = dict(one.told)
    return [
        clients,
        one.let_in.p50 / 1e3,
        one.let_in.max / 1e3,
        one.waiting,
        *(told.pop(code, 0) for code in ("0x89", "0x88", "3")),
        sum(told.values()),
        one.most_attempts,
        one.during.p50,
        one.during.p99,
        one.during.max,
        one.before.p99,
        one.late.p99,
        one.bytes_before / 2**20,
        one.bytes_most / 2**20,
        one.bytes_after / 2**20,
        *results.shares(case, broker),
    ]


def measure(case: str, clients: int, memory: int) -> tuple[Outcome, Field]:
    """One case on a broker of its own, which has verified nothing yet."""
    required = {"MQLEDGER_MQTT__AUTHENTICATION": "required"}
    with mqledger(changes=required, prepare=partial(add_users, clients + 1, memory)) as one:
        plan = Plan(
            one.address,
            one.groups,
            clients,
            "bench-crowd",
            shared if case == SHARED else login,
            beside=login(clients),
            hosts=HOSTS if case == MANY else 1,
        )
        return apart.run(plan.patience + compare.RUN_MARGIN, crowd.run, plan), Field((one,))


@click.command(help=__doc__)
@click.option("--clients", default=CLIENTS, show_default=True, help="How many.")
@click.option(
    "--memory", default=MEMORY_KIB, show_default=True, help="KiB of argon2; the API's hashes have the default."
)
@click.option("--short", is_flag=True, help=f"{SHORT_CLIENTS:,} clients.")
@click.option("--case", "cases", multiple=True, type=click.Choice(CASES), help="Only this; may be given several times.")
def main(clients: int, short: bool, memory: int, cases: Sequence[str]) -> None:
    """Run, print, store."""
    clients = SHORT_CLIENTS if short else clients
    children.leave_in_order()
    outcomes = {}
    for case in cases or CASES:
        click.echo(f"{case}: {clients:,} clients", err=True)
        outcome, taking_part = measure(case, clients, memory)
        outcomes[case] = {OURS: [outcome]}
    results = Results(outcomes)
    choice = Choice(1, 0.0, frozenset({OURS}), (), short, 5)
    publish(
        compared.report(
            results,
            taking_part,
            choice,
            name="crowd",
            title="A crowd with passwords",
            columns=COLUMNS,
            row=lambda case, broker: row(results, case, broker, clients),
            notes=NOTES,
            options={"clients": clients, "memory": memory},
        )
    )


if __name__ == "__main__":
    main()
