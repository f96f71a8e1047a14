"""Who may ask for what: accounts and API keys in the tables, by real requests; attacks on the way in."""

from __future__ import annotations

import contextlib
import socket
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from query_api.access.settings import AccessSettings
from schemas.settings import PostgresSettings
from tests.contract.query_api.client import Answer, Api
from tests.contract.query_api.conftest import StartApi
from tests.contract.query_api.tables import Tables
from tests.stackkit.eventually import eventually_sync

SECRET = "correct horse battery"
LIST = "/api/v1/sessions"
HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(SECRET)


def account(name: str, role: str, tenant: str = "*") -> dict[str, object]:
    return {
        "name": name,
        "password": HASHED,
        "role": role,
        "tenant": tenant,
        "tags": "",
        "position": 0,
        "changed_at": 0,
        "changed_by": "",
    }


def key(app_id: str, enabled: bool = True, expires: int = 0) -> dict[str, object]:
    changed = {"position": 0, "changed_at": 0, "changed_by": ""}
    return {
        "app_id": app_id,
        "secret": HASHED,
        "name": "",
        "role": "viewer",
        "tenant": "*",
        "enabled": enabled,
        "expires": expires,
        **changed,
    }


@pytest.fixture(scope="module")
def guarded(new_postgres: Callable[..., PostgresSettings], start_api: StartApi) -> tuple[Api, Tables, Path]:
    """A process whose tables know accounts; its log."""
    tables = Tables(new_postgres(migrated=True))
    tables.insert(
        "accounts",
        [
            account("ann", "administrator"),
            account("vic", "viewer"),
            account("opa", "operator"),
            account("acme-op", "operator", "acme"),
            account("gone", "viewer"),
            account("future", "emperor"),
        ],
    )
    tables.insert("api_keys", [key("app"), key("app-off", enabled=False), key("app-old", expires=1_000)])
    tables.execute("insert into admin_applied (partition, next, log_end) values (0, 8, 8)")
    tables.sessions({"client_id": "mine"}, {"client_id": "theirs", "tenant": "acme"})
    tables.ready()
    tables.applied(1)
    api, service = start_api(tables.settings)
    api.checked = False
    return api, tables, service.log


