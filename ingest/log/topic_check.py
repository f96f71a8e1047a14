"""Refuses Kafka topics that would break a promise, before a node accepts its first client.

Order: ask the cluster what the topics are, compare with ``schemas.topics``, and list everything that is
wrong at once: the setting, its value, what it must be, and the command that mends it. Reads only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import UnknownTopicOrPartitionError, for_code

from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings
from schemas.topics import TopicSpec, topic_specs

CREATE = "`mqledger topics` creates it"
TOPIC_SOURCE = 1
MEND = "`mqledger topics --mend` sets it"


class TopicError(Exception):
    """Topics are missing or not as promised; ``problems`` has a sentence for each thing wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("Kafka's topics would break a promise:\n" + "\n".join(f"  - {line}" for line in problems))


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """What the cluster says about a topic."""

    partitions: int
    replication: int
    """Replicas of the partition that has the fewest."""
    config: Mapping[str, str]
    """Every setting in force."""
    overrides: Mapping[str, str]
    """Those set on the topic itself."""


async def check_topics(settings: KafkaSettings) -> None:
    """Raise TopicError when a topic would break a promise; KafkaError when the cluster can't be asked."""
    admin = AIOKafkaAdminClient(**kafka_client_options(settings))
    try:
        await admin.start()
        specs = topic_specs(settings)
        found = await find_topics(admin, [spec.name for spec in specs])
    finally:
        await admin.close()
    problems = [problem for spec in specs for problem in problems_of(spec, found.get(spec.name))]
    if problems:
        raise TopicError(problems)


def problems_of(spec: TopicSpec, found: FoundTopic | None) -> list[str]:
    """Sentences that say how a topic differs from what it must be; empty when all is well."""
    if found is None:
        return [f"{spec.name} does not exist; {CREATE}"]
    problems = []
    if found.partitions != spec.partitions:
        problems.append(
            f"{spec.name} has {found.partitions} partitions and kafka.partitions says {spec.partitions}; the number is "
            f"fixed when the topic is made: set kafka.partitions, or take another kafka.topic_prefix for a new log"
        )
    if found.replication < spec.replication:
        problems.append(
            f"{spec.name} has {found.replication} replicas and kafka.replication says {spec.replication}; add replicas "
            "with kafka-reassign-partitions.sh, or lower kafka.replication and with it what is promised"
        )
    wrong = (name for name, value in spec.config.items() if not _suffices(spec, name, value, found.config.get(name)))
    problems.extend(_setting_problem(spec, name, found.config.get(name)) for name in wrong)
    return problems


def _setting_problem(spec: TopicSpec, name: str, value: str | None) -> str:
    least = "at least " if name in spec.at_least else ""
    return f"{spec.name}: {name} is {value or 'not set'} and must be {least}{spec.config[name]}; {MEND}"


def _suffices(spec: TopicSpec, name: str, wanted: str, found: str | None) -> bool:
    if found is None:
        return False
    if name in spec.at_least and found.lstrip("-").isdigit():
        unlimited = name.startswith("retention.") and int(found) < 0
        return unlimited or int(found) >= int(wanted)
    return found == wanted


async def find_topics(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, FoundTopic]:
    """What the cluster knows of these topics; those that do not exist are left out."""
    described = await admin.describe_topics(list(names))
    partitions = {}
    for topic in described:
        code = int(topic["error_code"])
        if code == UnknownTopicOrPartitionError.errno:
            continue
        if code:
            raise for_code(code)(f"asking for topic {topic['topic']}")
        partitions[str(topic["topic"])] = topic["partitions"]
    configs = await _configs(admin, list(partitions)) if partitions else {}
    return {
        name: FoundTopic(len(parts), min((len(part["replicas"]) for part in parts), default=0), *configs[name])
        for name, parts in partitions.items()
    }


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """By topic: all its settings, and those set on the topic itself."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = {}
    for response in await admin.describe_configs(resources):
        for code, message, _kind, name, entries in response.resources:
            if code:
                raise for_code(code)(message or f"asking for the settings of topic {name}")
            known = [entry for entry in entries if entry[1] is not None]
            own = [entry for entry in known if _set_on_topic(response.API_VERSION, entry)]
            found[str(name)] = (_pairs(known), _pairs(own))
    return found


def _pairs(entries: Sequence[Sequence[object]]) -> dict[str, str]:
    return {str(entry[0]): str(entry[1]) for entry in entries}


def _set_on_topic(version: int, entry: Sequence[object]) -> bool:
    """Version 0 of the answer tells defaults from the rest; later ones name the source."""
    return not entry[3] if version == 0 else entry[3] == TOPIC_SOURCE
