"""Named statements from the .sql files beside this module.

A statement begins at a line ``-- name: something`` and ends at the next one; other comment lines stay in it.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

_MARK = "-- name: "


def folder() -> Traversable:
    """The folder of the .sql files."""
    return files("projector") / "sql"


def read(name: str) -> str:
    """The text of ``<name>.sql``."""
    return (folder() / f"{name}.sql").read_text(encoding="utf-8")


def statements(name: str) -> dict[str, str]:
    """The statements of ``<name>.sql`` by their names."""
    found: dict[str, str] = {}
    for part in read(name).split(_MARK)[1:]:
        title, _, body = part.partition("\n")
        found[title.strip()] = body.strip()
    return found
