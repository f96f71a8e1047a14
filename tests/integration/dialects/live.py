"""A whole stack, and requests to each dialect at a port of its own."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ingest.mqtt.codec import ProtocolVersion
from schemas.settings import KafkaSettings, PostgresSettings
from stack.local.ports import free_port
from tests.contract.query_api.client import Answer
from tests.mqttkit.client import Client
from tests.mqttkit.link import Address
from tests.stackkit.eventually import eventually_sync
from tests.stackkit.process import Service, new_service

NODE = "emq@127.0.0.1"
"""As in the documents, so that their requests can be sent as they stand."""


@dataclass(frozen=True)
class Live:
    """Ingest, projector and API, and the password of the first administrator."""

    ingest: Service
    api: Service
    password: str

    @property
    def at(self) -> Address:
        """Where MQTT clients connect."""
        return "127.0.0.1", self.ingest.mqtt_port

    def port(self, dialect: str) -> int:
        """The port of a dialect: ``emq2``, ``bifromq``, or ``fluxmq``."""
        return self.api.http_port if dialect == "fluxmq" else getattr(self.api.config.api.dialects, f"{dialect}_port")

    def ask(
        self,
        dialect: str,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        login: tuple[str, str] | None = ("admin", ""),
    ) -> Answer:
        """Send a request; by default as the administrator."""
        said = dict(headers or {})
        if login is not None:
            said["Authorization"] = basic(login[0], login[1] or self.password)
        connection = http.client.HTTPConnection("127.0.0.1", self.port(dialect), timeout=30)
        try:
            connection.request(method, target, body, said)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def client(self, client_id: str, version: ProtocolVersion = ProtocolVersion.V5, **options: Any) -> Client:
        """An MQTT client, which the read models know when this returns."""
        client = Client(self.at, version, client_id, **options)
        self.shown(client_id)
        return client

    def shown(self, client_id: str, connected: bool = True) -> None:
        """Wait until the read models show a session so."""
        target = f"/api/v1/sessions/{quote(client_id, safe='')}"
        eventually_sync(lambda: json.loads(self.ask("fluxmq", "GET", target).body).get("connected") is connected)


def basic(name: str, secret: str) -> str:
    """The header of Basic authorization."""
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


@contextmanager
def live_stack(kafka: KafkaSettings, postgres: PostgresSettings, folder: Path, **overrides: object) -> Iterator[Live]:
    """Everything on fresh topics and tables, ready."""
    secret = folder / "first-secret"
    settings: dict[str, object] = {
        "ingest__node": NODE,
        "dialects__emq2_port": free_port(),
        "dialects__emqx4_port": free_port(),
        "dialects__bifromq_port": free_port(),
        "access__first_secret_file": str(secret),
        **overrides,
    }
    services = [new_service(name, kafka, postgres, folder, settings) for name in ("ingest", "projector", "api")]
    try:
        for one in services:
            one.start(wait=False)
        for one in services:
            one.wait_ready()
        eventually_sync(lambda: secret.exists() and secret.read_text().strip(), timeout=30)
        live = Live(services[0], services[2], secret.read_text().strip())
        eventually_sync(lambda: live.ask("fluxmq", "GET", "/api/v1/stats").status == 200)
        yield live
    finally:
        for one in reversed(services):
            one.kill9()
