"""The command side, with a node and a projector behind it: effects, outcomes, repetitions, what is in force."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from ingest.mqtt.codec import DisconnectPacket, ProtocolVersion, PublishPacket
from query_api.access.principal import Role
from query_api.commands import commands
from query_api.commands.outcome import Asker, Outcome
from query_api.commands.writer import Landed, Writer
from query_api.errors import ConflictError, InvalidError, TooLargeError, UnauthorizedError, UnavailableError
from query_api.service import Service
from query_api.settings import ApiSettings
from schemas.admin import PluginSet, UserRemoved, UserSet
from schemas.commands import Order
from schemas.events import AnyEvent
from schemas.parts import Subscription
from schemas.settings import KafkaSettings, PostgresSettings
from stack.local.ports import free_port
from tests.conftest import RunService
from tests.mqttkit.client import Client
from tests.mqttkit.link import Address
from tests.stackkit.eventually import eventually
from tests.stackkit.process import Service as StackService
from tests.stackkit.services import ROOT

ANN = Asker("ann", "192.0.2.1", "corr")


@asynccontextmanager
async def running(
    kafka: KafkaSettings, postgres: PostgresSettings, command_timeout: float = 5.0
) -> AsyncIterator[Service]:
    """The service of an API in this very process, with the models of commands ready."""
    service = Service(ApiSettings(kafka=kafka, postgres=postgres, command_timeout=command_timeout))
    await service.start()
    try:
        await eventually(lambda: {"commands", "admin"} <= service.watch.ready, timeout=30)
        yield service
    finally:
        await service.stop()


async def test_commands(run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings) -> None:
    node = run_service("ingest", wait=False)
    projector = run_service("projector", wait=False)
    for one in (node, projector):
        one.wait_ready()
    async with running(kafka, migrated_postgres) as service:
        at = ("127.0.0.1", node.mqtt_port)
        await kicked(service, at)
        await published(service, at)
        await subscribed(service, at)
        await repeated(service, at)
        await expired(service, at)
        await administered(service)
        await refused(service)
        await recovered(service, node)


async def kicked(service: Service, at: Address) -> None:
    """The socket closes with 0x98 and the reason, the session ends, and who reads at the position sees neither."""
    commands = service.commands
    with Client(at, ProtocolVersion.V5, "victim", clean=False, session_expiry_interval=3600) as client:
        done = await commands.kick(ANN, "default", "victim", reason="enough")
        assert (done.known, done.outcome, done.count) == (True, "done", 1)
        said = client.expect(DisconnectPacket)
        assert said.reason_code == 0x98
        assert "enough" in (said.properties.reason_string or "")
        client.expect_closed()
    await service.fresh(done.position)
    assert await service.store.fetch("session", "default", "victim") == []
    assert (await commands.kick(ANN, "default", "victim")).outcome == "not_found"
    found = await commands.find("default", done.id)
    assert found is not None
    assert replace(found, position="") == replace(done, position="")
    assert await commands.find("acme", done.id) is None
    assert (await commands.find("*", done.id)) is not None
    assert await commands.find("default", "no such id") is None


async def published(service: Service, at: Address) -> None:
    """A message reaches who subscribed; it is told how many, when asked."""
    with Client(at, ProtocolVersion.V5, "reader") as client:
        client.subscribed("a/+", qos=1)
        plain = await service.commands.publish(ANN, "default", "http", "a/b", b"one", qos=1)
        assert (plain.known, plain.outcome) == (True, "done")
        assert client.take(PublishPacket).payload == b"one"
        told = await service.commands.publish(ANN, "default", "http", "a/c", b"two", report=True)
        assert (told.outcome, told.count) == ("done", 1)
        kept = await service.commands.publish(ANN, "default", "http", "a/k", b"kept", retain=True, deliver=False)
        await service.fresh(kept.position)
        none = await service.commands.publish(ANN, "acme", "http", "a/b", b"other tenant", report=True)
        assert (none.outcome, none.count) == ("done", 0)
    with Client(at, ProtocolVersion.V5, "later") as client:
        client.subscribed("a/k")
        assert client.take(PublishPacket).payload == b"kept"


async def subscribed(service: Service, at: Address) -> None:
    """On behalf of a client that is connected."""
    with Client(at, ProtocolVersion.V5, "quiet") as client:
        done = await service.commands.subscribe(ANN, "default", "quiet", [Subscription("s/#", 1)])
        assert (done.outcome, done.codes) == ("done", [1])
        await service.commands.publish(ANN, "default", "http", "s/1", b"for you", qos=1)
        assert client.take(PublishPacket).payload == b"for you"
        gone = await service.commands.unsubscribe(ANN, "default", "quiet", ["s/#", "never"])
        assert (gone.outcome, gone.codes) == ("done", [0, 17])
    missing = await service.commands.subscribe(ANN, "default", "nobody", [Subscription("s", 0)])
    assert missing.outcome == "not_found"


async def repeated(service: Service, at: Address) -> None:
    """By key: once, with the first outcome; another command under the key is refused; keys are of a tenant."""
    keyed = replace(ANN, key="native/once")
    with Client(at, ProtocolVersion.V5, "keyed") as client:
        first = await service.commands.kick(keyed, "default", "keyed")
        assert first.outcome == "done"
        client.expect(DisconnectPacket)
    with Client(at, ProtocolVersion.V5, "keyed") as client:
        again = await service.commands.kick(keyed, "default", "keyed")
        assert (again.id, again.outcome, again.count) == (first.id, "done", 1)
        client.ping()
        with pytest.raises(ConflictError):
            await service.commands.kick(keyed, "default", "another")
        with pytest.raises(ConflictError):
            await service.commands.publish(keyed, "default", "keyed", "t", b"")
        other = await service.commands.kick(keyed, "acme", "keyed")
        assert (other.outcome, other.id != first.id) == ("not_found", True)
        client.ping()


async def expired(service: Service, at: Address) -> None:
    """Of a whole tenant: every partition answers; the numbers add up."""
    for name in ("away1", "away2", "away3"):
        Client(at, ProtocolVersion.V5, name, clean=False, session_expiry_interval=3600).close()
    with Client(at, ProtocolVersion.V5, "online"):
        assert (await service.commands.expire(ANN, "default", 3600)).count == 0
        assert (await service.commands.expire(ANN, "nobody", 0)).count == 0
        done = await service.commands.expire(ANN, "default", 0)
        assert done.outcome == "done"
        assert done.count >= 4
    await service.fresh(done.position)
    for name in ("away1", "online"):
        assert await service.store.fetch("session", "default", name) == []


async def administered(service: Service) -> None:
    """What comes back is in force at every node that runs."""
    done = await service.commands.admin(ANN, lambda order: UserSet(order, "add", "default", "u", "$argon2id$x"))
    assert (done.known, done.outcome) == (True, "done")
    behind = await service.store.fetch("not_in_force", service.watch.admin_next)
    assert behind[0][0] == 0
    twice = await service.commands.admin(ANN, lambda order: UserSet(order, "add", "default", "u", "$argon2id$y"))
    assert twice.outcome == "exists"
    gone = await service.commands.admin(ANN, lambda order: UserRemoved(order, "default", "nobody"))
    assert gone.outcome == "not_found"
    keyed = replace(ANN, key="native/plugin")
    first = await service.commands.admin(keyed, lambda order: PluginSet(order, "retainer", True))
    again = await service.commands.admin(keyed, lambda order: PluginSet(order, "retainer", True))
    assert (again.id, again.outcome) == (first.id, "done")
    with pytest.raises(ConflictError):
        await service.commands.admin(keyed, lambda order: PluginSet(order, "retainer", False))


async def refused(service: Service) -> None:
    """What can't be is refused before it is in the log."""
    commands = service.commands
    for wrong in (
        commands.kick(ANN, "default", ""),
        commands.kick(ANN, "default", "a\0b"),
        commands.kick(ANN, "default", "\udcff"),
        commands.kick(ANN, "", "c"),
        commands.publish(ANN, "default", "c", "a/#", b""),
        commands.publish(ANN, "default", "c", "a", b"", qos=3),
        commands.subscribe(ANN, "default", "c", []),
        commands.subscribe(ANN, "default", "c", [Subscription("a/#/b", 0)]),
        commands.unsubscribe(ANN, "default", "c", ["a"] * 1001),
        commands.expire(ANN, "default", -1),
        commands.kick(ANN, "default", "c", reason="a\0b"),
        commands.admin(ANN, lambda order: PluginSet(order, "a\0b", True)),
    ):
        with pytest.raises(InvalidError):
            await wrong
    with pytest.raises(TooLargeError):
        await commands.publish(ANN, "default", "c", "t", b"x" * 1_040_000)


