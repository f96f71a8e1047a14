"""Publishers that keep a window of QoS 1 messages in flight and come back after every cut, as a good client does.

A publisher numbers its messages; on a new connection it sends again, in order and with DUP, what was not acknowledged
[MQTT-4.4.0-1], [MQTT-4.6.0-1]. It counts every transmission: a message sent twice may be in the log twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.mqtt.codec import DisconnectPacket, ProtocolVersion, PubackPacket, PublishPacket
from tests.mqttkit import Client, Ended, unique
from tests.mqttkit.link import Address
from tests.mqttkit.timing import eventually

PATIENCE = 120.0
"""Seconds that anything may take while processes are killed and Kafka is away."""
WINDOW = 32


class Tally:
    """Acknowledged messages of all publishers, for who waits for a moment. Guarded by its condition."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self._changed = threading.Condition()
        self._failure: BaseException | None = None

    def add(self, count: int) -> None:
        """Count acknowledgements."""
        with self._changed:
            self.acknowledged += count
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Tell everyone who waits that a publisher or reader has failed."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many are acknowledged. Raises what a publisher or reader raised."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self.acknowledged >= count or self._failure, PATIENCE)
            if self._failure is not None:
                raise self._failure
            assert arrived, f"only {self.acknowledged} of {count} acknowledged after {PATIENCE} s"


class Publisher(threading.Thread):
    """One client with ``count`` messages to publish, ``<client id> <number>`` each."""

    def __init__(self, address: Address, topic: str, count: int, tally: Tally) -> None:
        super().__init__(daemon=True)
        self.client_id = unique("pub")
        self.count = count
        self.transmissions = [0] * count
        """How often each message was sent."""
        self.connections = 0
        self._address = address
        self._topic = topic
        self._tally = tally
        self._open: dict[int, int] = {}  # packet identifier to number, in the order of the numbers
        self._next = 0

    def run(self) -> None:
        """Publish everything, over as many connections as it takes."""
        try:
            while self._open or self._next < self.count:
                self._converse(join(self._address, self.client_id))
        except BaseException as error:
            self._tally.fail(error)
            raise

    def _converse(self, client: Client) -> None:
        self.connections += 1
        with client:
            try:
                self._send(client, list(self._open.items()), dup=True)
                while self._open or self._next < self.count:
                    self._fill_window(client)
                    self._take_acknowledgements(client)
            except (Ended, ConnectionError):
                return

    def _fill_window(self, client: Client) -> None:
        fresh: list[tuple[int, int]] = []
        while len(self._open) < WINDOW and self._next < self.count:
            packet_id = self._next % 65_535 + 1
            self._open[packet_id] = self._next
            fresh.append((packet_id, self._next))
            self._next += 1
        self._send(client, fresh, dup=False)

    def _send(self, client: Client, messages: list[tuple[int, int]], dup: bool) -> None:
        for _, number in messages:
            self.transmissions[number] += 1
        client.send(
            *(
                PublishPacket(self._topic, f"{self.client_id} {number}".encode(), 1, False, dup, packet_id)
                for packet_id, number in messages
            )
        )

    def _take_acknowledgements(self, client: Client) -> None:
        """Wait for one, take all that are there."""
        taken = 0
        while taken == 0 or client.pending():
            packet = client.receive(PATIENCE)
            if isinstance(packet, DisconnectPacket):
                continue  # the end of the connection follows
            assert isinstance(packet, PubackPacket), packet
            assert packet.reason_code < 0x80, packet
            assert packet.packet_id in self._open, f"acknowledged twice or never sent: {packet}"
            del self._open[packet.packet_id]
            taken += 1
        self._tally.add(taken)


class Reader(threading.Thread):
    """A persistent subscriber that acknowledges what it gets and comes back after every cut."""

    def __init__(self, address: Address, topic: str, tally: Tally) -> None:
        super().__init__(daemon=True)
        self.client_id = unique("sub")
        self.received: list[bytes] = []
        self.connections = 0
        self._address = address
        self._tally = tally
        self._stopping = threading.Event()
        self._last = b"last " + self.client_id.encode()
        self._last_topic = topic.replace("#", "last")
        with join(address, self.client_id) as client:
            client.subscribed(topic, qos=1)

    def run(self) -> None:
        """Read until the last word."""
        try:
            while not self._stopping.is_set():
                self._converse(join(self._address, self.client_id))
        except BaseException as error:
            self._tally.fail(error)
            raise

    def finish(self) -> None:
        """Publish a last message, which comes after all others, and wait until it has been read."""
        with join(self._address, unique("last")) as client:
            client.publish(self._last_topic, self._last, qos=1)
        self.join(PATIENCE)
        assert not self.is_alive(), f"the last message did not come within {PATIENCE} s; got {len(self.received)}"

    def _converse(self, client: Client) -> None:
        self.connections += 1
        assert client.session_present, "the session of a persistent subscriber is gone"
        with client:
            try:
                while not self._stopping.is_set():
                    packet = client.receive(PATIENCE)
                    if isinstance(packet, DisconnectPacket):
                        continue
                    assert isinstance(packet, PublishPacket), packet
                    self.received.append(packet.payload)
                    client.send(PubackPacket(packet.packet_id))
                    if packet.payload == self._last:
                        self._stopping.set()
            except (Ended, ConnectionError):
                return


def join(address: Address, client_id: str) -> Client:
    """A connection of a client that keeps its session, as soon as the broker gives it one."""

    def attempt() -> Client | None:
        try:
            return Client(
                address,
                ProtocolVersion.V5,
                client_id,
                clean=False,
                session_expiry_interval=3_600,
                patience=PATIENCE,
            )
        except (ConnectionError, Ended):
            return None

    client = eventually(attempt, f"{client_id} connects", PATIENCE)
    assert client is not None
    return client


class Storm:
    """Publishers and what they have done."""

    def __init__(self, address: Address, messages: int, publishers: int) -> None:
        self.topic = unique("storm")
        self.tally = Tally()
        share = messages // publishers
        self.messages = share * publishers
        self.publishers = [Publisher(address, f"{self.topic}/{n}", share, self.tally) for n in range(publishers)]

    @contextmanager
    def blowing(self) -> Iterator[None]:
        """Publishers run within; at its end everything has been acknowledged."""
        for publisher in self.publishers:
            publisher.start()
        yield
        self.tally.wait_for(self.messages)
        for publisher in self.publishers:
            publisher.join(PATIENCE)
            assert not publisher.is_alive()
