"""Frames that can't be folded: one stops its own partition with a clear report, or goes to the dead letters."""

from __future__ import annotations

import random
from functools import partial

import httpx
import pytest

from schemas.events import Connected
from schemas.settings import KafkaSettings, PostgresSettings
from tests.conftest import RunService
from tests.integration.projector.kit import (
    RawFrame,
    ask,
    assert_same,
    frames_of,
    live_rows,
    read_topic,
    until,
    until_applied,
    write,
)
from tests.stackkit.process import Service
from tests.unit.models.log import Log

pytestmark = pytest.mark.timeout(180)


def good(client_id: str) -> RawFrame:
    log = Log()
    log.connect(client_id)
    return frames_of(log)[0]


def unreadable() -> RawFrame:
    headers, _ = good("x")
    return headers, b"\xc1 no MessagePack"


def from_the_future() -> RawFrame:
    headers, value = good("x")
    swap = (Connected.KIND.encode(), b"connected.9")
    return [(name, content.replace(*swap)) for name, content in headers], value.replace(*swap)


def not_for_postgres() -> RawFrame:
    """Postgres has no text with a zero character."""
    return good("nul\0nul")


def too_long_for_an_index() -> RawFrame:
    """A key of a Postgres index holds some 2,700 bytes, and noise can't be compressed into that."""
    chance = random.Random(7)
    return good("".join(chr(chance.randrange(33, 127)) for _ in range(20_000)))


POISON = {
    "unreadable": unreadable(),
    "no frame": ([], b"hello"),
    "from the future": from_the_future(),
    "not for Postgres": not_for_postgres(),
    "too long for an index": too_long_for_an_index(),
}


@pytest.mark.parametrize("name", POISON)
async def test_poison_stops_its_partition_alone_until_it_is_put_aside_by_name(
    name: str, run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    await write(kafka, 0, [good("before"), good("beside"), POISON[name], good("after")])
    await write(kafka, 1, [good("elsewhere")])
    projector = run_service("projector", wait=False)
    await until_applied(migrated_postgres, {0: 2, 1: 1})
    async with httpx.AsyncClient(trust_env=False) as client:

        async def report() -> str:
            answer = await client.get(f"{projector.url}/health/ready")
            detail: str = answer.json()["detail"]
            return detail if answer.status_code == 503 and "partition 0 is stopped" in detail else ""

        detail = await until(report, 30)
        assert f"frame 0/2 of {kafka.events_topic}" in detail
        assert 'projector.quarantine = "0/2"' in detail
        assert (await client.get(f"{projector.url}/health/live")).status_code == 200
        assert 'poison_frames_total{partition="0"} 1.0' in (await client.get(f"{projector.url}/metrics")).text
    await write(kafka, 1, [good("later")])
    await until_applied(migrated_postgres, {1: 2})
    assert {row[1] for row in await live_rows(migrated_postgres, "sessions")} == {
        "before",
        "beside",
        "elsewhere",
        "later",
    }
    projector.stop()

    run_service("projector", projector__quarantine="3/9,0/2")
    await until_applied(migrated_postgres, {0: 4, 1: 2})
    await assert_same(kafka, migrated_postgres, skipping=frozenset({(0, 2)}))
    await assert_dead_letter(kafka, migrated_postgres, POISON[name])


async def test_poison_goes_to_the_dead_letters_by_configuration(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    await write(kafka, 0, [good("before"), good("beside"), unreadable(), good("after")])
    run_service("projector", projector__poison="dead_letter")
    await until_applied(migrated_postgres, {0: 4})
    await assert_same(kafka, migrated_postgres, skipping=frozenset({(0, 2)}))
    await assert_dead_letter(kafka, migrated_postgres, unreadable())


async def assert_dead_letter(kafka: KafkaSettings, postgres: PostgresSettings, poison: RawFrame) -> None:
    (row,) = await ask(postgres, 'select partition, "offset", reason from quarantined')
    (letter,) = await read_topic(kafka, f"{kafka.events_topic}.dead")
    headers = dict(letter.headers)
    assert (row["partition"], row["offset"]) == (0, 2)
    assert letter.value == poison[1]
    assert headers["dead.partition"] == b"0"
    assert headers["dead.offset"] == b"2"
    assert headers["dead.reason"].decode() == row["reason"] != ""
    assert dict(poison[0]).items() <= headers.items()


async def test_another_log_is_refused(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    await write(kafka, 0, [good("c"), good("d")])
    projector = run_service("projector")
    await until_applied(migrated_postgres, {0: 2})
    for change, sentence in (
        ("last_frame = 'n9/9/9' where partition = 0", "n9/9/9 was folded there"),
        ("topic_id = 'other' where partition = 0", "belong to the Kafka topic other"),
        ("cluster_id = 'other' where partition = 0", "belong to the Kafka cluster other"),
        ("next = 9 where partition = 0", "the log has lost records"),
    ):
        projector.stop()
        before = await ask(migrated_postgres, "select * from applied where partition = 0")
        await ask(migrated_postgres, f"update applied set {change}")
        projector.start(wait=False)

        await until(partial(says, projector, sentence), 40, what=lambda: projector.words(5))
        await ask(
            migrated_postgres,
            "update applied set next = $1, cluster_id = $2, topic_id = $3, last_frame = $4 where partition = 0",
            *(before[0][column] for column in ("next", "cluster_id", "topic_id", "last_frame")),
        )


async def says(projector: Service, words: str) -> bool:
    """Whether the projector is not ready and says so in these words."""
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return words in (await client.get(f"{projector.url}/health/ready")).json()["detail"]
        except httpx.TransportError:
            return False
