"""Runs the API on granian until SIGTERM or SIGINT. Postgres may come later: until then answers are 503."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import ssl
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ops import cores
from ops.logging import configure_logging
from ops.loopback import is_loopback
from query_api.reload import Reload, Reread
from query_api.settings import METRICS_FOLDER_ENV, ApiSettings
from query_api.tokens import parse_keys
from schemas.settings import SettingsError

if TYPE_CHECKING:
    from query_api.app import Application

PR_SET_PDEATHSIG: Final = 1
LONGEST_HEADER_BYTES: Final = 512 * 1024
GRANIAN_LOGGING: Final[dict[str, Any]] = {
    # Granian's own records go where those of this process go.
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}},
}

logger = logging.getLogger(__name__)


def run(settings: ApiSettings, reread: Reread | None = None) -> int:
    """Serve until told to stop; the exit code of the process. Raises SettingsError for settings that can't be.

    ``reread`` gives the configuration as it then is: see :mod:`query_api.reload`.
    """
    check(settings)
    reload = Reload(settings, partial(_checked, reread) if reread is not None else None, os.getpid())
    if settings.workers > 1 and METRICS_FOLDER_ENV not in os.environ:
        # Before prometheus_client is imported: the metrics of all workers meet in this folder.
        with tempfile.TemporaryDirectory(prefix="mqledger-api-metrics-") as folder:
            os.environ[METRICS_FOLDER_ENV] = folder
            return _serve(settings, reload)
    return _serve(settings, reload)


def _checked(reread: Reread) -> ApiSettings:
    settings = reread()
    check(settings)
    return settings


def check(settings: ApiSettings) -> None:
    """Raises SettingsError, with how to mend it, for settings with which the API must not start."""
    if settings.workers < 1:
        raise SettingsError("workers is below 1; the API needs at least one worker.")
    if not 1 <= settings.max_streams < settings.postgres.pool_max:
        raise SettingsError(
            f"max_streams is {settings.max_streams} and pool_max {settings.postgres.pool_max}; unlimited lists need at "
            "least one connection and must leave one for everything else."
        )
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise SettingsError("tls_cert and tls_key belong together: set both or none.")
    if settings.tls_cert:
        _require_pair(settings)
    elif not is_loopback(settings.host):
        logger.warning(
            "the API is reached from elsewhere without TLS: passwords go over the network as they are, unless a proxy "
            "in front of it sees to that",
            extra={"host": settings.host},
        )
    parse_keys(settings.token_keys)


def _serve(settings: ApiSettings, reload: Reload) -> int:
    from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server import Server

    from query_api.loop import register

    for port in listening(settings):
        _require_free(settings.host, port)
    register()
    server = Server(
        target="query_api.app:build",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        runtime_threads=1,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=LONGEST_HEADER_BYTES),
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=GRANIAN_LOGGING,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        ssl_cert=Path(settings.tls_cert) if settings.tls_cert else None,
        ssl_key=Path(settings.tls_key) if settings.tls_key else None,
        ssl_protocol_min=SSLProtocols.tls12,
    )
    server.on_reload(reload.take)
    server.serve(target_loader=partial(_load, reload, os.getpid()), wrap_loader=False)
    return 0


def _load(reload: Reload, parent: int) -> Application:
    """The application, in the worker's own process."""
    from query_api.app import build

    _end_with(parent)
    cores.inherit()
    if not logging.getLogger().handlers:
        # Where workers are spawned, not forked, nothing was inherited.
        configure_logging("api")
    return build(reload.begin(), reload)


def _end_with(parent: int) -> None:
    """Have the kernel end this worker when its parent is killed.

    By SIGKILL: a worker that is still starting would take SIGTERM with the handler it inherited, to no effect, and
    live on. It keeps nothing that needs an orderly end.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent has gone")


def listening(settings: ApiSettings) -> list[int]:
    """All ports, the API's own first."""
    from query_api.dialects import served

    others = [one.port_of(settings.dialects) for one in served(settings.dialects)]
    return [settings.port, *(port for port in others if port)]


def _require_pair(settings: ApiSettings) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:  # SSLError is one
        raise SettingsError(
            f"tls_cert {settings.tls_cert} and tls_key {settings.tls_key} are no certificate with its key "
            f"({error.strerror or error})."
        ) from error


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"The API can't listen on {host}:{port} ({error.strerror}); stop what does, or "
                "choose another host or port."
            ) from error
