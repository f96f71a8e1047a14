"""The states of an MQTT connection, from the places in its classes that set them."""

from __future__ import annotations

import ast

from ingest.mqtt import connection, socket
from ingest.mqtt import states as named
from tools.diagrams.source import ShapeError, methods_of, tree_of
from tools.diagrams.text import mermaid

TRANSITIONS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "__init__": (("[*]",), "NEW", "socket accepted"),
    "_connect": (("NEW",), "CONNECTING", "CONNECT came: connected or refused appended, once its password is verified"),
    "connected": (("CONNECTING",), "OPEN", "the node applied connected: CONNACK"),
    "connection_lost": (("NEW", "CONNECTING", "OPEN"), "CLOSED", "the socket is gone"),
    "close": (
        ("NEW", "CONNECTING", "OPEN"),
        "CLOSED",
        "refused, DISCONNECT, protocol error, time-out, takeover or shutdown",
    ),
}
"""By the method that sets the state: from which states, to which one, and when."""


def _set_in_code() -> dict[str, str]:
    found: dict[str, str] = {}
    classes = methods_of(socket, "Socket"), methods_of(connection, "Connection")
    for name, method in (item for methods in classes for item in methods.items()):
        for node in ast.walk(method):
            if isinstance(node, ast.Assign):
                found.update((name, state) for state in _state_set(node))
    return found


def _state_set(node: ast.Assign) -> list[str]:
    targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    return [
        value.id
        for target, value in zip(targets, values, strict=False)
        if isinstance(target, ast.Attribute) and target.attr == "state" and isinstance(value, ast.Name)
    ]


def _names() -> list[str]:
    for node in tree_of(named).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            names = [part.id for part in node.targets[0].elts if isinstance(part, ast.Name)]
            if "CLOSED" in names:
                return names
    raise ShapeError("ingest.mqtt.states names no states")


def states() -> str:
    """A state diagram. Raises ShapeError when the code sets states elsewhere than this module tells."""
    told = {name: to for name, (_, to, _) in TRANSITIONS.items()}
    if (found := _set_in_code()) != told:
        raise ShapeError(f"Connection sets its state in {found}, but tools.diagrams.connection tells of {told}")
    known = {*_names(), "[*]"}
    if unknown := {s for begins, to, _ in TRANSITIONS.values() for s in (*begins, to)} - known:
        raise ShapeError(f"ingest.mqtt.states has no states {unknown}")
    lines = [f"{begin} --> {to}: {when}" for begins, to, when in TRANSITIONS.values() for begin in begins]
    return mermaid("stateDiagram-v2", [*lines, "CLOSED --> [*]"])
