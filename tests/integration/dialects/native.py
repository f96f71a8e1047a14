"""Requests to the native API of a live stack; every answer is held against the OpenAPI document that it serves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema

from tests.contract.query_api.client import Answer
from tests.integration.dialects.live import Live

BASE = "/api/mqledger/v1"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


@dataclass
class Native:
    """The API as somebody."""

    live: Live
    login: tuple[str, str] | None = ("admin", "")
    seen: set[str] = field(default_factory=set)
    """Operations that have answered with success."""

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Answer:
        """Send a request; the answer must be as the document says."""
        target = BASE + path + ("?" + urlencode(query) if query else "")
        said = {**({"Content-Type": "application/json"} if body is not None else {}), **(headers or {})}
        content = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        answer = self.live.ask("fluxmq", method, target, said, content, self.login)
        self._check(method, path, answer)
        return answer

    def ask(self, method: str, path: str, body: Any = None, status: int = 200, **query: Any) -> Any:
        """The document of an answer of this status."""
        answer = self.send(method, path, body, **query)
        assert answer.status == status, answer
        return answer.json()

    def problem(self, method: str, path: str, body: Any = None, headers: Any = None, **query: Any) -> tuple[int, str]:
        """Status and kind of a problem."""
        answer = self.send(method, path, body, headers, **query)
        assert answer.headers["content-type"] == "application/problem+json", answer
        assert answer.headers["x-correlation-id"] == answer.json()["instance"]
        return answer.status, answer.json()["type"].removeprefix("/problems/")

    def every(self, path: str, limit: int = 1, **query: Any) -> list[Any]:
        """The items of all pages."""
        items, cursor = [], ""
        while True:
            page = self.ask("GET", path, limit=limit, cursor=cursor, **query)
            assert len(page["items"]) <= limit
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = page["next"]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document that it serves."""
        return self.live.ask("fluxmq", "GET", BASE + "/openapi.json", login=None).json()  # type: ignore[no-any-return]

    def _check(self, method: str, path: str, answer: Answer) -> None:
        described = self._operation(method, path)
        if described is None:
            return
        response = described["responses"].get(str(answer.status))
        assert response, f"{answer.status} of {method} {path} is not documented: {answer.body!r}"
        if answer.status < 300:
            self.seen.add(described["operationId"])
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        known = {name.lower() for name in response.get("headers", {})} | {"content-type", "content-length", "date"}
        assert set(answer.headers) - known <= {"server", "connection"}, set(answer.headers) - known
        if not answer.body:
            return
        ((media, content),) = response["content"].items()
        assert answer.headers["content-type"].partition(";")[0] == media
        schema = {**content["schema"], "components": self.document["components"], "$schema": DRAFT}
        jsonschema.validate(answer.json(), schema, format_checker=jsonschema.FormatChecker())

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for template, methods in sorted(self.document["paths"].items(), key=lambda one: one[0].count("{")):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                found: dict[str, Any] | None = methods.get(method.lower())
                if found is not None:
                    return found
        return None


def filled(template: str, names: Mapping[str, str]) -> str:
    """A path with its names filled in, each as one segment."""
    return re.sub(r"\{(\w+)\}", lambda found: quote(names[found[1]], safe=""), template)
