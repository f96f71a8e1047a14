"""Whatever is put into a URL or a header: an answer of the dialect, never a 500, and nothing is executed."""

from __future__ import annotations

import random
import re
import socket
from urllib.parse import quote, quote_from_bytes

import pytest

from tests.contract.query_api.client import Api
from tests.contract.query_api.tables import Tables

INJECTIONS = [
    "' or '1'='1",
    "'; drop table sessions; --",
    "\\'; select pg_sleep(10); --",
    "$1",
    "{state}",
    "%s%n",
    "../../../etc/passwd",
    "<script>alert(1)</script>",
    "\r\nSet-Cookie: x=1",
    "${jndi:ldap://x}",
    "a' union select * from model --",
    "\u202e\ufeff",
    "\ud7ff\ue000\uffff",
]
SPOTS = [
    "/api/v1/sessions?state={}",
    "/api/v1/sessions?prefix={}",
    "/api/v1/sessions?limit={}",
    "/api/v1/sessions?page_token={}",
    "/api/v1/sessions?at_least={}",
    "/api/v1/sessions?{}=1",
    "/api/v1/sessions/{}",
    "/api/v1/subscriptions?prefix={}",
    "/api/v1/subscriptions/{}/clients",
    "/api/v1/subscriptions/x/clients?prefix={}",
    "/{}",
]
FINE = {200, 400, 404}


@pytest.mark.parametrize("spot", SPOTS)
def test_injections(api: Api, tables: Tables, spot: str) -> None:
    tables.sessions({"client_id": "a"})
    for injection in INJECTIONS:
        answer = api.get(spot.format(quote(injection, safe="")))
        assert answer.status in FINE, injection
        assert "set-cookie" not in answer.headers
        if answer.status == 200:
            listed = answer.json().get("sessions", [])
            assert listed == [] or "?prefix" not in spot, injection
    assert api.ids() == ["a"]


@pytest.mark.parametrize("spot", SPOTS)
def test_random_bytes(api: Api, spot: str) -> None:
    chance = random.Random(spot)
    for _ in range(150):
        given = chance.randbytes(chance.choice((1, 2, 3, 8, 40)))
        assert api.get(spot.format(quote_from_bytes(given, safe=""))).status in FINE, given


@pytest.mark.parametrize(
    "header", ["Mqledger-At-Least", "Accept", "Accept-Encoding", "Content-Type", "X-Forwarded-For"]
)
def test_random_headers(api: Api, header: str) -> None:
    chance = random.Random(header)
    for _ in range(50):
        value = bytes(
            chance.choice([*range(33, 127), *range(128, 256)]) for _ in range(chance.randrange(1, 60))
        ).decode("latin-1")
        answer = api.request("GET", "/api/v1/sessions?limit=1", {header: value})
        assert answer.status == {"Mqledger-At-Least": 400, "X-Forwarded-For": 401}.get(header, 200), value


def test_raw_bytes_on_the_socket(api: Api) -> None:
    """Whatever the request line holds, the process answers or hangs up, and goes on serving."""
    chance = random.Random(1)
    for _ in range(200):
        target = bytes(chance.choice(range(1, 256)) for _ in range(chance.randrange(1, 40)))
        with socket.create_connection(("127.0.0.1", api.port), timeout=10) as client:
            client.sendall(
                b"GET /api/v1/sessions/" + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            client.shutdown(socket.SHUT_WR)
            status = re.match(rb"HTTP/1\.1 (\d+)", client.recv(64))
            assert status is None or int(status[1]) < 500, target
    assert api.get("/health").status == 200


def test_too_long_is_refused_by_the_server(api: Api) -> None:
    api.checked = False
    try:
        assert api.get("/api/v1/sessions/" + "x" * 70_000).status == 414
    finally:
        api.checked = True
    assert api.get("/api/v1/sessions?prefix=" + "x" * 60_000).json() == {"sessions": []}
    assert api.get("/api/v1/sessions/" + "x" * 60_000).status == 404


@pytest.mark.parametrize("target", ["*", "http://else.where/api/v1/sessions", "/api/v1/sessions#part"])
def test_other_forms_of_targets(api: Api, target: str) -> None:
    assert api.request("OPTIONS", target).status in {404, 405}
    if target != "*":
        # Another host than this machine is named: who is there needs an account.
        assert api.get(target).status == (401 if "else.where" in target else 200)


@pytest.mark.parametrize("host", ["", "bad host", "x" * 300, "[::1", "a/b"])
def test_a_strange_host(api: Api, host: str) -> None:
    answer = api.request("GET", "/api/v1/sessions", {"Host": host})
    assert answer.status in {400, 401}
