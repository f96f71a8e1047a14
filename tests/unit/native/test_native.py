"""The native API without a server: routes, checks, its document, the client made from it."""

from __future__ import annotations

import json
import re

import jsonschema
import msgspec
import pytest

from domain.access import valid_tenant
from query_api.errors import NotFoundError
from query_api.native import etags
from query_api.native.checks import _integral, _value
from query_api.native.examples import answers
from query_api.native.openapi import document
from query_api.native.operations import OPERATIONS
from query_api.native.properties import Properties, UserProperty, decoded, encoded
from query_api.native.routes import Routes
from query_api.native.text import PARTS, Address, Filter, Network, Tenant, Time, Topic
from query_api.native.times import milliseconds, moment
from tools import client as generator
from tools import native_api

DOCUMENT = document(OPERATIONS)


def test_the_client_is_current() -> None:
    for name, make in (("models.py", generator.models), ("client.py", generator.client)):
        text = (generator.FOLDER / name).read_text(encoding="utf-8")
        assert text == generator.formatted(make(DOCUMENT)), f"{name} is old: run python -m tools.client"


def test_the_table_of_operations_is_current() -> None:
    text = native_api.PAGE.read_text(encoding="utf-8")
    assert text == native_api.page(text), "run python -m tools.native_api"


@pytest.mark.parametrize(
    ("path", "operation", "named"),
    [
        (b"/sessions", "list_sessions", {}),
        (b"/sessions/a%2Fb", "get_session", {"client_id": b"a%2Fb"}),
        (b"/sessions/a/subscriptions", "list_session_subscriptions", {"client_id": b"a"}),
        (b"/events/stream", "stream_events", {}),
        (b"/bans/clientid/%2F", "get_ban", {"kind": b"clientid", "who": b"%2F"}),
    ],
)
def test_paths_lead_to_operations(path: bytes, operation: str, named: dict[str, bytes]) -> None:
    methods, found = Routes(OPERATIONS).find(path)
    assert (methods["GET"].name, found) == (operation, named)


@pytest.mark.parametrize("path", [b"", b"/", b"/sessions/", b"/sessions//", b"/sessions/a/b", b"/x", b"sessions"])
def test_other_paths_lead_nowhere(path: bytes) -> None:
    with pytest.raises(NotFoundError):
        Routes(OPERATIONS).find(path)


def test_operations_are_named_once_and_say_what_they_do() -> None:
    names = [one.name for one in OPERATIONS]
    assert len(names) == len(set(names))
    assert all(one.summary and not one.summary.endswith(".") for one in OPERATIONS)
    assert {name for one in OPERATIONS for name in one.names} <= set(PARTS)


def test_the_document_is_valid_and_its_references_lead_somewhere() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = msgspec.json.encode(DOCUMENT).decode()
    for reference in set(re.findall(r'"#(/[^"]+)"', text)):
        target = DOCUMENT
        for part in reference[1:].split("/"):
            target = target[part]


@pytest.mark.parametrize("name", [one.name for one in OPERATIONS])
def test_every_answer_of_every_operation_has_an_example_that_fits(name: str) -> None:
    described = document(OPERATIONS)
    (operation,) = [
        one for methods in described["paths"].values() for one in methods.values() if one["operationId"] == name
    ]
    for status, answer in operation["responses"].items():
        if "200" <= status < "300":
            ((media, content),) = answer["content"].items()
            schema = {**content["schema"], "components": described["components"]}
            checker = jsonschema.FormatChecker()
            jsonschema.validate(content["example"], schema, format_checker=checker)
            if media == "text/event-stream":
                data = json.loads(content["example"].partition("data: ")[2])
                event = {"$ref": "#/components/schemas/Event", "components": described["components"]}
                jsonschema.validate(data, event, format_checker=checker)
    assert set(answers()) == {one.name for one in OPERATIONS}


@pytest.mark.parametrize(
    ("given", "tag", "fits"),
    [('"a"', '"a"', True), ('W/"a"', '"a"', True), ('"b", "a"', '"a"', True), ("*", '"a"', True), ("a", '"a"', False)],
)
def test_etags_fit(given: str, tag: str, fits: bool) -> None:
    assert etags.fits(given, tag) is fits


def test_whole_numbers_are_integers_and_texts_stay_texts() -> None:
    assert _integral({"a": [1.0, 1.5, "1.0", True, None]}) == {"a": [1, 1.5, "1.0", True, None]}
    assert isinstance(_integral(1.0), int)
    assert [_value(text, int) for text in ("7", "-7", "07", "+7", "7.0", "")] == [7, -7, "07", "+7", "7.0", ""]
    assert [_value(text, bool) for text in ("true", "false", "1", "True")] == [True, False, "1", "True"]
    assert [_value(text, list) for text in ("a,b", "")] == [["a", "b"], []]


def test_properties_come_back_as_they_went() -> None:
    said = Properties(True, 600, "text/plain", "a/b", "AP8=", [UserProperty("a", "ä"), UserProperty("a", "")])
    assert decoded(encoded(said)) == said
    assert decoded(encoded(Properties())) == Properties()
    assert encoded(Properties()) == b""


def test_times_come_back_as_they_went() -> None:
    assert milliseconds(moment(1_566_656_122_007)) == 1_566_656_122_007
    assert moment(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("name", ["default", "a.b-c_d", "*", "a/b", "", "a b", "ä", "a" * 64, "a" * 65, "a\n"])
def test_a_tenant_is_what_the_broker_takes_for_one(name: str) -> None:
    try:
        msgspec.convert(name, Tenant)
    except msgspec.ValidationError:
        assert not valid_tenant(name)
    else:
        assert valid_tenant(name)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Filter, ["#", "+", "a/+/b", "a/#", "/", "$share/g/a"], ["", "a#", "a/#/b", "+a", "a\x00"]),
        (Topic, ["a", "/", "a b"], ["", "a/+", "#", "\x00"]),
        (Network, ["10.0.0.0/8", "1.2.3.4", "::1", "fe80::/10", "1:2:3:4:5:6:7:8"], ["1.2.3", "01.2.3.4", "::1/129"]),
        (Address, ["1.2.3.4", "::"], ["1.2.3.4/8", "1.2.3.4\n", "x"]),
        (Time, ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.006Z"], ["2026-01-02", "2026-01-02T03:04:05+01:00"]),
    ],
)  # fmt: skip
def test_texts_are_what_they_must_be(kind: type[str], good: list[str], bad: list[str]) -> None:
    for text in good:
        assert msgspec.convert(text, kind) == text
    for text in bad:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, kind)
