"""The process of an ingest node."""

from __future__ import annotations

import asyncio
import logging
import signal

import uvloop

from ingest.log.damage import DamagedLogError
from ingest.log.poison import DamagedRecordError, LostRecordsError
from ingest.log.reader import LogTruncatedError
from ingest.log.topic_check import TopicError
from ingest.metrics import build_registry
from ingest.service import IngestService
from ingest.settings import IngestSettings
from ops.health import Health
from ops.http import serve_ops
from ops.logging import configure_logging
from ops.loopback import is_loopback
from schemas.settings import SettingsError

log = logging.getLogger(__name__)

EXPLAINED = (DamagedLogError, DamagedRecordError, LogTruncatedError, LostRecordsError, TopicError)
"""Errors whose text says everything: what is wrong and how to mend it."""


def run(settings: IngestSettings) -> int:
    """Run a node until SIGTERM or SIGINT; the exit code."""
    configure_logging("ingest")
    check(settings)
    return uvloop.run(_serve(settings))


def check(settings: IngestSettings) -> None:
    """Refuse settings that would break a promise. Raises SettingsError."""
    mqtt = settings.mqtt
    if not mqtt.allow_anonymous_remote and mqtt.authentication != "required" and not is_loopback(mqtt.host):
        raise SettingsError(
            f"mqtt.host is {mqtt.host}, which others can reach, and anyone may connect: listen on 127.0.0.1, set "
            "mqtt.authentication = required, or set mqtt.allow_anonymous_remote = true to let anyone in"
        )
    if settings.mqtt.max_packet_size + 65_536 > settings.log.max_frame_bytes:
        raise SettingsError(
            f"mqtt.max_packet_size {settings.mqtt.max_packet_size} does not fit a frame: "
            f"it may be at most log.max_frame_bytes - 65536 = {settings.log.max_frame_bytes - 65_536}"
        )


async def _serve(settings: IngestSettings) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = IngestService(settings)
    ops = await serve_ops(
        settings.http_host,
        settings.http_port,
        lambda: Health(True),
        lambda: service.ready,
        build_registry(service),
    )
    stopping = loop.create_task(stop.wait())
    work = loop.create_task(_run(service))
    try:
        await asyncio.wait([stopping, work], return_when=asyncio.FIRST_COMPLETED)
        if work.done() and (error := work.exception()) is not None:
            log.error("the node gives up: %s", error, exc_info=None if isinstance(error, EXPLAINED) else error)
            return 1
        return 0
    finally:
        work.cancel()
        await asyncio.wait([work])
        await service.stop()
        stopping.cancel()
        await ops.close()


async def _run(service: IngestService) -> None:
    await service.start()
    await service.wait()
