"""The small HTTP server beside a service: ``/health/live``, ``/health/ready`` and ``/metrics``.

Live says that the process need not be restarted; ready says that it does its work now. Both answer 200 or
503 with ``{"status": "ok" | "unavailable", "detail": "..."}``. The functions asked are called in the event
loop for every request, so they only look at what is in memory; one that raises makes the answer 500.
Every method but GET is 405, HEAD and OPTIONS too, with ``{"error": "method not allowed"}``, as in the API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ops.health import Health

__all__ = ["Health", "OpsServer", "serve_ops"]

SHUTDOWN_SECONDS = 1.0

Check = Callable[[], Health]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class OpsServer:
    """A listening server; ``host`` and ``port`` are what it is bound to."""

    host: str
    port: int
    _runner: web.AppRunner

    async def close(self) -> None:
        """Stop listening and end open requests, bounded by SHUTDOWN_SECONDS."""
        await self._runner.cleanup()


async def serve_ops(host: str, port: int, live: Check, ready: Check, registry: CollectorRegistry) -> OpsServer:
    """Start the server; port 0 takes a free one. Raises OSError when the address can't be bound."""
    disable_created_metrics()  # type: ignore[no-untyped-call] # a second series for each counter and histogram
    application = web.Application(middlewares=[_errors])
    handlers = {"/health/live": _health(live), "/health/ready": _health(ready), "/metrics": _metrics(registry)}
    for path, handler in handlers.items():
        application.router.add_get(path, handler, allow_head=False)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    address = runner.addresses[0]
    return OpsServer(str(address[0]), int(address[1]), runner)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What routing refuses is said as JSON, such as ``{"error": "not found"}``."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return web.json_response({"error": error.reason.lower()}, status=error.status, headers=allow)


def _health(check: Check) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        health = check()
        body = {"status": "ok" if health.ok else "unavailable", "detail": health.detail}
        return web.json_response(body, status=200 if health.ok else 503, headers={"Cache-Control": "no-store"})

    return answer


def _metrics(registry: CollectorRegistry) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return answer
