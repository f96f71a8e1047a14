"""Cedalo's dialect on a live stack: the tables of docs/api/cedalo.md, secrets, tenants, logins."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from query_api.cedalo.dialect import _mapped
from query_api.errors import TooManyRequestsError, UnavailableError
from schemas.admin import PluginSet
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings, PostgresSettings
from stack.local.ports import free_port
from tests.contract.query_api.client import Answer
from tests.farkit.broker import far_broker
from tests.farkit.certificates import authority, signed_by
from tests.integration.connector.log import order
from tests.integration.dialects.cedalo_stack import MOST, PASSWORD, CedaloStack, cedalo_stack
from tests.integration.dialects.goldens import Step, play
from tests.stackkit.eventually import eventually
from tests.stackkit.services import ROOT

DOCUMENT = (ROOT / "docs/api/cedalo.md").read_text()
PATH = "/api/connections"
ONE = f"{PATH}/{{connectionId}}"
Ask = Callable[["Case"], Awaitable[httpx.Response]]
CASES: dict[tuple[str, int, str], Ask] = {}
NOBODY = ""


@pytest.fixture(scope="module")
def stack(
    new_kafka: Callable[..., KafkaSettings],
    new_postgres: Callable[..., PostgresSettings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[CedaloStack]:
    with cedalo_stack(new_kafka(), new_postgres(migrated=True), tmp_path_factory.mktemp("cedalo")) as stack:
        yield stack


@dataclass
class Case:
    """What a case may use: the stack, and a far broker that anybody may use."""

    stack: CedaloStack
    far: str

    async def ask(self, name: str, method: str, target: str, body: Any = None, **options: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body) if body is not None else None
        async with self.stack.client(name) as client:
            return await client.request(method, target, content=content, **options)

    async def post(self, called: str, *, by: str = "manager", url: str = "", **more: Any) -> httpx.Response:
        return await self.ask(by, "POST", PATH, {"id": called, "name": f"the {called}", "url": url or self.far, **more})

    async def delete(self, name: str, by: str = "manager") -> httpx.Response:
        return await self.ask(by, "DELETE", f"{PATH}/{name}")

    async def switch(self, on: bool) -> None:
        self.stack.administer(PluginSet(order(), "connections", on))
        wanted = 200 if on else 404
        async with self.stack.client("viewer") as client:

            async def so() -> bool:
                return (await client.get(PATH)).status_code == wanted

            await eventually(cast("Callable[[], Any]", so))


def case(endpoint: str, status: int, message: str = "") -> Callable[[Ask], Ask]:
    """The request that gives an answer of the table."""

    def register(ask: Ask) -> Ask:
        CASES[endpoint, status, message] = ask
        return ask

    return register


async def test_every_answer_of_the_table(stack: CedaloStack, tmp_path: Path) -> None:
    table = {(row[0], int(row[1]), row[3].strip("`")): row[2].strip("`") for row in rows("Answers") if row[0] != "any"}
    assert table.keys() == CASES.keys()
    async with far_broker(tmp_path, "mqtt") as port:
        asked = Case(stack, f"mqtt://127.0.0.1:{port}")
        for key, code in table.items():
            _, status, message = key
            response = await CASES[key](asked)
            assert response.status_code == status, (key, response.text)
            if code:
                body = response.json()
                assert body["code"] == code, key
                assert re.fullmatch(re.escape(message).replace(r"\*", ".+"), body["message"]), (key, body)


def rows(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading; the first cell without its quotes."""
    _, _, below = DOCUMENT.partition(f"\n## {heading}\n")
    table = [line for line in below.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [[row[0].strip("`"), *row[1:]] for row in cells]


def test_the_endpoints_of_the_table_have_the_answers_of_the_other() -> None:
    statuses: dict[str, set[str]] = {}
    everywhere = {"429": "POST", "503": "(POST|DELETE|/api/connections)"}
    for endpoint, status, *_ in rows("Answers"):
        statuses.setdefault(endpoint, set()).add(status)
    for endpoint, _, _, told in rows("Endpoints"):
        more = {status for status, where in everywhere.items() if re.search(where, endpoint)}
        assert set(re.findall(r"\d+", told)) - more == statuses[endpoint] - more, endpoint


@case(f"GET {PATH}", 200)
async def _(case: Case) -> httpx.Response:
    return await case.ask("viewer", "GET", PATH)


@case(f"GET {PATH}", 401, "Unauthorized")
async def _(case: Case) -> httpx.Response:
    wrong = await case.ask(NOBODY, "GET", PATH, auth=httpx.BasicAuth("admin", "wrong"))
    ended = await case.ask(NOBODY, "GET", PATH, headers={"cookie": "connect.sid=forged"})
    right = await case.ask(NOBODY, "GET", PATH)
    assert wrong.json() == ended.json() == right.json()
    assert right.json()["data"] == {"session": False}
    assert "basic" not in right.headers["www-authenticate"].lower()
    return right


@case(f"GET {PATH}", 403, "Not allowed")
async def _(case: Case) -> httpx.Response:
    return await case.ask("viewer", "GET", PATH, headers={"mqledger-tenant": "other"})


@case(f"GET {PATH}", 404, "Plugin not found")
@case(f"POST {PATH}", 404, "Plugin not found")
@case(f"DELETE {ONE}", 404, "Plugin not found")
async def _(case: Case) -> httpx.Response:
    await case.switch(False)
    try:
        answers = [await case.ask("admin", "GET", PATH), await case.post("off"), await case.delete("off")]
    finally:
        await case.switch(True)
    assert {answer.text for answer in answers} == {answers[0].text}
    return answers[0]


@case(f"POST {PATH}", 200)
async def _(case: Case) -> httpx.Response:
    response = await case.post("one")
    (made,) = [one for one in response.json() if one["id"] == "one"]
    assert made.pop("status")["connected"] is True
    assert made == {"id": "one", "name": "the one", "url": case.far, "rejectUnauthorized": True}
    assert response.json() == (await case.ask("viewer", "GET", PATH)).json()
    return response


@case(f"POST {PATH}", 202, 'Connection created but could not connect. Reason "*"')
async def _(case: Case) -> httpx.Response:
    port = free_port()
    response = await case.post("two", url=f"mqtt://127.0.0.1:{port}")
    assert f'"connect ECONNREFUSED 127.0.0.1:{port}"' in response.json()["message"]
    assert response.json()["successful"] is True
    (made,) = [one for one in (await case.ask("viewer", "GET", PATH)).json() if one["id"] == "two"]
    error = {"code": "ECONNREFUSED", "errno": -111, "syscall": "connect", "address": "127.0.0.1", "port": port}
    assert made["status"]["error"] == error
    assert abs(made["status"]["timestamp"] / 1000 - time.time()) < 60
    mended = await case.post("two")
    assert mended.status_code == 200, "a subsequent request with updated information might fix it"
    return response


@case(f"POST {PATH}", 400, "*")
async def _(case: Case) -> httpx.Response:
    bad = [b"", b"no json", b"[]", {"id": "x"}, {"id": 1, "name": "x", "url": case.far}]
    answers = [await case.ask("manager", "POST", PATH, body) for body in bad]
    urls = ("http://127.0.0.1", "mqtt://u:secret@127.0.0.1", "mqtt://169.254.169.254", "file:///etc/passwd", "x")
    answers += [await case.post("bad", url=url) for url in urls]
    more: list[dict[str, Any]] = [
        {"rejectUnauthorized": "maybe"},
        {"ca": {"data": 5}},
        {"ca": {"data": "", "encoding": "hex"}},
        {"credentials": {"password": "x"}},
        {"credentials": {"username": "\x00", "password": "x"}},
    ]
    answers += [await case.post("bad", **one) for one in more]
    answers += [await case.post(name) for name in ("", "x" * 300, "a\nb")]
    assert {answer.status_code for answer in answers} == {400}
    assert not any("secret" in answer.text for answer in answers)
    return answers[0]


@case(f"POST {PATH}", 401, "Unauthorized")
async def _(case: Case) -> httpx.Response:
    return await case.post("x", by=NOBODY)


@case(f"POST {PATH}", 403, "Not allowed")
async def _(case: Case) -> httpx.Response:
    return await case.post("x", by="viewer")


@case(f"POST {PATH}", 403, "Connection with the same name/id already exists")
async def _(case: Case) -> httpx.Response:
    assert (await case.post("one", name="another")).status_code == 403
    return await case.post("one")


@case(f"POST {PATH}", 403, "Connection with either the same name or id already exists")
async def _(case: Case) -> httpx.Response:
    return await case.post("three", name="the one")


@case(f"POST {PATH}", 403, "Maximum number of connections reached")
async def _(case: Case) -> httpx.Response:
    for n in range(MOST):
        assert (await case.post(f"n{n}", by="other")).status_code == 200
    full = await case.post("more", by="other")
    for n in range(MOST):
        assert (await case.delete(f"n{n}", by="other")).status_code == 200
    return full


@case(f"POST {PATH}", 413, "*")
async def _(case: Case) -> httpx.Response:
    return await case.post("big", ca={"data": "A" * 600_000})


@case(f"DELETE {ONE}", 200)
async def _(case: Case) -> httpx.Response:
    assert (await case.post("a/b c%")).status_code == 200
    response = await case.delete("a%2Fb%20c%25", by="admin")
    assert "a/b c%" not in [one["id"] for one in response.json()]
    assert response.json() == (await case.ask("viewer", "GET", PATH)).json()
    return response


@case(f"DELETE {ONE}", 401, "Unauthorized")
async def _(case: Case) -> httpx.Response:
    return await case.delete("one", by=NOBODY)


@case(f"DELETE {ONE}", 403, "Not allowed")
async def _(case: Case) -> httpx.Response:
    return await case.delete("one", by="viewer")


@case(f"DELETE {ONE}", 404, "Connection not found")
async def _(case: Case) -> httpx.Response:
    for impossible in ("", "x" * 300, "a%00b", "a%0Ab", "%FF", "%zz"):
        assert (await case.delete(impossible)).json()["message"] in ("Connection not found", "Resource not found")
    return await case.delete("nobody")


@case(f"GET {PATH}", 500, "An internal server error occurred")
@case(f"POST {PATH}", 500, "An internal server error occurred")
@case(f"DELETE {ONE}", 500, "An internal server error occurred")
async def _(case: Case) -> httpx.Response:
    """A row that no projector writes stands for a defect: what happened is in the log, and nothing of it here."""
    assert (await case.post("odd")).status_code == 200
    await set_error(case.stack.postgres, "odd", "{}")
    try:
        answers = [await case.ask("viewer", "GET", PATH), await case.post("made"), await case.delete("made")]
    finally:
        await set_error(case.stack.postgres, "odd", None)
    for answer in answers:
        assert (answer.status_code, answer.text) == (500, answers[0].text)
        assert answer.headers["x-correlation-id"] in case.stack.words()
    assert answers[0].json().keys() == {"code", "message"}
    left = (await case.delete("odd")).json()
    assert not {"odd", "made"} & {one["id"] for one in left}
    return answers[0]


async def set_error(postgres: PostgresSettings, name: str, error: str | None) -> None:
    """Why a connection failed, as the table has it."""
    connection = await asyncpg.connect(postgres.dsn.reveal())
    try:
        table = f"{postgres.schema}.connection_status"
        await connection.execute(f"update {table} set error = $1 where connection_id = $2", error, name)
    finally:
        await connection.close()


LOGIN = {"username": "manager", "password": PASSWORD}
WRONG = {"username": "manager", "password": "wrong"}


@case("POST /auth", 200, "Authorized")
async def _(case: Case) -> httpx.Response:
    async with case.stack.client() as client:
        response = await client.post("/auth?json=true", json=LOGIN)
        assert response.json()["successful"] is True
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(response.headers["set-cookie"].split("; "))
        made = await client.post(PATH, json={"id": "by-cookie", "name": "by cookie", "url": case.far})
        assert made.status_code == 200
        assert (await client.get("/validate-session")).json() == {"valid": True}
        assert (await client.get("/api/profile")).json() == {"username": "manager", "roles": ["connectionManager"]}
        foreign = {"origin": "https://elsewhere.example"}
        assert (await client.delete(f"{PATH}/by-cookie", headers=foreign)).status_code == 403
        assert (await client.post("/auth", data=LOGIN, headers=foreign)).status_code == 403
        assert (await client.delete(f"{PATH}/by-cookie")).status_code == 200
        token = client.cookies["connect.sid"]
    bearer = await case.ask(NOBODY, "GET", PATH, headers={"authorization": f"Bearer {token}"})
    assert bearer.status_code == 200
    return response


@case("POST /auth", 302)
async def _(case: Case) -> httpx.Response:
    async with case.stack.client() as client:
        for body in (b"", b"username=manager", b"{", b"username=manager&password=wrong"):
            wrong = await client.post("/auth", content=body)
            assert (wrong.status_code, wrong.headers["location"]) == (302, "/login?error=authentication-failed")
            assert "set-cookie" not in wrong.headers
        response = await client.post("/auth", data=LOGIN)
        assert response.headers["location"] == "/"
        assert (await client.get(PATH)).status_code == 200
    return response


@case("POST /auth", 401, "Unauthorized")
async def _(case: Case) -> httpx.Response:
    return await case.ask(NOBODY, "POST", "/auth?json=true", WRONG)


@case("GET /logout", 302)
async def _(case: Case) -> httpx.Response:
    async with case.stack.client() as client:
        await client.post("/auth", data=LOGIN)
        response = await client.get("/logout")
        assert response.headers["location"] == "/login"
        assert (await client.get(PATH)).status_code == 401
    return response


@case("GET /login", 200)
async def _(case: Case) -> httpx.Response:
    response = await case.ask(NOBODY, "GET", "/login?error=authentication-failed")
    assert "<form" in response.text
    assert "is wrong" in response.text
    return response


@case("GET /", 200)
async def _(case: Case) -> httpx.Response:
    async with case.stack.client() as client:
        answer = await client.post("/auth", data=LOGIN, follow_redirects=True)
        assert answer.url.path == "/"
        assert "api/connections" in answer.text
        return answer


@case("GET /", 302)
async def _(case: Case) -> httpx.Response:
    response = await case.ask(NOBODY, "GET", "/")
    assert response.headers["location"] == "/login"
    return response


@case("GET /validate-session", 200)
async def _(case: Case) -> httpx.Response:
    response = await case.ask(NOBODY, "GET", "/validate-session")
    assert response.json() == {"valid": False}
    return response


@case("GET /api/profile", 200)
async def _(case: Case) -> httpx.Response:
    return await case.ask("admin", "GET", "/api/profile")


@case("GET /api/profile", 401, "Unauthorized")
async def _(case: Case) -> httpx.Response:
    return await case.ask(NOBODY, "GET", "/api/profile")


@case("GET /anything/else", 404, "Resource not found")
async def _(case: Case) -> httpx.Response:
    answers = [await case.ask("viewer", method, f"{PATH}/one") for method in ("GET", "PUT", "PATCH", "POST")]
    answers += [await case.ask("viewer", "PUT", PATH), await case.ask("viewer", "GET", "/anything/else")]
    assert {answer.text for answer in answers} == {answers[0].text}
    assert (await case.ask(NOBODY, "GET", "/anything/else")).status_code == 401
    return answers[0]


def test_answers_that_a_live_stack_does_not_give_on_demand() -> None:
    told = {(int(row[1]), row[2].strip("`"), row[3].strip("`")) for row in rows("Answers") if row[0] == "any"}
    errors = (TooManyRequestsError(), UnavailableError("secret"))
    mapped = [_mapped(error)[0] for error in errors]
    assert {(one.status, one.body["code"], one.body["message"]) for one in mapped} == told


async def test_every_member_of_the_table(stack: CedaloStack, tmp_path: Path) -> None:
    table = {row[0]: (row[1] == "yes", row[2] == "yes") for row in rows("A connection")}
    ca = authority()
    client = signed_by(ca, host="somebody")
    whole = {
        "id": "tls",
        "name": "over TLS",
        "credentials": {"username": "u", "password": SECRET, "clientId": "c"},
        "rejectUnauthorized": "true",
        "ca": encoded(ca.cert),
        "cert": {"data": encoded(client.cert)["data"], "endoding": "base64"},
        "key": encoded(client.key),
        "status": {"connected": True},
    }
    async with far_broker(tmp_path, "mqtts", signed_by(ca), ca=ca.cert) as port:
        asked = Case(stack, f"mqtts://127.0.0.1:{port}")
        whole["url"] = asked.far
        assert (await asked.ask("manager", "POST", PATH, whole)).status_code == 200
    assert paths(whole) - {"cert.endoding", "status.connected"} | {"cert.encoding"} == {
        name for name, (given, _) in table.items() if given
    }
    await asked.post("refused", url=f"mqtt://127.0.0.1:{free_port()}")
    await asked.post("unknown", url="mqtt://nobody.invalid")
    shown: set[str] = set()
    for one in (await asked.ask("viewer", "GET", PATH)).json():
        shown |= paths(one)
    assert shown == {name for name, (_, out) in table.items() if out}
    await no_secrets(stack, [SECRET, encoded(client.key)["data"], client.key.decode()])
    for name in ("tls", "refused", "unknown"):
        await asked.delete(name)


SECRET = "a password that nobody may see"


def encoded(content: bytes) -> dict[str, str]:
    return {"data": base64.b64encode(content).decode(), "encoding": "base64"}


def paths(value: Any, before: str = "") -> set[str]:
    """The members of an object, those of its objects with dots."""
    if not isinstance(value, dict):
        return {before}
    return {path for name, part in value.items() for path in paths(part, f"{before}.{name}".lstrip("."))}


async def no_secrets(stack: CedaloStack, secrets: list[str]) -> None:
    """Not in the log of administration, the tables, the logs of processes, or any answer."""
    async with stack.client("admin") as client:
        answers = (await client.get(PATH)).text
    everything = [await kept_in_log(stack.kafka), await kept_in_tables(stack.postgres), stack.words(), answers]
    assert all(secret not in text for text in everything for secret in secrets)
    assert "over TLS" in everything[0], "it was looked for in the right places"
    assert "over TLS" in everything[1]


async def kept_in_log(kafka: KafkaSettings) -> str:
    partition = TopicPartition(kafka.admin_topic, 0)
    consumer = AIOKafkaConsumer(**kafka_client_options(kafka), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        found = b""
        while await consumer.position(partition) < end:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += b"".join(record.value for record in records)
        return found.decode("latin-1")
    finally:
        await consumer.stop()


async def kept_in_tables(postgres: PostgresSettings) -> str:
    connection = await asyncpg.connect(postgres.dsn.reveal())
    try:
        tables = ("connections", "connection_status", "commands")
        found = [await connection.fetch(f"select * from {postgres.schema}.{table}") for table in tables]
        return "".join(str(value) for rows in found for row in rows for value in row)
    finally:
        await connection.close()


async def test_golden_exchanges(stack: CedaloStack, tmp_path: Path) -> None:
    async with far_broker(tmp_path, "mqtt") as port:
        url = f"mqtt://127.0.0.1:{port}"
        whole = {"id": "golden", "name": "Golden", "url": url, "credentials": {"username": "u", "password": SECRET}}
        refused = {"id": "refused", "name": "Refused", "url": f"mqtt://127.0.0.1:{free_port()}"}
        login = {"username": "other", "password": PASSWORD}
        form = {"content-type": "application/x-www-form-urlencoded"}
        steps = [
            Step("login", "POST", "/auth?json=true", login, anonymous=True),
            Step("login-form", "POST", "/auth", urlencode(login), form, anonymous=True),
            Step("login-wrong", "POST", "/auth?json=true", login | {"password": "wrong"}, anonymous=True),
            Step("create", "POST", PATH, whole),
            Step("create-again", "POST", PATH, whole),
            Step("create-same-name", "POST", PATH, whole | {"id": "other"}),
            Step("create-bad-url", "POST", PATH, whole | {"id": "bad", "url": "http://127.0.0.1"}),
            Step("create-unreachable", "POST", PATH, refused),
            Step("list", "GET", PATH),
            Step("delete", "DELETE", f"{PATH}/refused"),
            Step("delete-again", "DELETE", f"{PATH}/refused"),
            Step("delete-last", "DELETE", f"{PATH}/golden"),
            Step("delete-by-nobody", "DELETE", f"{PATH}/golden", anonymous=True),
            Step("logout", "GET", "/logout", anonymous=True),
        ]

        def send(step: Step) -> Answer:
            by = None if step.anonymous else httpx.BasicAuth("other", PASSWORD)
            with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", trust_env=False, timeout=30) as client:
                answer = client.request(step.method, step.target, content=step.text, headers=step.headers, auth=by)
                return Answer(answer.status_code, dict(answer.headers), answer.content)

        await asyncio.to_thread(play, "cedalo", steps, send)


async def test_the_example_of_the_document(stack: CedaloStack) -> None:
    """Verbatim but for the host: cut-off base64, ``endoding`` and all."""
    document = (Path(__file__).parent / "documents" / "cedalo.json").read_bytes()
    port = free_port()
    asked = Case(stack, "")
    example = document.replace(b"mqtts://url.com:1883", f"mqtts://127.0.0.1:{port}".encode())
    response = await asked.ask("manager", "POST", PATH, example)
    assert response.status_code == 202, response.text
    listed = (await asked.ask("viewer", "GET", PATH)).json()
    (made,) = [one for one in listed if one["id"] == "mosquitto-dev"]
    assert made["credentials"] == {"username": "admin"}
    assert made["rejectUnauthorized"] is True
    assert made["status"]["connected"] is False
    assert (await asked.ask("manager", "POST", PATH, example)).status_code == 403
    assert (await asked.delete("mosquitto-dev")).status_code == 200


async def test_the_calls_of_the_open_source_frontend(stack: CedaloStack) -> None:
    """Its login page's form, then what its proxy client asks with the cookie, headers as it sends them."""
    headers = {"accept": "application/json;version=2.8"}
    async with stack.client(headers=headers) as browser:
        login = await browser.post("/auth", data={"username": "admin", "password": PASSWORD})
        assert (login.status_code, login.headers["location"]) == (302, "/")
        assert (await browser.get("/validate-session")).json()["valid"] is True
        assert (await browser.get("/api/profile")).json()["username"] == "admin"
        assert isinstance((await browser.get(PATH)).json(), list)
        await browser.get("/logout")
        assert (await browser.get("/validate-session")).json()["valid"] is False
        assert (await browser.get("/api/profile")).status_code == 401


async def test_tenants_do_not_meet(stack: CedaloStack, tmp_path: Path) -> None:
    async with far_broker(tmp_path, "mqtt") as port:
        asked = Case(stack, f"mqtt://127.0.0.1:{port}")
        for by in ("manager", "other"):
            assert (await asked.post("shared", by=by)).status_code == 200, "ids and names are a tenant's own"
        assert [one["id"] for one in (await asked.ask("other", "GET", PATH)).json()] == ["shared"]
        assert (await asked.post("mine", by="other")).status_code == 200
        for target in ("mine", "other%00mine", "other/mine"):
            assert (await asked.delete(target)).status_code == 404
        assert (await asked.delete("shared")).status_code == 200
        assert {one["id"] for one in (await asked.ask("other", "GET", PATH)).json()} == {"shared", "mine"}
        header = {"mqledger-tenant": "other"}
        for method, target in (("GET", PATH), ("POST", PATH), ("DELETE", f"{PATH}/mine")):
            body = {"id": "x", "name": "x", "url": asked.far}
            assert (await asked.ask("manager", method, target, body, headers=header)).status_code == 403
            allowed = await asked.ask("admin", method, target, body, headers=header)
            assert allowed.status_code == 200, "for all tenants"
        for name in ("shared", "x"):
            assert (await asked.delete(name, by="other")).status_code == 200
