"""A broker, its log and a few clients, moved one step at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ingest.log.record import Applied
from ingest.mqtt.codec import ProtocolVersion, Will
from ingest.settings import IngestSettings
from schemas.events import (
    AnyEvent,
    CommandDone,
    Expire,
    Kick,
    Order,
    Publish,
    Retain,
    Subscribe,
    Unsubscribe,
    WillFired,
)
from schemas.parts import Subscription
from schemas.positions import partition_of
from tests.unit.ingest.sim.broker import Broker, settings
from tests.unit.ingest.sim.client import Client
from tests.unit.ingest.sim.expectation import NEVER, Expectations, Message, WillWatch
from tests.unit.ingest.sim.journal import Flight
from tests.unit.ingest.sim.log import Log
from tests.unit.ingest.sim.state import facts, queue

PARTITIONS = 3
LONG_MS = 200_000
WILL_TOPIC = "w"

V311, V5 = ProtocolVersion.V311, ProtocolVersion.V5


def some_clients() -> list[Client]:
    """Every kind of session, homes in all partitions."""
    return [
        Client("kept", V5, NEVER, receive_maximum=2),
        Client("plain", V311, NEVER),
        Client("brief", V5, 100),
        Client("fleeting", V5, 0),
        Client("other", V311, NEVER),
    ]


class World:
    """Invariant: between two steps nothing is on its way but what waits for the log or in a client's socket."""

    def __init__(self, clients: Sequence[Client] | None = None, wanted: IngestSettings | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        self.settings = wanted or settings(PARTITIONS)
        self.log = Log(self.settings.kafka.partitions)
        self.clients = {client.client_id: client for client in clients or some_clients()}
        self.expect = Expectations(list(self.clients.values()))
        self.broker: Broker
        self.zombies: list[Flight] = []
        """Frames of the dead that may still land."""
        self._numbers: Counter[str] = Counter()
        self._run(self._boot(()))

    def close(self) -> None:
        """Let go of the loop."""
        self._run(self.broker.stop_reading())
        self.loop.close()

    def _run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    async def _boot(self, late: Sequence[Flight], begun: int | None = None) -> bool:
        self.broker = Broker(self.log, self.settings)
        return await self.broker.start(late, begun)

    def step(self, act: Callable[[], None]) -> None:
        """Do something inside the loop, and let what follows at once happen."""
        self.expect.now += 1
        self._run(self._step(act))

    async def _step(self, act: Callable[[], None]) -> None:
        act()
        while True:
            for _ in range(8):
                await asyncio.sleep(0)
            links = [client.link for client in self.clients.values() if client.link is not None]
            if not sum(link.pump() for link in links):
                break
        for client in self.clients.values():
            self.expect.listen(client)
            if client.link is not None and client.link.transport.lost:
                self.expect.gone(client)
                client.lose()

    # Clients

    def connect(self, name: str, clean: bool = False, will: bool = False, delay: int = 0) -> None:
        """A client says CONNECT on a new socket; an older one stays open and silent."""
        client = self.clients[name]
        words = watch = None
        if will:
            self._numbers["will"] += 1
            payload = f"will {name} {self._numbers['will']}".encode()
            delay = delay if client.version == V5 else 0
            words = Will(WILL_TOPIC, payload, qos=1, will_delay_interval=delay)
            watch = WillWatch(payload, delay=delay)
        clean = clean or client.expiry == 0 or client.must_clean
        self.expect.connecting(client, clean, watch)
        self.step(lambda: client.connect(self.broker, clean, words))

    def vanish(self, name: str) -> None:
        """Its socket breaks."""
        client = self.clients[name]
        self.expect.gone(client)
        self.step(client.vanish)

    def disconnect(self, name: str) -> None:
        """It says DISCONNECT."""
        client = self.clients[name]
        assert client.link is not None
        if client.online and not client.link.transport.paused:
            self.expect.disconnecting(client)
            self.step(client.disconnect)

    def publish(self, name: str, topic: str, qos: int, retain: bool = False) -> bytes:
        """It publishes; the payload."""
        number = self._numbers[name]
        self._numbers[name] += 1
        payload = f"{name} {number}".encode()
        self.expect.now += 1
        self.expect.publishing(Message(payload, name, topic, qos, retain, number, self.expect.now))
        self.step(lambda: self.clients[name].publish(topic, payload, qos, retain))
        return payload

    def clear(self, name: str, topic: str) -> None:
        """It clears a retained message."""
        self.step(lambda: self.clients[name].publish(topic, b"", 1, True))

    def subscribe(self, name: str, topic_filter: str, qos: int) -> None:
        """It subscribes."""
        client = self.clients[name]

        def act() -> None:
            packet_id = client.subscribe(topic_filter, qos)
            self.expect.subscribing(client, topic_filter, qos, packet_id)

        self.step(act)

    def unsubscribe(self, name: str, topic_filter: str) -> None:
        """It unsubscribes."""
        client = self.clients[name]
        self.expect.unsubscribing(client, topic_filter)
        self.step(lambda: void(client.unsubscribe(topic_filter)))

    def answer(self, name: str, count: int = 1_000) -> None:
        """It sends acknowledgements that are due."""
        self.step(lambda: void(self.clients[name].answer(count)))

    def stall(self, name: str) -> None:
        """It stops reading."""
        link = self.clients[name].link
        if link is not None:
            link.transport.set_write_buffer_limits(8)
            link.transport.reads = False

    def read_on(self, name: str) -> None:
        """It reads again."""
        link = self.clients[name].link
        if link is not None:
            self.step(link.transport.drain)

    # Commands

    def kick(self, name: str, end_session: bool, patience: int = 0) -> str:
        """Somebody kicks it, for so many milliseconds if not for ever; the id of the command."""
        order = self._order(patience)
        self.expect.kicking(self.clients[name])
        return self._command(Kick("default", name, order, "so it is", end_session), order)

    def order_subscribe(self, name: str, topic_filter: str, qos: int) -> str:
        """Somebody subscribes it."""
        order = self._order()
        self.expect.ordering(self.clients[name], topic_filter)
        return self._command(Subscribe("default", name, order, [Subscription(topic_filter, qos)]), order)

    def order_unsubscribe(self, name: str, topic_filter: str) -> str:
        """Somebody unsubscribes it."""
        order = self._order()
        self.expect.unsubscribing(self.clients[name], topic_filter)
        return self._command(Unsubscribe("default", name, order, [topic_filter]), order)

    def order_publish(
        self, name: str, topic: str, qos: int, retain: bool, deliver: bool = True, clear: bool = False
    ) -> str:
        """Somebody publishes in its name."""
        order = self._order()
        payload = b"" if clear else f"order {order.id}".encode()
        if retain or not deliver:
            self.expect.retain()
            return self._command(Retain("default", name, order, topic, qos, deliver, b"", payload), order)
        return self._command(Publish("default", name, order, topic, qos, False, deliver, True, b"", payload), order)

    def expire(self, seconds: int) -> str:
        """Somebody ends the sessions of those that are away for so long, or all."""
        order = self._order()
        for client in self.clients.values():
            self.expect.kicking(client)
        for partition in range(PARTITIONS):
            self._write(partition, Expire("default", order, seconds))
        return order.id

    def _order(self, patience: int = 0) -> Order:
        self._numbers["order"] += 1
        return Order(f"{self._numbers['order']}", "ann", "", "", self.log.time, patience and self.log.time + patience)

    def _command(self, event: AnyEvent, order: Order) -> str:
        self._write(partition_of("default", event.client_id, PARTITIONS), event)  # type: ignore[union-attr]
        return order.id

    def _write(self, partition: int, event: AnyEvent) -> None:
        self.log.append(partition, "api-1", 77, self._numbers["order"], self.log.time << 16, [], [event])

    def hear(self) -> None:
        """The node applies what others have appended."""
        self.step(self.broker.watch)

    def outcomes(self) -> dict[str, CommandDone]:
        """What came of commands, as the log says it, by id; the first counts."""
        found: dict[str, CommandDone] = {}
        for partition, end in enumerate(self.log.ends):
            for offset in range(end):
                for event in self.log.read(partition, offset).events():
                    if isinstance(event, CommandDone):
                        found.setdefault(event.id, event)
        return found

    # The log

    def seal(self, partition: int) -> None:
        """A frame leaves."""
        if self.broker.journal.can_seal(partition):
            self.step(lambda: self.broker.journal.seal(partition))

    def land(self, partition: int) -> None:
        """It is in the log; nobody knows yet."""
        flight = self.broker.journal.flights[partition]
        if flight is not None:
            flight.land()

    def reply(self, partition: int) -> None:
        """Its response comes."""
        if self.broker.journal.lanes[partition].sealed is not None:
            self.step(lambda: self.broker.journal.answer(partition))

    def flow(self) -> None:
        """Everything that waits reaches the log and comes back."""
        while True:
            self.step(self.broker.drain)
            self.hear()
            if self.broker.journal.idle:
                break
        self.expect.settled()

    def tick(self) -> None:
        """The node does what it does at its own pace."""
        self.step(self.broker.tick)

    def rest(self) -> None:
        """Everything flows, and the node says how far everyone is."""
        self.flow()
        self.tick()
        self.flow()
        self.expect.reported()

    def wait(self, milliseconds: int) -> None:
        """The log's clock moves."""
        self.log.time += milliseconds
        if milliseconds >= 1_000:
            self.expect.waited()

    # Failures

    def crash(self, landing: Sequence[int] = (), late: Sequence[int] = (), begun: int | None = None) -> None:
        """The node dies and another begins. Frames under way in the partitions ``landing`` land first, those in
        ``late`` while the next one folds the log, others perhaps much later."""
        self.expect.died()
        flights = self.broker.journal.flights
        for partition in landing:
            if (flight := flights[partition]) is not None:
                flight.land()
        coming = [flight for p in late if (flight := flights[p]) is not None]
        self.zombies += [f for f in flights if f is not None and f.landed is None and f not in coming]
        for client in self.clients.values():
            client.lose()
        self._run(self.broker.stop_reading())
        if begun is not None and not self._run(self._boot(coming, begun)):
            coming = []
        self._run(self._boot(coming))

    def rise(self) -> None:
        """A frame of a dead node lands."""
        if self.zombies:
            self.zombies.pop(0).land()
            self.step(self.broker.watch)

    def rebuild(self, late: Sequence[int]) -> None:
        """An append fails; the same process goes on as a new incarnation."""
        self.step(lambda: self.zombies.extend(self.broker.rebuild(late)))

    # Looking

    def shadow(self, chunk: int = 3) -> Shadow:
        """A fresh fold of the log."""
        shadow: Shadow = self._run(self._shadow(chunk))
        return shadow

    async def _shadow(self, chunk: int) -> Shadow:
        other = Shadow(self.log, self.settings)
        other.reader.chunk = chunk
        await other.fold()
        return other

    def check(self) -> None:
        """When nothing waits: the live state equals a fresh fold, and any two folds."""
        if not self.broker.journal.idle or self.broker.node.applied != self.log.ends:
            return
        one, two = self.shadow(), self.shadow(1_000)
        live, folded = facts(self.broker.node), facts(one.node)
        assert live == folded
        assert folded == facts(two.node)
        for key, session in self.broker.node.sessions.items():
            fresh = one.node.sessions[key]
            assert queue(fresh) == queue(two.node.sessions[key])
            if session.connection is None and not self.expect.known[key[1]].mixed:
                assert queue(session) == queue(fresh), key[1]

    def finish(self) -> None:
        """Everyone comes back, reads and acknowledges everything; then nothing may be missing."""
        self.flow()
        self.wait(1)
        self.tick()
        self.flow()
        self.check()
        for name, client in self.clients.items():
            self.read_on(name)
            if client.link is None:
                self.connect(name)
        for _ in range(200):
            self.flow()
            busy = any(client.to_answer for client in self.clients.values())
            for name in self.clients:
                self.answer(name)
            if not busy and self.broker.journal.idle:
                break
        else:
            raise AssertionError("deliveries go on for ever")
        self.wait(LONG_MS)
        self.tick()
        self.flow()
        self.check()
        lost = self.expect.missing()
        assert not lost, "\n".join(lost)
        self._check_wills()
        self._check_leftovers()

    def _check_wills(self) -> None:
        fired = Counter(self.shadow().wills)
        for payload, will in self.expect.wills.items():
            assert fired[payload] <= 1, f"{will} was published {fired[payload]} times"
            if will.fires is not None:
                assert fired[payload] == will.fires, f"{will}: published {fired[payload]} times"

    def _check_leftovers(self) -> None:
        """Nothing is held that nobody needs any more."""
        node = self.broker.node
        assert not node.ring.pins
        assert not any(home.open for home in node.homes)
        assert not node.commands.busy
        assert self.broker.journal.pending_bytes == 0
        self.tick()
        self.flow()
        assert not any(home.dirty for home in node.homes)
        for client in self.clients.values():
            assert client.link is not None
            assert client.link.open
            assert not client.link.transport.paused
            connection = client.link.connection
            assert not connection.pending
            assert not connection.resend
            assert connection.resend is None or not connection.resend.awaiting_log
            assert connection.resend is None or not connection.resend.first
            session = connection.session
            assert session is not None
            assert not session.outbox, client.client_id
            assert not session.inbound, client.client_id
            assert not client.unfinished, client.client_id


class Shadow(Broker):
    """Folds the log and notes which wills counted."""

    def __init__(self, log: Log, wanted: IngestSettings) -> None:
        super().__init__(log, wanted)
        self.wills: list[bytes] = []

    def _apply(self, frame: Applied) -> None:
        due = self.node.homes[frame.partition].wills.due
        before = set(due)
        super()._apply(frame)
        fired = {event.epoch: event.payload for event in frame.events if isinstance(event, WillFired)}
        self.wills += [payload for epoch, payload in fired.items() if epoch in before and epoch not in due]


def void(_: object) -> None:
    """Nothing."""
