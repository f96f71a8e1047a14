"""Events as JSON lines, in our own form and as CloudEvents 1.0 in structured mode.

``data`` is the plain form of the event, whose JSON Schema is ``docs/schemas/<tag>.json``.
"""

from __future__ import annotations

import json
from typing import Any

from schemas.plain import to_plain
from schemas.positions import index_of, offset_of
from stack.logreader.bounds import time_text
from stack.logreader.payloads import PayloadForm, with_payloads
from stack.logreader.sighting import Sighting

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_line(sighting: Sighting, payloads: PayloadForm) -> str:
    """Place, time, writer, and the event."""
    return _dump({
        "position": sighting.place,
        "partition": sighting.partition,
        "offset": offset_of(sighting.position),
        "index": index_of(sighting.position),
        "time": time_text(sighting.time),
        "node": sighting.node,
        "incarnation": sighting.incarnation,
        "void": sighting.void,
        "data": _data(sighting, payloads),
    })  # fmt: skip


def cloud_event_line(sighting: Sighting, payloads: PayloadForm, topic: str) -> str:
    """A CloudEvent: ``id`` is the position, unique in its ``source``, the topic; ``subject`` the client id."""
    event = sighting.event
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": sighting.place,
        "source": f"/mqledger/{topic}",
        "type": f"mqledger.{event.KIND}",
        "time": time_text(sighting.time),
        "datacontenttype": "application/json",
        "node": sighting.node,
    }
    client_id: str = getattr(event, "client_id", "")
    if client_id:
        envelope["subject"] = client_id
    tenant: str = getattr(event, "tenant", "")
    if tenant:
        envelope["tenant"] = tenant
    if sighting.void:
        envelope["void"] = True
    return _dump({**envelope, "data": _data(sighting, payloads)})


def _data(sighting: Sighting, payloads: PayloadForm) -> dict[str, Any]:
    return with_payloads(to_plain(sighting.event), sighting.event, payloads)