def basic(name: str, secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{secret}".encode()).decode()}


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [one["client_id"] for one in answer.json()["sessions"]]


def test_on_loopback_reading_is_open_and_nothing_else(guarded: tuple[Api, Tables, Path]) -> None:
    api, _, _ = guarded
    assert ids(api.get(LIST)) == ["mine"]
    assert api.request("DELETE", "/kill", {"tenant_id": "default", "client_id": "mine"}).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.example"},
        {"Host": ""},
        {"X-Forwarded-For": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
    ],
)
def test_who_only_seems_to_be_on_loopback_needs_an_account(
    guarded: tuple[Api, Tables, Path], headers: dict[str, str]
) -> None:
    api, _, _ = guarded
    assert api.request("GET", LIST, headers).status == 401
    assert api.request("GET", LIST, headers | basic("vic")).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        basic("vic", "wrong"),
        basic("nobody"),
        basic("app-off"),
        basic("future"),
        basic("app-old"),
        basic("admin", "public"),
        basic("cedalo", "secret"),
        {"Authorization": "Basic !!"},
        {"Authorization": "Bearer abc"},
        {"Cookie": "mqledger-session=abc"},
    ],
)
def test_wrong_credentials_are_refused_even_where_none_would_do(
    guarded: tuple[Api, Tables, Path], headers: dict[str, str]
) -> None:
    api, _, _ = guarded
    answer = api.request("GET", LIST, headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="mqledger"'
    assert SECRET.encode() not in answer.body


def test_accounts_and_keys_get_in(guarded: tuple[Api, Tables, Path]) -> None:
    api, _, _ = guarded
    for name in ("ann", "vic", "opa", "app"):
        assert ids(api.request("GET", LIST, basic(name))) == ["mine"]


def test_roles(guarded: tuple[Api, Tables, Path]) -> None:
    api, _, _ = guarded
    kill = {"tenant_id": "default", "client_id": "mine", "user_id": "u", "client_type": "t"}
    assert api.request("DELETE", "/kill", kill | basic("vic")).status == 403


def test_a_tenant_is_all_that_its_accounts_see(guarded: tuple[Api, Tables, Path]) -> None:
    api, _, _ = guarded
    named = {"mqledger-tenant": "acme"}
    assert ids(api.request("GET", LIST, basic("acme-op"))) == ["theirs"]
    assert ids(api.request("GET", LIST, basic("acme-op") | named)) == ["theirs"]
    assert ids(api.request("GET", LIST, basic("ann") | named)) == ["theirs"]
    for other in ("default", "*", "ACME", "acme/", "nobody"):
        assert api.request("GET", LIST, basic("acme-op") | {"mqledger-tenant": other}).status == 403
    assert api.request("GET", f"{LIST}/mine", basic("acme-op")).status == 404
    token = api.request("GET", f"{LIST}?limit=1&state=all", basic("acme-op")).headers["mqledger-position"]
    assert api.request("GET", f"{LIST}?page_token={token}", basic("acme-op")).status == 400


@pytest.mark.parametrize("tenant", ["\xff\xfe", "a" * 300, "a\x00b"])
def test_a_tenant_that_cannot_be(guarded: tuple[Api, Tables, Path], tenant: str) -> None:
    api, _, _ = guarded
    request = f"GET {LIST} HTTP/1.1\r\nHost: localhost\r\nmqledger-tenant: {tenant}\r\nConnection: close\r\n\r\n"
    assert status(api.port, request.encode("latin-1")) == 400


def test_guessing_is_slowed_down_and_locks_out_nobody_who_is_known(guarded: tuple[Api, Tables, Path]) -> None:
    api, _, _ = guarded
    assert api.request("GET", LIST, basic("opa")).status == 200
    most = AccessSettings().failures_by_name
    answers = [api.request("GET", LIST, basic("opa", f"guess{i}")) for i in range(most + 2)]
    assert {answer.status for answer in answers[:most]} == {401}
    assert answers[-1].status == 429
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert api.request("GET", LIST, basic("opa")).status == 200


def test_who_is_removed_is_out_at_once(guarded: tuple[Api, Tables, Path]) -> None:
    api, tables, _ = guarded
    assert api.request("GET", LIST, basic("gone")).status == 200
    tables.execute("delete from accounts where name = 'gone'", "update admin_applied set next = next + 1")
    tables.applied(1)
    eventually_sync(lambda: api.request("GET", LIST, basic("gone")).status == 401, timeout=5)


def test_a_page_of_another_site_changes_nothing(guarded: tuple[Api, Tables, Path]) -> None:
    api, _, _ = guarded
    kill = {"tenant_id": "default", "client_id": "mine", "user_id": "u", "client_type": "t"} | basic("ann")
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert api.request("DELETE", "/kill", kill | headers).status == 403


def test_bodies_are_bounded(guarded: tuple[Api, Tables, Path]) -> None:
    api, _, _ = guarded
    credentials = basic("ann")["Authorization"]
    head = f"POST /api/v2/mqtt/publish HTTP/1.1\r\nHost: localhost\r\nAuthorization: {credentials}\r\n"
    said = f"{head}Content-Length: 999999999999\r\n\r\n"
    assert status(api.port, said.encode()) in (200, 413)
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 40
    assert status(api.port, sent) in (200, 413)


def test_a_header_that_never_ends_is_cut(guarded: tuple[Api, Tables, Path]) -> None:
    api, _, _ = guarded
    request = f"GET {LIST} HTTP/1.1\r\nHost: localhost\r\nX-Long: ".encode() + b"a" * 2_000_000
    assert status(api.port, request) in (0, 400, 414, 431)


def test_no_secret_is_logged(guarded: tuple[Api, Tables, Path]) -> None:
    _, _, log = guarded
    text = log.read_text(encoding="utf-8")
    assert SECRET not in text
    assert "$argon2" not in text


def status(port: int, request: bytes) -> int:
    """The status of the answer to raw bytes; 0 when the connection ends without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        # Whoever is refused in the middle of a request need not be heard to its end.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        try:
            answer = connection.recv(65_536)
        except ConnectionResetError:
            return 0
    return int(answer.split(b" ", 2)[1]) if answer else 0
