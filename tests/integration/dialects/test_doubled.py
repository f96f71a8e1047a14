"""What a request says twice: EMQ's dialects take the first, as their originals do; the native API refuses it."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import PublishPacket
from tests.integration.dialects.live import Live

NATIVE = "/api/mqledger/v1"
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(("dialect", "target"), [("emqx4", "/api/v4/mqtt/publish"), ("emq2", "/api/v2/mqtt/publish")])
def test_the_first_of_doubled_members_counts(live: Live, dialect: str, target: str) -> None:
    with live.client(f"doubled-{dialect}") as client:
        client.subscribed("doubled/#")
        body = '{"topic":"doubled/1","topic":"doubled/2","payload":"one","payload":"two"}'
        assert live.ask(dialect, "POST", target, JSON, body).json()["code"] == 0
        message = client.take(PublishPacket)
        assert (message.topic, message.payload) == ("doubled/1", b"one")


def test_the_first_of_doubled_parameters_counts(live: Live) -> None:
    with live.client("doubled-one"):
        for dialect, target, found in (
            ("emqx4", "/api/v4/clients?clientid=doubled-one&clientid=x", "data"),
            ("fluxmq", "/api/v1/sessions?prefix=doubled-one&prefix=x", "sessions"),
        ):
            assert len(live.ask(dialect, "GET", target).json()[found]) == 1
        page = live.ask("emq2", "GET", "/api/v2/nodes/emq@127.0.0.1/clients?page_size=1&page_size=2").json()
        assert page["result"]["page_size"] == 1


@pytest.mark.parametrize("query", ["limit=1&limit=1", "limit=1&%6Cimit=2", "prefix=%zz"])
def test_the_native_api_refuses_parameters_that_leave_a_choice(live: Live, query: str) -> None:
    answer = live.ask("fluxmq", "GET", f"{NATIVE}/sessions?{query}")
    assert (answer.status, answer.json()["type"]) == (400, "/problems/invalid-request")


def test_the_native_api_refuses_members_that_leave_a_choice(live: Live) -> None:
    body = '{"topic":"a","topic":"b","payload":"x"}'
    answer = live.ask("fluxmq", "POST", f"{NATIVE}/messages", JSON, body)
    assert (answer.status, answer.json()["detail"]) == (422, "The member `topic` is given twice.")
    body = '{"topic":"a","properties":{"user_properties":[],"user_properties":[]}}'
    assert live.ask("fluxmq", "POST", f"{NATIVE}/messages", JSON, body).status == 422
