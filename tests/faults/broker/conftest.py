"""A Kafka of our own to break, and nodes on fresh logs in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from stack.topics import ensure_topics
from tests.faults.broker.breakable import BreakableKafka
from tests.mqttkit.node import Node
from tests.stackkit.eventually import run_async
from tests.stackkit.services import fresh_kafka, local_stack

NewNode = Callable[..., Node]


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BreakableKafka]:
    """A Kafka that only tests of this module use."""
    with local_stack(tmp_path_factory.mktemp("breakable")) as services:
        yield BreakableKafka(services)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """Closes what a test enters into it: ``closing.enter_context(Client(...))``."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def new_node(breakable: BreakableKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewNode]:
    """Starts nodes, each on a log of its own; ``overrides`` are settings. Killed at the end."""
    nodes: list[Node] = []

    def make(**overrides: object) -> Node:
        breakable.wait_until_back()
        kafka = fresh_kafka(breakable.services, f"f{uuid.uuid4().hex[:10]}")
        run_async(ensure_topics(kafka))
        node = Node(kafka, breakable.services.postgres, tmp_path_factory.mktemp("node"), **overrides)
        nodes.append(node)
        node.start()
        return node

    yield make
    for node in nodes:
        print(node.service.words(15))
        node.kill()
