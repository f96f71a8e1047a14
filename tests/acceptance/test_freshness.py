"""Bar: CONNACK to visible over HTTP in bounded time; every answer says how fresh it is; 503 while Postgres is away.

The tight bar (p50 12 ms, p99 50 ms) is measured by ``python -m bench.visible``; here the machine may be crowded.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil
import pytest

from ingest.mqtt.codec import ProtocolVersion
from projector.migrations import migrate
from tests.acceptance.product import Product
from tests.acceptance.victims import OwnPostgres
from tests.contract.query_api.client import Answer, Api
from tests.mqttkit import Client, unique
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import new_service
from tests.stackkit.services import Services

pytestmark = pytest.mark.timeout(240)

V5 = ProtocolVersion.V5
CLIENTS = 100
VISIBLE_SECONDS = 2.0
"""Longest time from CONNACK to visible, on a machine with much else to do."""
ANSWER_SECONDS = 20.0
"""Longest time that an answer may take while Postgres hangs: statement timeout, a try to connect, and some."""
RECOVERY_SECONDS = 60.0
SILENCE_MS = 15_000
"""From so much silence of the projector on, silence counts as lag (UNCONFIRMED_SECONDS of the API)."""
ASKED = ("/api/v1/sessions", "/api/v1/sessions?limit=5", "/api/v1/sessions/x", "/api/v1/stats", "/api/v1/subscriptions")


@pytest.fixture
def replica(product: Product, tmp_path: Path) -> Iterator[Api]:
    """A second API on the same tables; it shares the keys that sign positions."""
    service = new_service("api", product.kafka, product.config.postgres, tmp_path, {})
    try:
        service.start()
        yield Api(service.http_port)
    finally:
        service.kill9()


def joined(closing: ExitStack, product: Product) -> Client:
    """A client that stays connected until the end."""
    return closing.enter_context(Client(product.address, V5))


def listed(product: Product) -> list[str]:
    """Client ids of all sessions; empty while the API can't say."""
    answer = product.api.sessions()
    return [session["client_id"] for session in answer.json()["sessions"]] if answer.status == 200 else []


def lag_ms(answer: Answer) -> int:
    """How old an answer says it is."""
    return int(answer.headers["mqledger-lag-ms"])


def unavailable(api: Api) -> bool:
    """Whether all answers are the 503 of the dialect, each in bounded time."""
    for target in ASKED:
        begun = time.monotonic()
        answer = api.get(target)
        assert time.monotonic() - begun < ANSWER_SECONDS, f"{target} took {time.monotonic() - begun:.1f} s"
        if (answer.status, answer.body) != (503, b'{"error":"broker not available"}'):
            return False
        assert answer.headers["retry-after"] == "1"
    return True


def test_visible_soon_after_connack_and_at_once_in_a_replica(product: Product, replica: Api) -> None:
    """Who is told CONNACK is seen; what one API has shown, another one shows at the position it gave."""
    seconds = []
    for _ in range(CLIENTS):
        with Client(product.address, V5) as client:
            begun = time.monotonic()
            while (answer := product.api.session(client.client_id)).status == 404:
                assert time.monotonic() - begun < VISIBLE_SECONDS, "not visible in time"
            seconds.append(time.monotonic() - begun)
            assert answer.json()["connected"] is True
            position = urlencode({"at_least": answer.headers["mqledger-position"]})
            elsewhere = replica.get(f"/api/v1/sessions/{quote(client.client_id)}?{position}")
            assert (elsewhere.status, elsewhere.json()["connected"]) == (200, True)
            client.disconnect()
    cuts = statistics.quantiles(seconds, n=100)
    print(f"CONNACK to visible: p50 {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms of {CLIENTS}")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["dead", "frozen"])
def test_postgres_goes_away_and_comes_back(hardy_product: Product, own_services: Services, how: str) -> None:
    """MQTT goes on, the API says 503 and never an empty list; everything mends itself, in the same processes."""
    product, postgres = hardy_product, OwnPostgres(own_services)
    pids = [service.pid for service in product.services]
    topic = unique("topic")
    with ExitStack() as closing:
        before = joined(closing, product)
        before.subscribed(topic, qos=1)
        eventually_sync(lambda: listed(product) == [before.client_id])
        postgres.execute("checkpoint")  # what a crash may lose is another test's
        with postgres.dead() if how == "dead" else postgres.frozen():
            eventually_sync(lambda: unavailable(product.api), RECOVERY_SECONDS, "the API has answers without Postgres")
            assert product.api.get("/health/live").status == 200
            eventually_sync(lambda: product.api.get("/health/ready").status == 503, 10, "it calls itself ready")
            meanwhile = joined(closing, product)
            meanwhile.publish(topic, b"meanwhile", qos=1)
            before.expect_message(topic, b"meanwhile")
            assert unavailable(product.api)
        both = sorted([before.client_id, meanwhile.client_id])
        eventually_sync(
            lambda: listed(product) == both,
            RECOVERY_SECONDS,
            product.api.sessions,
        )
    product.wait_ready()
    assert [service.pid for service in product.services] == pids
    product.prove()


@pytest.mark.slow
def test_postgres_loses_its_last_transactions(breakable_product: Product, own_services: Services) -> None:
    """Killed before it had flushed them (the projector does not wait for that): the tables are made again from the log.

    Nothing else happens meanwhile: no frame has to come for it.
    """
    product, postgres = breakable_product, OwnPostgres(own_services)
    with ExitStack() as closing:
        closing.enter_context(postgres.flushing_late())
        product.projector.kill9()
        postgres.execute(f'drop schema "{product.config.postgres.schema}" cascade')
        migrate(product.config.postgres)
        product.projector.start()
        client = joined(closing, product)
        eventually_sync(lambda: listed(product) == [client.client_id], 20, product.api.sessions)
        with postgres.dead():
            pass
        eventually_sync(
            lambda: listed(product) == [client.client_id],
            20,
            lambda: f"{product.api.sessions()}\n{product.projector.words(8)}",
        )
    product.wait_ready()
    product.prove()


@pytest.mark.slow
def test_the_lag_grows_while_the_projector_stands_still(hardy_product: Product) -> None:
    """Answers go on, ever older by their own word; when it goes on, what happened meanwhile comes and the lag falls."""
    product = hardy_product
    projector = psutil.Process(product.projector.pid)
    with ExitStack() as closing:
        before = joined(closing, product)
        eventually_sync(lambda: listed(product) == [before.client_id])
        product.settle()
        eventually_sync(lambda: lag_ms(product.api.sessions()) == 0)
        projector.suspend()
        try:
            meanwhile = joined(closing, product)
            first = eventually_sync(lambda: max(0, lag_ms(product.api.sessions()) - SILENCE_MS), 30, "no lag is shown")
            eventually_sync(lambda: lag_ms(product.api.sessions()) > SILENCE_MS + first + 500, 10, "it does not grow")
            answer = product.api.session(meanwhile.client_id)
            assert answer.status == 404
            assert lag_ms(answer) > SILENCE_MS
            assert listed(product) == [before.client_id]
        finally:
            projector.resume()
        both = sorted([before.client_id, meanwhile.client_id])
        eventually_sync(lambda: listed(product) == both, RECOVERY_SECONDS, lambda: product.projector.words(8))
        eventually_sync(lambda: lag_ms(product.api.sessions()) == 0, 20, product.api.sessions)
    product.wait_ready()
    product.prove()
