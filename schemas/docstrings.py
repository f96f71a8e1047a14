"""What the source says about a struct: the text under each class and under each of its fields."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from functools import cache
from typing import Any


def class_text(cls: type[Any]) -> str:
    """The docstring of a class, as running text."""
    return inspect.cleandoc(cls.__doc__ or "")


@cache
def field_texts(cls: type[Any]) -> dict[str, str]:
    """The string literal under each field of a class, by field name; fields without one are absent."""
    return _texts_of_module(cls.__module__).get(cls.__name__, {})


@cache
def _texts_of_module(name: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[name]))
    return {node.name: _texts_of_class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts_of_class(node: ast.ClassDef) -> dict[str, str]:
    texts: dict[str, str] = {}
    field = ""
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            field = statement.target.id
        elif field and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            texts[field] = textwrap.dedent(str(statement.value.value)).strip()
            field = ""
        else:
            field = ""
    return texts
