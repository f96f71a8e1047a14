"""Bar: walk of all pages while sessions come and go: nothing missed, nothing twice.

The sessions come and go through real MQTT connections; their rows are the projector's.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ingest.mqtt.codec import ProtocolVersion
from tests.acceptance.product import Product
from tests.acceptance.settings import LONG, lots
from tests.mqttkit import Client, unique
from tests.mqttkit.link import Address
from tests.stackkit.eventually import eventually_sync

pytestmark = pytest.mark.timeout(300)

V5 = ProtocolVersion.V5
STILL, TAKEN_OVER, RESTLESS = 60, 20, 20
WALKS = 400 if LONG else 8
LIMIT = 5


class Churn:
    """Threads that do things to sessions all the while; ``counted`` tells how often each has."""

    def __init__(self, *things: Callable[[], None]) -> None:
        self.counted = [0] * len(things)
        self._things = things
        self._stop = threading.Event()
        self._errors: list[BaseException] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """They run within. Raises what one of them raised."""
        threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(len(self._things))]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(30)
                assert not thread.is_alive()
            if self._errors:
                raise self._errors[0]

    def _run(self, number: int) -> None:
        try:
            while not self._stop.is_set():
                self._things[number]()
                self.counted[number] += 1
        except BaseException as error:
            self._errors.append(error)


class Population:
    """Sessions that are there throughout, in three kinds, and guests whose names lie between theirs."""

    def __init__(self, address: Address, chance: random.Random) -> None:
        self.prefix = unique("walk")
        self._address = address
        self._chance = chance
        kinds = ["still"] * STILL + ["taken"] * TAKEN_OVER + ["restless"] * RESTLESS
        chance.shuffle(kinds)
        self._ids = {
            kind: [f"{self.prefix}-{n:03d}-{kind}" for n, one in enumerate(kinds) if one == kind]
            for kind in ("still", "taken", "restless")
        }
        self._connections: dict[str, Client] = {}
        self._turn = {kind: itertools.cycle(ids) for kind, ids in self._ids.items()}

    def there(self, state: str) -> set[str]:
        """Sessions that are there, or connected, throughout."""
        kinds = ("still", "taken") if state == "connected" else ("still", "taken", "restless")
        return {client_id for kind in kinds for client_id in self._ids[kind]}

    @contextmanager
    def at_home(self) -> Iterator[None]:
        """All who stay are connected within, restless ones most of the time; sockets are closed at the end."""
        try:
            for client_id in (one for ids in self._ids.values() for one in ids):
                self._connections[client_id] = self._join(client_id)
            yield
        finally:
            for client in self._connections.values():
                client.close()

    def take_over(self) -> None:
        """A second connection takes over from the first: the session stays connected."""
        client_id = next(self._turn["taken"])
        old, self._connections[client_id] = self._connections[client_id], self._rejoin(client_id)
        old.drain()
        old.close()

    def go_and_come(self) -> None:
        """A session goes away, stays, and comes back."""
        client_id = next(self._turn["restless"])
        self._connections[client_id].disconnect()
        self._connections[client_id] = self._rejoin(client_id)

    def visit(self) -> None:
        """A guest comes, subscribes and goes for good."""
        place = self._chance.randrange(STILL + TAKEN_OVER + RESTLESS)
        with Client(self._address, V5, f"{self.prefix}-{place:03d}-guest-{self._chance.randrange(9)}") as guest:
            guest.subscribed("guests/#", qos=1)
            guest.disconnect()

    def leave(self) -> None:
        """Everyone goes for good."""
        for client in self._connections.values():
            client.disconnect(expiry=0)

    def _rejoin(self, client_id: str) -> Client:
        client = self._join(client_id)
        assert client.session_present, f"the session of {client_id} is gone"
        return client

    def _join(self, client_id: str) -> Client:
        return Client(self._address, V5, client_id, clean=False, session_expiry_interval=600)


@pytest.mark.parametrize("state", ["all", "connected"])
def test_who_is_there_throughout_is_seen_once(product: Product, state: str) -> None:
    """Pages of five, while rows around them come, go and change."""
    population = Population(product.address, lots(f"pages, {state}"))
    churn = Churn(population.visit, population.take_over, population.go_and_come)
    prefix, everyone = population.prefix, sorted(population.there("all"), key=str.encode)
    with population.at_home():
        eventually_sync(lambda: product.session_ids(prefix=prefix) == everyone, 20, "not all are visible")
        with churn.going_on():
            met = [walk(product, population, state, number) for number in range(WALKS)]
        print(f"{WALKS} walks met {sum(map(len, met))} guests; visits, takeovers, absences: {churn.counted}")
        assert any(met), "no walk met a guest"
        assert min(churn.counted) > WALKS, "too little came and went meanwhile"
        eventually_sync(lambda: product.session_ids(prefix=prefix) == everyone, 20, "guests have not gone")
        population.leave()
        eventually_sync(lambda: product.session_ids(prefix=prefix) == [], 20, "not all have gone")
    product.prove()


def walk(product: Product, population: Population, state: str, number: int) -> set[str]:
    """All pages once; the guests they showed."""
    there = population.there(state)
    pages = list(product.api.walk(limit=LIMIT, state=state, prefix=population.prefix))
    seen = [client_id for page in pages for client_id in page]
    assert len(seen) == len(set(seen)), "twice"
    assert seen == sorted(seen, key=str.encode)
    assert there <= set(seen), f"walk {number} missed {sorted(there - set(seen))}"
    assert all(len(page) == LIMIT for page in pages[:-1])
    return set(seen) - population.there("all")
