"""Bar: commands over HTTP, each under a key, while every process is killed in turn and Kafka stands still.

Each is answered within a bound, by 2xx, 202, 503 or a refusal of its own; each comes to one outcome, told by the log
once and which had its effect once; models equal a fresh fold. The suite kills each process once; ``python -m
tests.acceptance.long commands`` goes on for as many rounds as it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from stack.local.ports import free_port
from tests.acceptance.conftest import new_product
from tests.acceptance.effects import Effects, read_effects
from tests.acceptance.orders import UNKNOWN, Asked, Stream
from tests.acceptance.product import Product
from tests.acceptance.settings import LONG, ROUNDS, lots
from tests.acceptance.victims import OwnPostgres, strikes
from tests.faults.broker.breakable import BreakableKafka
from tests.faults.broker.storm import Reader, Tally, join
from tests.integration.projector.admin import assert_admin_same, fresh_admin_fold, until_admin_applied
from tests.mqttkit import elapse, unique
from tests.stackkit.eventually import eventually_sync, run_async
from tests.stackkit.process import Service
from tests.stackkit.services import Services

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 200 * ROUNDS)]

WORKERS, PER_SECOND = 4, 5.0
BETWEEN = 12
"""Commands whose outcome is known before the next strike."""
AWAY = 8.0 if LONG else 3.0
"""Seconds that Kafka stands still, and in the long form that it or Postgres is gone: longer than a command counts."""
SESSIONS = 40 * ROUNDS
"""To be kicked, each once."""


@pytest.fixture
def commanded(own_services: Services, tmp_path: Path) -> Iterator[tuple[Product, Service, tuple[str, str]]]:
    """A product with its connector, and its administrator."""
    secret = tmp_path / "secret"
    overrides = {"access__first_secret_file": str(secret), "connections__most": 10_000}
    with new_product(own_services, tmp_path, **overrides) as product:
        connector = Service("connector", product.config, tmp_path / "connector.log", product.config.environment())
        try:
            connector.start()
            eventually_sync(secret.exists, 30, "there is an administrator")
            yield product, connector, ("admin", secret.read_text())
        finally:
            connector.kill9()
            print(f"-- the end of {connector.log.name}\n{connector.words(12)}")


def test_every_command_has_one_outcome_and_one_effect(
    commanded: tuple[Product, Service, tuple[str, str]], own_services: Services
) -> None:
    product, connector, login = commanded
    topic = unique("orders")
    reader = Reader(product.address, topic, Tally())
    subscriber = unique("sub")
    join(product.address, subscriber).close()
    stream = Stream(product.service.http_port, login, topic, f"mqtt://127.0.0.1:{free_port()}", subscriber)
    for _ in range(SESSIONS):
        stream.victims.append(unique("victim"))
        join(product.address, stream.victims[-1]).close()
    strike = _strikes(product, connector, own_services)
    chance = lots("commands in a storm")
    reader.start()
    with stream.flowing(WORKERS, PER_SECOND):
        for _ in range(ROUNDS):
            for name in chance.sample(sorted(strike), len(strike)):
                stream.tally.wait_for(stream.tally.acknowledged + BETWEEN)
                print(f"after {stream.tally.acknowledged} commands: {name}")
                strike[name]()
        stream.tally.wait_for(stream.tally.acknowledged + BETWEEN)
        product.wait_ready()
    print(stream.figures())
    reader.finish()
    product.settle()
    run_async(_administered(product))
    _judge(stream, read_effects(product.kafka))
    _shown(stream, subscriber)
    received = {payload.decode() for payload in reader.received}
    assert {one.name for one in stream.asked if one.kind == "publish" and one.outcome == "done"} <= received
    product.prove()
    run_async(assert_admin_same(product.kafka, product.config.postgres))


async def _administered(product: Product) -> None:
    """The tables of the administration hold all that is in its log now."""
    await until_admin_applied(product.config.postgres, (await fresh_admin_fold(product.kafka)).next)


def _strikes(product: Product, connector: Service, services: Services) -> Mapping[str, Callable[[], None]]:
    kafka, postgres = BreakableKafka(services), OwnPostgres(services)
    known = strikes(product, services)

    def connect_again() -> None:
        connector.kill9()
        connector.start(wait=False)

    def stand_still() -> None:
        kafka.wait_until_back()
        with kafka.frozen():
            elapse(AWAY)

    def without(there: OwnPostgres | BreakableKafka) -> None:
        there.wait_until_back()
        with there.dead():
            elapse(AWAY)

    short = {name: known[name] for name in ("projector", "api", "ingest", "postgres")}
    long = {"kafka": known["kafka"], "no kafka": lambda: without(kafka), "no postgres": lambda: without(postgres)}
    return {**short, "connector": connect_again, "kafka frozen": stand_still, **(long if LONG else {})}


def _judge(stream: Stream, effects: Effects) -> None:
    """Each has its outcome once in the log, and its effect once."""
    assert {one.kind for one in stream.asked} == set(_EFFECTS)
    for one in stream.asked:
        effect = _EFFECTS[one.kind](effects, one)
        if one.kind in ("user", "connection"):
            assert one.outcome == "done", one
        else:
            assert effects.counted[one.id] == 1, one
            assert effects.outcomes[one.id] == [one.outcome], (one, effects.outcomes[one.id])
        match one.outcome:
            case "done":
                assert effect == 1, (one, effect)
            case "not_found":
                # A node that ended between the effect and its outcome had done it (decision 14).
                assert (one.kind, effect) == ("kick", 1), (one, effect)
            case _:
                assert one.outcome == UNKNOWN, one
                assert effect <= 1, (one, effect)


_EFFECTS: Mapping[str, Callable[[Effects, Asked], int]] = {
    "kick": lambda effects, one: effects.ended[one.name],
    "publish": lambda effects, one: effects.published[one.name],
    "subscribe": lambda effects, one: effects.subscribed[f"never/{one.name}"],
    "user": lambda effects, one: effects.changed[one.id],
    "connection": lambda effects, one: effects.changed[one.id],
}


def _shown(stream: Stream, subscriber: str) -> None:
    """The read models agree."""
    page = stream.get(f"/sessions/{quote(subscriber)}/subscriptions?limit=1000").json()
    filters = {one["filter"] for one in page["items"]}
    for one in stream.asked:
        assert stream.get(f"/commands/{one.id}").json()["outcome"] == one.outcome
        if one.outcome != "done":
            continue
        match one.kind:
            case "kick":
                assert stream.get(f"/sessions/{quote(one.name)}").status == 404, one
            case "subscribe":
                assert f"never/{one.name}" in filters, one
            case "user":
                assert stream.get(f"/users/{one.name}").status == 200, one
            case "connection":
                assert stream.get(f"/connections/{one.name}").status == 200, one
