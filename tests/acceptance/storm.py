"""A storm with life around it: publishers at a pace, guests whose sessions come and go, and a watcher of the API."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from ingest.mqtt.codec import (
    ConnackPacket,
    DisconnectPacket,
    ProtocolVersion,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    SubscribeProperties,
    Subscription,
)
from tests.contract.query_api.client import Api
from tests.faults.broker.ledger import Ledger, check_publisher
from tests.faults.broker.storm import PATIENCE, Publisher, Tally
from tests.mqttkit import Ended, Link, connect_packet, elapse, unique
from tests.mqttkit.link import Address
from tests.mqttkit.timing import eventually

V5 = ProtocolVersion.V5
EXPIRY = 3_600
GUESTS_PER_SECOND = 40.0
LOOKS_PER_SECOND = 20.0


class PacedTally(Tally):
    """Holds publishers back to a rate, so that a storm of few messages lasts as long as its faults."""

    def __init__(self, rate: float) -> None:
        """``rate`` in messages per second over all publishers; 0 is as fast as they can."""
        super().__init__()
        self._rate = rate
        self._begun = time.monotonic()

    def add(self, count: int) -> None:
        """Count acknowledgements; returns when it is time for more."""
        super().add(count)
        if self._rate:
            elapse(max(0.0, self._begun + self.acknowledged / self._rate - time.monotonic()))


class Worker(threading.Thread):
    """Does one thing again and again, at most so often, until told to stop; its failure is everyone's."""

    def __init__(self, tally: Tally, per_second: float) -> None:
        super().__init__(daemon=True)
        self._tally = tally
        self._interval = 1 / per_second
        self._stopping = threading.Event()

    def once(self) -> None:
        """The thing."""
        raise NotImplementedError

    def run(self) -> None:
        """Until told to stop."""
        try:
            while not self._stopping.wait(self._interval):
                self.once()
        except BaseException as error:
            self._tally.fail(error)
            raise

    def finish(self) -> None:
        """Tell it to stop and wait until it has."""
        self._stopping.set()
        self.join(PATIENCE)
        assert not self.is_alive(), f"{self.name} does not stop"


class Guests(Worker):
    """Clients that connect, subscribe and leave; some sessions stay behind, others end with their connection."""

    def __init__(self, address: Address, tally: Tally, chance: random.Random) -> None:
        super().__init__(tally, GUESTS_PER_SECOND)
        self.stay: set[str] = set()
        """Sessions that exist once ``finish`` has returned."""
        self.left = 0
        """Sessions that ended."""
        self._address = address
        self._chance = chance
        self._prefix = unique("guest")

    def once(self) -> None:
        """One visit, over as many connections as it takes until the subscription is acknowledged."""
        client_id = f"{self._prefix}-{len(self.stay) + self.left:06d}"
        stays = self._chance.random() < 0.5
        # An expiry of 0 ends the session however its connection ends, so that no crash leaves a doubt.
        eventually(lambda: self._visit(client_id, EXPIRY if stays else 0), f"{client_id} is served", PATIENCE)
        if stays:
            self.stay.add(client_id)
        else:
            self.left += 1

    def _visit(self, client_id: str, expiry: int) -> bool:
        try:
            with Link(self._address, V5) as link:
                link.send(connect_packet(V5, client_id, clean=False, session_expiry_interval=expiry))
                connack = link.expect(ConnackPacket, PATIENCE)
                if connack.reason_code == ReasonCode.SERVER_UNAVAILABLE:
                    return False  # while Kafka is away
                assert connack.reason_code == ReasonCode.SUCCESS, connack
                link.send(SubscribePacket(1, (Subscription(f"{client_id}/#", 1),), SubscribeProperties()))
                link.expect(SubackPacket, PATIENCE, packet_id=1, reason_codes=(1,))
                link.send(DisconnectPacket())
                return True
        except (ConnectionError, Ended):
            return False


class Watcher(Worker):
    """Asks the API for the sessions of the storm all the while; what it has once seen must not be missing later.

    The API may be away or say 503; an answer of 200 that lacks a session that stays would be a lie.
    """

    def __init__(self, api_port: int, tally: Tally, prefix: str) -> None:
        super().__init__(tally, LOOKS_PER_SECOND)
        self.answers: Counter[str] = Counter()
        """Numbers of answers by status, and of questions without one."""
        self.seen: set[str] = set()
        self._api = Api(api_port)
        self._prefix = prefix

    def once(self) -> None:
        """One question."""
        try:
            answer = self._api.sessions(prefix=self._prefix, limit=100)
        except (OSError, HTTPException):
            self.answers["none"] += 1
            return
        self.answers[str(answer.status)] += 1
        if answer.status == 503:
            assert answer.error == "broker not available"
            return
        assert answer.status == 200, answer
        ids = {session["client_id"] for session in answer.json()["sessions"]}
        assert self.seen <= ids, f"the API forgot {sorted(self.seen - ids)}"
        self.seen = ids


class LivelyStorm:
    """QoS 1 publishers, guests and a watcher, and what they have done."""

    def __init__(self, address: Address, api_port: int, messages: int, publishers: int, rate: float, seed: str) -> None:
        """``messages`` over all publishers, at most ``rate`` per second (0: as fast as they can)."""
        share = messages // publishers
        topic = unique("storm")
        self.messages = share * publishers
        self.tally = PacedTally(rate)
        self.publishers = [Publisher(address, f"{topic}/{n}", share, self.tally) for n in range(publishers)]
        self.guests = Guests(address, self.tally, random.Random(seed))
        prefix = self.publishers[0].client_id.partition("x")[0]
        self.watcher = Watcher(api_port, self.tally, prefix)
        self.seconds = 0.0

    @contextmanager
    def blowing(self) -> Iterator[None]:
        """All run within; at its end everything has been acknowledged and everyone has stopped."""
        begun = time.monotonic()
        workers = (self.guests, self.watcher)
        for thread in (*self.publishers, *workers):
            thread.start()
        yield
        self.tally.wait_for(self.messages)
        self.seconds = time.monotonic() - begun
        for publisher in self.publishers:
            publisher.join(PATIENCE)
            assert not publisher.is_alive()
        for worker in workers:
            worker.finish()
        self.tally.wait_for(self.messages)  # raises what a worker raised at the very end

    @property
    def sessions(self) -> list[str]:
        """The sessions that must exist afterwards, in the order of the API."""
        return sorted({publisher.client_id for publisher in self.publishers} | self.guests.stay, key=str.encode)

    @property
    def connections(self) -> int:
        """Of all publishers."""
        return sum(publisher.connections for publisher in self.publishers)

    @property
    def resent(self) -> int:
        """Messages that were sent more than once, after a lost connection."""
        return sum(sent > 1 for publisher in self.publishers for sent in publisher.transmissions)

    def judge(self, ledger: Ledger) -> int:
        """Bar: every acknowledged message is in the log, once per publish, in order per publisher.

        Gives how many were sent again after a lost connection and are there more than once.
        """
        return sum(check_publisher(ledger, publisher) for publisher in self.publishers)

    def figures(self) -> str:
        """What happened, in a line."""
        asked = ", ".join(f"{count} {status}" for status, count in sorted(self.watcher.answers.items()))
        return (
            f"{self.messages} messages in {self.seconds:.1f} s, {self.resent} sent again over {self.connections} "
            f"connections of {len(self.publishers)} publishers, {len(self.guests.stay)} guests stayed, "
            f"{self.guests.left} left, answers of the API: {asked}"
        )
