"""A short form of ``python -m tests.fuzz.socket_fuzz``."""

from __future__ import annotations

import random

import pytest

from stack.topics import ensure_topics
from tests.fuzz.hostile import conversation
from tests.fuzz.socket_fuzz import attack
from tests.mqttkit.node import Node
from tests.stackkit.eventually import run_async
from tests.stackkit.services import Services, fresh_kafka

COUNT = 5_000
SEED = 20_260


def test_strings_can_be_made_again() -> None:
    """A failure names seed and number: they give the same string."""
    assert conversation(random.Random("1 2")) == conversation(random.Random("1 2"))
    assert len({conversation(random.Random(f"1 {n}")) for n in range(500)}) > 450


@pytest.mark.slow
def test_node_survives_hostile_bytes(services: Services, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Only protocol errors; the node goes on serving, within bounds of memory and descriptors."""
    kafka = fresh_kafka(services, "fuzz")
    run_async(ensure_topics(kafka))
    node = Node(kafka, services.postgres, tmp_path_factory.mktemp("fuzz"))
    node.start()
    try:
        report = attack(node.address, node.pid, COUNT, SEED)
        print(report)
        assert report.strings == COUNT
        assert report.answered > COUNT // 3
        assert "Traceback" not in node.service.log.read_text(), node.service.words()
    finally:
        node.kill()
