"""Reading our own code: classes, methods, tables of handlers, and what a method calls."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection, Iterator
from functools import cache
from types import ModuleType


class ShapeError(ValueError):
    """The code no longer looks as a diagram expects; the text says where."""


@cache
def tree_of(module: ModuleType) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(inspect.getsource(module))


def methods_of(module: ModuleType, class_name: str) -> dict[str, ast.FunctionDef]:
    """The methods of a class by name, in the order of the file."""
    for node in tree_of(module).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return {child.name: child for child in node.body if isinstance(child, ast.FunctionDef)}
    raise ShapeError(f"{module.__name__} has no class {class_name}")


def functions_of(module: ModuleType) -> dict[str, ast.FunctionDef]:
    """The functions of a module by name, in the order of the file."""
    return {node.name: node for node in tree_of(module).body if isinstance(node, ast.FunctionDef)}


def handler_table(module: ModuleType, name: str) -> dict[str, str]:
    """Keys to handlers of the dict literal that is assigned to a name (``_HANDLERS``) or attribute, as written."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict) and _name(node.target) == name:
            pairs = zip(node.value.keys, node.value.values, strict=True)
            return {_name(key): _name(value) for key, value in pairs if key is not None}
    raise ShapeError(f"{module.__name__} has no table {name}")


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    raise ShapeError(f"line {node.lineno}: not a plain name")


def names_used(node: ast.AST) -> Iterator[str]:
    """Every name and attribute in a piece of code, in the order of the text."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name):
            yield child.id
        elif isinstance(child, ast.Attribute):
            yield from names_used(child)
            yield child.attr
            continue
        yield from names_used(child)


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """Every call in a piece of code."""
    return (child for child in ast.walk(node) if isinstance(child, ast.Call))


def called(node: ast.AST) -> list[str]:
    """The last part of the name of everything that is called."""
    functions = [call.func for call in calls(node)]
    return [_name(func) for func in functions if isinstance(func, ast.Name | ast.Attribute)]


def reached(functions: dict[str, ast.FunctionDef], start: str, without: Collection[str] = ()) -> list[ast.FunctionDef]:
    """A function and those among the given ones that it leads to, save by way of those named in ``without``."""
    found: dict[str, ast.FunctionDef] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop(0)
        if name in found or name in without or name not in functions:
            continue
        found[name] = functions[name]
        waiting += called(functions[name])
    return list(found.values())
