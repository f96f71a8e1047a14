"""Bar: QoS 1 messages of 10 publishers, `kill -9` of the projector, of the API and of Kafka at random moments.

Every acknowledged message is in the log, once per publish, in order per publisher; models equal a fresh fold.
The suite publishes 6 k messages; ``python -m tests.acceptance.long`` 200 k, and kills the node and Postgres too.
"""

from __future__ import annotations

import pytest

from tests.acceptance.product import Product
from tests.acceptance.settings import LONG, MESSAGES, PUBLISHERS, lots
from tests.acceptance.storm import LivelyStorm
from tests.acceptance.victims import strikes
from tests.faults.broker.ledger import read_ledger
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.services import Services

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + MESSAGES // 100)]

RATE = 0.0 if LONG else 500.0
"""Messages per second, so that the few of the short form are under way while things die and come back."""
VARIANTS = {"as promised": {"projector": 2, "api": 2, "kafka": 1}}
"""How often each is killed."""
if LONG:
    VARIANTS = {
        "as promised": {"projector": 6, "api": 6, "kafka": 4},
        "Postgres too": {"projector": 3, "api": 3, "kafka": 2, "postgres": 4},
        "the node too": {"projector": 3, "api": 3, "kafka": 2, "ingest": 4},
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_acknowledged_is_lost_and_the_models_are_the_log(
    breakable_product: Product, own_services: Services, variant: str
) -> None:
    product, kills = breakable_product, VARIANTS[variant]
    chance = lots(f"kill storm, {variant}")
    storm = LivelyStorm(product.address, product.service.http_port, MESSAGES, PUBLISHERS, RATE, str(chance.random()))
    victims = [name for name, count in kills.items() for _ in range(count)]
    chance.shuffle(victims)
    moments = sorted(chance.sample(range(MESSAGES // 10, MESSAGES * 9 // 10), len(victims)))
    print("after so many acknowledgements: " + ", ".join(f"{m} {v}" for m, v in zip(moments, victims, strict=True)))
    strike = strikes(product, own_services)
    with storm.blowing():
        for moment, victim in zip(moments, victims, strict=True):
            storm.tally.wait_for(moment)
            strike[victim]()
    product.wait_ready()
    eventually_sync(lambda: product.session_ids() == storm.sessions, 60, "the API lists not the sessions that exist")
    product.prove()
    ledger = read_ledger(product.kafka)
    again = storm.judge(ledger)
    print(f"{storm.figures()}; {ledger.frames} frames, {again} messages in the log twice, {ledger.void} void")
    assert storm.watcher.answers["200"] > 0
    if "ingest" not in kills:
        assert [publisher.connections for publisher in storm.publishers] == [1] * PUBLISHERS
        assert all(set(publisher.transmissions) == {1} for publisher in storm.publishers)
        assert (again, ledger.void) == (0, 0)
