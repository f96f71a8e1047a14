"""A command that came too late was void: a repetition by its key is another try, not the same refusal for an hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from query_api.commands.order import order_of, without_order
from query_api.commands.outcome import Asker
from query_api.service import Service
from schemas.admin import PluginSet
from schemas.commands import Expire, Kick, Order
from schemas.parts import Event
from schemas.positions import partition_of
from schemas.settings import KafkaSettings, PostgresSettings
from tests.conftest import RunService
from tests.integration.query_api.test_commands import ANN, running
from tests.stackkit.eventually import eventually


def late(asker: Asker, make: Callable[[Order], Event]) -> Order:
    """The order of a command that was asked a minute ago, and counted for five seconds."""
    return order_of(asker, "default", make(without_order()), int(time.time() * 1000) - 60_000, 5_000)


async def test_late_is_not_the_last_word(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    run_service("ingest", wait=False)
    run_service("projector")
    async with running(kafka, migrated_postgres) as service:
        commands, one, two, three = service.commands, *(replace(ANN, key=f"native/{n}") for n in range(3))
        kick = late(one, lambda order: Kick("default", "nobody", order, "", True))
        await append(
            service, partition_of("default", "nobody", kafka.partitions), Kick("default", "nobody", kick, "", True)
        )
        switch = late(two, lambda order: PluginSet(order, "retainer", True))
        await service._writer.admin(PluginSet(switch, "retainer", True))
        expire = late(three, lambda order: Expire("default", order, 5))
        for partition in range(kafka.partitions):
            await append(service, partition, Expire("default", expire, 5))
        for order in (kick, switch, expire):
            await until_late(service, order.id)
        again = await commands.kick(one, "default", "nobody")
        assert (again.id, again.outcome) == (kick.id, "not_found")
        again = await commands.admin(two, lambda order: PluginSet(order, "retainer", True), tenant="default")
        assert (again.id, again.outcome) == (switch.id, "done")
        again = await commands.expire(three, "default", 5)
        assert (again.id, again.outcome) == (expire.id, "done")
        for order, outcome in ((kick, "not_found"), (switch, "done"), (expire, "done")):
            assert await told(service, order.id, outcome)


async def append(service: Service, partition: int, event: Kick | Expire) -> None:
    await service._writer.frame(partition, event, [0] * service.settings.kafka.partitions, 0)


async def until_late(service: Service, command_id: str) -> None:
    async def late_now() -> bool:
        return await told(service, command_id, "late")

    await eventually(cast("Callable[[], Any]", late_now))


async def told(service: Service, command_id: str, outcome: str) -> bool:
    found = await service.commands.find("*", command_id)
    return found is not None and found.known and found.outcome == outcome
