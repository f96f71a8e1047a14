"""The OpenAPI document: valid, complete, and true (the client of these tests holds every answer against it)."""

from __future__ import annotations

import jsonschema
import pytest

from query_api.app import build
from query_api.settings import ApiSettings
from tests.contract.query_api.client import Answer, Api
from tests.contract.query_api.tables import Tables


def test_every_route_is_described_and_every_description_is_a_route(api: Api) -> None:
    app = build(ApiSettings())
    routes = {route.path for route in app.base.routes}
    described = set(api.document["paths"])
    known = {
        "/api/v1/sessions/{client_id:path}": "/api/v1/sessions/{client_id}",
        "/api/v1/subscriptions/{filter:path}": "/api/v1/subscriptions/{filter}/clients",
    }
    assert {known.get(route, route) for route in routes} == described


def test_schemas_are_valid_and_references_lead_somewhere(api: Api) -> None:
    document = api.document
    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in references(document):
        target: object = document
        for part in reference.removeprefix("#/").split("/"):
            assert isinstance(target, dict)
            target = target[part]


def references(node: object) -> list[str]:
    """All references below a node."""
    if isinstance(node, dict):
        here = [str(node["$ref"])] if "$ref" in node else []
        return here + [found for value in node.values() for found in references(value)]
    if isinstance(node, list):
        return [found for value in node for found in references(value)]
    return []


def test_operations_are_named_once(api: Api) -> None:
    names = [method["operationId"] for path in api.document["paths"].values() for method in path.values()]
    assert len(names) == len(set(names))


def test_every_path_lists_what_becomes_of_other_methods(api: Api) -> None:
    for path, described in api.document["paths"].items():
        (method,) = described
        assert method == ("post" if path == "/api/v1/reload" else "get")
        response = described[method]["responses"]["405"]
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}, path
        assert "Allow" in response["headers"], path


def test_tokens_have_a_form(api: Api, tables: Tables) -> None:
    """A parameter that is not of it is a 400, as the document says."""
    tables.sessions({"client_id": "a"}, {"client_id": "b"})
    page = api.sessions(limit=1)
    given = {"page_token": page.json()["next_page_token"], "at_least": page.headers["mqledger-position"]}
    parameters = {one["name"]: one["schema"] for one in api.document["paths"]["/api/v1/sessions"]["get"]["parameters"]}
    for name, token in given.items():
        jsonschema.validate(token, parameters[name])
        jsonschema.validate("", parameters[name])
        assert api.sessions(**{name: ""}).status == 200
        for strange in ("a" * 21, token + "=", f"{token} {token}", "é" * 30):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(strange, parameters[name])
            assert api.sessions(**{name: strange}).status == 400


def test_optional_fields_are_those_of_the_original(api: Api) -> None:
    session = api.document["components"]["schemas"]["Session"]
    assert set(session["properties"]) - set(session["required"]) == {
        "connection_name",
        "connected_at",
        "disconnected_at",
        "subscriptions",
    }


def test_the_check_can_fail(api: Api) -> None:
    good = api.sessions()
    with pytest.raises(jsonschema.ValidationError):
        api.check("/api/v1/sessions", Answer(200, good.headers, b'{"sessions":[{}]}'))
    with pytest.raises(AssertionError):
        api.check("/api/v1/sessions", Answer(418, good.headers, b"{}"))
