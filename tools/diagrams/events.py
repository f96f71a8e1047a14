"""From packets to events to answers, and who writes an event: from the handler tables of requests and node."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator

import ingest
from domain import fences
from domain import session as session_fold
from ingest.mqtt import connection, requests
from ingest.node import node
from query_api import commands
from schemas.events import LIFECYCLE_TYPES, MESSAGE_TYPES
from schemas.registry import name_of
from tools.diagrams.models import tables_by_event
from tools.diagrams.source import (
    ShapeError,
    called,
    functions_of,
    handler_table,
    methods_of,
    names_used,
    reached,
    tree_of,
)
from tools.diagrams.text import mermaid, node_id
from tools.diagrams.text import table as markdown_table

EVENTS = {cls.__name__: name_of(cls.KIND) for cls in (*LIFECYCLE_TYPES, *MESSAGE_TYPES)}
"""Names of the classes in code to names in the log."""

TOLD = {
    ("Connected", "connected"): "CONNACK",
    ("Connected", "taken_over"): "DISCONNECT to the older connection",
    ("Connected", "resume"): "PUBLISH what is unfinished, then what waits",
    ("Refused", "refused"): "CONNACK that refuses",
    ("Subscribed", "subscribed"): "SUBACK",
    ("Subscribed", "retained"): "PUBLISH retained messages",
    ("Unsubscribed", "unsubscribed"): "UNSUBACK",
    ("Published", "PUBACK"): "PUBACK",
    ("Published", "pubrec"): "PUBREC",
    ("Published", "fan_out"): "PUBLISH to subscribers",
    ("WillFired", "fan_out"): "PUBLISH to subscribers",
    ("Released", "pubcomp"): "PUBCOMP",
    ("Sending", "sending_logged"): "PUBLISH of QoS 2",
    ("Received", "pubrel"): "PUBREL",
}
"""What a name in the node's handler of an event means for clients. Every pair must be in the code."""

_APPENDING = {"append", "_append", "write", "announce", "_one", "_ask"}

_ENDS = ("disconnect", "close", "write")
"""Ways out of a handler that are errors of the client or answers, not what the packet is for."""


def packets_to_events() -> str:
    """Packets of a client and the events that their handlers append; errors, which end a connection, are left out."""
    functions = {**methods_of(connection, "Connection"), **functions_of(requests)}
    pairs = [("CONNECT", EVENTS["Connected"]), ("CONNECT", EVENTS["Refused"])]  # ingest.mqtt.connect.decide
    for packet, handler in handler_table(requests, "HANDLERS").items():
        found = _made(reached(functions, handler, without=_ENDS))
        pairs += [(packet.removesuffix("Packet").upper(), event) for event in found]
    return mermaid("flowchart LR", _edges(pairs, "([{}])", "[{}]"))


def _made(functions: list[ast.FunctionDef]) -> list[str]:
    return list(dict.fromkeys(EVENTS[name] for function in functions for name in called(function) if name in EVENTS))


def events_to_answers() -> str:
    """Events and what clients are told when a node applies them. Raises ShapeError when the code tells otherwise."""
    methods, handlers = methods_of(node, "Node"), _node_handlers()
    for event, name in TOLD:
        if name not in set(names_used(methods[handlers[event]])):
            raise ShapeError(f"Node.{handlers[event]} has no {name} any more: mend TOLD in tools.diagrams.events")
    pairs = [(EVENTS[event], words) for (event, _), words in TOLD.items()]
    return mermaid("flowchart LR", _edges(pairs, "[{}]", "([{}])"))


def _node_handlers() -> dict[str, str]:
    return {"Published": "_published", **handler_table(node, "_handlers")}


def _edges(pairs: list[tuple[str, str]], left: str, right: str) -> Iterator[str]:
    """Nodes in their shapes, then arrows."""
    for prefix, names, shape in (("from_", [a for a, _ in pairs], left), ("to_", [b for _, b in pairs], right)):
        for name in dict.fromkeys(names):
            yield prefix + node_id(name) + shape.format(name)
    for a, b in pairs:
        yield f"from_{node_id(a)} --> to_{node_id(b)}"


def table() -> str:
    """A line for each event of the log: who writes it, who folds it, which tables it may change."""
    writers, models, folds = _writers(), tables_by_event(), _folds()
    rows = [
        (
            f"`{event}`",
            ", ".join(f"`{name}`" for name in writers.get(cls, ())) or "nobody yet",
            ", ".join(name for name, events in folds.items() if cls in events),
            ", ".join(models.get(cls, ())) or "-",
        )
        for cls, event in EVENTS.items()
    ]
    return markdown_table(("event", "written by", "changes", "tables it may change"), rows)


def _folds() -> dict[str, set[str]]:
    """What is folded, with the classes of events that its fold looks at."""
    return {
        "session": set(handler_table(session_fold, "_HANDLERS")),
        "node": set(_node_handlers()),
        "fences": set(names_used(methods_of(fences, "Fences")["observe"])),
    }


def _writers() -> dict[str, list[str]]:
    """By class of event, the modules of the services with a function that makes one and appends or returns it."""
    found: dict[str, list[str]] = {}
    for info in (
        *pkgutil.walk_packages(ingest.__path__, "ingest."),
        *pkgutil.walk_packages(commands.__path__, "query_api.commands."),
    ):
        tree = tree_of(importlib.import_module(info.name))
        functions = [part for part in ast.walk(tree) if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
        for name in dict.fromkeys(name for function in functions for name in _written(function)):
            found.setdefault(name, []).append(info.name.removeprefix("ingest."))
    return found


def _written(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    names = called(function)
    if not _APPENDING.isdisjoint(names):
        return [name for name in names if name in EVENTS]
    returned = [part.value for part in ast.walk(function) if isinstance(part, ast.Return)]
    calls = [value.func for value in returned if isinstance(value, ast.Call)]
    return [func.id for func in calls if isinstance(func, ast.Name) and func.id in EVENTS]
