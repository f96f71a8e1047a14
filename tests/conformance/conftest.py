"""The broker under test, one process for all tests, and factories for clients that are closed when a test ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ingest.mqtt.codec import ProtocolVersion
from tests.mqttkit import Client, Link, unique
from tests.mqttkit.link import Address
from tests.mqttkit.mosquitto import Mosquitto
from tests.mqttkit.node import Node
from tests.mqttkit.target import Target
from tests.stackkit.prove import prove

V31, V311, V5 = ProtocolVersion.V31, ProtocolVersion.V311, ProtocolVersion.V5
VERSION_NAMES = {V31: "3.1", V311: "3.1.1", V5: "5.0"}
TARGET = os.environ.get("MQLEDGER_CONFORMANCE_TARGET", "mqledger")

NewTarget = Callable[[str], Target]
Prove = Callable[[Target], None]
Connect = Callable[..., Client]
Open = Callable[..., Link]


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of this suite."""
    config.addinivalue_line("markers", "mosquitto_differs(reason): Mosquitto is known to do this otherwise")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With Mosquitto as the target, known differences must fail; they are no excuse for our own broker."""
    if TARGET != "mosquitto":
        return
    for item in items:
        for mark in item.iter_markers("mosquitto_differs"):
            item.add_marker(pytest.mark.xfail(reason=str(mark.args[0]), strict=True))


@pytest.fixture(scope="session")
def new_target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewTarget:
    """Makes brokers of the kind asked for, not started yet, each with data of its own."""

    def make(name: str) -> Target:
        folder = tmp_path_factory.mktemp(name)
        if TARGET == "mosquitto":
            return Mosquitto(folder)
        # Only now: with Mosquitto as the target neither Kafka nor Postgres is started.
        services = request.getfixturevalue("services")
        return Node(request.getfixturevalue("new_kafka")(), services.postgres, folder)

    return make


@contextmanager
def running(target: Target) -> Iterator[Target]:
    """Starts a broker, and stops it at the end; kills it when that fails."""
    target.start()
    try:
        yield target
        target.stop()
    finally:
        target.kill()


@pytest.fixture(scope="session")
def proven(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prove:
    """Compares read models of what a broker of ours has left in its log with a fresh fold."""

    if TARGET == "mosquitto":
        return lambda _target: None
    new_postgres = request.getfixturevalue("new_postgres")

    def check(target: Target) -> None:
        assert isinstance(target, Node)
        prove(target.kafka, new_postgres, tmp_path_factory.mktemp("proof"))

    return check


@pytest.fixture(scope="session")
def broker(new_target: NewTarget, proven: Prove) -> Iterator[Target]:
    """The broker that all tests share: they use names of their own and never stop it."""
    with running(new_target("broker")) as target:
        yield target
    proven(target)


@pytest.fixture(scope="module")
def restartable(new_target: NewTarget, proven: Prove) -> Iterator[Target]:
    """A broker that tests of one module may stop, kill and start."""
    with running(new_target("restartable")) as target:
        yield target
    proven(target)


@pytest.fixture
def address(broker: Target) -> Address:
    """Host and port of the shared broker."""
    return broker.address


@pytest.fixture(params=[V31, V311, V5], ids=list(VERSION_NAMES.values()))
def version(request: pytest.FixtureRequest) -> ProtocolVersion:
    """Every protocol version in turn."""
    value: ProtocolVersion = request.param
    return value


@pytest.fixture
def connect(address: Address) -> Iterator[Connect]:
    """Makes connected clients, ``connect(version, client_id=None, **options)``, and closes them afterwards."""
    clients: list[Client] = []

    def make(version: ProtocolVersion = V5, client_id: str | None = None, **options: Any) -> Client:
        client = Client(options.pop("address", address), version, client_id, **options)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def open_link(address: Address) -> Iterator[Open]:
    """Makes bare connections that have said nothing yet, and closes them afterwards."""
    links: list[Link] = []

    def make(version: ProtocolVersion = V5, **options: Any) -> Link:
        link = Link(options.pop("address", address), version, **options)
        links.append(link)
        return link

    yield make
    for link in links:
        link.close()


@pytest.fixture
def topic() -> str:
    """A topic that no other test uses."""
    return unique("topic") + "/a"
