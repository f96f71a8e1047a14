"""An AsyncAPI 3 document of the topics, made from the classes."""

from __future__ import annotations

from itertools import chain
from typing import Any

from msgspec import inspect

from schemas import admin, events, filters, frames, positions
from schemas.docstrings import class_text
from schemas.frames import FrameHeader
from schemas.jsonschema import BINARY, Schema, wire_schema
from schemas.settings import KafkaSettings
from schemas.topics import topic_specs

_JSON_SCHEMA = "application/schema+json;version=draft-2020-12"
_MESSAGEPACK = "application/msgpack"
_PLAIN = {"nodes": events.NodeEvent, "admin": admin.AdminEvent}
"""Topics with one event to a record, not in a frame."""


def asyncapi_document() -> Schema:
    """The whole document; topics have the names and partitions of default settings."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "mqledger log",
            "version": str(frames.FORMAT),
            "description": "The Kafka topics of mqledger and what is in them; docs/events.md says how to read them.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _MESSAGEPACK,
        "channels": {spec.name.partition(".")[2]: _channel(spec) for spec in topic_specs(KafkaSettings())},
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _channel(spec: Any) -> Schema:
    holds = {"events": ["frame"], **{name: [_name(kind) for kind in _kinds(union)] for name, union in _PLAIN.items()}}
    name = spec.name.partition(".")[2]
    return {
        "address": spec.name,
        "description": f"{spec.purpose.capitalize()}. {spec.partitions} partition(s) by default.",
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in holds.get(name, [])},
        "bindings": {"kafka": {"topic": spec.name, "partitions": spec.partitions, "bindingVersion": "0.5.0"}},
    }


def _operations() -> Schema:
    def operation(action: str, channel: str, summary: str) -> Schema:
        return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}

    return {
        "appendFrames": operation("send", "events", "A node appends what happened."),
        "tailFrames": operation("receive", "events", "Every node reads back what it acts on."),
        "projectFrames": operation("receive", "events", "A projector folds frames into Postgres."),
        "sendHeartbeats": operation("send", "nodes", "A node says that it lives."),
        "projectHeartbeats": operation("receive", "nodes", "A projector folds heartbeats into Postgres."),
        "orderAdmin": operation("send", "admin", "The API appends who may do what, and what runs."),
        "obeyAdmin": operation("receive", "admin", "Nodes, connector and projectors fold it, each with the same code."),
    }


def _messages() -> Schema:
    frame: Schema = {
        "name": "frame",
        "title": "Frame of events",
        "summary": "The events of one partition that were gathered while its previous append was in flight.",
        "description": (frames.__doc__ or "").strip(),
        "contentType": _MESSAGEPACK,
        "headers": _schema({
            "type": "object",
            "properties": {
                "frame": {**BINARY, "description": "MessagePack array: components.schemas.frameHeader"},
                "clients": {**BINARY, "description": (filters.__doc__ or "").strip()},
                "topics": {**BINARY, "description": "Filter over topics, as above."},
            },
            "required": ["frame", "clients", "topics"],
        }),
        "payload": {"$ref": "#/components/schemas/frameBody"},
        "x-partitioner": (positions.partition_of.__doc__ or "").strip(),
    }  # fmt: skip
    alone = {_name(kind): _alone(kind) for union in _PLAIN.values() for kind in _kinds(union)}
    return {"frame": frame, **alone}


def _alone(kind: inspect.StructType) -> Schema:
    """A message that is one event, not a frame."""
    return {
        "name": kind.tag,
        "title": kind.cls.__name__,
        "summary": class_text(kind.cls).splitlines()[0],
        "contentType": _MESSAGEPACK,
        "payload": {"$ref": f"#/components/schemas/{_name(kind)}"},
    }


def _schemas() -> Schema:
    lifecycle, messages = _kinds(events.LifecycleEvent), _kinds(events.MessageEvent)
    body = {
        "type": "array",
        "description": "The second and third items are MessagePack binaries of what x-unpacks-to describes.",
        "prefixItems": [
            {"title": "lifecycle_at", "type": "array", "items": {"type": "integer"}},
            {"title": "lifecycle", "x-unpacks-to": _list_of(lifecycle), **BINARY},
            {"title": "messages", "x-unpacks-to": _list_of(messages), **BINARY},
        ],
        "minItems": 3,
    }
    kinds = {_name(kind): kind for kind in (*lifecycle, *messages, *chain(*map(_kinds, _PLAIN.values())))}
    return {
        "frameHeader": _schema(wire_schema(inspect.type_info(FrameHeader))),
        "frameBody": _schema(body),
        **{name: _schema({"description": class_text(k.cls), **wire_schema(k)}) for name, k in kinds.items()},
    }


def _schema(schema: Schema) -> Schema:
    return {"schemaFormat": _JSON_SCHEMA, "schema": schema}


def _list_of(kinds: tuple[inspect.StructType, ...]) -> Schema:
    return {"type": "array", "items": {"anyOf": [{"$ref": f"#/components/schemas/{_name(k)}/schema"} for k in kinds]}}


def _kinds(union: Any) -> tuple[inspect.StructType, ...]:
    return tuple(inspect.type_info(cls) for cls in union.__args__)  # type: ignore[misc]


def _name(kind: inspect.StructType) -> str:
    return str(kind.tag).replace(".", "_v")
