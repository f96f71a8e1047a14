"""Our own ingest node as the broker under test, a process of its own on a log of its own."""

from __future__ import annotations

from pathlib import Path

from schemas.settings import KafkaSettings, PostgresSettings
from tests.mqttkit.link import Address
from tests.mqttkit.target import Promises
from tests.stackkit.process import Service, new_service

CONNECT_TIMEOUT = 2.0
DEFAULTS = {"mqtt__connect_timeout": CONNECT_TIMEOUT, "stack__core_dumps": True}
"""The latter lets tests that don't run as root count its descriptors."""


class Node:
    """An ingest node; ``overrides`` are settings as ``section__name=value``."""

    name = "mqledger"

    def __init__(self, kafka: KafkaSettings, postgres: PostgresSettings, folder: Path, **overrides: object) -> None:
        """Prepare it; ``folder`` is for its log file."""
        self.kafka = kafka
        self.service: Service = new_service("ingest", kafka, postgres, folder, {**DEFAULTS, **overrides})
        mqtt = self.service.config.ingest.mqtt
        self.promises = Promises(
            mqtt.max_packet_size, mqtt.connect_timeout, keep_alive_slack=1.5, reasons=True, durable=True
        )

    @property
    def address(self) -> Address:
        """Host and port of its MQTT listener."""
        return ("127.0.0.1", self.service.mqtt_port)

    @property
    def pid(self) -> int:
        """Id of its running process."""
        return self.service.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.service.start()

    def stop(self) -> None:
        """Stop it in good order, which must succeed."""
        code = self.service.stop()
        assert code == 0, f"the node ended with {code}:\n{self.service.words()}"

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.service.kill9()
