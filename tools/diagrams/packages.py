"""Packages and who imports whom, from the import graph; the rules, from the linter's contracts."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import grimp

from tools.diagrams.text import mermaid, node_id

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@cache
def _linter() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]
    return found


@cache
def _graph() -> Any:
    roots = _linter()["root_packages"]
    return grimp.build_graph(
        *roots, include_external_packages=False, exclude_type_checking_imports=True, cache_dir=None
    )


def _edges(packages: list[str]) -> list[tuple[str, str]]:
    return [
        (importer, imported)
        for importer in packages
        for imported in packages
        if importer != imported
        and _graph().direct_import_exists(importer=importer, imported=imported, as_packages=True)
    ]


def services() -> str:
    """The packages of the project; an arrow goes from a package to one that it imports."""
    packages: list[str] = _linter()["root_packages"]
    lines = [f"{name}[{name}/]" for name in packages]
    return mermaid("flowchart TD", [*lines, *(f"{a} --> {b}" for a, b in _edges(packages))])


def ingest_modules() -> str:
    """The same inside the ingest node; imports for types only are left out."""
    modules = sorted(_graph().find_children("ingest"))
    lines = [f"{node_id(name)}[{name.removeprefix('ingest.')}]" for name in modules]
    return mermaid("flowchart TD", [*lines, *(f"{node_id(a)} --> {node_id(b)}" for a, b in _edges(modules))])


def rules() -> str:
    """The contracts that the import linter holds, a line each."""
    return "\n".join(f"- {contract['name']}: {_rule(contract)}." for contract in _linter()["contracts"])


def _rule(contract: dict[str, Any]) -> str:
    if contract["type"] == "layers":
        return " above ".join(f"`{layer}`" for layer in contract["layers"])
    if contract["type"] == "forbidden":
        return f"{_names(contract['source_modules'])} must not import {_names(contract['forbidden_modules'])}"
    raise ValueError(f"a contract of type {contract['type']!r} has no words here")


def _names(modules: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in modules)
