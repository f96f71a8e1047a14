"""Which tables an event may change, from the handlers of the model fold."""

from __future__ import annotations

import ast
import inspect

from domain.models import fold
from domain.models.batch import Batch
from tools.diagrams.source import ShapeError, handler_table, methods_of, reached

TABLES_OF = {
    "touch": "sessions",
    "sessions_history": "sessions_history",
    "touch_subscription": "subscriptions",
    "subscriptions_history": "subscriptions_history",
    "counters": "session_counters",
    "measure": "session_counters",
    "route": "routes",
    "total": "totals",
    "count": "metrics",
    "commands": "commands",
    "retain": "retained",
    "lost": "nodes",
}
"""What a batch gathers to the table in which it ends up."""
NO_TABLE = {"take", "first", "frames", "void_frames", "events", "lifecycle", "last_append"}
"""The rest of a batch: bookkeeping."""


def tables_by_event() -> dict[str, list[str]]:
    """By class of event, the tables that folding one may change. Frames are counted in metrics besides."""
    _check_batch()
    methods = methods_of(fold, "ModelFold")
    found = {}
    for event, handler in handler_table(fold, "_HANDLERS").items():
        used = {name for function in reached(methods, handler) for name in _taken_from_batch(function)}
        found[event] = list(dict.fromkeys(where for name, where in TABLES_OF.items() if name in used))
    return found


def _check_batch() -> None:
    public = {name for name in vars(Batch(0)) if not name.startswith("_")}
    public |= {name for name, value in vars(Batch).items() if inspect.isfunction(value) and not name.startswith("_")}
    if public != set(TABLES_OF) | NO_TABLE:
        odd = sorted(public ^ (set(TABLES_OF) | NO_TABLE))
        raise ShapeError(f"Batch and tools.diagrams.models differ about {odd}")


def _taken_from_batch(function: ast.FunctionDef) -> set[str]:
    return {part.attr for part in ast.walk(function) if isinstance(part, ast.Attribute) and _is_batch(part.value)}


def _is_batch(value: ast.expr) -> bool:
    if isinstance(value, ast.Attribute):
        return value.attr == "_batch"
    return isinstance(value, ast.Name) and value.id == "batch"
