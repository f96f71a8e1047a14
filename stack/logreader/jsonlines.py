"""Events as JSON lines, in our own form and as CloudEvents 1.0 in structured mode.

``data`` is the plain form of the event, whose JSON Schema is ``docs/schemas/<tag>.json``.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from schemas.plain import to_plain
from schemas.positions import index_of, offset_of
from stack.logreader.bounds import time_text
from stack.logreader.payloads import PayloadForm, has_payload, with_payloads
from stack.logreader.sighting import Sighting

SCHEMA_URN: Final = "urn:mqledger:schema:"
"""Before the tag of an event: the name of its JSON Schema, ``docs/schemas/<tag>.json``."""

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


def cloud_source(cluster_id: str, topic: str, topic_id: str) -> str:
    """The ``source`` of a log's CloudEvents: no two logs share it, also not a topic made anew under the same name."""
    return "/mqledger/" + "/".join(quote(part, safe="") for part in (cluster_id, topic, topic_id))


def cloud_event_line(sighting: Sighting, payloads: PayloadForm, source: str) -> str:
    """A CloudEvent: ``id`` is the position, unique in its ``source`` (:func:`cloud_source`); ``subject`` the client id.

    ``dataschema`` names ``docs/schemas/<tag>.json``; it is left out where payloads are shown in a form of their own.
    """
    event = sighting.event
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": sighting.place,
        "source": source,
        "type": f"mqledger.{event.KIND}",
        "time": time_text(sighting.time),
        "datacontenttype": "application/json",
        "node": sighting.node,
    }
    if payloads == "text" or not has_payload(event):
        envelope["dataschema"] = SCHEMA_URN + event.KIND
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
