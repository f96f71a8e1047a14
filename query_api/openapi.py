"""The OpenAPI document of the whole API: what the dialects say, and the endpoints for operation."""

from __future__ import annotations

from typing import Any

import msgspec

from query_api.fluxmq import openapi as fluxmq

VERSION = "0.1.0"


def document() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "mqledger query API",
                "version": VERSION,
                "description": "Read models of the log over HTTP. Tagged by dialect; answers state their freshness.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": {**fluxmq.paths(), **_operations()},
            "components": {
                "schemas": fluxmq.schemas(),
                "securitySchemes": {
                    "basic": {"type": "http", "scheme": "basic"},
                    "bearer": {"type": "http", "scheme": "bearer"},
                },
            },
        }
    )


def _operations() -> dict[str, Any]:
    health = {
        "type": "object",
        "required": ["status", "detail"],
        "properties": {"status": {"enum": ["ok", "unavailable"]}, "detail": {"type": "string"}},
    }
    well, unwell = _answer("Yes", "application/json", health), _answer("Not now", "application/json", health)
    text = _answer("Metrics", "text/plain", {"type": "string"})
    described = _answer("OpenAPI", "application/json", {"type": "object"})
    return {
        "/health/live": _get("getLive", "Whether the process need not be restarted", {"200": well}),
        "/health/ready": _get("getReady", "Whether answers can be true now", {"200": well, "503": unwell}),
        "/metrics": _get("getMetrics", "Metrics in the text format of Prometheus", {"200": text}),
        "/schema/openapi.json": _get("getOpenapi", "This document", {"200": described}),
    }


def _get(operation: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    answers = responses | {str(status): fluxmq.error(status) for status in (405, 500)} | fluxmq.TOO_LONG
    return {"get": {"operationId": operation, "summary": summary, "tags": ["operation"], "responses": answers}}


def _answer(text: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {media_type: {"schema": schema}}}
