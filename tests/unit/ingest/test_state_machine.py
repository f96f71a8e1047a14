"""Any order of anything: clients, the log and the deaths of nodes, against what clients may expect.

Bounded and always the same in the suite; ``MQLEDGER_LONG_EXAMPLES=2000`` runs that many others, at random.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.unit.ingest.sim.world import LONG_MS, PARTITIONS, World

LONG = int(os.environ.get("MQLEDGER_LONG_EXAMPLES", "0"))

names = st.sampled_from(["kept", "plain", "brief", "fleeting", "other"])
topics = st.sampled_from(["a", "a/b", "c"])
filters = st.sampled_from(["a", "a/#", "+", "c", "#", "a/b"])
levels = st.sampled_from([0, 1, 1, 2, 2])
partitions = st.integers(0, PARTITIONS - 1)
some_partitions = st.lists(partitions, unique=True, max_size=PARTITIONS)


class Machine(RuleBasedStateMachine):
    """Every rule is something that happens to a broker."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def teardown(self) -> None:
        """Whatever happened, it must come to a good end."""
        try:
            self.world.finish()
        finally:
            self.world.close()

    def online(self, name: str) -> bool:
        """Whether a client can speak."""
        return self.world.clients[name].online

    @rule(name=names, clean=st.booleans(), will=st.booleans(), delay=st.sampled_from([0, 50]))
    def connect(self, name: str, clean: bool, will: bool, delay: int) -> None:
        self.world.connect(name, clean, will, delay)

    @rule(name=names)
    def arrive(self, name: str) -> None:
        """Connect, with everything in the log, so that more examples have clients online."""
        self.world.connect(name)
        self.world.flow()

    @rule(name=names)
    def vanish(self, name: str) -> None:
        if self.world.clients[name].link is not None:
            self.world.vanish(name)

    @rule(name=names)
    def disconnect(self, name: str) -> None:
        if self.online(name):
            self.world.disconnect(name)

    @rule(name=names, topic=topics, qos=levels, retain=st.booleans(), count=st.integers(1, 5))
    def publish(self, name: str, topic: str, qos: int, retain: bool, count: int) -> None:
        for _ in range(count):
            if self.online(name):
                self.world.publish(name, topic, qos, retain)

    @rule(name=names, topic=topics)
    def clear(self, name: str, topic: str) -> None:
        if self.online(name):
            self.world.clear(name, topic)

    @rule(name=names, topic_filter=filters, qos=levels, at_once=st.booleans())
    def subscribe(self, name: str, topic_filter: str, qos: int, at_once: bool) -> None:
        if self.online(name):
            self.world.subscribe(name, topic_filter, qos)
            if at_once:
                self.world.flow()

    @rule(name=names, topic_filter=filters)
    def unsubscribe(self, name: str, topic_filter: str) -> None:
        if self.online(name):
            self.world.unsubscribe(name, topic_filter)

    @rule(name=names, count=st.integers(1, 4))
    def answer(self, name: str, count: int) -> None:
        self.world.answer(name, count)

    @rule(name=names)
    def stall(self, name: str) -> None:
        self.world.stall(name)

    @rule(name=names)
    def read_on(self, name: str) -> None:
        self.world.read_on(name)

    @rule(partition=partitions)
    def seal(self, partition: int) -> None:
        self.world.seal(partition)

    @rule(partition=partitions)
    def land(self, partition: int) -> None:
        self.world.land(partition)

    @rule(partition=partitions)
    def reply(self, partition: int) -> None:
        self.world.reply(partition)

    @rule()
    def flow(self) -> None:
        self.world.flow()
        self.world.check()

    @rule()
    def tick(self) -> None:
        self.world.tick()

    @rule()
    def rest(self) -> None:
        self.world.rest()
        self.world.check()

    @rule(milliseconds=st.sampled_from([0, 1, 1, 7, LONG_MS]))
    def wait(self, milliseconds: int) -> None:
        self.world.wait(milliseconds)

    @rule(landing=some_partitions, late=some_partitions, begun=st.sampled_from([None, None, 0, 1, 2]))
    def crash(self, landing: list[int], late: list[int], begun: int | None) -> None:
        self.world.crash(landing, late, begun)

    @rule(late=some_partitions)
    def rebuild(self, late: list[int]) -> None:
        self.world.rebuild(late)

    @precondition(lambda self: self.world.zombies)
    @rule()
    def rise(self) -> None:
        self.world.rise()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=LONG or 50,
    stateful_step_count=60,
    derandomize=not LONG,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
