"""An HTTP client that sends what it is told, byte for byte, and holds every answer against the OpenAPI document."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema

ERRORS = {"error"}


@dataclass(frozen=True)
class Answer:
    """A status, headers (names in lower case) and a body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The text of an error, which must be the only thing in the body."""
        document = self.json()
        assert set(document) == ERRORS
        return str(document["error"])


class Api:
    """One API process at a port."""

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self.port = port
        self.timeout = timeout
        self.authorization = ""
        """Header that every request shows; empty: none."""
        self.checked = True
        """Off for answers so long that holding them against the document takes minutes."""

    def get(self, target: str, **headers: str) -> Answer:
        """GET a target as it stands."""
        return self.request("GET", target, headers)

    def request(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        """Send a request; the answer must be as the document says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            shown = {"authorization": self.authorization} if self.authorization else {}
            connection.request(method, target, body or None, {**shown, **(headers or {})})
            response = connection.getresponse()
            answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()
        if method == "GET" and self.checked:
            self.check(target, answer)
        return answer

    def sessions(self, **parameters: object) -> Answer:
        """The list of sessions."""
        return self.get("/api/v1/sessions" + ("?" + urlencode(parameters) if parameters else ""))

    def session(self, client_id: str) -> Answer:
        """One session."""
        return self.get("/api/v1/sessions/" + quote(client_id, safe=""))

    def ids(self, **parameters: object) -> list[str]:
        """The client ids of a list, which must succeed."""
        answer = self.sessions(**parameters)
        assert answer.status == 200, answer
        return [session["client_id"] for session in answer.json()["sessions"]]

    def walk(self, **parameters: object) -> Iterator[list[str]]:
        """The client ids of all pages."""
        token = None
        while True:
            page = self.sessions(**parameters, **({"page_token": token} if token else {})).json()
            yield [session["client_id"] for session in page["sessions"]]
            token = page.get("next_page_token")
            if token is None:
                return

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document that the process itself serves."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request("GET", "/schema/openapi.json")
            return json.loads(connection.getresponse().read())  # type: ignore[no-any-return]
        finally:
            connection.close()

    def check(self, target: str, answer: Answer) -> None:
        """Fails unless status, media type, headers and body are those of the document; unknown paths are left out."""
        path = re.sub(r"^/+", "/", target.partition("?")[0])
        described = _described(self.document["paths"], path)
        if described is None:
            return
        (operation,) = described.values()
        response = operation["responses"].get(str(answer.status))
        assert response, f"{answer.status} of {target} is not documented"
        ((media_type, content),) = response["content"].items()
        assert answer.headers["content-type"].partition(";")[0] == media_type
        undocumented = {name for name in answer.headers if name.startswith(("mqledger", "x-", "retry", "allow"))} - {
            name.lower() for name in response.get("headers", {})
        }
        assert not undocumented, f"{undocumented} of {target} are not documented"
        if media_type == "application/json":
            schema = {**content["schema"], "components": self.document["components"], "$schema": DRAFT}
            jsonschema.validate(answer.json(), schema, format_checker=jsonschema.FormatChecker())


DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _described(paths: dict[str, Any], path: str) -> dict[str, Any] | None:
    if path in paths:
        return paths[path]  # type: ignore[no-any-return]
    for pattern, described in paths.items():
        regex = "".join(
            "[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", pattern)
        )
        if re.fullmatch(regex + "/?", path):
            return described  # type: ignore[no-any-return]
    return None
