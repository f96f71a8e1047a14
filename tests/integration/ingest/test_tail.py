"""What a node hears beside the event log: bells, and changes of ``mq.admin``."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ingest.log.poison import DamagedRecordError
from ingest.service import IngestService
from schemas.admin import AclCacheCleared, AdminEvent, UserSet
from schemas.events import ClearAcl
from schemas.positions import partition_of
from schemas.settings import KafkaSettings
from tests.integration.ingest.asker import asking, order
from tests.integration.ingest.kit import running, settings
from tests.stackkit.eventually import eventually


def a_user(name: str, mode: str = "set") -> UserSet:
    """A user who gets a password."""
    return UserSet(order(), mode, "default", name, "$argon2id$")


async def test_administration_is_folded_before_anyone_is_let_in_and_followed_then(kafka: KafkaSettings) -> None:
    """Given events in mq.admin, when a node starts, then it knows them when it listens; when more come, then watchers
    hear of those that take effect, and the heartbeat says how far the node is."""
    heard: list[AdminEvent] = []
    async with asking(kafka) as asker:
        await asker.admin(a_user("one"))
        await asker.admin(a_user("one", "add"))
        async with running(kafka) as (service, _):
            assert service.tail.admin.next == 2
            service.tail.watchers.append(heard.append)
            await asker.admin(a_user("two"))
            await asker.admin(a_user("one", "add"))
            last = AclCacheCleared(order(), "*")
            await asker.admin(last)
            await eventually(lambda: service.tail.admin.next == 5)
            assert [name for _, name in service.tail.admin.users] == ["one", "two"]
            assert [type(event) for event in heard] == [UserSet, AclCacheCleared]
            assert service.duties.heartbeat().admin == 5
            assert service.duties.heartbeat().limits["max_inflight"] == 256


async def test_a_bell_is_answered_at_once(kafka: KafkaSettings) -> None:
    """Given a quiet node, when somebody else appends to a partition and rings, then the node applies it long before
    it would have looked by itself."""
    event = ClearAcl("default", "nobody", order())
    partition = partition_of("default", "nobody", kafka.partitions)
    times: list[float] = []
    async with asking(kafka) as asker, running(kafka) as (service, _):
        for _ in range(5):
            begun = time.monotonic()
            offset = await asker.command(event) >> 16
            await eventually(lambda at=offset: service.node.applied[partition] > at)  # type: ignore[misc]
            times.append(time.monotonic() - begun)
    assert sorted(times)[2] < 0.2, times


async def test_an_unreadable_record_of_administration_stops_the_node_unless_it_is_named(kafka: KafkaSettings) -> None:
    """Given a record in mq.admin that nobody can read, when a node starts, then it stops there, also if it skips poison
    elsewhere; told to go on without that one by name, it goes on."""
    async with asking(kafka) as asker:
        await asker.raw_admin(b"\x92\xa9mystery.1\x01")
        await asker.admin(a_user("one"))
    wanted = settings(kafka)
    wanted = replace(wanted, log=replace(wanted.log, poison="skip"))
    service = IngestService(wanted)
    with pytest.raises(DamagedRecordError, match="admin/0"):
        await service.start()
    await service.stop()
    service = IngestService(replace(wanted, log=replace(wanted.log, quarantine="admin/0")))
    try:
        await service.start()
        assert [name for _, name in service.tail.admin.users] == ["one"]
        assert service.poison.put_aside
    finally:
        await service.stop()
