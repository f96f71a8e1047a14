"""Live events of the native API, as they come."""

from __future__ import annotations

import http.client
import json
from typing import Any

from tests.integration.dialects.live import basic
from tests.integration.dialects.native import BASE, Native


class Stream:
    """Live events over a connection of their own."""

    def __init__(self, api: Native, query: str = "", last: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", api.live.port("fluxmq"), timeout=20)
        headers = {"Authorization": basic(api.login[0], api.login[1] or api.live.password)} if api.login else {}
        self._connection.request(
            "GET", f"{BASE}/events/stream{query}", headers=headers | ({"Last-Event-ID": last} if last else {})
        )
        self.response = self._connection.getresponse()

    def __enter__(self) -> Stream:
        assert self.response.headers["content-type"].startswith("text/event-stream"), self.response.read()
        self.last = self.block()["id"]
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def block(self) -> dict[str, str]:
        """The fields of the next block."""
        fields: dict[str, str] = {}
        while line := self.response.readline().decode().rstrip("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        return fields

    def event(self) -> tuple[str, dict[str, Any]]:
        """Kind and data of the next event."""
        while "data" not in (fields := self.block()):
            self.last = fields["id"]
        self.last = fields["id"]
        return fields["event"], json.loads(fields["data"])
