"""What topics must be, and the sentences for those that are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingest.log.topic_check import FoundTopic, problems_of
from schemas.settings import KafkaSettings
from schemas.topics import TopicSpec, topic_specs

KAFKA = KafkaSettings(partitions=6, replication=3, min_insync=2)
EVENTS, NODES, ADMIN, CHECKPOINTS = topic_specs(KAFKA)


def as_it_must_be(spec: TopicSpec) -> FoundTopic:
    return FoundTopic(spec.partitions, spec.replication, dict(spec.config), {})


@pytest.mark.parametrize("spec", topic_specs(KAFKA), ids=lambda spec: spec.name)
def test_a_topic_as_specified_has_no_problems(spec: TopicSpec) -> None:
    assert problems_of(spec, as_it_must_be(spec)) == []


def test_the_names_and_partitions() -> None:
    assert [(spec.name, spec.partitions, spec.replication) for spec in topic_specs(KAFKA)] == [
        ("mq.events", 6, 3),
        ("mq.nodes", 1, 3),
        ("mq.admin", 1, 3),
        ("mq.checkpoints", 6, 3),
    ]
    assert all(spec.config["message.timestamp.type"] == "LogAppendTime" for spec in topic_specs(KAFKA))
    assert all(spec.config["min.insync.replicas"] == "2" for spec in topic_specs(KAFKA))
    assert CHECKPOINTS.config["cleanup.policy"] == "compact"
    assert (EVENTS.config["retention.ms"], NODES.config["retention.ms"]) == ("-1", "86400000")


@pytest.mark.parametrize(
    ("spec", "setting", "value", "must"),
    [
        (EVENTS, "cleanup.policy", "compact", "delete"),
        (EVENTS, "retention.ms", "604800000", "-1"),
        (EVENTS, "retention.bytes", "1000", "-1"),
        (EVENTS, "message.timestamp.type", "CreateTime", "LogAppendTime"),
        (EVENTS, "unclean.leader.election.enable", "true", "false"),
        (EVENTS, "max.message.bytes", "1000", "at least 1048576"),
        (EVENTS, "min.insync.replicas", "1", "at least 2"),
        (NODES, "retention.ms", "1000", "at least 86400000"),
        (CHECKPOINTS, "cleanup.policy", "delete", "compact"),
    ],
)
def test_a_setting_that_breaks_a_promise_is_named(spec: TopicSpec, setting: str, value: str, must: str) -> None:
    found = as_it_must_be(spec)
    problems = problems_of(spec, replace(found, config={**found.config, setting: value}))
    assert problems == [f"{spec.name}: {setting} is {value} and must be {must}; `mqledger topics --mend` sets it"]


@pytest.mark.parametrize(
    ("spec", "setting", "value"),
    [
        (EVENTS, "max.message.bytes", "2097152"),
        (EVENTS, "min.insync.replicas", "3"),
        (NODES, "retention.ms", "-1"),
        (NODES, "retention.ms", "99999999999"),
    ],
)
def test_more_than_promised_is_fine(spec: TopicSpec, setting: str, value: str) -> None:
    found = as_it_must_be(spec)
    assert problems_of(spec, replace(found, config={**found.config, setting: value})) == []


def test_more_replicas_are_fine_and_fewer_are_not() -> None:
    assert problems_of(EVENTS, replace(as_it_must_be(EVENTS), replication=5)) == []
    (problem,) = problems_of(EVENTS, replace(as_it_must_be(EVENTS), replication=1))
    assert "mq.events has 1 replicas and kafka.replication says 3" in problem


@pytest.mark.parametrize("partitions", [5, 7])
def test_the_number_of_partitions_is_exact(partitions: int) -> None:
    (problem,) = problems_of(EVENTS, replace(as_it_must_be(EVENTS), partitions=partitions))
    assert f"mq.events has {partitions} partitions and kafka.partitions says 6" in problem


def test_a_missing_topic_is_one_problem() -> None:
    assert problems_of(EVENTS, None) == ["mq.events does not exist; `mqledger topics` creates it"]