async def recovered(service: Service, node: StackService) -> None:
    """Who has the log makes an administrator of anybody; the password is that, and in no file or event."""
    command = [sys.executable, "-m", "stack.cli", "admin", "recover", "ann"]
    process = await asyncio.create_subprocess_exec(
        *command, env=node.whole_environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    password = said.decode().strip()
    await eventually(lambda: service.watch.admin_next > 0, timeout=5)
    principal, token = await service.access.login("ann", password, "192.0.2.1")
    assert (principal.name, principal.role, principal.tenant) == ("ann", Role.ADMINISTRATOR, "*")
    assert password not in token
    with pytest.raises(UnauthorizedError):
        await service.access.login("ann", "wrong", "192.0.2.1")


async def test_without_a_node_the_answer_is_that_it_is_not_known(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    """Bounded, with an id to ask by; a repetition is the same command, and another one under its key is refused."""
    run_service("projector")
    keyed = replace(ANN, key="native/alone")
    async with running(kafka, migrated_postgres, command_timeout=0.5) as service:
        begun = time.monotonic()
        asked = await service.commands.kick(keyed, "default", "c")
        assert time.monotonic() - begun < 5
        assert (asked.known, asked.outcome) == (False, "")
        await service.fresh(asked.position)
        found = await service.commands.find("default", asked.id)
        assert found is not None
        assert not found.known
        again = await service.commands.kick(keyed, "default", "c")
        assert (again.id, again.known) == (asked.id, False)
        with pytest.raises(ConflictError):
            await service.commands.kick(keyed, "default", "c", reason="another")
        every = await service.commands.expire(ANN, "default", 0)
        assert not every.known
        assert (await service.commands.find("default", every.id)) is not None
        # Nobody needs to decide a message, nor what nobody has to obey.
        assert (await service.commands.publish(ANN, "default", "c", "t", b"")).outcome == "done"
        assert (await service.commands.admin(ANN, lambda order: PluginSet(order, "retainer", True))).outcome == "done"


class Deaf(Writer):
    """Of some partitions Kafka takes no append."""

    refusing: frozenset[int] = frozenset()

    async def frame(self, partition: int, event: AnyEvent, depends: Sequence[int], known_time: int) -> Landed:
        """Refuse, or append."""
        if partition in self.refusing:
            raise UnavailableError("its leader is away")
        return await super().frame(partition, event, depends, known_time)


async def test_a_command_that_some_partitions_did_not_take(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an expire that two partitions did not take, then the outcome is not known, and told by partition; a
    repetition by its key completes it; without one, it is void where it is not, once its time is over."""
    run_service("ingest")
    run_service("projector")
    async with running(kafka, migrated_postgres, command_timeout=2.0) as service:
        writer = Deaf(kafka, 2.0)
        service.commands._writer = writer
        every, keyed = frozenset(range(kafka.partitions)), replace(ANN, key="native/half")
        writer.refusing = every
        with pytest.raises(UnavailableError):
            await service.commands.expire(keyed, "default", 5)
        writer.refusing = frozenset({1, 2})
        half, lost = [await service.commands.expire(one, "default", 5) for one in (keyed, ANN)]

        async def told(one: Outcome, of: frozenset[int]) -> Outcome:
            """What is known, once these partitions have said something."""

            async def find() -> Outcome | None:
                found = await service.commands.find("default", one.id)
                return found if found and all(found.parts.get(partition) for partition in of) else None

            return cast("Outcome", await eventually(cast("Callable[[], Any]", find), timeout=10))

        for one in (half, lost):
            found = await told(one, every - {1, 2})
            assert (one.known, found.known, set(found.parts)) == (False, False, set(every - {1, 2}))
        writer.refusing = frozenset()
        whole = await service.commands.expire(keyed, "default", 5)
        assert (whole.id, whole.known, whole.outcome) == (half.id, True, "done")
        assert whole.parts == dict.fromkeys(every, "done")
        monkeypatch.setattr(commands, "CLOCKS_MS", 0)
        gone = await told(lost, every)
        assert (gone.outcome, gone.parts) == ("late", dict.fromkeys(every, "done") | {1: "late", 2: "late"})
        await writer.close()


async def test_nobody_waits_long_for_a_kafka_that_is_away(kafka: KafkaSettings) -> None:
    away = replace(kafka, bootstrap=f"127.0.0.1:{free_port()}")
    writer = Writer(away, timeout=1.0)
    begun = time.monotonic()
    with pytest.raises(UnavailableError):
        await writer.admin(PluginSet(_order(), "retainer", True))
    assert time.monotonic() - begun < 5
    await writer.close()


async def test_what_failed_is_not_appended_later(kafka: KafkaSettings) -> None:
    """The writer goes on with another producer once Kafka is back."""
    port = free_port()
    writer = Writer(replace(kafka, bootstrap=f"127.0.0.1:{port}"), timeout=0.5)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await writer.admin(PluginSet(_order(), "retainer", True))
    writer._kafka = kafka
    landed = await writer.admin(PluginSet(_order(), "retainer", False))
    assert landed.offset == 0
    assert abs(landed.time - time.time() * 1000) < 60_000
    await writer.close()


def _order() -> Order:
    return Order("id", "ann", "", "", 0)
