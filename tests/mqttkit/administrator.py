"""Somebody who writes ``mq.admin`` as the API does, and waits until the node has applied it."""

from __future__ import annotations

import asyncio

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from argon2 import PasswordHasher

from schemas.admin import AclAdded, AdminEvent, Banned, UserSet
from schemas.events import Heartbeat
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings
from tests.integration.ingest.asker import asking, order
from tests.stackkit.eventually import run_async

WAIT = 10.0
HASHER = PasswordHasher(1, 1_024, 1)


class Administrator:
    """Changes users, rules and bans of the nodes on a log."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka

    def say(self, *events: AdminEvent) -> None:
        """Append events and return when the node says that they are in force."""
        run_async(self._say(events))

    async def _say(self, events: tuple[AdminEvent, ...]) -> None:
        nodes = TopicPartition(self._kafka.nodes_topic, 0)
        consumer = AIOKafkaConsumer(**kafka_client_options(self._kafka), auto_offset_reset="latest")
        await consumer.start()
        try:
            consumer.assign([nodes])
            await consumer.seek_to_end(nodes)
            await consumer.position(nodes)
            async with asking(self._kafka) as asker:
                offsets = [await asker.admin(event) for event in events]
            async with asyncio.timeout(WAIT):
                async for record in consumer:
                    if record.value[1:].find(b"heartbeat.1") >= 0 and (_admin_of(record.value) > offsets[-1]):
                        return
        finally:
            await consumer.stop()


def _admin_of(value: bytes) -> int:
    return msgspec.msgpack.decode(value, type=Heartbeat).admin


def user(name: str, password: str, tenant: str = "default", superuser: bool = False) -> UserSet:
    """A user with a password, hashed cheaply."""
    return UserSet(order(), "set", tenant, name, HASHER.hash(password), superuser)


def rule(allow: bool, topic: str, action: str = "all", tenant: str = "default", **fields: str) -> AclAdded:
    """An access rule."""
    return AclAdded(order(), tenant, allow, action, topic, **fields)  # type: ignore[arg-type]


def ban(kind: str, who: str, tenant: str = "default", until: int = 0) -> Banned:
    """A ban."""
    return Banned(order(), "set", tenant, kind, who, "admin", "", 0, until)
