"""Creates our topics and brings their settings to what ``schemas.topics`` says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from ingest.log.topic_check import FoundTopic, find_topics, problems_of
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings
from schemas.topics import TopicSpec, topic_specs
from stack.errors import StackError

VISIBLE_SECONDS = 20.0
VISIBLE_INTERVAL = 0.05
MENDABLE = "mqledger topics --mend"


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic after the command: what it must be, what it is, what was done and what is wrong."""

    spec: TopicSpec
    found: FoundTopic | None
    action: str
    problems: tuple[str, ...]


@asynccontextmanager
async def admin_client(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client. Raises StackError when Kafka is not to be reached."""
    admin = AIOKafkaAdminClient(**kafka_client_options(settings), request_timeout_ms=20_000)
    try:
        try:
            await admin.start()
        except KafkaError as error:
            raise StackError(
                f"Kafka can't be reached at {settings.bootstrap} ({type(error).__name__}); "
                "start it, or set kafka.bootstrap (MQLEDGER_KAFKA__BOOTSTRAP)."
            ) from error
        yield admin
    finally:
        await admin.close()


async def ensure_topics(settings: KafkaSettings, mend: bool = False) -> tuple[TopicState, ...]:
    """Create what is missing, with ``mend`` also set what differs, and say how each topic is then.

    Raises StackError when the cluster refuses.
    """
    async with admin_client(settings) as admin:
        specs = topic_specs(settings)
        before = await find_topics(admin, [spec.name for spec in specs])
        missing = [spec for spec in specs if spec.name not in before]
        await _create(admin, missing)
        differing = [spec for spec in specs if spec.name in before and _mendable(spec, before[spec.name])]
        for spec in differing if mend else ():
            await _alter(admin, spec, before[spec.name].overrides)
        created = {spec.name for spec in missing}
        mended = {spec.name for spec in differing} if mend else set()
        after = await _visible(admin, specs, created | mended)
    return tuple(_state(spec, after.get(spec.name), created, mended) for spec in specs)


def _state(spec: TopicSpec, found: FoundTopic | None, created: set[str], mended: set[str]) -> TopicState:
    action = "created" if spec.name in created else "mended" if spec.name in mended else "found"
    return TopicState(spec, found, action, tuple(problems_of(spec, found)))


def _mendable(spec: TopicSpec, found: FoundTopic) -> bool:
    return any(MENDABLE in problem for problem in problems_of(spec, found))


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> None:
    if not specs:
        return
    wanted = [NewTopic(spec.name, spec.partitions, spec.replication, topic_configs=dict(spec.config)) for spec in specs]
    response = await admin.create_topics(wanted, timeout_ms=15_000)
    for name, code, message in response.topic_errors:
        # Someone else made it just now: as good.
        if code and code != TopicAlreadyExistsError.errno:
            raise StackError(f"Kafka refuses to create {name}: {message or for_code(code).__name__}.")


async def _alter(admin: AIOKafkaAdminClient, spec: TopicSpec, overrides: Mapping[str, str]) -> None:
    # The request replaces all settings of the topic: what else was set on it is sent along.
    resource = ConfigResource(ConfigResourceType.TOPIC, spec.name, configs={**overrides, **spec.config})
    for response in await admin.alter_configs([resource]):
        for code, message, *_ in response.resources:
            if code:
                raise StackError(f"Kafka refuses to change {spec.name}: {message or for_code(code).__name__}.")


async def _visible(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], changed: set[str]) -> dict[str, FoundTopic]:
    """Ask until every topic shows as it was made or mended: brokers learn of a change a moment after it."""
    try:
        async with asyncio.timeout(VISIBLE_SECONDS):
            while True:
                found = await find_topics(admin, [spec.name for spec in specs])
                known = len(found) == len(specs)
                if known and not any(_mendable(s, found[s.name]) for s in specs if s.name in changed):
                    return found
                await asyncio.sleep(VISIBLE_INTERVAL)
    except TimeoutError as error:
        raise StackError(
            f"Kafka has taken the change of its topics and does not show it after {VISIBLE_SECONDS:g} s; "
            "look at its log, then run `mqledger topics` again."
        ) from error
