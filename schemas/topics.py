"""What our Kafka topics must be: names, partitions and the settings on which promises rest.

``stack.topics`` creates them from this; ``ingest.log.topic_check`` refuses to start a node on less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.settings import KafkaSettings

MAX_MESSAGE_BYTES = 1_048_576
"""max.message.bytes of the event topics; frames stay below it."""
NODES_RETENTION_MS = 24 * 60 * 60 * 1000
"""How long heartbeats are kept."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: what to create and what to insist on."""

    name: str
    partitions: int
    replication: int
    purpose: str
    """What is in it, for a person."""
    config: Mapping[str, str]
    """Required topic settings with their exact values, save those in ``at_least``."""
    at_least: frozenset[str] = frozenset()
    """Settings whose value may be higher than required."""


def topic_specs(kafka: KafkaSettings) -> tuple[TopicSpec, ...]:
    """Every topic of a deployment, in the order in which to create them."""
    return (
        _spec(kafka, kafka.events_topic, kafka.partitions, "everything that happens", _FOR_EVER),
        _spec(kafka, kafka.nodes_topic, 1, "heartbeats of the nodes", _HOURS),
        _spec(kafka, kafka.admin_topic, 1, "users, access rules, bans", _FOR_EVER),
        _spec(kafka, kafka.checkpoints_topic, kafka.partitions, "folded state, to start from", _COMPACTED),
    )


_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
_HOURS = {"cleanup.policy": "delete", "retention.ms": str(NODES_RETENTION_MS), "retention.bytes": "-1"}
_COMPACTED = {"cleanup.policy": "compact"}


def _spec(kafka: KafkaSettings, name: str, partitions: int, purpose: str, kept: Mapping[str, str]) -> TopicSpec:
    config = {
        **kept,
        # The broker's clock, so that partition time is one clock's and no client can move it.
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "min.insync.replicas": str(kafka.min_insync),
        # An out-of-sync leader would forget what was acknowledged.
        "unclean.leader.election.enable": "false",
    }
    return TopicSpec(
        name=name,
        partitions=partitions,
        replication=kafka.replication,
        purpose=purpose,
        config=MappingProxyType(config),
        at_least=frozenset(
            {"max.message.bytes", "min.insync.replicas"} | ({"retention.ms"} if kept is _HOURS else set())
        ),
    )
